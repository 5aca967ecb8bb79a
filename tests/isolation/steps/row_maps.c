/* SPDX-License-Identifier: MIT */
/*
 * Row 25: memory is mapped, used, and unmapped under a running device: it is not reached any more,
 * and the other ASID goes on. It must never look for a copy of vdpa_sim's that was under way.
 */
#include "run.h"

#include <errno.h>
#include <linux/vhost.h>
#include <string.h>
#include <sys/stat.h>

#define ROUNDS 3
#define ROUNDS_FULL 100
#define BURST (RING_NUM / 2)

static bool map(struct run *r, uint32_t asid, uint64_t at, const void *host, uint64_t size,
		int perm)
{
	int ret = client_map(&r->client, asid, at, host, size, perm);

	return run_legal(r, !ret, "IOTLB UPDATE(ASID %u, 0x%llx): %d", asid, (unsigned long long)at,
			 ret);
}

/* And the device is told of it, for that ASID and no other. */
static void unmap(struct run *r, uint32_t asid, uint64_t at, uint64_t size)
{
	struct heard before = {0}, after;

	if (run_can_ask(r))
		before = parent_heard(&r->parent);
	int ret = client_unmap(&r->client, asid, at, size);
	run_legal(r, !ret, "IOTLB INVALIDATE(ASID %u, 0x%llx): %d", asid, (unsigned long long)at,
		  ret);
	if (!run_can_ask(r))
		return;
	after = parent_heard(&r->parent);
	for (uint32_t i = 0; i < SPACES; i++)
		run_attempt(r, (after.iotlb[i] > before.iotlb[i]) == (i == asid),
			    "ASID %u has changed, and the device was%s told of ASID %u", asid,
			    i == asid ? " not" : "", i);
}

static void gone(struct run *r, uint32_t asid, uint64_t at)
{
	struct seen_region seen;

	if (run_can_ask(r))
		run_attempt(r, run_region(r, asid, at, &seen) != 0,
			    "VDUSE_IOTLB_GET_FD2 gives in ASID %u what was unmapped", asid);
}

static void writes(struct run *r, uint64_t at, uint8_t *host, const char *what)
{
	const uint8_t *source = r->client.set->data.at + SOURCE;

	memset(host, 0, DMA_HEADERS + DMA_LEN);
	unsigned ms = r->client.patience_ms;
	struct moved m = dma_move(&r->client, DATA_AT + SOURCE, at, ms, ms);
	run_legal(r, m.received && !memcmp(dma_payload(host), source, DMA_LEN),
		  "RX with a buffer in %s", what);
}

/* ---- steps ---- */

static void data_asid(struct run *r)
{
	unsigned rounds = r->how->full ? ROUNDS_FULL : ROUNDS;

	for (unsigned i = 0; i < rounds; i++) {
		if (!map(r, 0, EXTRA_AT, run_extra(r, i % 8), 4 * PAGE, VHOST_ACCESS_RW))
			return;
		run_reads(r, EXTRA_AT + PAGE, run_extra(r, i % 8 + 1), "memory mapped under DMA");
		writes(r, EXTRA_AT, run_extra(r, i % 8), "memory mapped under DMA");
		unmap(r, 0, EXTRA_AT, 4 * PAGE);
		gone(r, 0, EXTRA_AT + PAGE);
		run_no_read(r, EXTRA_AT + PAGE, "memory that was unmapped");
		run_traffic(r);
	}
	run_no_write(r, EXTRA_AT, run_extra(r, 0), PAGE, "memory that was unmapped");
	set_refill(&r->other);
}

/* The same for the CVQ, whose command lies there. */
static void cvq_asid(struct run *r)
{
	struct client *c = &r->client;
	struct spot there = {EXTRA_AT, run_extra(r, 0)};

	if (!map(r, 1, EXTRA_AT, there.host, PAGE, VHOST_ACCESS_RW))
		return;
	run_legal(r, dma_command(c, there, dma_arena_ack(c), r->client.patience_ms) == DID,
		  "a control command in memory mapped under DMA");
	run_no_read(r, EXTRA_AT, "memory mapped for the CVQ");
	unmap(r, 1, EXTRA_AT, PAGE);
	gone(r, 1, EXTRA_AT);
	run_attempt(r, dma_command(c, there, dma_arena_ack(c), NOTHING_MS) != DID,
		    "the CVQ took a command from memory that was unmapped");
	run_frame(r);
	set_refill(&r->other);
}

/* Other memory at the same IOVA: what was there before is not what is read. */
static void replaced(struct run *r)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (!map(r, 0, EXTRA_AT, run_extra(r, i), PAGE, VHOST_ACCESS_RW))
			return;
		run_reads(r, EXTRA_AT, run_extra(r, i), "memory that replaced another");
		unmap(r, 0, EXTRA_AT, PAGE);
	}
	run_no_read(r, EXTRA_AT, "memory that was unmapped");
}

static void check_perm(struct run *r, unsigned want)
{
	struct seen_region seen = {0};

	if (!run_can_ask(r))
		return;
	int ret = run_region(r, 0, EXTRA_AT, &seen);
	run_attempt(r, !ret && seen.perm == want,
		    "VDUSE_IOTLB_GET_FD2 says permission %u of memory mapped with %u", seen.perm,
		    want);
}

/* Of a device whose CVQ may not work: where all may be written, its sealed file has no mapping. */
static void read_only(struct run *r)
{
	if (!run_start(r, &isolated) || !run_frame(r) ||
	    !map(r, 0, EXTRA_AT, run_extra(r, 0), PAGE, VHOST_ACCESS_RO))
		return;
	run_reads(r, EXTRA_AT, run_extra(r, 0), "read-only memory");
	check_perm(r, VHOST_ACCESS_RO);
	run_no_write(r, EXTRA_AT, run_extra(r, 0), PAGE, "read-only memory");
}

