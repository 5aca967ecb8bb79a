// SPDX-License-Identifier: MIT
/*
 * Row 20 of the catalogue: the CVQ set up as a data queue and the reverse: on one ring, on each
 * other's, at the CVQ arena's IOVAs, at the very shadow ring; and registers of queues that there
 * are not. What then is done on the rings is what a driver does.
 */
#include "attack.h"

#include "arch.h"

#include <stddef.h>

#define FRAME 256u
#define NEXT VIRTQ_DESC_NEXT
#define WRITE VIRTQ_DESC_WRITE

/* A control command on whichever ring @q is. */
static void lay_out_command(struct run *r, struct virtq *q)
{
	command_fill(r);
	q->desc[AIM_HEAD] = desc((uintptr_t)cvq_memory.mac, sizeof(cvq_memory.mac), NEXT, 1);
	q->desc[AIM_HEAD + 1] = desc((uintptr_t)&cvq_memory.ack, 1, WRITE, 0);
}

static void submit_command(struct run *r, struct virtq *q)
{
	lay_out_command(r, q);
	virtq_offer(q, AIM_HEAD);
}

/* Reset and lay rings out, for an attempt to tell the device of them. */
static bool prepare(struct run *r)
{
	bool ready = net_negotiate(&r->net, NET_FEATURES) && net_lay_out(&r->net);

	if (!ready)
		run_step(r, "reset in an attempt", false);
	return ready;
}

/* The attempt that has begun could not be made. */
static void give_up(struct run *r)
{
	attempt_end(r, OUTCOME_NO_ANSWER, 0);
}

/* Notify all queues, and wait until what the device does on @queue shows that it has been there: it
 * has only just been started, and need not have begun. */
static uint32_t notify_all(struct net *n, enum net_queue queue)
{
	for (uint32_t q = 0; q < NET_QUEUES; q++)
		virtio_notify(&n->dev, q);
	net_wait(n, queue, deadline_in(LEGAL_MS));
	rest(SETTLE_MS); /* for the VMM, which takes its own turn */
	return __atomic_load_n(&n->q[NET_TX].used->idx, __ATOMIC_RELAXED);
}

/* The device takes the chains for frames, the VMM takes the same chains for commands. */
static void same_ring(struct run *r, enum net_queue data)
{
	struct net *n = &r->net;

	attempt_begin_as(r, SHAPE_SAME_RING, data, n->q[data].at[VIRTQ_DESC],
			 virtq_part_size(&n->q[data], VIRTQ_DESC));
	if (!prepare(r)) {
		give_up(r);
		return;
	}
	for (enum virtq_part part = VIRTQ_DESC; part < VIRTQ_PARTS; part++)
		n->q[NET_CVQ].at[part] = n->q[data].at[part];
	net_enable(n);
	if (data != NET_RX)
		net_rx_fill(n);
	net_go(n);
	submit_command(r, &n->q[data]);
	net_send(n, FRAME);
	attempt_end_with(r, OUTCOME_COMPLETED, 1, notify_all(n, data == NET_TX ? NET_RX : NET_TX));
}

/* Each is told the other's ring; the commands lie on what the device knows as TX, and the frames on
 * what the VMM knows as the CVQ. */
static void crossed(struct run *r)
{
	struct net *n = &r->net;

	attempt_begin_as(r, SHAPE_CROSSED, NET_TX, n->q[NET_CVQ].at[VIRTQ_DESC],
			 virtq_part_size(&n->q[NET_CVQ], VIRTQ_DESC));
	if (!prepare(r)) {
		give_up(r);
		return;
	}
	for (enum virtq_part part = VIRTQ_DESC; part < VIRTQ_PARTS; part++) {
		uint64_t cvq = n->q[NET_CVQ].at[part];

		n->q[NET_CVQ].at[part] = n->q[NET_TX].at[part];
		n->q[NET_TX].at[part] = cvq;
	}
	net_enable(n);
	net_rx_fill(n);
	net_go(n);
	submit_command(r, &n->q[NET_CVQ]);
	net_send(n, FRAME);
	submit_command(r, &n->q[NET_TX]);
	attempt_end_with(r, OUTCOME_COMPLETED, 1, notify_all(n, NET_CVQ));
}

