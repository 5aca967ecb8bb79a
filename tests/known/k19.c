/* SPDX-License-Identifier: MIT */
/* K19: a group whose number is not also that of a queue cannot be put into an ASID. */
#include "known.h"

#include "../../vdpa/nl.h"

#include <errno.h>

static enum known_verdict run(struct known_run *r)
{
	uint32_t groups = 0;
	struct err refused = {0};

	/* One queue and two groups. */
	if (world_create(&r->world, 1, &r->e) ||
	    nl_dev_add("vduse", WORLD_NAME, r->world.path, sizeof(r->world.path), &r->e) ||
	    world_client(&r->world, &r->e) || vhost_get_group_num(&r->world.client, &groups, &r->e))
		return known_failed(r);
	int ret = vhost_set_group_asid(&r->world.client, 1, 1, &refused);
	if (groups == 2 && ret == -ENOBUFS)
		return known_shows(
		    r, "the device has 1 queue and %u groups; group 1 into ASID 1: ENOBUFS",
		    groups);
	return known_gone(r, "group 1 of %u, on a device with 1 queue: errno %d", groups, -ret);
}

const struct known k19 = {
    .name = "k19",
    .title = "VHOST_VDPA_SET_GROUP_ASID checks a group against the number of queues",
    .needs = NEED_VDUSE,
    .run = run,
};
