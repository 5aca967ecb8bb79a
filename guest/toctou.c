// SPDX-License-Identifier: MIT
/*
 * Row 14 of the catalogue: while CPU 0 sends control commands, another CPU changes them, back and
 * forth, as fast as it can: class, command, and a descriptor's length. Whether what the device is
 * given was judged is for the device's trace to say; here nothing can be known but that commands
 * were answered. The flips must never make an answer go anywhere but to the ack.
 */
#include "attack.h"

#include "arch.h"
#include "cpus.h"

#include <stddef.h>

#define OTHER_CPU 1
#define RUN_MS 10000 /* a bound: what ends the run is the number of bursts */
#define RUN_FULL_MS 30000
#define BURSTS 16
#define BURSTS_FULL 400
#define WRITE VIRTQ_DESC_WRITE
#define NEXT VIRTQ_DESC_NEXT

#define MAC 6		    /* bytes of an address */
#define DESCS (2 + MAC + 1) /* a command's: each of its bytes by itself, and the ack */
#define CHAINS 48	    /* at a time, each one descriptor that refers to a table */
#define CHAINS_DIRECT 6	    /* where there are no such tables */

static struct virtq_desc tables[CHAINS][DESCS] __attribute__((aligned(64)));

/* ---- the other CPU ---- */

/* Something that is flipped: between what a good command has there and something else. */
struct flip {
	volatile uint8_t *at;
	uint8_t good, other;
};

#define FLIPS 10
#define EACH 1024 /* flips in a row */

static struct flipper {
	struct flip flip[FLIPS];
	bool stop;
	uint64_t flips;
} flipper;

static void flip_on(unsigned cpu, void *arg)
{
	struct flipper *f = arg;

	(void)cpu;
	for (uint64_t n = 0; !__atomic_load_n(&f->stop, __ATOMIC_RELAXED); n++) {
		const struct flip *one = &f->flip[n / EACH % FLIPS];

		*one->at = n % 2 ? one->good : one->other;
		f->flips++;
	}
}

/* The first chain's descriptors are @d. */
static void choose_flips(struct virtq_desc *d)
{
	volatile uint8_t *command = cvq_memory.mac;

	flipper = (struct flipper){
	    .flip =
		{
		    {command, NET_CTRL_MAC, 0x7f},
		    {command + 1, NET_CTRL_MAC_ADDR_SET, 0},
		    {command, NET_CTRL_MAC, 4},
		    {(volatile uint8_t *)&d[0].len, 1, 2},
		    {command, NET_CTRL_MAC, NET_CTRL_RX},
		    {command, NET_CTRL_MAC, 2},
		    {command + 1, NET_CTRL_MAC_ADDR_SET, 2},
		    {(volatile uint8_t *)&d[MAC].len, 1, 0},
		    {command, NET_CTRL_MAC, 5},
		    {command, NET_CTRL_MAC, 0xff},
		},
	};
}

/* ---- commands ---- */

/* The upper part of RAM, which nobody has touched, but for the arena's addresses. */
struct fresh {
	uint64_t from, next, to;
};

static struct fresh find_fresh(const struct machine *m)
{
	uint64_t from = m->ram + m->ram_size / 4, arena = m->arena + m->arena_size;

	if (machine_has_ram(m, m->arena) && from < arena)
		from = arena;
	return (struct fresh){from, from, m->ram + m->ram_size};
}

/*
 * Class, command and an address of zeroes, each byte of which lies in a page of its own that is new
 * to the host: to copy it, the host has to make that page first. So between a copy of the class and
 * another one, after the command was judged, there is time. @first is the index that @d has.
 */
static void lay_out(struct virtq_desc *d, unsigned first, struct fresh *f)
{
	uint16_t n = 0;

	for (; n < 2 + MAC; n++) {
		uint64_t at = n < 2 ? (uintptr_t)cvq_memory.mac + n : f->next;

		d[n] = (struct virtq_desc){at, 1, NEXT, (uint16_t)(first + n + 1)};
		if (n < 2)
			continue;
		f->next += PAGE;
		if (f->next >= f->to)
			f->next = f->from;
	}
	d[n] = (struct virtq_desc){(uintptr_t)&cvq_memory.ack, 1, WRITE, 0};
}

/* One command more: as a table if they were agreed on, or else in the ring's own descriptors. */
static void offer(struct run *r, unsigned i, struct fresh *f)
{
	struct virtq *q = &r->net.q[NET_CVQ];
	bool indirect = r->net.dev.features & VIRTIO_F_INDIRECT_DESC;
	unsigned head = AIM_HEAD + (indirect ? i : i * DESCS);

	if (indirect) {
		lay_out(tables[i], 0, f);
		q->desc[head] = (struct virtq_desc){(uintptr_t)tables[i], sizeof(tables[i]),
						    VIRTQ_DESC_INDIRECT, 0};
	} else {
		lay_out(&q->desc[head], head, f);
	}
	virtq_offer(q, (uint16_t)head);
}

/* Many at a time, so that the VMM goes from one to the next without us. */
static unsigned burst(struct run *r, unsigned count, struct fresh *f)
{
	struct net *n = &r->net;
	unsigned back = 0;
	uint16_t head;
	uint32_t len;

	for (unsigned i = 0; i < count; i++)
		offer(r, i, f);
	net_notify(n, NET_CVQ);
	while (back < count && net_await_command(n)) {
		while (virtq_pop(&n->q[NET_CVQ], &head, &len))
			back++;
	}
	return back;
}

static uint32_t send_commands(struct run *r, unsigned count)
{
	bool all = machine_wants_all(&r->machine);
	uint64_t deadline = deadline_in(all ? RUN_FULL_MS : RUN_MS);
	unsigned bursts = all ? BURSTS_FULL : BURSTS;
	struct fresh f = find_fresh(&r->machine);
	uint32_t answered = 0;

	while (bursts-- && !r->net.cvq_dead && !deadline_passed(deadline))
		answered += burst(r, count, &f);
	return answered;
}

static bool start(struct run *r)
{
	struct net *n = &r->net;

	if (!net_negotiate(n, NET_FEATURES | VIRTIO_F_INDIRECT_DESC) || !net_lay_out(n)) {
		run_step(r, "reset in an attempt", false);
		return false;
	}
	net_enable(n);
	net_rx_fill(n);
	net_go(n);
	run_command(r);
	return true;
}

void attack_toctou(struct run *r)
{
	bool indirect, two = r->cpus > OTHER_CPU;
	uint32_t answered;

	if (!start(r))
		return;
	indirect = r->net.dev.features & VIRTIO_F_INDIRECT_DESC;
	command_fill(r);
	choose_flips(indirect ? tables[0] : &r->net.q[NET_CVQ].desc[AIM_HEAD]);
	attempt_begin_as(r, SHAPE_FLIPS, NET_CVQ, (uintptr_t)cvq_memory.mac,
			 sizeof(cvq_memory.mac));
	if (two)
		cpus_start(OTHER_CPU, flip_on, &flipper);
	answered = send_commands(r, indirect ? CHAINS : CHAINS_DIRECT);
	__atomic_store_n(&flipper.stop, true, __ATOMIC_RELAXED);
	if (two && !cpus_join(OTHER_CPU, OTHER_STOP_MS))
		run_step(r, "the other CPU stops", false);
	attempt_end_with(r, answered ? OUTCOME_COMPLETED : OUTCOME_NO_ANSWER, flipper.flips,
			 answered);
}
