/* SPDX-License-Identifier: MIT */
/* K20: an IOTLB message's ASID is dropped without a word if the client has not acked
 * VHOST_BACKEND_F_IOTLB_ASID. */
#include "known.h"

#include <linux/vhost.h>

static enum known_verdict run(struct known_run *r)
{
	struct memory m;

	if (world_open(&r->world, &r->e) || world_client(&r->world, &r->e) ||
	    vhost_set_backend_features(&r->world.client, VHOST_F_IOTLB_MSG_V2, &r->e) ||
	    memory_make(&m, 4096, &r->e))
		return known_failed(r);
	int ret = world_message(&r->world, VHOST_IOTLB_UPDATE, 1, WORLD_IOVA, m.len, m.at,
				VHOST_ACCESS_RW);
	if (!ret && world_has(&r->world, 0, WORLD_IOVA) && !world_has(&r->world, 1, WORLD_IOVA))
		return known_shows(r, "memory mapped for ASID 1 was accepted, and is in ASID 0");
	return known_gone(r, "a map for ASID 1 without the feature: errno %d", -ret);
}

const struct known k20 = {
    .name = "k20",
    .title = "an IOTLB message's ASID is ignored unless the backend feature was acked",
    .needs = NEED_VDUSE,
    .run = run,
};