/* A part of the CVQ's ring at the arena: to the VMM that is a guest address, RAM or nothing. */
static void cvq_ring(struct run *r, enum virtq_part part)
{
	struct net *n = &r->net;
	struct virtq *q = &n->q[NET_CVQ];
	uint64_t at = r->machine.arena;
	bool ram = machine_has_ram(&r->machine, at), refused;
	enum cvq_outcome got = CVQ_SILENT;
	uint64_t deadline;

	attempt_begin_as(r, SHAPE_CVQ_RING, NET_CVQ, at, virtq_part_size(q, part));
	if (!prepare(r)) {
		give_up(r);
		return;
	}
	virtq_aim(q, part, at, ram);
	net_enable(n);
	net_go(n);
	if (ram) {
		lay_out_command(r, q);
		got = cvq_chain(r);
	}
	deadline = deadline_in(ATTEMPT_MS);
	do {
		refused = virtio_read(&n->dev, VREG_STATUS) & VSTATUS_NEEDS_RESET;
		if (refused || ram)
			break;
		arch_sleep();
	} while (!deadline_passed(deadline));
	attempt_end(r,
		    ram	      ? (got == CVQ_OK ? OUTCOME_COMPLETED : OUTCOME_NO_ANSWER)
		    : refused ? OUTCOME_REFUSED
			      : OUTCOME_ALLOWED,
		    1);
}

/* A data queue where the VMM has its shadow ring: what is a command there would be a frame. */
static void shadow_ring(struct run *r, enum net_queue queue)
{
	const struct machine *m = &r->machine;
	struct net *n = &r->net;

	if (!prepare(r))
		return;
	n->q[queue].at[VIRTQ_DESC] = m->arena;
	n->q[queue].at[VIRTQ_AVAIL] = m->arena + CANARY_LINE;
	n->q[queue].at[VIRTQ_USED] = m->arena + m->arena_readable;
	net_enable(n);
	if (queue != NET_RX)
		net_rx_fill(n);
	net_go(n);
	run_command(r);
	attempt_begin_as(r, SHAPE_SHADOW_RING, queue, m->arena, m->arena_size);
	net_send(n, FRAME);
	for (unsigned i = 0; i < 2; i++) {
		net_notify(n, NET_RX);
		net_notify(n, NET_TX);
		device_settle(r);
	}
	attempt_end(r, OUTCOME_COMPLETED, n->live);
}

/* Everything that can be written of a queue, to queues that there are not; what was set up stays.
 */
static void select_games(struct run *r)
{
	static const uint32_t none[] = {
	    3, 4, 5, 0x7f, 0x80, 0xff, 0x100, 0x10000, 0x10002, 0x80000000, 0x80000002, 0xffffffff};
	static const uint32_t reg[] = {VREG_QUEUE_SIZE, VREG_QUEUE_DESC, VREG_QUEUE_DRIVER,
				       VREG_QUEUE_DEVICE, VREG_QUEUE_READY};
	struct net *n = &r->net;
	bool allowed = false;
	unsigned tried = 0;

	if (!prepare(r))
		return;
	net_enable(n);
	attempt_begin_as(r, SHAPE_SELECT, NET_CVQ, r->machine.arena, 0);
	for (unsigned i = 0; i < sizeof(none) / sizeof(*none); i++, tried++) {
		virtio_write(&n->dev, VREG_QUEUE_SEL, none[i]);
		for (unsigned g = 0; g < sizeof(reg) / sizeof(*reg); g++)
			virtio_write(&n->dev, reg[g],
				     g == 0   ? 64
				     : g == 4 ? 1
					      : (uint32_t)r->machine.arena);
		allowed |= virtio_read(&n->dev, VREG_QUEUE_READY) ||
			   virtio_read(&n->dev, VREG_QUEUE_SIZE_MAX);
	}
	net_rx_fill(n);
	net_go(n);
	run_step(r, "cvq after queue games",
		 net_command(n, NET_CTRL_MAC, NET_CTRL_MAC_ADDR_SET, n->mac, sizeof(n->mac)) ==
		     NET_OK);
	attempt_end(r, allowed ? OUTCOME_ALLOWED : OUTCOME_REFUSED, tried);
}

void attack_swap(struct run *r)
{
	attempt_start(r, NULL, true);
	same_ring(r, NET_TX);
	attempt_start(r, NULL, true);
	same_ring(r, NET_RX);
	attempt_start(r, NULL, true);
	crossed(r);
	shadow_ring(r, NET_RX);
	shadow_ring(r, NET_TX);
	for (enum virtq_part part = VIRTQ_DESC; part < VIRTQ_PARTS; part++)
		cvq_ring(r, part);
	attempt_start(r, NULL, true);
	select_games(r);
	attempt_start(r, NULL, true);
	for (unsigned page = 0; page < 2; page++)
		attempt_probe(r, 1 + 3 * page);
}
