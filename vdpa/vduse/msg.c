/* SPDX-License-Identifier: MIT */
/*
 * The message thread of a VDUSE device; see dev.h. Each of the kernel's requests is answered as
 * soon as the lock is had, and within VDUSE_ANSWER_MS in any case: a client sits in an ioctl until
 * then, and a request that times out breaks the device for good. It must never touch a client's
 * memory.
 *
 * A refused answer leaves the kernel's state as it was, which a client sees by reading it back.
 */
#include "dev.h"

#include "../breaks.h"
#include "wait.h"

#include <errno.h>
#include <linux/vduse.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define POLL_MS 1000
#define JOIN_MS 2000
#define NEED (1ull << VIRTIO_F_VERSION_1)

/* ---- what each request does; under the lock. True: it is answered with OK ---- */

/* A session ends. Groups keep their ASIDs, as the kernel's do (vduse_dev_reset). */
static void reset(struct vduse_dev *d)
{
	d->epoch++;
	d->status = 0;
	d->features = 0;
	d->suspended = false;
	vduse_queues_reset(d);
	as_drop_all(&d->as);
	if (broken(d->setup.breaks, BREAK_TRUST_RESET)) /* as other parents do, vdpa_sim for one */
		memset(d->as.group_asid, 0, sizeof(d->as.group_asid));
	if (d->config_changed && !vduse_set_config(d, 0, d->setup.config, d->setup.config_len))
		d->config_changed = false;
	trace_event(d->as.trace, "reset", "%s", "");
}

/* The kernel lets a client accept what was not offered (vduse_vdpa_set_driver_features). */
static bool features_ok(struct vduse_dev *d)
{
	uint64_t f;

	if (vduse_get_features(d, &f) || (f & ~(d->setup.features | d->setup.private_features)) ||
	    (f & NEED) != NEED)
		return false;
	d->features = f;
	trace_event(d->as.trace, "features", ",\"features\":\"0x%llx\"", (unsigned long long)f);
	return true;
}

static bool driver_ok(struct vduse_dev *d, uint8_t status)
{
	uint64_t f;

	/* Negotiated, and not renegotiated since. */
	if (!(status & VIRTIO_CONFIG_S_FEATURES_OK) || vduse_get_features(d, &f) ||
	    f != d->features)
		return false;
	return vduse_queues_open(d) == 0;
}

static bool set_status(struct vduse_dev *d, uint8_t status)
{
	uint8_t added = status & (uint8_t)~d->status;
	bool ok = true;

	if (status == 0) {
		reset(d);
		return true;
	}
	if (added & VIRTIO_CONFIG_S_FEATURES_OK)
		ok = features_ok(d);
	if (ok && (added & VIRTIO_CONFIG_S_DRIVER_OK))
		ok = driver_ok(d, status);
	trace_event(d->as.trace, "status", ",\"status\":%u%s", status, ok ? "" : ",\"ok\":false");
	if (!ok)
		return false;
	d->status = status;
	wait_signal(d->wake_fd);
	return true;
}

/* Not while queues run: the kernel holds vhost-vdpa to that, and we hold any client to it. */
static bool set_group_asid(struct vduse_dev *d, const struct vduse_vq_group_asid *m)
{
	bool ok = m->group < d->as.groups && m->asid < d->as.spaces &&
		  !(d->status & VIRTIO_CONFIG_S_DRIVER_OK);

	trace_event(d->as.trace, "asid", ",\"group\":%u,\"asid\":%u%s", m->group, m->asid,
		    ok ? "" : ",\"ok\":false");
	if (ok)
		d->as.group_asid[m->group] = m->asid;
	return ok;
}

/*
 * All of the ASID is dropped, whatever range is named: 7.x names all of it anyway
 * (vduse_vdpa_set_map). We hold the lock, so no copy is using a mapping, and once this is answered
 * none is left.
 */
static bool update_iotlb(struct vduse_dev *d, const struct vduse_dev_request *req)
{
	struct vduse_iova_range_v2 m = {.start = req->iova.start, .last = req->iova.last};

	if (d->as.api >= VDUSE_API_VERSION_1)
		m = req->iova_v2;
	trace_event(d->as.trace, "iotlb", ",\"asid\":%u,\"start\":\"0x%llx\",\"last\":\"0x%llx\"",
		    m.asid, (unsigned long long)m.start, (unsigned long long)m.last);
	if (m.asid >= d->as.spaces)
		return false;
	as_drop(&d->as, m.asid);
	return true;
}

