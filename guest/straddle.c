// SPDX-License-Identifier: MIT
/*
 * Row 9 of the catalogue: buffers and rings that begin where they may and end where they may not,
 * at the ends of guest RAM, of the CVQ arena and its halves, and of the address space; buffers of
 * no length, of one byte and of the most that a descriptor can say. What the guest writes itself it
 * must only write to the last bytes of RAM and to the arena's addresses.
 */
#include "attack.h"

#include "arch.h"

#include <stddef.h>

#define BEFORE CANARY_LINE /* bytes ahead of an edge that a buffer begins */
#define OVER 1400u	   /* and how long it is: into what is behind */
#define EDGES 5
#define WRITE VIRTQ_DESC_WRITE
#define NEXT VIRTQ_DESC_NEXT
#define LONGEST 0xffffffffu

/* The ends of things. The last one is 2^64. */
static void find_edges(const struct machine *m, uint64_t edge[EDGES])
{
	edge[0] = m->ram + m->ram_size;
	edge[1] = m->arena;
	edge[2] = m->arena + m->arena_readable;
	edge[3] = m->arena + m->arena_size;
	edge[4] = 0;
}

/* ---- data queues' buffers ---- */

/*
 * With a header before it and, on RX, room for the rest of a frame behind it: a device may want a
 * whole one. With the header, 2^32 - 1 is more than a chain may have, so that one is alone.
 */
static bool attempt_buffer(struct run *r, enum net_queue queue, enum attempt_shape shape,
			   uint64_t at, uint32_t len)
{
	bool alone = len == LONGEST, rest = queue == NET_RX && !alone;
	unsigned write = queue == NET_RX ? WRITE : 0;
	const struct virtq_desc d[] = {
	    desc((uintptr_t)chain_memory.header, NET_HEADER, NEXT | write, 1),
	    desc(at, len, write | (rest ? NEXT : 0), 2),
	    desc((uintptr_t)chain_memory.spare, sizeof(chain_memory.spare), write, 0),
	};

	return attempt_chain(r, &(struct aim){.queue = queue,
					      .shape = shape,
					      .iova = at,
					      .len = len < OVER ? len : OVER,
					      .frame = OVER,
					      .desc = alone ? &d[1] : d,
					      .descs = alone  ? 1
						       : rest ? 3
							      : 2});
}

static void buffers(struct run *r, enum net_queue queue, const uint64_t edge[EDGES])
{
	static const struct {
		enum attempt_shape shape;
		uint32_t before, len;
	} kind[] = {
	    {SHAPE_OVER, BEFORE, OVER},
	    {SHAPE_EMPTY, 0, 0},
	    {SHAPE_ONE, 1, 1},
	    {SHAPE_ONE, 0, 1},
	    {SHAPE_LONGEST, BEFORE, LONGEST},
	};
	bool ready = false;

	for (unsigned e = 0; e < EDGES; e++) {
		/* Not every kind at every edge: what lies behind makes no difference to most. */
		unsigned kinds = e < 2 ? sizeof(kind) / sizeof(*kind) : 1;

		for (unsigned k = 0; k < kinds; k++) {
			if (!ready)
				attempt_start(r, NULL, queue == NET_TX);
			ready = attempt_buffer(r, queue, kind[k].shape, edge[e] - kind[k].before,
					       kind[k].len);
		}
	}
}

/* ---- data queues' rings ---- */

/* Where a ring's part begins that leaves what is before @edge with the entry that is used first:
 * the second descriptor, the first available entry, or half of the first used one. */
static uint64_t ring_at(enum virtq_part part, uint64_t edge)
{
	static const uint8_t before[VIRTQ_PARTS] = {sizeof(struct virtq_desc), 4, 8};

	return edge - before[part];
}

/* What is before the edge is laid out where that is RAM of ours; the rest is nobody's. */
static void aim_ring(struct run *r, enum net_queue queue, enum virtq_part part, uint64_t at)
{
	struct virtq *q = &r->net.q[queue];

	q->at[part] = at;
	if (!machine_has_ram(&r->machine, at))
		return;
	if (part == VIRTQ_DESC)
		*(struct virtq_desc *)(uintptr_t)at =
		    queue == NET_TX
			? (struct virtq_desc){(uintptr_t)chain_memory.header, NET_HEADER, NEXT, 1}
			: (struct virtq_desc){(uintptr_t)chain_memory.header, NET_HEADER,
					      NEXT | WRITE, 1};
	else if (part == VIRTQ_AVAIL)
		*(uint32_t *)(uintptr_t)at = 1u << 16; /* one chain is available */
	else
		*(uint32_t *)(uintptr_t)at = 0;
}

