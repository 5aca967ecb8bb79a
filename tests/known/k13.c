/* SPDX-License-Identifier: MIT */
/*
 * K13: the daemon's refusal does not reach the client: SET_STATUS, an IOTLB batch's end, INVALIDATE
 * and SET_VRING_ENABLE return success. The refused batch and invalidation leave the device without
 * any mapping of the ASID.
 */
#include "known.h"

#include <errno.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <poll.h>

/* One message that the daemon refuses, since its lock cannot be had in time. */
static int refused(const struct world *w, int type, uint64_t at, const struct memory *m)
{
	vduse_lock(w->dev);
	int ret = world_message(w, type, 0, at, m->len, m->at, VHOST_ACCESS_RW);
	vduse_unlock(w->dev);
	return ret;
}

static bool status_lies(struct known_run *r)
{
	uint8_t status = 0xff;

	vduse_lock(r->world.dev);
	int ret = vhost_set_status(&r->world.client, VIRTIO_CONFIG_S_ACKNOWLEDGE, &r->e);
	vduse_unlock(r->world.dev);
	return !ret && !vhost_get_status(&r->world.client, &status, &r->e) && status == 0;
}

static bool batch_lies(const struct world *w, const struct memory *m)
{
	if (world_message(w, VHOST_IOTLB_BATCH_BEGIN, 0, 0, 0, NULL, 0) ||
	    world_message(w, VHOST_IOTLB_UPDATE, 0, WORLD_IOVA, m->len, m->at, VHOST_ACCESS_RW))
		return false;
	int ret = refused(w, VHOST_IOTLB_BATCH_END, 0, &(struct memory){0});
	/* vhost believes in the mapping, the device has none. */
	return !ret && !world_has(w, 0, WORLD_IOVA) &&
	       world_message(w, VHOST_IOTLB_UPDATE, 0, WORLD_IOVA, m->len, m->at,
			     VHOST_ACCESS_RW) == -EFAULT;
}

/* Two regions; one is invalidated, refused, and the other is gone. */
static bool invalidate_lies(const struct world *w, const struct memory *m)
{
	const uint64_t other = 2 * WORLD_IOVA;

	if (world_message(w, VHOST_IOTLB_INVALIDATE, 0, WORLD_IOVA, m->len, NULL, 0) ||
	    world_message(w, VHOST_IOTLB_UPDATE, 0, WORLD_IOVA, m->len, m->at, VHOST_ACCESS_RW) ||
	    world_message(w, VHOST_IOTLB_UPDATE, 0, other, m->len, m->at, VHOST_ACCESS_RW) ||
	    !world_has(w, 0, other))
		return false;
	return !refused(w, VHOST_IOTLB_INVALIDATE, WORLD_IOVA, m) && !world_has(w, 0, other);
}

/* The last one: after it the device is broken for good. */
static bool enable_lies(struct known_run *r)
{
	struct pollfd p = {.fd = r->world.dev->fd, .events = POLLIN};

	if (!r->world.dev->has_queue_ready)
		return false; /* the daemon is not asked */
	vduse_lock(r->world.dev);
	int ret = vhost_set_vring_enable(&r->world.client, 0, true, &r->e);
	vduse_unlock(r->world.dev);
	return !ret && poll(&p, 1, 1000) == 1 && (p.revents & POLLERR);
}

static enum known_verdict run(struct known_run *r)
{
	struct memory m;

	if (world_open(&r->world, &r->e) || world_client(&r->world, &r->e) ||
	    memory_make(&m, 4096, &r->e))
		return known_failed(r);
	bool status = status_lies(r), batch = batch_lies(&r->world, &m),
	     invalidate = invalidate_lies(&r->world, &m), enable = enable_lies(r);
	if (r->e.kind != ERR_NONE)
		return known_failed(r);
	if (status || batch || invalidate || enable)
		return known_shows(r,
				   "refused by the daemon and successful for the client:%s%s%s%s",
				   status ? " SET_STATUS (status unchanged);" : "",
				   batch ? " BATCH_END (nothing mapped);" : "",
				   invalidate ? " INVALIDATE (all other mappings lost too);" : "",
				   enable ? " SET_VRING_ENABLE (the device is broken)" : "");
	return known_gone(r, "every refusal is an error for the client");
}

const struct known k13 = {
    .name = "k13",
    .title = "a daemon's refusal of SET_STATUS, BATCH_END, INVALIDATE, SET_VRING_ENABLE is success",
    .needs = NEED_VDUSE,
    .run = run,
};