static bool set_vq_ready(struct vduse_dev *d, const struct vduse_vq_ready *m)
{
	if (m->num >= d->as.queues)
		return false;
	trace_event(d->as.trace, "ready", ",\"q\":%u,\"ready\":%u", m->num, m->ready ? 1u : 0u);
	vduse_queue_want(d, m->num, m->ready);
	return true;
}

/* No queue is served from here to the next reset; the lock says that none is being served now. */
static bool suspend(struct vduse_dev *d)
{
	d->suspended = true;
	trace_event(d->as.trace, "suspend", "%s", "");
	return true;
}

static bool carry_out(struct vduse_dev *d, const struct vduse_dev_request *req,
		      struct vduse_dev_response *resp)
{
	switch (req->type) {
	case VDUSE_GET_VQ_STATE:
		return req->vq_state.index < d->as.queues &&
		       !vduse_queue_state(d, req->vq_state.index, &resp->vq_state);
	case VDUSE_SET_STATUS:
		return set_status(d, req->s.status);
	case VDUSE_UPDATE_IOTLB:
		return update_iotlb(d, req);
	case VDUSE_SET_VQ_GROUP_ASID:
		return set_group_asid(d, &req->vq_group_asid);
	case VDUSE_SET_VQ_READY:
		return set_vq_ready(d, &req->vq_ready);
	case VDUSE_SUSPEND:
		return suspend(d);
	default:
		return false;
	}
}

/* ---- the thread ---- */

/* If the data thread is held up by memory that its client never delivers, its calls fail. */
static bool lock_for_answer(struct vduse_dev *d)
{
	atomic_fetch_add(&d->waiting, 1);
	int ret = wait_lock(&d->lock, VDUSE_ANSWER_MS);
	atomic_fetch_sub(&d->waiting, 1);
	return ret == 0;
}

static void answer(struct vduse_dev *d, const struct vduse_dev_request *req)
{
	struct vduse_dev_response resp = {.request_id = req->request_id,
					  .result = VDUSE_REQ_RESULT_FAILED};

	if (lock_for_answer(d)) {
		if (carry_out(d, req, &resp))
			resp.result = VDUSE_REQ_RESULT_OK;
		vduse_unlock(d);
	} else {
		trace_event(d->as.trace, "late", ",\"type\":%u", req->type);
	}
	/* ENOENT: whoever asked has given up. There is nothing to do about it. */
	if (write(d->fd, &resp, sizeof(resp)) < 0)
		trace_event(d->as.trace, "unheard", ",\"type\":%u,\"errno\":%d", req->type, errno);
}

static void *answer_messages(void *arg)
{
	struct vduse_dev *d = arg;
	struct vduse_dev_request req;

	while (!atomic_load(&d->stopping)) {
		ssize_t n = read(d->fd, &req, sizeof(req));
		if (n == (ssize_t)sizeof(req)) {
			answer(d, &req);
			continue;
		}
		trace_flush(d->as.trace);
		struct pollfd fds[] = {{.fd = d->fd, .events = POLLIN},
				       {.fd = d->stop_fd, .events = POLLIN}};
		poll(fds, 2, POLL_MS);
		if (fds[0].revents & POLLERR) {
			/* vduse_dev_broken(): the kernel itself fails every call now. */
			atomic_store(&d->broken, true);
			trace_event(d->as.trace, "broken", "%s", "");
			break;
		}
	}
	trace_flush(d->as.trace);
	return NULL;
}

int vduse_start_answering(struct vduse_dev *d, struct err *e)
{
	int ret = pthread_create(&d->messages, NULL, answer_messages, d);

	if (ret)
		return err_set(e, ERR_INTERNAL, ret, "pthread_create", d->name, "%s", "");
	d->answering = true;
	return 0;
}

int vduse_stop_answering(struct vduse_dev *d, struct err *e)
{
	if (!d->answering)
		return 0;
	atomic_store(&d->stopping, true);
	wait_signal(d->stop_fd);
	int ret = wait_join(d->messages, JOIN_MS);
	if (ret)
		return err_set(e, ERR_INTERNAL, -ret, "pthread_join", "message thread", "%s", "");
	d->answering = false;
	return 0;
}