/* A queue's turn; the device has been started with its ring aimed. */
static void attempt_ring(struct run *r, enum net_queue queue, enum virtq_part part, uint64_t at)
{
	struct net *n = &r->net;
	const enum attempt_shape shape[] = {SHAPE_RING_DESC, SHAPE_RING_AVAIL, SHAPE_RING_USED};

	attempt_begin_as(r, shape[part], queue, at, virtq_part_size(&n->q[queue], part));
	if (queue == NET_RX)
		net_notify(n, NET_RX);
	net_send(n, OVER);
	device_settle(r);
	attempt_end(r, virtq_has_used(&n->q[queue]) ? OUTCOME_COMPLETED : OUTCOME_NO_ANSWER,
		    n->live);
}

/* One queue at a time, so that the other brings the frames that this one needs. */
static void ring(struct run *r, enum net_queue queue, enum virtq_part part, uint64_t edge)
{
	struct net *n = &r->net;
	uint64_t at = ring_at(part, edge);

	if (!net_negotiate(n, NET_FEATURES) || !net_lay_out(n)) {
		run_step(r, "reset in an attempt", false);
		return;
	}
	aim_ring(r, queue, part, at);
	net_enable(n);
	net_rx_fill(n);
	net_go(n);
	run_command(r);
	attempt_ring(r, queue, part, at);
}

/* ---- the CVQ, whose ring and chains the VMM follows ---- */

static enum attempt_outcome outcome(enum cvq_outcome got)
{
	return got == CVQ_SILENT ? OUTCOME_NO_ANSWER
	       : got == CVQ_OK	 ? OUTCOME_ALLOWED
				 : OUTCOME_REFUSED;
}

/* A good command and its answer, and a third buffer that is not wholly RAM. */
static void attempt_command(struct run *r, enum attempt_shape shape, uint64_t at, uint32_t len)
{
	struct virtq_desc *d = &r->net.q[NET_CVQ].desc[AIM_HEAD];
	enum cvq_outcome got;

	attempt_begin_as(r, shape, NET_CVQ, at, len);
	command_fill(r);
	d[0] = desc((uintptr_t)cvq_memory.mac, sizeof(cvq_memory.mac), NEXT, 1);
	d[1] = desc((uintptr_t)&cvq_memory.ack, 1, WRITE | NEXT, 2);
	d[2] = desc(at, len, WRITE, 0);
	got = cvq_chain(r);
	attempt_end(r, outcome(got), got != CVQ_SILENT);
}

/* The VMM must not take such a ring at all, and say so by DEVICE_NEEDS_RESET. */
static void attempt_cvq_ring(struct run *r, enum virtq_part part, uint64_t at)
{
	const enum attempt_shape shape[] = {SHAPE_RING_DESC, SHAPE_RING_AVAIL, SHAPE_RING_USED};
	struct net *n = &r->net;
	uint64_t deadline;
	bool refused;

	if (!net_negotiate(n, NET_FEATURES) || !net_lay_out(n)) {
		run_step(r, "reset in an attempt", false);
		return;
	}
	n->q[NET_CVQ].at[part] = at;
	net_enable(n);
	attempt_begin_as(r, shape[part], NET_CVQ, at, virtq_part_size(&n->q[NET_CVQ], part));
	virtio_driver_ok(&n->dev);
	deadline = deadline_in(ATTEMPT_MS);
	do {
		arch_sleep();
		refused = virtio_read(&n->dev, VREG_STATUS) & VSTATUS_NEEDS_RESET;
	} while (!refused && !deadline_passed(deadline));
	attempt_end(r, refused ? OUTCOME_REFUSED : OUTCOME_ALLOWED, 1);
}

static void control_queue(struct run *r)
{
	const struct machine *m = &r->machine;
	uint64_t end = m->ram + m->ram_size;

	attempt_start(r, NULL, false);
	attempt_command(r, SHAPE_OVER, end - BEFORE, OVER);
	attempt_command(r, SHAPE_ONE, end, 1);
	attempt_command(r, SHAPE_LONGEST, end - BEFORE, LONGEST);
	attempt_command(r, SHAPE_OVER, 0 - (uint64_t)BEFORE, OVER);
	attempt_command(r, SHAPE_LONGEST, m->arena, LONGEST);
	for (enum virtq_part part = VIRTQ_DESC; part < VIRTQ_PARTS; part++)
		attempt_cvq_ring(r, part, ring_at(part, end));
}

void attack_straddle(struct run *r)
{
	uint64_t edge[EDGES];

	find_edges(&r->machine, edge);
	buffers(r, NET_TX, edge);
	buffers(r, NET_RX, edge);
	for (enum virtq_part part = VIRTQ_DESC; part < VIRTQ_PARTS; part++) {
		ring(r, NET_RX, part, edge[0]);
		ring(r, NET_TX, part, edge[0]);
		ring(r, NET_TX, part, edge[EDGES - 1]);
	}
	ring(r, NET_TX, VIRTQ_DESC, edge[1]);
	control_queue(r);
}
