/* SPDX-License-Identifier: MIT */
/*
 * When a VDUSE device's queues may be served; see dev.h. All under the device's lock.
 *
 * Theory of operation. A queue is served while the status has DRIVER_OK, nobody has suspended the
 * device and the kernel's own VQ_GET_INFO says "ready": before that the kernel drops our calls
 * (vduse_vq_irq_inject), so work done early would be work nobody hears of. Each queue is asked
 * about by itself; a CVQ runs while data queues are disabled, as QEMU's start needs it to.
 *
 * With VDUSE_F_QUEUE_READY a message tells when to begin or stop looking; the kernel's flag follows
 * once it is answered, so it is stale in between: it counts only together with what the message
 * said. Without it nobody tells us, and a kick from before the enabling is lost, so a queue that
 * isn't ready is looked at now and then (vduse_unsettled), and one that is, before each chain.
 */
#include "dev.h"

#include "wait.h"

#include <errno.h>
#include <linux/vduse.h>
#include <linux/virtio_config.h>
#include <sys/ioctl.h>
#include <time.h>

#define LET_PASS_NS 50000

void vduse_lock(struct vduse_dev *d)
{
	const struct timespec t = {0, LET_PASS_NS};

	/* A mutex is not fair: without this a busy queue could keep an answer waiting for good. */
	while (atomic_load(&d->waiting))
		nanosleep(&t, NULL);
	pthread_mutex_lock(&d->lock);
}

void vduse_unlock(struct vduse_dev *d)
{
	pthread_mutex_unlock(&d->lock);
}

static int get_info(const struct vduse_dev *d, unsigned q, struct vduse_vq_info *info)
{
	*info = (struct vduse_vq_info){.index = q};
	return ioctl(d->fd, VDUSE_VQ_GET_INFO, info) ? -errno : 0;
}

/* The kernel drops kick fds at each reset, so every DRIVER_OK sets them again. */
int vduse_queues_open(struct vduse_dev *d)
{
	for (unsigned q = 0; q < d->as.queues; q++) {
		struct vduse_vq_eventfd kick = {.index = q, .fd = d->kick_fd[q]};
		if (ioctl(d->fd, VDUSE_VQ_SETUP_KICKFD, &kick))
			return -errno;
	}
	return 0;
}

void vduse_queues_reset(struct vduse_dev *d)
{
	for (unsigned q = 0; q < d->as.queues; q++)
		d->queue[q] = (struct vduse_queue){.wanted = !d->has_queue_ready};
}

void vduse_queue_want(struct vduse_dev *d, unsigned q, bool ready)
{
	d->queue[q].wanted = ready;
	d->queue[q].active =
	    false; /* taken up anew, by the kernel's word, even if it was stopped */
	d->queue[q].owed = false;
	wait_signal(d->wake_fd);
}

/* Where a ring goes on by the kernel's word, as vring.h has it. */
static uint16_t base_of(const struct vduse_dev *d, const struct vduse_vq_info *info)
{
	if (!(d->features & 1ull << VIRTIO_F_RING_PACKED))
		return info->split.avail_index;
	return (uint16_t)(info->packed.last_avail_idx | info->packed.last_avail_counter << 15);
}

int vduse_queue_state(struct vduse_dev *d, unsigned q, struct vduse_vq_state *out)
{
	struct vduse_vq_info info;
	uint16_t at = d->queue[q].ring.last_avail;

	if (!d->queue[q].known) {
		int ret = get_info(d, q, &info);
		if (ret)
			return ret;
		at = base_of(d, &info);
	}
	*out = (struct vduse_vq_state){.index = q};
	if (d->features & 1ull << VIRTIO_F_RING_PACKED)
		out->packed = (struct vduse_vq_state_packed){.last_avail_counter = at >> 15,
							     .last_avail_idx = at & 0x7fff,
							     .last_used_counter = at >> 15,
							     .last_used_idx = at & 0x7fff};
	else
		out->split.avail_index = at;
	trace_event(d->as.trace, "state", ",\"q\":%u,\"avail\":%u", q, at);
	return 0;
}

static bool may_serve(const struct vduse_dev *d)
{
	return (d->status & VIRTIO_CONFIG_S_DRIVER_OK) && !d->suspended && !atomic_load(&d->broken);
}

static void activate(struct vduse_dev *d, unsigned q, const struct vduse_vq_info *info)
{
	struct vduse_queue *v = &d->queue[q];
	/* The base changes only with a reset: within a session our own count is the true one. */
	uint16_t from = v->known ? v->ring.last_avail : base_of(d, info);

	vring_start(&v->ring, q, d->features, info->num, VDUSE_RING_MAX, iova(info->desc_addr),
		    iova(info->driver_addr), iova(info->device_addr), from);
	v->known = v->active = true;
	trace_event(d->as.trace, "start",
		    ",\"q\":%u,\"num\":%u,\"avail\":%u,\"desc\":\"0x%llx\",\"driver\":\"0x%llx\","
		    "\"device\":\"0x%llx\"",
		    q, info->num, from, (unsigned long long)info->desc_addr,
		    (unsigned long long)info->driver_addr, (unsigned long long)info->device_addr);
	if (v->ring.stopped)
		trace_event(d->as.trace, "stop", ",\"q\":%u,\"why\":\"%s\"", q, v->ring.stopped);
}

bool vduse_queue_ready(struct vduse_dev *d, unsigned q, bool *fresh)
{
	struct vduse_queue *v = &d->queue[q];
	struct vduse_vq_info info;

	*fresh = false;
	if (!may_serve(d) || !v->wanted)
		return false;
	if (v->active && d->has_queue_ready)
		return !v->ring.stopped;
	if (get_info(d, q, &info) || !info.ready) {
		v->active = false;
		return false;
	}
	if (!v->active) {
		activate(d, q, &info);
		*fresh = true;
	}
	return !v->ring.stopped;
}

bool vduse_queue_enabled(const struct vduse_dev *d, unsigned q)
{
	struct vduse_vq_info info;

	return !get_info(d, q, &info) && info.num;
}

bool vduse_unsettled(struct vduse_dev *d)
{
	bool unsettled = false;

	for (unsigned q = 0; q < d->as.queues && may_serve(d); q++)
		unsettled |= d->queue[q].owed || (d->queue[q].wanted && !d->queue[q].active);
	return unsettled;
}

/*
 * EINVAL: the kernel has not yet taken over the DRIVER_OK that we answered
 * (vduse_dev_queue_irq_work), which it does as soon as its thread runs again.
 */
static void call(struct vduse_dev *d, unsigned q)
{
	uint32_t index = q;

	d->queue[q].owed = ioctl(d->fd, VDUSE_VQ_INJECT_IRQ, &index) && errno == EINVAL;
}

void vduse_queue_call(struct vduse_dev *d, unsigned q)
{
	struct vduse_queue *v = &d->queue[q];

	if (!may_serve(d) || !v->active)
		return;
	if (vring_wants_call(&v->ring, &d->as))
		call(d, q);
}

void vduse_retry_calls(struct vduse_dev *d)
{
	for (unsigned q = 0; q < d->as.queues && may_serve(d); q++)
		if (d->queue[q].owed)
			call(d, q);
}
