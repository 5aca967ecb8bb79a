/* SPDX-License-Identifier: MIT */
/* K10: an IOTLB update at IOVA 0 that fails takes every other mapping of the ASID with it. */
#include "known.h"

#include <errno.h>
#include <linux/vhost.h>

static enum known_verdict run(struct known_run *r)
{
	const struct world *w = &r->world;
	struct memory m;

	if (world_open(&r->world, &r->e) || world_client(&r->world, &r->e) ||
	    memory_make(&m, 4096, &r->e) || world_map(w, 0, WORLD_IOVA, &m, VHOST_ACCESS_RW, &r->e))
		return known_failed(r);
	/* Elsewhere a failure leaves the others alone: the control. */
	int elsewhere =
	    world_message(w, VHOST_IOTLB_UPDATE, 0, 4096, 4096, RAW_NOWHERE, VHOST_ACCESS_RW);
	bool before = world_has(w, 0, WORLD_IOVA);
	int at_zero =
	    world_message(w, VHOST_IOTLB_UPDATE, 0, 0, 4096, RAW_NOWHERE, VHOST_ACCESS_RW);
	if (!elsewhere || !at_zero || !before) {
		err_set(&r->e, ERR_INTERNAL, 0, "VHOST_IOTLB_UPDATE", w->path,
			"it was to fail twice (%d, %d) and leave a mapping (%d)", elsewhere,
			at_zero, before);
		return known_failed(r);
	}
	if (world_has(w, 0, WORLD_IOVA))
		return known_gone(r, "the mapping at 0x%llx is still there", WORLD_IOVA);
	int again =
	    world_message(w, VHOST_IOTLB_UPDATE, 0, WORLD_IOVA, m.len, m.at, VHOST_ACCESS_RW);
	return known_shows(
	    r,
	    "a failed update of [0, 4096) dropped the mapping at 0x%llx, for the device "
	    "and%s for vhost; at IOVA 4096 the same failure leaves it",
	    WORLD_IOVA, again ? " not" : "");
}

const struct known k10 = {
    .name = "k10",
    .title = "a failed IOTLB update at IOVA 0 drops every mapping of the ASID",
    .needs = NEED_VDUSE,
    .run = run,
};
