// SPDX-License-Identifier: MIT
/*
 * Row 19 of the catalogue: resets with a control command in flight, at all stages of its way, and a
 * storm of them. The first command after each is one that has the other answer, so that an answer
 * that was meant for the old one is known. It must never wait for a storm's resets.
 */
#include "attack.h"

#include "arch.h"

#include <stddef.h>

#define ROUNDS 10
#define ROUNDS_FULL 400
#define STORM 6
#define STORM_FULL 200
#define STORMS 2
#define IN_FLIGHT 16  /* commands at a time */
#define POLLS 100000u /* of RAM, before a wait costs no CPU any more */
#define NEITHER 5     /* for an RX mode: neither on nor off, which only the device objects to */
#define NEXT VIRTQ_DESC_NEXT
#define WRITE VIRTQ_DESC_WRITE

/* A command whose answer is OK, or ERR. */
static void fill(struct run *r, bool ok)
{
	command_fill(r);
	if (ok)
		return;
	cvq_memory.mac[0] = NET_CTRL_RX;
	cvq_memory.mac[1] = NET_CTRL_RX_PROMISC;
	cvq_memory.mac[2] = NEITHER;
}

static void lay_out(struct run *r, bool ok)
{
	struct virtq_desc *d = &r->net.q[NET_CVQ].desc[AIM_HEAD];

	fill(r, ok);
	d[0] = desc((uintptr_t)cvq_memory.mac, ok ? sizeof(cvq_memory.mac) : 3, NEXT, 1);
	d[1] = desc((uintptr_t)&cvq_memory.ack, 1, WRITE, 0);
}

/* The same command, so many times. */
static void submit(struct run *r, bool ok, unsigned count)
{
	lay_out(r, ok);
	for (unsigned i = 0; i < count; i++)
		virtq_offer(&r->net.q[NET_CVQ], AIM_HEAD);
	net_notify(&r->net, NET_CVQ);
}

/*
 * The first command after a reset; another's answer is an outcome of its own. False if none came,
 * or no sound one: a failed operation, after which each further one would only be waited for in
 * vain.
 */
static bool first_command(struct run *r, bool ok, enum attempt_outcome *outcome)
{
	enum cvq_outcome got;

	lay_out(r, ok);
	got = cvq_chain(r);
	*outcome = got == (ok ? CVQ_ERR : CVQ_OK) ? OUTCOME_ALLOWED : OUTCOME_COMPLETED;
	run_step(r, "cvq after reset", got == CVQ_OK || got == CVQ_ERR);
	return got == CVQ_OK || got == CVQ_ERR;
}

/* How many of the commands are answered by now. */
static uint16_t answered(const struct virtq *q)
{
	return (uint16_t)(__atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) - q->used_idx);
}

/* Whether the device can be made to refuse a command: one of a class that it has not got is refused
 * by the VMM, and never in flight. */
static bool objects(const struct run *r)
{
	return r->machine.ctrl_classes >> NET_CTRL_RX & 1;
}

/* Until @want commands are answered, and no longer than a little after that. */
static void await_answers(const struct virtq *q, uint16_t want)
{
	uint64_t deadline = deadline_in(LEGAL_MS);

	for (unsigned n = 0; answered(q) < want && !deadline_passed(deadline); n++) {
		if (n < POLLS)
			arch_pause();
		else
			arch_sleep();
	}
}

/*
 * Many commands, of which the VMM has one under way at any time, and a reset as soon as a few are
 * answered: then the next one is somewhere between us and the device. Whether the device answers
 * after it.
 */
static bool round_trip(struct run *r, unsigned i)
{
	const struct virtq *q = &r->net.q[NET_CVQ];
	enum attempt_outcome outcome;
	uint16_t want = (uint16_t)(i % (IN_FLIGHT / 2)), seen;
	bool ok = i & 1 || !objects(r), works;

	run_command(r); /* so that what commands lie in is no canary any more */
	attempt_begin_as(r, SHAPE_IN_FLIGHT, NET_CVQ, i, 0);
	submit(r, ok, IN_FLIGHT);
	await_answers(q, want);
	seen = answered(q);
	run_step(r, "reset", net_start(&r->net));
	works = first_command(r, !ok, &outcome);
	attempt_end_with(r, outcome, seen, seen < IN_FLIGHT ? (uint32_t)IN_FLIGHT - seen : 0);
	return works;
}

/*
 * Reset and start without waiting for either, a command on its way each time. The device is behind
 * by then and sees few of them, so now and then it is waited for, until the first of two commands
 * is answered: it has the second.
 */
static void hasty_start(struct run *r, bool ok, bool wait)
{
	struct net *n = &r->net;

	if (wait) {
		if (net_start(n)) {
			submit(r, ok, 2);
			net_wait(n, NET_CVQ, deadline_in(LEGAL_MS));
		}
		return;
	}
	n->dev.status = 0;
	virtio_write(&n->dev, VREG_STATUS, 0);
	virtio_negotiate(&n->dev, NET_FEATURES);
	if (!net_lay_out(n))
		return;
	net_enable(n);
	net_go(n);
	submit(r, ok, 1);
}

static bool storm(struct run *r, unsigned resets)
{
	enum attempt_outcome outcome;
	bool ok = !objects(r), works;

	run_command(r);
	attempt_begin_as(r, SHAPE_STORM, NET_CVQ, 0, 0);
	for (unsigned i = 0; i < resets; i++)
		hasty_start(r, ok, i % 3 == 2);
	run_step(r, "reset after a storm", net_start(&r->net));
	works = first_command(r, !ok, &outcome);
	attempt_end(r, outcome, resets);
	return works;
}

void attack_reset(struct run *r)
{
	bool all = machine_wants_all(&r->machine);
	unsigned rounds = all ? ROUNDS_FULL : ROUNDS;
	bool works = true;

	attempt_start(r, NULL, true);
	for (unsigned i = 0; works && i < rounds; i++)
		works = round_trip(r, i);
	attempt_probe(r, 0);
	for (unsigned i = 0; works && i < STORMS; i++)
		works = storm(r, all ? STORM_FULL : STORM);
	for (unsigned page = 0; page < 3; page++)
		attempt_probe(r, 1 + 2 * page);
}
