/* SPDX-License-Identifier: MIT */
/*
 * Row 35: what becomes of one answer to the kernel, or of the daemon when it is due; and devices
 * that are other than the one before. By then the honest device has done what was asked. It must
 * never hold the device's lock while it waits, nor say that a fault is done before it is, but of
 * what it does not live to tell.
 */
#include "daemon.h"

#include "../../../vdpa/vduse/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vduse.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NONSENSE 0x5a5a
#define REOPEN_MS 1000

static const uint32_t types[MESSAGES] = {
    [MSG_GET_VQ_STATE] = VDUSE_GET_VQ_STATE, [MSG_SET_STATUS] = VDUSE_SET_STATUS,
    [MSG_UPDATE_IOTLB] = VDUSE_UPDATE_IOTLB, [MSG_SET_VQ_GROUP_ASID] = VDUSE_SET_VQ_GROUP_ASID,
    [MSG_SET_VQ_READY] = VDUSE_SET_VQ_READY, [MSG_SUSPEND] = VDUSE_SUSPEND,
};

/* Only the message thread looks at these. */
static struct vduse_dev_request request; /* the one that is answered */
static struct {
	int armed; /* the fault that the count is of */
	unsigned count;
	bool over;
	bool otherwise; /* queues are not set up as they were */
} point = {.armed = -1};

void life_read(const struct vduse_dev_request *req)
{
	request = *req;
}

static bool matches(const struct point *p)
{
	return request.type == types[p->type] &&
	       (p->status < 0 || request.s.status == (uint8_t)p->status);
}

/* The fault whose point this message is, or NULL. */
static const struct fault *due(void)
{
	int armed = atomic_load(&hostile.armed);
	const struct fault *f = hostile_armed(FAULT_MESSAGE);

	if (point.armed != armed) {
		point.armed = armed;
		point.count = 0;
		point.over = false;
	}
	if (!f || point.over || !matches(f->life.point) || point.count++ != f->life.point->nth)
		return NULL;
	point.over = true;
	return f;
}

/* ---- acts ---- */

/* Whether the kernel took it: how the client fares is for others to say. */
static bool send(int fd, const struct vduse_dev_response *resp, size_t len)
{
	return __real_write(fd, resp, len) == (ssize_t)len;
}

static void misnumber(int fd, const struct vduse_dev_response *resp)
{
	struct vduse_dev_response other = *resp;

	other.request_id += 1;
	bool taken = send(fd, &other, sizeof(other));
	other.request_id = UINT32_MAX;
	taken |= send(fd, &other, sizeof(other));
	if (send(fd, resp, sizeof(*resp)) && !taken)
		hostile_done();
}

static void halve(int fd, const struct vduse_dev_response *resp)
{
	struct vduse_dev_response reserved = *resp;

	reserved.reserved[0] = 1;
	bool taken = send(fd, resp, sizeof(*resp) / 2);
	(void)send(fd, resp, 0);
	taken |= send(fd, &reserved, sizeof(reserved));
	if (send(fd, resp, sizeof(*resp)) && !taken)
		hostile_done();
}

/* Under the device's lock, since its other thread uses the same number. */
static void reopen(int fd)
{
	char path[128];
	int new = -1;

	snprintf(path, sizeof(path), "/dev/vduse/%s", hostile.config->name);
	vduse_lock(hostile.dev);
	close(fd);
	for (uint64_t end = hostile_ms() + REOPEN_MS; new < 0 && hostile_ms() < end;)
		new = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (new >= 0 && new != fd) {
		dup2(new, fd);
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		close(new);
	}
	if (new >= 0)
		hostile_done();
	vduse_unlock(hostile.dev);
}

static bool set_up_queues(uint16_t max, bool regroup)
{
	for (unsigned q = 0; q < NET_QUEUES; q++) {
		struct vduse_vq_config c = {.index = q,
					    .max_size = max,
					    .group = regroup ? 0 : hostile.dev->as.queue_group[q]};
		if (ioctl(hostile.dev->fd, VDUSE_VQ_SETUP, &c))
			return false;
	}
	return true;
}

static void set_up_otherwise(uint16_t max, bool regroup)
{
	point.otherwise = true;
	if (set_up_queues(max, regroup))
		hostile_done();
}

