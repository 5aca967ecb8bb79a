/* SPDX-License-Identifier: MIT */
/*
 * Row 14: the guest changes a command while it is copied. First every change between any two reads,
 * one at a time, by a hook that strikes after each read; then a second thread that flips without
 * pause. The device may only ever see what was judged, and only what the model takes for good. The
 * control is double-fetch.
 */
#include "world.h"
#include "wrap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* A byte or two of guest memory, and what it is changed to. */
struct flip {
	uint64_t at;
	uint8_t len, to[4];
};

static const struct flip flips[] = {
    {WORLD_COMMAND, 1, {0x7f}}, /* class */
    {WORLD_COMMAND, 1, {4}},
    {WORLD_COMMAND, 1, {0}},
    {WORLD_COMMAND + 1, 1, {0}}, /* command: a MAC table instead of a MAC */
    {WORLD_COMMAND + 1, 1, {5}},
    {WORLD_COMMAND, 2, {4, 1}},
    {WORLD_COMMAND + 2, 4, {0xff, 0xff, 0xff, 0xff}}, /* the address: another good command */
    {WORLD_COMMAND + 7, 1, {0xee}},
    {WORLD_DESC + 8, 2, {3, 0}}, /* length */
    {WORLD_DESC + 8, 2, {0, 0}},
    {WORLD_DESC + 8, 2, {0, 0x10}},
    {WORLD_DESC + 8, 4, {0xff, 0xff, 0xff, 0xff}},
    {WORLD_DESC, 2, {0, 0x3a}}, /* where the command lies: another one, and none */
    {WORLD_DESC, 4, {0, 0, 0, 0x40}},
    {WORLD_DESC + 12, 1, {3}}, /* flags: writable, the end, indirect */
    {WORLD_DESC + 12, 1, {0}},
    {WORLD_DESC + 12, 1, {5}},
    {WORLD_DESC + 14, 2, {0, 0}}, /* next: a loop, out of the ring */
    {WORLD_DESC + 14, 2, {4, 0}},
    {WORLD_DESC + 16, 4, {0, 0, 0, 0x40}}, /* where the answer goes */
    {WORLD_DESC + 16, 2, {0, 0x20}},
    {WORLD_DESC + 24, 2, {0, 0}},
    {WORLD_DESC + 28, 1, {0}},
    {WORLD_AVAIL + 2, 2, {0xff, 0xff}}, /* the ring itself */
    {WORLD_AVAIL + 4, 2, {3, 0}},
    {WORLD_AVAIL + 4, 2, {0xff, 0xff}},
    {WORLD_USED + 2, 2, {0x34, 0x12}},
};
#define FLIPS (sizeof(flips) / sizeof(flips[0]))

static const uint8_t commands[][8] = {
    {1, 1, 2, 0, 0, 1, 2, 3}, {0, 0, 1}, {0, 1, 0}, {4, 0, 1, 0}, {0x7f, 1}};
static const uint8_t lens[] = {8, 3, 3, 4, 8};
#define COMMANDS (sizeof(lens))

struct strike {
	struct world *w;
	const struct flip *flip; /* NULL: nothing strikes, reads are watched */
	unsigned reads, when;
	uint8_t read[WORLD_LOW]; /* how often each byte was, where a chain and its command lie */
	bool twice;
};

static bool of_a_chain(uint64_t at)
{
	return at < WORLD_AVAIL || (at >= WORLD_COMMAND && at < WORLD_LOW);
}

static void strike(void *ctx, uint64_t at, size_t len)
{
	struct strike *s = ctx;

	if (++s->reads == s->when && s->flip)
		memcpy(s->w->ram[0] + s->flip->at, s->flip->to, s->flip->len);
	for (size_t i = 0; !s->flip && i < len && of_a_chain(at + i); i++)
		s->twice |= s->read[at + i]++ > 0;
}

/* What the device was given, if anything, is what was judged, and good. NULL, or what is wrong. */
static const char *device_end(struct world *w, bool kicked)
{
	struct model_chain *c = &w->device_chain;
	const struct model_net net = {0};
	enum model_next next = model_next(&w->device_ram, &w->device_ring, &w->device_head, c);

	if (next != (kicked ? MODEL_GOOD : MODEL_NOTHING))
		return kicked ? "the device is given no good chain"
			      : "the device is given a command without a kick";
	if (!kicked)
		return NULL;
	w->device_ring.taken++;
	const uint8_t *bytes = model_byte(&w->device_ram, c->buffer[0].at);
	if (!model_command(WORLD_FEATURES, &net, bytes, c->buffer[0].len))
		return "the device is given a command that the model refuses";
	if (wrap_judged.ret || wrap_judged.len != c->buffer[0].len ||
	    memcmp(wrap_judged.cmd, bytes, wrap_judged.len))
		return "the device is given other bytes than were judged";
	return NULL;
}

