/* SPDX-License-Identifier: MIT */
/*
 * Row 11: every available index from every stand, every head, the used ring written over, every
 * value of the fields of flags and events, heads twice, a guest that makes available faster than is
 * taken, and long random games of all of these.
 */
#include "world.h"
#include "wrap.h"

#include <errno.h>
#include <string.h>

static int as_ret(enum model_next next)
{
	return next == MODEL_GOOD      ? 1
	       : next == MODEL_NOTHING ? 0
	       : next == MODEL_BAD     ? -EBADMSG
				       : -EPROTO;
}

/* One pop of the ring as it stands. */
static void pop(struct world *w, struct queue *q, const struct model_ram *ram,
		const struct model_ring *ring)
{
	static struct queue_chain c;
	struct model_chain m;
	uint32_t head = 0;
	int want = as_ret(model_next(ram, ring, &head, &m)), got = queue_pop(q, &w->mem, &c);

	if (enum_differs(w->run, got == 1, want == 1) || got != want ||
	    (got == 1 && c.head != head) ||
	    q->last_avail != (uint16_t)(ring->taken + (got == 1 || got == -EBADMSG)))
		enum_violated(w->run,
			      "index 0x%02x%02x, %u taken, head %u of %u: %d, the model says %d",
			      w->ram[0][WORLD_AVAIL + 3], w->ram[0][WORLD_AVAIL + 2], ring->taken,
			      head, ring->num, got, want);
}

/* All 2^16 indices from the stands where something wraps, for heads in and out of the ring; all
 * 2^16 heads. */
static void indices_and_heads(struct world *w)
{
	static const uint16_t stands[] = {0, 1, 3, 4, 0x7fff, 0x8000, 0xfffe, 0xffff};
	static const uint16_t heads[] = {0, 3, 4, 5, 0x7fff, 0x8000, 0xffff};

	for (uint16_t num = 1; num <= 256; num = (uint16_t)(num * 2)) {
		world_start(w, num, WORLD_FEATURES);
		struct queue q = w->cvq.guest;
		struct model_ring ring = w->want.ring;
		struct model_ram ram =
		    w->model; /* the very RAM the code reads: nothing writes here */
		for (unsigned i = 0; i < 3; i++)
			ram.part[i].bytes = w->ram[i];
		w->ram[0][WORLD_AVAIL + 2] = 1;
		for (unsigned head = 0; head < 0x10000; head++) {
			w->ram[0][WORLD_AVAIL + 4] = (uint8_t)head;
			w->ram[0][WORLD_AVAIL + 5] = (uint8_t)(head >> 8);
			q.last_avail = 0;
			pop(w, &q, &ram, &ring);
		}
		if (num != 4 && !w->run->how->full)
			continue;
		for (unsigned i = 0; i < 8 * 7; i++) {
			for (unsigned slot = 0; slot < num; slot++)
				memcpy(w->ram[0] + WORLD_AVAIL + 4 + 2 * slot, &heads[i % 7], 2);
			for (unsigned idx = 0; idx < 0x10000; idx++) {
				w->ram[0][WORLD_AVAIL + 2] = (uint8_t)idx;
				w->ram[0][WORLD_AVAIL + 3] = (uint8_t)(idx >> 8);
				q.last_avail = ring.taken = stands[i / 7];
				pop(w, &q, &ram, &ring);
			}
		}
	}
}

static void count(struct world *w, bool reached)
{
	(void)enum_differs(w->run, reached, reached);
}

/* Everything in the rings that is not for the device to read, written over with every value between
 * two steps. */
static void scribbles(struct world *w)
{
	static const uint8_t unknown[] = {0x7f, 0, 1};
	uint8_t noise[6 + 8 * 4];

	world_start(w, 4, WORLD_FEATURES);
	for (unsigned v = 0; v < 0x10000; v++) {
		for (unsigned i = 0; i < sizeof(noise); i++)
			noise[i] = (uint8_t)(i % 2 ? v >> 8 : v);
		world_put(w, WORLD_USED, noise, sizeof(noise));
		world_put16(w, WORLD_AVAIL, v); /* flags */
		world_put16(w, WORLD_AVAIL + 4 + 2 * 4,
			    ~v); /* used_event, which was not negotiated */
		world_put16(w, WORLD_USED + 6 + 8 * 4 - 2, ~v); /* avail_event */
		world_attempt(w, "the rings scribbled over with 0x%04llx", v, 0, 0);
		world_command(w, unknown, sizeof(unknown));
		count(w, world_serve(w));
	}
	world_compare_all(w);
}

/* Serve until nothing is left. */
static void drain(struct world *w)
{
	for (unsigned n = 0; n < 64; n++) {
		unsigned todo = world_kick(w);
		(void)world_kick(w); /* a notification too many changes nothing */
		if (todo & MODEL_KICK) {
			world_complete(w, w->device_head, 1, 1, 0);
			todo = world_call(w, true, 0);
		}
		while (todo & MODEL_KICK) {
			world_complete(w, w->device_head, 1, 1, 0);
			todo = world_call(w, true, 0);
		}
		if (!(todo & MODEL_MORE))
			return;
	}
	world_violated(w, "does not come to an end");
}

/* Four heads at once, of five kinds each: good, good again, no room for an answer, no command,
 * indirect. */