/* For the next attempt, as soon as the kernel lets us: not before the device has left DRIVER_OK. */
static void set_up_again(void)
{
	if (point.otherwise && request.type == VDUSE_SET_STATUS && request.s.status == 0)
		point.otherwise = !set_up_queues(VDUSE_RING_MAX, false);
}

static void stop_self(void)
{
	hostile_done();
	atomic_fetch_add(&hostile.share->stops, 1);
	raise(SIGSTOP); /* to this thread: sent to the process, another one might take it later */
}

/* What leaves the answer as it is comes back with true. */
static bool act(const struct fault *f, int fd, const struct vduse_dev_response *resp)
{
	struct vduse_dev_response wrong = *resp;

	switch (f->life.act) {
	case LIFE_FAIL:
		wrong.result = VDUSE_REQ_RESULT_FAILED;
		if (send(fd, &wrong, sizeof(wrong)))
			hostile_done();
		return false;
	case LIFE_NONSENSE:
		wrong.result = NONSENSE;
		if (send(fd, &wrong, sizeof(wrong)))
			hostile_done();
		return false;
	case LIFE_LATE:
		wait_ms(f->life.ms);
		hostile_done();
		return true;
	case LIFE_TWICE:
		if (send(fd, resp, sizeof(*resp)))
			hostile_done();
		return true;
	case LIFE_WRONG_ID:
		misnumber(fd, resp);
		return false;
	case LIFE_SHORT:
		halve(fd, resp);
		return false;
	case LIFE_REOPEN:
		reopen(fd);
		return false;
	case LIFE_REGROUP:
		set_up_otherwise(VDUSE_RING_MAX, true);
		return true;
	case LIFE_SHRINK:
		set_up_otherwise(1, false);
		return true;
	case LIFE_PAUSE:
	case LIFE_STOP:
		stop_self();
		return true;
	case LIFE_SILENT:
		hostile_done();
		return false;
	case LIFE_DIE:
	case LIFE_USURP:
		hostile_done();
		kill(getpid(), SIGKILL);
		return false;
	}
	return true;
}

bool life_answer(int fd, const struct vduse_dev_response *resp)
{
	set_up_again();
	if (request.type == VDUSE_SET_STATUS && request.s.status == 0)
		hostile_hold();
	const struct fault *f = due();

	if (request.type == VDUSE_SET_STATUS && (request.s.status & VIRTIO_CONFIG_S_DRIVER_OK))
		lie_started();
	if (!f)
		return true;
	return act(f, fd, resp);
}

/* ---- another device ---- */

void life_change(struct vduse_setup *s, enum change change)
{
	const uint64_t control = 1ull << VIRTIO_NET_F_CTRL_VQ | 1ull << VIRTIO_NET_F_CTRL_RX |
				 1ull << VIRTIO_NET_F_CTRL_MAC_ADDR;

	switch (change) {
	case CHANGE_NO_CVQ:
		s->features &= ~control;
		s->private_features = 0;
		break;
	case CHANGE_NO_MAC:
		s->features = 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_ACCESS_PLATFORM;
		s->private_features = 0;
		break;
	case CHANGE_ONE_GROUP:
		memset(s->queue_group, 0, sizeof(s->queue_group));
		break;
	case CHANGE_ONE_SPACE:
		s->spaces = 1;
		break;
	case CHANGE_TWO_QUEUES:
		s->queues = 2;
		break;
	case CHANGE_NO_CONFIG:
		s->config_len = 1;
		break;
	case CHANGE_BIG_CONFIG:
		s->config_len = VDUSE_CONFIG_LEN;
		break;
	case CHANGE_API_0:
	case CHANGE_TINY_QUEUES:
		break;
	}
}

int life_changed(struct vduse_dev *d, enum change change)
{
	for (unsigned q = 0; change == CHANGE_TINY_QUEUES && q < NET_QUEUES; q++) {
		struct vduse_vq_config c = {
		    .index = q, .max_size = 1, .group = d->as.queue_group[q]};
		if (ioctl(d->fd, VDUSE_VQ_SETUP, &c))
			return -errno;
	}
	return 0;
}