/* Let the device answer OK to what it was given; every chain taken has come back once. */
static const char *settle(struct world *w, unsigned todo)
{
	unsigned given = 0;

	for (; todo & CVQ_KICK && given < 8; given++) {
		world_complete(w, w->device_head, 1, 1, 0);
		w->device_ring.given++;
		todo = cvq_device_call(&w->cvq);
		const char *wrong = device_end(w, todo & CVQ_KICK);
		if (wrong)
			return wrong;
	}
	if (todo & CVQ_DEVICE_BROKE)
		return "a good answer is refused";
	if (w->cvq.guest.last_avail != w->cvq.guest.used_idx || w->cvq.in_flight)
		return "a chain did not come back once";
	return NULL;
}

static void one_race(struct world *w, struct strike *s, unsigned command)
{
	static const uint8_t other[8] = {1, 1, 2, 7, 7, 7, 7, 7};

	world_start(w, 4, WORLD_FEATURES);
	world_desc(w, 3, WORLD_COMMAND, 8, 0, 0);
	world_put(w, 0x3a00, other, sizeof(other));
	world_command(w, commands[command], lens[command]);
	s->reads = 0;
	wrap_hook.ctx = s;
	wrap_hook.after_read = strike;
	unsigned todo = cvq_guest_kick(&w->cvq);
	const char *wrong = device_end(w, todo & CVQ_KICK);
	if (!wrong)
		wrong = settle(w, todo);
	wrap_hook.after_read = NULL;
	(void)enum_differs(w->run, todo & CVQ_KICK, todo & CVQ_KICK);
	if (wrong)
		world_violated(w, wrong);
}

static void every_interleaving(struct world *w)
{
	static struct strike s;

	for (unsigned c = 0; c < COMMANDS; c++) {
		memset(&s, 0, sizeof(s));
		s.w = w;
		world_attempt(w, "command %llu undisturbed", c, 0, 0);
		one_race(w, &s, c);
		if (s.twice)
			world_violated(w, "guest memory is read twice");
		for (s.when = 1; s.when <= 12; s.when++)
			for (unsigned f = 0; f < FLIPS; f++) {
				s.flip = &flips[f];
				world_attempt(w, "command %llu, change %llu after read %llu", c, f,
					      s.when);
				one_race(w, &s, c);
			}
	}
}

/* The second vCPU: back and forth between two bytes each, without pause. */
struct flipper {
	struct world *w;
	atomic_bool stop;
	uint64_t flips;
};

static void *flip_on(void *arg)
{
	static const uint64_t at[] = {WORLD_COMMAND,  WORLD_COMMAND + 1, WORLD_COMMAND + 7,
				      WORLD_DESC + 8, WORLD_DESC + 12,	 WORLD_COMMAND + 2};
	static const uint8_t to[][2] = {{1, 0x7f}, {1, 0}, {3, 0xee}, {8, 3}, {1, 5}, {2, 6}};
	struct flipper *f = arg;

	for (uint64_t n = 0; !atomic_load_explicit(&f->stop, memory_order_relaxed); n++) {
		uint64_t which = n / 64 % 6; /* it leaves each as a good command has it */
		__atomic_store_n(f->w->ram[0] + at[which], to[which][~n & 1], __ATOMIC_RELAXED);
		f->flips++;
	}
	return NULL;
}

static void ignore_read(void *ctx, uint64_t at, size_t len)
{
	(void)ctx; /* the hook is set so that what is judged is noted */
	(void)at;
	(void)len;
}

static void threads(struct world *w, uint64_t races)
{
	struct flipper f = {.w = w};
	pthread_t thread;
	uint64_t reached = 0;

	world_start(w, 4, WORLD_FEATURES);
	world_desc(w, 0, WORLD_COMMAND, 8, 1, 1);
	world_desc(w, 1, WORLD_ACK, 1, 2, 0);
	world_put(w, WORLD_COMMAND, commands[0], 8);
	if (pthread_create(&thread, NULL, flip_on, &f)) {
		enum_violated(w->run, "no second thread could be started");
		return;
	}
	wrap_hook.after_read = ignore_read;
	for (uint64_t n = 0; n < races; n++) {
		w->offered++;
		__atomic_store_n((uint16_t *)(void *)(w->ram[0] + WORLD_AVAIL + 2), w->offered,
				 __ATOMIC_RELEASE);
		unsigned todo = cvq_guest_kick(&w->cvq);
		const char *wrong = device_end(w, todo & CVQ_KICK);
		if (!wrong)
			wrong = settle(w, todo);
		bool kicked = todo & CVQ_KICK;
		(void)enum_differs(w->run, kicked, kicked);
		reached += kicked;
		world_attempt(w, "race %llu with a second thread", n, 0, 0);
		if (wrong) {
			world_violated(w, wrong);
			break;
		}
	}
	wrap_hook.after_read = NULL;
	atomic_store(&f.stop, true);
	pthread_join(thread, NULL);
	snprintf(w->run->result->note, sizeof(w->run->result->note),
		 "a second thread flipped %llu times; %llu of %llu commands reached the device",
		 (unsigned long long)f.flips, (unsigned long long)reached,
		 (unsigned long long)races);
}

void row_races(struct enum_run *r)
{
	static struct world w;

	world_make(&w, r);
	every_interleaving(&w);
	threads(&w, r->how->full ? 20000000 : 200000);
}
