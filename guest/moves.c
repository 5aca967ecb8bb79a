// SPDX-License-Identifier: MIT
/*
 * Row 21 of the catalogue on a device with more pairs, where a driver moves the CVQ by taking MQ or
 * leaving it: queue 2 is the CVQ of the one and a data queue of the other. Every session here takes
 * what the last one did not; then a data queue that there is in both, or that was the CVQ, aims at
 * CVQ memory. It must never aim in a session that is like the one before.
 */
#include "attack.h"

#include <stddef.h>

#define SECOND_PAIR 1 /* queues 2 and 3; without MQ the only one is used: 0 and 1 */
#define FRAME 256u
#define LENGTH (4 * CANARY_LINE)
#define NEXT VIRTQ_DESC_NEXT

static void move(struct run *r)
{
	r->net.takes ^= NET_F_MQ;
}

/* The CVQ works where it is now; the next session has moved it. */
static void legal_command(struct run *r)
{
	struct net *n = &r->net;

	run_step(r, "cvq where it is now",
		 net_command(n, NET_CTRL_MAC, NET_CTRL_MAC_ADDR_SET, n->mac, sizeof(n->mac)) ==
		     NET_OK);
}

/* Rows 3 to 5's attempt. */
static void ring(struct run *r, enum net_queue queue, enum virtq_part part, uint64_t page)
{
	static const enum attempt_shape shape[] = {
	    [VIRTQ_DESC] = SHAPE_RING_DESC,
	    [VIRTQ_AVAIL] = SHAPE_RING_AVAIL,
	    [VIRTQ_USED] = SHAPE_RING_USED,
	};
	const struct machine *m = &r->machine;
	uint64_t at = m->arena + page * PAGE % m->arena_size;

	move(r);
	attempt_aimed_ring(
	    r, shape[part],
	    &(struct net_aim){
		.queue = queue, .part = part, .iova = at, .ram = machine_has_ram(m, at)});
	legal_command(r);
}

/* Row 6's, or on RX row 7's; whether the next one needs no reset. */
static bool buffer(struct run *r, enum net_queue queue, uint64_t at)
{
	const unsigned write = queue == NET_RX ? VIRTQ_DESC_WRITE : 0;
	const struct virtq_desc d[] = {
	    desc((uintptr_t)chain_memory.header, NET_HEADER, NEXT | write, 1),
	    desc(at, LENGTH, write, 0),
	};

	return attempt_chain(r, &(struct aim){.queue = queue,
					      .shape = SHAPE_PROBE,
					      .iova = at,
					      .len = LENGTH,
					      .frame = LENGTH,
					      .desc = d,
					      .descs = 2});
}

/* A session for buffers on @queue; what is aimed on RX has to be alone there. */
static void start(struct run *r, enum net_queue queue)
{
	move(r);
	attempt_start(r, NULL, queue == NET_TX);
}

/* In each page of the arena. A chain that does not come back is left behind with its session; a
 * queue that gives back none gets no third one. */
static void buffers(struct run *r, enum net_queue queue)
{
	const struct machine *m = &r->machine;
	unsigned lost = 0;

	start(r, queue);
	if (queue == NET_TX)
		run_step(r, "loopback where it is now", run_loopback(&r->net, FRAME));
	for (uint64_t off = 0; off < m->arena_size; off += PAGE) {
		if (buffer(r, queue, m->arena + off + AIM_OFFSET) || lost++ > 0)
			continue;
		start(r, queue); /* there and back */
		start(r, queue);
	}
	legal_command(r);
}

/* All kinds of attempt; two sessions each, first without MQ. A device writes the last part, so that
 * one is in another half of the arena than the first. */
static void tour(struct run *r, uint64_t page)
{
	for (enum net_queue queue = NET_RX; queue <= NET_TX; queue++) {
		for (enum virtq_part part = VIRTQ_DESC; part < VIRTQ_PARTS; part++) {
			ring(r, queue, part, page + 2 * part);
			ring(r, queue, part, page + 2 * part);
		}
		buffers(r, queue);
		buffers(r, queue);
	}
}

void attack_moves(struct run *r)
{
	uint64_t pages = r->machine.arena_size / PAGE;

	r->net.pair = SECOND_PAIR;
	for (uint64_t page = 0; page < (machine_wants_all(&r->machine) ? pages : 1); page++)
		tour(r, page);
	r->net.pair = NET_LAST_PAIR;
}
