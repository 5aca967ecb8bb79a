/* SPDX-License-Identifier: MIT */
/*
 * K16: a daemon can move a queue into another group after the client has read its group and set
 * that group's ASID: until it has answered DRIVER_OK, VDUSE_VQ_SETUP is allowed.
 */
#include "known.h"

#include "../../vdpa/vduse/wait.h"

#include <errno.h>
#include <linux/vduse.h>
#include <sys/ioctl.h>

static int driver_ok(void *run)
{
	struct known_run *r = run;

	return world_driver_ok(&r->world, &r->e);
}

static enum known_verdict run(struct known_run *r)
{
	const struct vduse_vq_config move = {
	    .index = WORLD_CVQ, .max_size = VDUSE_RING_MAX, .group = 0};
	uint32_t before = 9, after = 9;
	int ret = 0;

	if (world_open(&r->world, &r->e) || world_client(&r->world, &r->e) ||
	    world_negotiate(&r->world, world_features, &r->e) ||
	    vhost_get_vring_group(&r->world.client, WORLD_CVQ, &before, &r->e) ||
	    vhost_set_group_asid(&r->world.client, before, 1, &r->e))
		return known_failed(r);
	vduse_lock(r->world.dev); /* the answer has to wait */
	struct caller *c = caller_start(driver_ok, r);
	wait_ms(200);
	int moved = ioctl(r->world.dev->fd, VDUSE_VQ_SETUP, &move) ? -errno : 0;
	vduse_unlock(r->world.dev);
	if (!caller_wait(c, 3000, &ret) || ret ||
	    vhost_get_vring_group(&r->world.client, WORLD_CVQ, &after, &r->e))
		return known_failed(r);
	if (!moved && after != before)
		return known_shows(
		    r,
		    "queue %u was in group %u when its ASID was set, and is in group %u now "
		    "that DRIVER_OK is",
		    WORLD_CVQ, before, after);
	return known_gone(r, "VDUSE_VQ_SETUP with DRIVER_OK on its way: errno %d", -moved);
}

const struct known k16 = {
    .name = "k16",
    .title = "VDUSE_VQ_SETUP can move a queue to another group while DRIVER_OK is on its way",
    .needs = NEED_VDUSE,
    .run = run,
};
