/* SPDX-License-Identifier: MIT */
/*
 * Row 24, maps that must be refused: over another one, past the end, of nothing. It must never map
 * private memory or a hole of this process (K11), let a map fail at IOVA 0 (K10), nor map without a
 * permission on VDUSE (K5).
 */
#include "run.h"

#include <errno.h>
#include <linux/vhost.h>
#include <sys/mman.h>

static void legal(struct run *r, int ret, const char *what, uint32_t asid)
{
	run_legal(r, ret == 0, "%s, ASID %u: %d", what, asid, ret);
}

#define THERE_PAGES 4u
#define THERE_AT (EXTRA_AT + 16 * PAGE)

struct space {
	uint32_t asid;
	unsigned n;
	struct extent map[4];
};

/* All that is mapped in an ASID, by the client's own books. */
static struct space books(struct run *r, uint32_t asid)
{
	uint64_t arena = r->client.set->arena.iova.v;

	if (asid == 0)
		return (struct space){0, 2, {{DATA_AT, DATA_LEN}, {THERE_AT, THERE_PAGES * PAGE}}};
	return (struct space){1,
			      3,
			      {{arena, ARENA_READABLE},
			       {arena + ARENA_READABLE, ARENA_WRITABLE},
			       {THERE_AT, THERE_PAGES * PAGE}}};
}

/* One that may be mapped is, and goes again; @host is not what is mapped beside it. */
static void try_map(struct run *r, const struct space *s, uint64_t at, uint64_t size)
{
	const uint64_t room = 8 * PAGE;
	bool may = rule_map(s->map, s->n, at, size);

	if (may && size > room)
		return; /* no memory of that size */
	int ret = run_message(r, VHOST_IOTLB_UPDATE, s->asid, at, size, run_extra(r, THERE_PAGES));
	if (may)
		run_legal(r, !ret, "UPDATE(ASID %u, 0x%llx + 0x%llx): %d", s->asid,
			  (unsigned long long)at, (unsigned long long)size, ret);
	else
		run_attempt(r, ret < 0, "UPDATE(ASID %u, 0x%llx + 0x%llx) was taken", s->asid,
			    (unsigned long long)at, (unsigned long long)size);
	if (!ret)
		(void)run_message(r, VHOST_IOTLB_INVALIDATE, s->asid, at, size, NULL);
}

static void try_maps(struct run *r, const struct space *s)
{
	const uint64_t end = THERE_AT + THERE_PAGES * PAGE;
	const uint64_t at[] = {THERE_AT - 8 * PAGE,
			       THERE_AT - PAGE,
			       THERE_AT - 1,
			       THERE_AT,
			       THERE_AT + 1,
			       THERE_AT + PAGE,
			       end - PAGE,
			       end - 1,
			       end,
			       s->map[0].at - 1,
			       s->map[0].at,
			       s->map[0].at + PAGE,
			       1ull << 32,
			       1ull << 63,
			       ~0ull - 8 * PAGE + 1,
			       ~0ull - PAGE + 1,
			       ~0ull - PAGE + 2,
			       ~0ull};
	const uint64_t size[] = {0,	   1,	     PAGE - 1,	 PAGE,	     PAGE + 1,
				 4 * PAGE, 8 * PAGE, 1ull << 32, 1ull << 63, ~0ull - PAGE + 1,
				 ~0ull};

	for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		for (unsigned k = 0; k < sizeof(size) / sizeof(size[0]); k++)
			try_map(r, s, at[i], size[k]);
}

static void extents(struct run *r)
{
	struct client *c = &r->client;

	for (uint32_t asid = 0; asid < SPACES; asid++) {
		const struct space s = books(r, asid);
		legal(r,
		      client_map(c, asid, THERE_AT, run_extra(r, 0), THERE_PAGES * PAGE,
				 VHOST_ACCESS_RW),
		      "UPDATE", asid);
		try_maps(r, &s);
		if (asid == 0) {
			for (unsigned i = 0; i < THERE_PAGES; i++)
				run_reads(r, THERE_AT + i * PAGE, run_extra(r, i),
					  "what others were to be mapped over");
			run_no_read(r, THERE_AT - PAGE, "before it");
			run_no_read(r, THERE_AT + THERE_PAGES * PAGE, "behind it");
		}
		run_traffic(r);
		legal(r, client_unmap(c, asid, THERE_AT, THERE_PAGES * PAGE), "INVALIDATE", asid);
	}
}

