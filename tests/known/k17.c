/* SPDX-License-Identifier: MIT */
/* K17: a daemon that reads its device's file without O_NONBLOCK is not told that the device is
 * broken: it waits on. */
#include "known.h"

#include "../../vdpa/vduse/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vduse.h>
#include <poll.h>
#include <unistd.h>

static int read_request(void *fd)
{
	struct vduse_dev_request req;

	return read(*(int *)fd, &req, sizeof(req)) < 0 ? -errno : 0;
}

static enum known_verdict run(struct known_run *r)
{
	static int fd;
	int ret;

	if (world_open(&r->world, &r->e) || world_client(&r->world, &r->e))
		return known_failed(r);
	if (!r->world.dev->has_queue_ready)
		return known_skip(r, "needs VDUSE_F_QUEUE_READY, to break the device at once");
	/* The project's thread ends when it sees POLLERR, and leaves the file to a reader like
	 * others are. */
	vduse_lock(r->world.dev);
	(void)vhost_set_vring_enable(&r->world.client, 0, true, &r->e);
	vduse_unlock(r->world.dev);
	fd = r->world.dev->fd;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (poll(&p, 1, 2000) != 1 || !(p.revents & POLLERR) || fcntl(fd, F_SETFL, O_RDWR)) {
		err_set(&r->e, ERR_INTERNAL, 0, "poll", WORLD_NAME, "the device is not broken");
		return known_failed(r);
	}
	struct caller *c = caller_start(read_request, &fd);
	if (caller_wait(c, 2000, &ret))
		return known_gone(r, "a blocking read of a broken device ends with errno %d", -ret);
	return known_shows(r, "the device is broken (POLLERR), and a blocking read of it waits on");
}

const struct known k17 = {
    .name = "k17",
    .title = "a blocking read of a broken VDUSE device never returns",
    .needs = NEED_VDUSE,
    .run = run,
};
