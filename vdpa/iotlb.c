/* SPDX-License-Identifier: MIT */
/* Which memory is mapped in which address space; see iotlb.h. Nothing else calls vhost_iotlb_map().
 */
#include "iotlb.h"

#include "breaks.h"

#include <errno.h>

/* vhost refuses a size of 2^64, and no mapping of ours reaches into the last page of the address
 * space. */
#define ALL_BUT_LAST_PAGE (~0ull - 0xfff)

static bool asids_merged(const struct iotlb *t)
{
	return broken(t->breaks, BREAK_MERGE_ASID) || broken(t->breaks, BREAK_NO_ASID_ACK);
}

uint32_t iotlb_cvq_asid(const struct iotlb *t)
{
	if (broken(t->breaks, BREAK_MERGE_ASID) || broken(t->breaks, BREAK_PASSTHROUGH))
		return DATA_ASID;
	return CVQ_ASID;
}

int iotlb_clear(struct iotlb *t, struct err *e)
{
	for (uint32_t asid = 0; asid < 2; asid++) {
		if (!t->mapped[asid])
			continue;
		int ret = vhost_iotlb_unmap(t->v, asid, iova(0), ALL_BUT_LAST_PAGE, e);
		if (ret)
			return ret;
		t->mapped[asid] = false;
	}
	return 0;
}

static int map_ram(struct iotlb *t, const struct gmem_region *r, uint64_t from, uint64_t to,
		   struct err *e)
{
	if (from >= to)
		return 0;
	t->mapped[DATA_ASID] = true;
	return vhost_iotlb_map(t->v, DATA_ASID, iova(r->start.v + from), to - from, r->host + from,
			       VHOST_PERM_RW, e);
}

int iotlb_map_guest(struct iotlb *t, struct err *e)
{
	for (unsigned i = 0; i < t->mem->count; i++) {
		const struct gmem_region *r = &t->mem->region[i];
		uint64_t hole = r->size, past = r->size; /* no hole */

		/* With the ASIDs merged on purpose, guest RAM has to leave room for an aliased
		 * arena. */
		if (t->arena && asids_merged(t) && t->arena->iova.v - r->start.v < r->size) {
			hole = t->arena->iova.v - r->start.v;
			past = hole + ARENA_SIZE;
		}
		int ret = map_ram(t, r, 0, hole, e);
		if (!ret)
			ret = map_ram(t, r, past, r->size, e);
		if (ret)
			return ret;
	}
	return 0;
}

int iotlb_map_arena(struct iotlb *t, struct err *e)
{
	const struct arena *a = t->arena;
	uint32_t asid = iotlb_cvq_asid(t);

	if (broken(t->breaks, BREAK_PASSTHROUGH))
		return 0; /* the CVQ's rings are the guest's own, in guest RAM */
	t->mapped[asid] = true;
	int ret =
	    vhost_iotlb_map(t->v, asid, a->iova, ARENA_READABLE, a->readable, VHOST_PERM_RO, e);
	if (!ret)
		ret = vhost_iotlb_map(t->v, asid, iova(a->iova.v + ARENA_READABLE), ARENA_WRITABLE,
				      a->writable, VHOST_PERM_RW, e);
	return ret;
}

int iotlb_confirm_apart(struct iotlb *t, struct err *e)
{
	const struct gmem_region *ram = &t->mem->region[0];
	iova_t at = t->arena->iova;

	if (asids_merged(t) || broken(t->breaks, BREAK_PASSTHROUGH) ||
	    gmem_contains(t->mem, gpa(at.v), ARENA_PAGE))
		return 0; /* an aliased arena has its proof in that both maps succeeded */

	struct err probe = {0};
	if (vhost_iotlb_map(t->v, DATA_ASID, at, ARENA_PAGE, ram->host, VHOST_PERM_RO, &probe))
		return err_set(e, ERR_HOST, EXDEV, "iotlb_confirm_apart", t->v->path,
			       "an IOVA mapped in ASID %u is taken in ASID %u too, so the CVQ "
			       "cannot be isolated (%s)",
			       CVQ_ASID, DATA_ASID, probe.text);
	return vhost_iotlb_unmap(t->v, DATA_ASID, at, ARENA_PAGE, e);
}