/*
 * Past 2^64, from memory in two pieces: each would fit if the second went on at 0. In one piece it
 * fails further down, whatever the check says.
 */
static void wrapped(struct run *r)
{
	off_t offset = SOURCE;
	uint8_t *two = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (unsigned i = 0; i < 2 && two != MAP_FAILED; i++, offset += 4 * PAGE)
		if (mmap(two + i * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			 r->other.data.fd, offset) == MAP_FAILED)
			two = MAP_FAILED;
	if (!run_legal(r, two != MAP_FAILED, "mmap"))
		return;
	for (uint32_t asid = 0; asid < SPACES; asid++) {
		int ret = run_message(r, VHOST_IOTLB_UPDATE, asid, ~0ull - PAGE + 1, 2 * PAGE, two);
		run_attempt(r, ret == -EFAULT, "UPDATE(ASID %u) past 2^64: %d", asid, ret);
		run_absent(r, 0, "memory mapped past 2^64");
		run_absent(r, ~0ull - PAGE + 1, "memory mapped past 2^64");
	}
	munmap(two, 2 * PAGE);
}

static void nonsense(struct run *r)
{
	static const int types[] = {0, VHOST_IOTLB_MISS, VHOST_IOTLB_ACCESS_FAIL, 7, 0x7f, 0xff};
	static const uint32_t no_asid[] = {2, 3, 65536, 0x80000000, UINT32_MAX};

	for (uint32_t asid = 0; asid < SPACES; asid++) {
		for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
			int ret = run_message(r, types[i], asid, EXTRA_AT, PAGE, run_extra(r, 0));
			run_attempt(r, ret == -EFAULT, "IOTLB message of type %d: %d", types[i],
				    ret);
		}
		int ret = run_message(r, VHOST_IOTLB_UPDATE, asid, EXTRA_AT, PAGE, RAW_NOWHERE);
		run_attempt(r, ret == -EFAULT, "UPDATE with no memory behind it: %d", ret);
	}
	for (unsigned i = 0; i < sizeof(no_asid) / sizeof(no_asid[0]); i++)
		for (int type = VHOST_IOTLB_UPDATE; type <= VHOST_IOTLB_BATCH_END; type++) {
			int ret = run_message(r, type, no_asid[i], EXTRA_AT, PAGE, run_extra(r, 0));
			run_attempt(r, ret == -EFAULT, "IOTLB message of type %d for ASID %u: %d",
				    type, no_asid[i], ret);
		}
	run_absent(r, EXTRA_AT, "a map that makes no sense");
}

/* Only where it is no finding: vdpa_sim keeps such a mapping, and gives no access by it. */
static void without_permission(struct run *r)
{
	struct client *c = &r->client;

	legal(r, client_map(c, 0, EXTRA_AT, run_extra(r, 0), PAGE, 0), "UPDATE without permission",
	      0);
	run_no_read(r, EXTRA_AT, "memory without permission");
	run_no_write(r, EXTRA_AT, run_extra(r, 0), PAGE, "memory without permission");
}

/* What is unmapped in one ASID stays in the other. */
static void own_asid_only(struct run *r)
{
	struct client *c = &r->client;

	legal(r, client_unmap(c, 1, DATA_AT, DATA_LEN), "INVALIDATE of the data's IOVAs", 1);
	run_frame(r);
	if (r->place == IN_HOLE) {
		run_command(r);
		legal(r, client_unmap(c, 0, HOLE_AT, ARENA_SIZE), "INVALIDATE of the arena's IOVAs",
		      0);
		run_traffic(r);
	}
	c->stuck[CVQ] = r->place == ALIASED; /* its memory was there: it has to be mapped again */
}

static const struct step steps[] = {
    {"extents", ON_BOTH, false, extents},
    {"past the end", ON_BOTH, false, wrapped},
    {"nonsense", ON_BOTH, false, nonsense},
    {"no permission", ON_SIM, false, without_permission},
    {"own ASID only", ON_BOTH, false, own_asid_only},
    {0},
};

const struct steps steps_bad_maps = {
    .step = steps,
    .note = {"left out: maps without a permission (K5), failing ones at IOVA 0 (K10), private "
	     "memory and holes (K11)",
	     "left out: failing maps at IOVA 0 (K10), private memory and holes (K11)"}};
