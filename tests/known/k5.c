/* SPDX-License-Identifier: MIT */
/* K5: a client may map with no permission at all, and the kernel WARNs when the daemon asks for the
 * region. */
#include "known.h"

#include <linux/vhost.h>
#include <string.h>
#include <unistd.h>

static enum known_verdict run(struct known_run *r)
{
	struct memory m;
	struct region region;
	char line[200];

	if (world_read_number("/proc/sys/kernel/panic_on_warn") == 1)
		return known_skip(r, "panic_on_warn is set: it would panic this kernel");
	if (world_open(&r->world, &r->e) || world_client(&r->world, &r->e) ||
	    memory_make(&m, 4096, &r->e))
		return known_failed(r);
	int ret = world_message(&r->world, VHOST_IOTLB_UPDATE, 0, WORLD_IOVA, m.len, m.at, 0);
	if (ret)
		return known_gone(r, "a mapping with perm = 0 is refused: errno %d", -ret);
	int fd = world_get_fd(&r->world, 0, WORLD_IOVA, &region);
	if (fd >= 0)
		close(fd);
	if (known_logged(r, "WARNING: ", line, sizeof(line)) && strstr(line, k5.warns))
		return known_shows(r, "%s", line);
	return known_gone(r, "mapped with perm = 0, asked for it (%s), and no warning",
			  fd < 0 ? "refused" : "given");
}

const struct known k5 = {
    .name = "k5",
    .title = "perm = 0 in an IOTLB update makes VDUSE_IOTLB_GET_FD2 WARN",
    .needs = NEED_VDUSE,
    .warns = "vduse_dev_ioctl",
    .run = run,
};
