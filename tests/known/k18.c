/* SPDX-License-Identifier: MIT */
/* K18: a queue's size can be changed while it runs: SET_VRING_NUM does not look at the status, as
 * ADDR and BASE do. */
#include "known.h"

#include <errno.h>
#include <linux/vduse.h>
#include <sys/ioctl.h>

static enum known_verdict run(struct known_run *r)
{
	const struct vhost *v = &r->world.client;
	struct vduse_vq_info info = {.index = 0};
	struct err refused = {0};

	if (world_open(&r->world, &r->e) || world_client(&r->world, &r->e) ||
	    world_negotiate(&r->world, world_features, &r->e) ||
	    vhost_set_vring_num(v, 0, 64, &r->e) || vhost_set_vring_enable(v, 0, true, &r->e) ||
	    world_driver_ok(&r->world, &r->e))
		return known_failed(r);
	int addr = vhost_set_vring_addr(v, 0, iova(0), iova(0), iova(0), &refused);
	int num = vhost_set_vring_num(v, 0, 128, &refused);
	if (ioctl(r->world.dev->fd, VDUSE_VQ_GET_INFO, &info)) {
		err_set(&r->e, ERR_HOST, errno, "VDUSE_VQ_GET_INFO", WORLD_NAME, "%s", "");
		return known_failed(r);
	}
	if (addr && info.num == 128)
		return known_shows(
		    r,
		    "after DRIVER_OK the addresses are refused (errno %d), but the size "
		    "goes from 64 to %u under the running device",
		    -addr, info.num);
	return known_gone(r, "after DRIVER_OK the size stays %u (errno %d)", info.num, -num);
}

const struct known k18 = {
    .name = "k18",
    .title = "VHOST_SET_VRING_NUM changes a running queue's size",
    .needs = NEED_VDUSE,
    .run = run,
};
