// SPDX-License-Identifier: MIT
/*
 * Row 10 of the catalogue: a data queue's buffers at and beside every power of two up to 2^64, the
 * arena's own pages among them, and at addresses drawn at random. On RX, which writes, it must
 * leave out guest RAM but for the arena's addresses: the guest itself lives there.
 */
#include "attack.h"

#include "arch.h"
#include "report.h"

#include <stddef.h>
#include <string.h>

#define BATCH 8	       /* as many as there are RX buffers for what comes back */
#define IN_ATTEMPT 256 /* addresses, about */
#define POWERS (64 * 3)
#define RANDOM 64
#define RANDOM_FULL 8192
#define LEN (6 * CANARY_LINE) /* from a page's begin on: past what a ring has there */
#define EACH 2		      /* descriptors of a chain */

struct sweep {
	struct run *run;
	enum net_queue queue;
	unsigned random; /* addresses drawn */
	uint64_t seed;
	uint64_t at[BATCH]; /* this batch's */
	unsigned count;
	uint64_t tried; /* in this attempt */
	bool silent;	/* see work_rx() */
};

/* SplitMix64, begun with what is random in every run: the canaries' magic. */
static uint64_t draw(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Address number @i: 2^n - 1, 2^n, 2^n + 1 for each n, the arena's pages, then random ones, every
 * other of them near the arena. */
static uint64_t address(struct sweep *s, unsigned i)
{
	const struct machine *m = &s->run->machine;
	unsigned pages = (unsigned)(m->arena_size / PAGE);

	if (i < POWERS)
		return (1ULL << i / 3) + i % 3 - 1;
	i -= POWERS;
	if (i < pages)
		return m->arena + i * PAGE;
	return i & 1 ? draw(&s->seed) : m->arena + draw(&s->seed) % (1ULL << 32) - (1ULL << 31);
}

static bool may_be_written(const struct machine *m, uint64_t at)
{
	bool near = at + LEN > m->ram && at < m->ram + m->ram_size;
	bool arena = at >= m->arena - PAGE && at < m->arena + m->arena_size;

	/* Also where it wraps. */
	return arena || (!near && at + LEN >= at);
}

/* Each address in a chain with a header before it. */
static void offer_aimed(const struct sweep *s)
{
	struct virtq *q = &s->run->net.q[s->queue];
	unsigned write = s->queue == NET_RX ? VIRTQ_DESC_WRITE : 0;

	for (unsigned i = 0; i < s->count; i++) {
		uint16_t head = (uint16_t)(AIM_HEAD + EACH * i);

		q->desc[head] = desc((uintptr_t)chain_memory.header, NET_HEADER,
				     VIRTQ_DESC_NEXT | write, EACH * i + 1);
		q->desc[head + 1] = desc(s->at[i], LEN, write, 0);
		virtq_offer(q, head);
	}
	net_notify(&s->run->net, s->queue);
}

/* As many legal frames, to fill what RX was given; nobody notifies yet. */
static void offer_frames(const struct sweep *s)
{
	struct virtq *q = &s->run->net.q[NET_TX];

	memset(chain_memory.spare, 0xff, LEN); /* to everyone */
	q->desc[AIM_HEAD] = desc((uintptr_t)chain_memory.header, NET_HEADER, VIRTQ_DESC_NEXT, 1);
	q->desc[AIM_HEAD + 1] = desc((uintptr_t)chain_memory.spare, LEN, 0, 0);
	for (unsigned i = 0; i < s->count; i++)
		virtq_offer(q, AIM_HEAD);
}

/* Which address the frame was read at is not known here; the host knows a true line by itself. */
static void report_leaks(const struct sweep *s, const struct net_frame *f)
{
	const struct machine *m = &s->run->machine;

	for (uint32_t at = 0; at + CANARY_LINE <= f->len; at += CANARY_LINE) {
		uint64_t gpa = (uintptr_t)f->data + at, inverted;

		if (!probe_read(gpa, &inverted) || inverted != m->magic_inverted)
			continue;
		report_leak(m->arena + at, gpa);
		return;
	}
}

static unsigned collect(struct net *n, enum net_queue queue, unsigned want, uint64_t deadline)
{
	unsigned got = 0;
	uint16_t head;
	uint32_t len;

	while (got < want && net_wait(n, queue, deadline) && virtq_pop(&n->q[queue], &head, &len))
		got++;
	return got;
}

static bool work_tx(struct sweep *s)
{
	struct net *n = &s->run->net;
	unsigned back = collect(n, NET_TX, s->count, deadline_in(ATTEMPT_MS));
	struct net_frame f;

	while (net_receive(n, &f, arch_ticks())) {
		report_leaks(s, &f);
		net_rx_return(n, &f);
	}
	return back == s->count;
}

/*
 * A device may stop at a frame that it cannot put anywhere until it is notified again, and keep
 * that frame's chains (vdpasim_net_work). It is silent then, and a command on the CVQ tells that it
 * has had its turn; the trace says what was tried.
 */
static bool work_rx(struct sweep *s)
{
	struct net *n = &s->run->net;
	unsigned back = 0;
	uint16_t head;
	uint32_t len;

	offer_frames(s);
	for (unsigned i = 0; i < s->count && back < s->count; i++) {
		net_notify(n, NET_TX);
		if (s->silent)
			run_command(s->run);
		else
			back += collect(n, NET_TX, s->count - back, deadline_in(ATTEMPT_MS));
		s->silent = back == 0;
	}
	if (s->silent) /* its last turn is over when it has answered in the next */
		run_command(s->run);
	while (virtq_pop(&n->q[NET_RX], &head, &len))
		;
	return s->silent || back == s->count;
}

/* Returns whether all came back, so that the next batch needs no reset. */
static bool try_batch(struct sweep *s)
{
	offer_aimed(s);
	s->tried += s->count;
	return s->queue == NET_TX ? work_tx(s) : work_rx(s);
}

/* What did not come back in time may be tried all the same: a little later, but in this attempt. */
static void attempt_sweep_end(struct sweep *s, bool ready)
{
	device_settle(s->run);
	attempt_end(s->run, ready ? OUTCOME_COMPLETED : OUTCOME_NO_ANSWER, s->tried);
}

static void attempt_sweep_begin(struct sweep *s)
{
	attempt_start(s->run, NULL, s->queue == NET_TX);
	attempt_begin_as(s->run, SHAPE_SWEEP, s->queue, 0, ~0ULL);
	s->tried = 0;
}

/* All addresses, many in one attempt, for as long as they come back. */
static void sweep(struct sweep *s)
{
	const struct machine *m = &s->run->machine;
	unsigned total = POWERS + (unsigned)(m->arena_size / PAGE) + s->random;
	bool ready = true;

	attempt_sweep_begin(s);
	for (unsigned i = 0; i < total; i++) {
		uint64_t at = address(s, i);

		if (s->queue == NET_TX || may_be_written(m, at))
			s->at[s->count++] = at;
		if (s->count < BATCH && i + 1 < total)
			continue;
		if (!ready || s->tried >= IN_ATTEMPT) {
			attempt_sweep_end(s, ready);
			attempt_sweep_begin(s);
		}
		ready = s->run->net.live && try_batch(s);
		s->count = 0;
	}
	attempt_sweep_end(s, ready);
}

void attack_sweep(struct run *r)
{
	unsigned random = machine_wants_all(&r->machine) ? RANDOM_FULL : RANDOM;

	for (enum net_queue queue = NET_RX; queue <= NET_TX; queue++)
		sweep(&(struct sweep){.run = r,
				      .queue = queue,
				      .random = random,
				      .seed = r->machine.magic_inverted + queue});
}
