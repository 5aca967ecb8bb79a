/* SPDX-License-Identifier: MIT */
/*
 * K2: what a dead client had mapped stays, in every ASID, and stays readable by the daemon.
 */
#include "known.h"

#include <linux/vhost.h>
#include <string.h>
#include <unistd.h>

static const char secret[] = "a dead client's secret";

/* The client: one file in both ASIDs, then it dies without a word. */
static int live_and_die(struct world *w, void *unused)
{
	struct memory m;
	struct err e = {0};

	(void)unused;
	if (memory_make(&m, 4096, &e) || world_client(w, &e))
		return 1;
	memcpy(m.at, secret, sizeof(secret));
	for (uint32_t asid = 0; asid < 2; asid++)
		if (world_map(w, asid, WORLD_IOVA, &m, VHOST_ACCESS_RW, &e))
			return 2;
	return 0;
}

static enum known_verdict run(struct known_run *r)
{
	bool readable[2] = {false, false};

	if (world_open(&r->world, &r->e))
		return known_failed(r);
	int ret = raw_wait(world_fork(live_and_die, &r->world, NULL), 5000);
	if (ret) {
		err_set(&r->e, ERR_INTERNAL, 0, "client", r->world.path, "it ended with %d", ret);
		return known_failed(r);
	}
	for (uint32_t asid = 0; asid < 2; asid++) {
		char found[sizeof(secret)] = "";
		struct region region;
		int fd = world_get_fd(&r->world, asid, WORLD_IOVA, &region);
		if (fd < 0)
			continue;
		readable[asid] = pread(fd, found, sizeof(found), (off_t)region.offset) > 0 &&
				 !strcmp(found, secret);
		close(fd);
	}
	if (readable[0] || readable[1])
		return known_shows(r,
				   "the client is gone and its secret was read from its file in "
				   "ASID%s%s, by VDUSE_IOTLB_GET_FD2",
				   readable[0] ? " 0" : "",
				   readable[1] ? (readable[0] ? " and 1" : " 1") : "");
	return known_gone(r, "no region is left in either ASID");
}

const struct known k2 = {
    .name = "k2",
    .title = "a dead client's memory stays pinned and readable by the daemon",
    .needs = NEED_VDUSE,
    .run = run,
};
