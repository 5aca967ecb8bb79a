// SPDX-License-Identifier: MIT
/*
 * Row 28 of the catalogue: all CPUs kick, send commands or reset as fast as they can. Whether
 * anything was lost is seen by what works after each flood, whether anything grew is for the host
 * to say. Only CPU 0 may touch the driver's state: the others write registers and nothing else.
 */
#include "attack.h"

#include "arch.h"
#include "cpus.h"

#include <stddef.h>

#define FLOOD_MS 60
#define FLOOD_FULL_MS 5000
#define KICKS 8 /* times 64, with a command in between */
#define KICKS_FULL 1000
#define NEXT VIRTQ_DESC_NEXT
#define WRITE VIRTQ_DESC_WRITE

struct flood {
	const struct virtio *dev;
	bool resets; /* else kicks */
	bool stop;
	uint64_t done[CPUS_MAX];
};

static struct flood flood;

static void write_on(unsigned cpu, void *arg)
{
	struct flood *f = arg;
	uint64_t n = 0;

	while (!__atomic_load_n(&f->stop, __ATOMIC_RELAXED)) {
		if (f->resets)
			virtio_write(f->dev, VREG_STATUS, 0);
		virtio_write(f->dev, VREG_QUEUE_NOTIFY, (uint32_t)(n % NET_QUEUES));
		n++;
	}
	f->done[cpu] = n;
}

static void others_start(struct run *r, bool resets)
{
	flood = (struct flood){.dev = &r->net.dev, .resets = resets};
	for (unsigned cpu = 1; cpu < r->cpus; cpu++)
		cpus_start(cpu, write_on, &flood);
}

/* Returns how many writes they made. */
static uint64_t others_stop(struct run *r)
{
	uint64_t done = 0;

	__atomic_store_n(&flood.stop, true, __ATOMIC_RELAXED);
	for (unsigned cpu = 1; cpu < r->cpus; cpu++) {
		if (!cpus_join(cpu, OTHER_STOP_MS))
			run_step(r, "all CPUs stop", false);
		done += flood.done[cpu];
	}
	return done;
}

/* Chains on the CVQ that are all one: a command, or nothing a device would know. */
static void lay_out(struct run *r, bool known)
{
	struct virtq_desc *d = &r->net.q[NET_CVQ].desc[AIM_HEAD];

	command_fill(r);
	if (!known)
		cvq_memory.mac[0] = 0x7f;
	d[0] = desc((uintptr_t)cvq_memory.mac, sizeof(cvq_memory.mac), NEXT, 1);
	d[1] = desc((uintptr_t)&cvq_memory.ack, 1, WRITE, 0);
}

/* Make @count available at once and take back what comes by @deadline; how much that was. */
static uint32_t burst(struct run *r, unsigned count, uint64_t deadline)
{
	struct net *n = &r->net;
	struct virtq *q = &n->q[NET_CVQ];
	uint32_t back = 0, len;
	uint16_t head;

	for (unsigned i = 0; i < count; i++)
		virtq_offer(q, AIM_HEAD);
	net_notify(n, NET_CVQ);
	while (back < count && net_wait(n, NET_CVQ, deadline)) {
		while (virtq_pop(q, &head, &len))
			back++;
	}
	return back;
}

static void kicks(struct run *r, unsigned times)
{
	struct net *n = &r->net;
	uint64_t own = 0;
	uint32_t answered = 0, sent = 0;

	attempt_begin_as(r, SHAPE_KICKS, NET_CVQ, 0, 0);
	others_start(r, false);
	while (sent < times && answered == sent) {
		for (unsigned i = 0; i < 64; i++, own++)
			virtio_notify(&n->dev, i % NET_QUEUES);
		lay_out(r, true);
		answered += burst(r, 1, deadline_in(LEGAL_MS));
		sent++;
	}
	own += others_stop(r);
	run_step(r, "cvq in a flood of kicks", answered == sent);
	attempt_end_with(r, OUTCOME_COMPLETED, own, answered);
}

static void commands(struct run *r, bool known, unsigned ms)
{
	uint64_t deadline = deadline_in(ms);
	uint32_t answered = 0, sent = 0;
	unsigned count = r->net.q[NET_CVQ].num;

	attempt_begin_as(r, SHAPE_COMMANDS, NET_CVQ, 0, 0);
	others_start(r, false);
	lay_out(r, known);
	do {
		answered += burst(r, count, deadline_in(LEGAL_MS));
		sent += count;
	} while (answered == sent && !deadline_passed(deadline));
	others_stop(r);
	run_step(r, "cvq in a flood of commands", answered == sent);
	attempt_end_with(r, OUTCOME_COMPLETED, sent, answered);
}

/* The others reset whatever this one has just set up. */
static void resets(struct run *r, unsigned ms)
{
	uint64_t deadline = deadline_in(ms), own = 0;
	struct net *n = &r->net;

	attempt_begin_as(r, SHAPE_RESETS, NET_CVQ, 0, 0);
	others_start(r, true);
	while (!deadline_passed(deadline)) {
		own++;
		if (net_setup(n, NULL)) {
			net_go(n);
			net_notify(n, NET_CVQ);
		}
		arch_sleep();
	}
	own += others_stop(r);
	run_step(r, "reset after a flood", net_start(n));
	lay_out(r, true);
	attempt_end_with(r, OUTCOME_COMPLETED, own, burst(r, 1, deadline_in(LEGAL_MS)));
	run_step(r, "cvq after a flood", cvq_memory.ack == NET_OK);
}

void attack_flood(struct run *r)
{
	unsigned ms = machine_wants_all(&r->machine) ? FLOOD_FULL_MS : FLOOD_MS;

	attempt_start(r, NULL, true);
	kicks(r, machine_wants_all(&r->machine) ? KICKS_FULL : KICKS);
	commands(r, true, ms);
	commands(r, false, ms);
	resets(r, ms);
	for (unsigned page = 0; page < 2; page++)
		attempt_probe(r, 1 + 3 * page);
}