static void batches(struct world *w)
{
	static const uint8_t set_mac[8] = {1, 1, 2, 0, 0, 1, 2, 3};

	world_start(w, 8, WORLD_FEATURES);
	world_put(w, WORLD_COMMAND, set_mac, sizeof(set_mac));
	for (unsigned v = 0; v < 5 * 5 * 5 * 5; v++) {
		world_desc(w, 0, WORLD_COMMAND, 8, 1, 1);
		world_desc(w, 1, WORLD_ACK, 1, 2, 0);
		world_desc(w, 2, WORLD_COMMAND, 8, 1, 1);
		world_desc(w, 3, WORLD_COMMAND, 8, 0, 0);
		world_desc(w, 4, WORLD_ACK, 1, 2, 0);
		world_desc(w, 5, WORLD_COMMAND, 16, 4, 0);
		world_attempt(w, "a batch of kinds %llu", v, 0, 0);
		for (unsigned i = 0, rest = v; i < 4; i++, rest /= 5)
			world_offer(w, (unsigned[]){0, 2, 3, 4, 5}[rest % 5]);
		uint64_t before = w->kicks;
		drain(w);
		count(w, w->kicks > before);
	}
	world_compare_all(w);
}

/* A guest that makes one more available whenever it sees the index read. */
static void feed(void *ctx, uint64_t at, size_t len)
{
	struct world *w = ctx;

	if (at == WORLD_AVAIL + 2 && len == 2 && w->offered < 4000) {
		w->offered++;
		memcpy(w->ram[0] + WORLD_AVAIL + 2, &w->offered, 2);
	}
}

static void floods(struct world *w)
{
	for (uint16_t num = 1; num <= 256; num = (uint16_t)(num * 2)) {
		world_start(w, num,
			    WORLD_FEATURES); /* descriptor 0 is empty: no command, no room */
		world_offer(w, 0);
		wrap_hook.ctx = w;
		wrap_hook.after_read = feed;
		unsigned todo = cvq_guest_kick(&w->cvq);
		wrap_hook.after_read = NULL;
		bool held = (todo & CVQ_MORE) && w->cvq.guest.used_idx <= num;
		if (enum_differs(w->run, held, true))
			enum_violated(w->run, "a flood on a ring of %u: %u served in one step", num,
				      w->cvq.guest.used_idx);
	}
}

/* Something a hostile driver would write, somewhere it would write it. */
static void random_write(struct world *w, uint64_t *seed)
{
	static const uint64_t places[] = {WORLD_COMMAND, WORLD_ACK,	  WORLD_USED,
					  WORLD_DESC,	 WORLD_MIDDLE_AT, WORLD_LOW - 4,
					  WORLD_TOP_AT,	 WORLD_ARENA};
	static const uint8_t commands[][8] = {
	    {1, 1, 2, 0, 0, 1, 2, 3}, {0, 0, 1}, {0, 1, 1}, {0x7f}, {4, 0, 1}};
	static const uint32_t lens[] = {0, 1, 2, 3, 7, 8, 9, 4096, 4097, UINT32_MAX};
	uint64_t v = enum_random(seed), x = enum_random(seed);

	switch (v % 8) {
	case 0:
		world_put16(w, WORLD_USED + x % 40, (uint16_t)(x >> 32));
		break;
	case 1:
		world_put16(w, WORLD_AVAIL, (uint16_t)(x >> 32) & 1);
		break;
	case 2:
		world_put(w, WORLD_COMMAND, commands[x % 5], 8);
		break;
	default: /* mostly good descriptors, so that most chains get somewhere */
		world_desc(w, (unsigned)(v >> 8) % 4, places[x % (v >> 40 & 3 ? 2 : 8)],
			   lens[(x >> 8) % (v >> 42 & 3 ? 6 : 10)],
			   (unsigned)(v >> 16) % (v >> 44 & 3 ? 4 : 8),
			   (unsigned)(v >> 24) % (v >> 46 & 7 ? 4 : 6));
		break;
	}
}

/* A long game at random: the guest writes and notifies, the device answers well, badly, or not at
 * all. */
static void random_games(struct world *w, uint64_t steps)
{
	static const uint8_t sent[4][8] = {
	    {1, 1, 2, 0, 0, 1, 2, 3}, {0, 0, 0}, {0, 0, 1}, {0, 1, 1}};
	uint64_t seed = 11;

	world_start(w, 4, WORLD_FEATURES);
	for (uint64_t i = 0; i < steps; i++) {
		uint64_t v = enum_random(&seed);
		world_attempt(w, "step %llu of a random game", i, 0, 0);
		for (unsigned n = 0; n < v % 3; n++)
			random_write(w, &seed);
		if (v >> 8 & 1)
			world_command(w, sent[v >> 10 & 3], v >> 10 & 3 ? 3 : 8);
		else if (v >> 9 & 1)
			world_offer(w, (unsigned)(v >> 24) & (v >> 16 & 7 ? 3 : 0xffff));
		uint64_t before = w->kicks;
		unsigned todo = world_kick(w);
		if (w->want.in_flight && (v >> 40 & 3)) {
			uint8_t ack = v >> 44 & 1;
			bool good = v >> 48 & 15;
			world_complete(w, good ? w->device_head : 1, 1, 1, ack);
			todo |= world_call(w, good, ack);
		} else if (w->want.in_flight && !(v >> 44 & 15)) {
			todo |= world_timeout(w);
		}
		count(w, w->kicks > before);
		if (i % 64 == 0)
			world_compare_all(w);
		if ((todo & MODEL_GUEST_BROKE) || (w->want.dead && !(v >> 52 & 15))) {
			world_compare_all(w);
			world_start(w, 4, WORLD_FEATURES);
		}
	}
}

void row_games(struct enum_run *r)
{
	static struct world w;

	world_make(&w, r);
	floods(&w);
	batches(&w);
	scribbles(&w);
	random_games(&w, r->how->full ? 20000000 : 200000);
	indices_and_heads(&w);
}