static void write_only(struct run *r)
{
	if (!map(r, 0, EXTRA_AT, run_extra(r, 0), PAGE, VHOST_ACCESS_WO))
		return;
	writes(r, EXTRA_AT, run_extra(r, 0), "write-only memory");
	check_perm(r, VHOST_ACCESS_WO);
	run_no_read(r, EXTRA_AT, "write-only memory");
	set_refill(&r->other);
}

/* The arena's first part is mapped for reading only: an ack there is not written. */
static void read_only_arena(struct run *r)
{
	struct client *c = &r->client;
	struct spot ack = dma_arena_command(c);

	ack.at += PAGE;
	ack.host += PAGE;
	enum did did = dma_command(c, dma_arena_command(c), ack, NOTHING_MS);
	run_attempt(r, *ack.host == DMA_UNSET && did != DID,
		    "the CVQ wrote into the arena's read-only part");
}

/* A region goes as a whole, and no other with it. */
static void neighbours(struct run *r)
{
	if (!map(r, 0, EXTRA_AT, run_extra(r, 0), PAGE, VHOST_ACCESS_RW) ||
	    !map(r, 0, EXTRA_AT + PAGE, run_extra(r, 1), 4 * PAGE, VHOST_ACCESS_RW) ||
	    !map(r, 0, EXTRA_AT + 5 * PAGE, run_extra(r, 5), PAGE, VHOST_ACCESS_RW))
		return;
	unmap(r, 0, EXTRA_AT + 2 * PAGE, PAGE);
	for (unsigned i = 1; i < 5; i++) {
		gone(r, 0, EXTRA_AT + i * PAGE);
		run_no_read(r, EXTRA_AT + i * PAGE, "a region of which a page was unmapped");
	}
	run_reads(r, EXTRA_AT, run_extra(r, 0), "the region before it");
	run_reads(r, EXTRA_AT + 5 * PAGE, run_extra(r, 5), "the region behind it");
}

/* All of guest RAM at once: the data queues stand still, and the CVQ does not. */
static void all_of_it(struct run *r)
{
	struct client *c = &r->client;

	unmap(r, 0, 0, ALL_BUT_LAST_PAGE);
	gone(r, 0, DATA_AT);
	struct moved m = dma_move(c, DATA_AT + SOURCE, DATA_AT + BUFFER, NOTHING_MS, 0);
	run_attempt(r, !m.sent && !m.received, "data queues work with all of guest RAM unmapped");
	run_command(r);
	c->stuck[TX] = true;
}

/* ---- under load ---- */

/* As many frames as the ring takes are to be written to EXTRA_AT when it goes away. */
static void post_burst(struct run *r)
{
	struct client *c = &r->client;
	uint8_t *head = c->set->data.at + HEAD;

	memset(head, 0, DMA_HEADERS);
	memset(head + 12, 0xff, 6);
	for (unsigned i = 0; i < BURST; i++) {
		ring_describe(&c->ring[RX], i, EXTRA_AT + i * 1024, DMA_HEADERS + DMA_LEN, true,
			      -1);
		ring_offer(&c->ring[RX], i);
		ring_describe(&c->ring[TX], 2 * i, DATA_AT + HEAD, DMA_HEADERS, false,
			      (int)(2 * i + 1));
		ring_describe(&c->ring[TX], 2 * i + 1, DATA_AT + SOURCE + i * PAGE, DMA_LEN, false,
			      -1);
		ring_offer(&c->ring[TX], 2 * i);
	}
	client_kick(c, TX);
}

static bool burst_done(struct run *r)
{
	struct client *c = &r->client;
	uint32_t len;

	for (unsigned i = 0; i < 2 * BURST; i++)
		if (!dma_take(c, i < BURST ? TX : RX, &len, r->client.patience_ms))
			return false;
	return true;
}

static void under_load(struct run *r)
{
	unsigned rounds = r->how->full ? ROUNDS_FULL : 2 * ROUNDS;
	static uint8_t as_it_was[2 * BURST * 1024];

	for (unsigned i = 0; i < rounds; i++) {
		if (!map(r, 0, EXTRA_AT, run_extra(r, 0), sizeof(as_it_was), VHOST_ACCESS_RW))
			return;
		post_burst(r);
		unmap(r, 0, EXTRA_AT, sizeof(as_it_was));
		memcpy(as_it_was, run_extra(r, 0), sizeof(as_it_was));
		if (!run_legal(r, burst_done(r), "a burst of frames to memory that goes away"))
			return;
		run_attempt(r, !memcmp(as_it_was, run_extra(r, 0), sizeof(as_it_was)),
			    "memory was written after it was unmapped");
		run_command(r);
		set_refill(&r->other);
	}
}

static const struct step steps[] = {
    {"read-only", ON_BOTH, true, read_only},
    {"guest RAM", ON_BOTH, false, data_asid},
    {"CVQ memory", ON_BOTH, false, cvq_asid},
    {"replaced", ON_BOTH, false, replaced},
    {"write-only", ON_BOTH, false, write_only},
    {"read-only arena", ON_BOTH, false, read_only_arena},
    {"neighbours", ON_BOTH, false, neighbours},
    {"all of it", ON_BOTH, false, all_of_it},
    {"under load", ON_VDUSE, false, under_load},
    {0},
};

const struct steps steps_maps = {
    .step = steps,
    .note = {"at rest and under load; the device is told of each change, for the right ASID",
	     "at rest only: vdpasim_set_map() does not wait for a copy that is under way"}};
