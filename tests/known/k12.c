/* SPDX-License-Identifier: MIT */
/*
 * K12: the permission of a mapping is not that of the file descriptor the daemon gets for it: a
 * region mapped read-only can be written.
 */
#include "known.h"

#include <fcntl.h>
#include <linux/vhost.h>
#include <string.h>
#include <sys/mman.h>

static enum known_verdict run(struct known_run *r)
{
	static const char mark[] = "written by the device";
	struct memory m;
	struct region region;

	if (world_open(&r->world, &r->e) || world_client(&r->world, &r->e) ||
	    memory_make(&m, 4096, &r->e) ||
	    world_map(&r->world, 0, WORLD_IOVA, &m, VHOST_ACCESS_RO, &r->e))
		return known_failed(r);
	int fd = world_get_fd(&r->world, 0, WORLD_IOVA, &region);
	if (fd < 0)
		return known_gone(
		    r, "the daemon gets no descriptor for a read-only region: errno %d", -fd);
	int mode = fcntl(fd, F_GETFL) & O_ACCMODE, flags = fcntl(fd, F_GETFD);
	void *at = mmap(NULL, m.len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)region.offset);
	if (at != MAP_FAILED)
		memcpy(at, mark, sizeof(mark));
	if (!memcmp(m.at, mark, sizeof(mark)))
		return known_shows(
		    r,
		    "region of perm %u (read-only), descriptor of mode %s%s, mapped for "
		    "writing and written",
		    region.perm, mode == O_RDWR ? "O_RDWR" : "O_WRONLY",
		    flags & FD_CLOEXEC ? "" : " and without FD_CLOEXEC");
	return known_gone(r, "a read-only region's descriptor cannot be mapped for writing");
}

const struct known k12 = {
    .name = "k12",
    .title = "VDUSE_IOTLB_GET_FD2 gives write access to a read-only region",
    .needs = NEED_VDUSE,
    .run = run,
};
