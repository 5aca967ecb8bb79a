/* SPDX-License-Identifier: MIT */
/*
 * K3: a client that sets no ASIDs gets the last one's: its group is still in the dead client's
 * address space, with the dead client's memory in it.
 */
#include "known.h"

#include <linux/vhost.h>
#include <string.h>

static const char theirs[] = "the first client's memory", ours[] = "the second client's memory";

static int first_client(struct world *w, void *unused)
{
	struct memory m;
	struct err e = {0};

	(void)unused;
	if (memory_make(&m, 4096, &e) || world_client(w, &e) ||
	    vhost_set_group_asid(&w->client, 1, 1, &e) ||
	    world_map(w, 1, WORLD_IOVA, &m, VHOST_ACCESS_RW, &e))
		return 1;
	memcpy(m.at, theirs, sizeof(theirs));
	return 0;
}

/* Maps its memory where it believes all queues to be, as after the reset that an open is they
 * should. */
static int second_client(struct known_run *r)
{
	struct memory m;
	int ret = memory_make(&m, 4096, &r->e);

	if (!ret)
		ret = world_client(&r->world, &r->e);
	if (!ret)
		memcpy(m.at, ours, sizeof(ours));
	if (!ret)
		ret = world_map(&r->world, 0, WORLD_IOVA, &m, VHOST_ACCESS_RW, &r->e);
	if (!ret)
		ret = world_negotiate(&r->world, world_features, &r->e);
	return ret ? ret : world_driver_ok(&r->world, &r->e);
}

static enum known_verdict run(struct known_run *r)
{
	char found[sizeof(ours)] = "";

	if (world_open(&r->world, &r->e))
		return known_failed(r);
	int ret = raw_wait(world_fork(first_client, &r->world, NULL), 5000);
	if (!ret)
		ret = second_client(r);
	if (ret) {
		err_set(&r->e, ERR_INTERNAL, 0, "client", r->world.path, "it ended with %d", ret);
		return known_failed(r);
	}
	struct vduse_dev *d = r->world.dev;
	vduse_lock(d);
	uint32_t asid = d->as.group_asid[1];
	ret = as_read(&d->as, WORLD_CVQ, iova(WORLD_IOVA), found, sizeof(found));
	vduse_unlock(d);
	if (!ret && !strcmp(found, theirs))
		return known_shows(r,
				   "the second client set no ASID; its queue %u is in ASID %u and "
				   "reads \"%s\"",
				   WORLD_CVQ, asid, found);
	if (asid)
		return known_shows(r,
				   "the second client set no ASID; its queue %u is in ASID %u, "
				   "which holds nothing of the first's any more",
				   WORLD_CVQ, asid);
	return known_gone(r, "the second client's queue %u is in ASID 0 (and reads \"%s\")",
			  WORLD_CVQ, ret ? "nothing" : found);
}

const struct known k3 = {
    .name = "k3",
    .title = "the next client inherits the last one's group -> ASID and mappings",
    .needs = NEED_VDUSE,
    .run = run,
};
