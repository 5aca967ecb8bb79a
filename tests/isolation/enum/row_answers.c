/* SPDX-License-Identifier: MIT */
/*
 * Row 33, as far as our own process goes: what a device can write into the used ring and the
 * answer's byte, with a command in flight and without one; answers that are late, twice, or of the
 * last command; and what the guest sees and the device is asked after each.
 */
#include "world.h"

#include <errno.h>
#include <string.h>

static const uint8_t set_mac[8] = {1, 1, 2, 0, 0, 1, 2, 3};
static const uint8_t other_mac[8] = {1, 1, 2, 9, 9, 9, 9, 9};

/* All that an attempt changes, so that the next can begin where this one did. */
struct stand {
	struct cvq cvq;
	struct model_cvq want;
	struct model_ring device_ring;
	uint16_t offered;
	uint8_t ring[0x100], table[128], used[64], ack;
};

static void save(const struct world *w, struct stand *s)
{
	s->cvq = w->cvq;
	s->want = w->want;
	s->device_ring = w->device_ring;
	s->offered = w->offered;
	memcpy(s->ring, w->ram[0] + WORLD_USED, sizeof(s->ring));
	memcpy(s->table, w->arena.readable, sizeof(s->table));
	memcpy(s->used, w->arena.writable, sizeof(s->used));
}

static void restore(struct world *w, const struct stand *s)
{
	w->cvq = s->cvq;
	w->want = s->want;
	w->device_ring = s->device_ring;
	w->offered = s->offered;
	world_put(w, WORLD_USED, s->ring, sizeof(s->ring));
	memcpy(w->arena.readable, s->table, sizeof(s->table));
	memcpy(w->arena.writable, s->used, sizeof(s->used));
}

/* One answer, judged; then one more command and a true answer to it, to see what the first has
 * left. */
static void answer(struct world *w, uint32_t id, uint32_t len, uint16_t step, uint8_t ack)
{
	bool asked = w->want.in_flight;
	bool good = asked && id == 0 && len == 1 && step == 1 && ack < 2;

	/* The answer's byte is read only for what is in flight; no step is no answer. */
	world_complete(w, id, len, step, ack);
	(void)enum_differs(w->run, good, good);
	if (step == 0) {
		if (cvq_device_call(&w->cvq) || w->cvq.dead)
			world_violated(w, "no answer is taken for one");
		return;
	}
	(void)world_call(w, good, ack);
	if (w->want.in_flight)
		return;
	world_command(w, other_mac, sizeof(other_mac));
	(void)world_serve(w);
	world_complete(w, 0, 1, 1, 0); /* once more, unasked */
	(void)world_call(w, false, 0);
}

/* In flight, or idle after one that was served. */
static void stand(struct world *w, bool in_flight, uint16_t turns)
{
	world_start(w, 4, WORLD_FEATURES);
	world_attempt(w, "before the answers", 0, 0, 0);
	for (unsigned i = 0; i < turns; i++) {
		world_command(w, set_mac, sizeof(set_mac));
		(void)world_serve(w);
	}
	world_command(w, set_mac, sizeof(set_mac));
	(void)world_kick(w);
	if (!in_flight) {
		world_complete(w, w->device_head, 1, 1, 0);
		(void)world_call(w, true, 0);
	}
}

/* Every index with a true answer, every answer's byte, and the edges of id and length against each
 * other. */
static void single_answers(struct world *w, struct stand *s)
{
	static const uint8_t acks[] = {0, 1, 2, 0xff};
	uint32_t edges[ENUM_EDGES];
	uint64_t wide[ENUM_EDGES];
	unsigned n = 0;

	for (unsigned i = 0, all = enum_edges(wide); i < all; i++)
		if (wide[i] <= UINT32_MAX)
			edges[n++] = (uint32_t)wide[i];
	for (unsigned step = 0; step < 0x10000; step++) {
		restore(w, s);
		world_attempt(w, "index + %llu", step, 0, 0);
		answer(w, 0, 1, (uint16_t)step, 0);
	}
	for (unsigned ack = 0; ack < 256 * 3; ack++) {
		restore(w, s);
		world_attempt(w, "answer 0x%02llx, index + %llu", ack & 255, ack >> 8, 0);
		answer(w, 0, 1, (uint16_t)(ack >> 8), (uint8_t)ack);
	}
	for (unsigned i = 0; i < n * n * 4; i++) {
		restore(w, s);
		world_attempt(w, "id 0x%llx, length 0x%llx, answer 0x%llx", edges[i / 4 % n],
			      edges[i / 4 / n], acks[i % 4]);
		answer(w, edges[i / 4 % n], edges[i / 4 / n], 1, acks[i % 4]);
	}
	world_compare_all(w);
}

/* Late: the guest has its ERR, and nothing the device still says changes anything. */
static void late(struct world *w)
{
	for (unsigned ack = 0; ack < 256; ack++)
		for (unsigned behind = 0; behind < 3; behind++) {
			stand(w, true, (uint16_t)(ack % 4));
			for (unsigned i = 0; i < behind; i++)
				world_command(w, other_mac, sizeof(other_mac));
			world_attempt(w, "late answer 0x%02llx, %llu commands behind it", ack,
				      behind, 0);
			(void)world_timeout(w);
			for (unsigned twice = 0; twice < 2; twice++) {
				world_complete(w, 0, 1, (uint16_t)(1 + twice), (uint8_t)ack);
				(void)world_call(w, false, (uint8_t)ack);
			}
			world_command(w, other_mac, sizeof(other_mac));
			(void)world_kick(w);
			(void)enum_differs(w->run, false, false);
		}
	world_compare_all(w);
}

/* The used ring alone, without a CVQ around it. */
static void bare(struct world *w)
{
	for (unsigned in_flight = 0; in_flight < 2; in_flight++)
		for (unsigned idx = 0; idx < 0x10000; idx++) {
			struct svq s;
			static uint8_t answer[CTRL_ANSWER_MAX];
			size_t result = 7;
			if (idx % 0x4000 == 0)
				svq_init(&s, &w->arena, 0);
			s = (struct svq){.arena = &w->arena,
					 .avail_idx = (uint16_t)(7 + in_flight),
					 .used_idx = 7};
			w->device_ring.given = 7;
			world_complete(w, 0, 1, (uint16_t)(idx - 7), 0);
			w->arena.writable[ARENA_PAGE] = 1;
			int want = idx == 7 ? 0 : idx == 8 && in_flight ? 1 : -EPROTO;
			answer[0] = 0x77;
			int got = svq_poll(&s, answer, &result);
			if (enum_differs(w->run, got == 1, want == 1) || got != want ||
			    answer[0] != (want == 1 ? 1 : 0x77))
				enum_violated(w->run,
					      "used index %u after 7: %d, the model says %d", idx,
					      got, want);
		}
}

/* The packed ring alone: all flags that the device can leave, in both rounds. */
static void bare_packed(struct world *w)
{
	static uint8_t answer[CTRL_ANSWER_MAX];

	for (unsigned v = 0; v < 4u << 16; v++) {
		unsigned round = v >> 16 & 1, in_flight = v >> 17, flags = v & 0xffff;
		struct svq s;
		size_t result;

		if (flags == 0)
			svq_init(&s, &w->arena, 1ull << 34);
		s = (struct svq){.arena = &w->arena,
				 .packed = true,
				 .avail_idx = (uint16_t)(2 + round + in_flight),
				 .used_idx = (uint16_t)(2 + round)};
		uint8_t used[16] = {[8] = 1, [14] = (uint8_t)flags, [15] = (uint8_t)(flags >> 8)};
		memcpy(w->arena.writable, used, sizeof(used));
		w->arena.writable[ARENA_PAGE] = 1;
		/* Section 2.8.1: used when both flags are as the counter, which begins as 1. */
		unsigned counter = 1 - round;
		bool is_used = (flags >> 7 & 1) == counter && flags >> 15 == counter;
		int want = !is_used ? 0 : in_flight ? 1 : -EPROTO;
		int got = svq_poll(&s, answer, &result);
		if (enum_differs(w->run, got == 1, want == 1) || got != want)
			enum_violated(w->run, "used flags 0x%x in round %u: %d, the model says %d",
				      flags, round, got, want);
	}
}

/* Statistics of 8 and 24 bytes, or sizes that lead nowhere. */
static void draw_result(struct world *w, unsigned kind)
{
	static const uint16_t sizes[][2] = {{8, 24}, {24, 8},  {0, 0},	    {7, 8},
					    {8, 0},  {8, 100}, {0xffff, 8}, {4095, 8}};

	memset(w->result, 0x11, 64);
	memcpy(w->result + 6, &sizes[kind][0], 2);
	memcpy(w->result + 6 + sizes[kind][0] % 32, &sizes[kind][1], 2);
}

/* Every length of a result that there can be room for, and more, of those that have one and one
 * that has none. */
static void results(struct world *w)
{
	static const struct {
		uint8_t bytes[18];
		unsigned len;
	} ask[] = {{{6, 3, 1, 0, 0, 0}, 6}, {{8, 0}, 2}, {{8, 1, 0}, 18}, {{2, 0, 7, 0}, 4}};
	static const uint32_t rooms[] = {1, 2, 8, 9, 10, 17, 33, 40, 500};

	world_start(w, 4, WORLD_ALL);
	for (unsigned i = 0; i < 4 * 9 * 8 * 2; i++)
		for (uint32_t len = 0; len < 48; len++) {
			uint32_t room = rooms[i / 4 % 9],
				 claim = len < 44 ? len : (uint32_t)(len - 48);
			uint8_t ack = (uint8_t)(i / 4 / 9 / 8);
			world_attempt(w, "command %llu with room for %llu, answer of %llu", i % 4,
				      room, claim);
			world_ask(w, ask[i % 4].bytes, ask[i % 4].len, room);
			(void)world_kick(w);
			(void)enum_differs(w->run, w->want.in_flight, w->want.in_flight);
			if (!w->want.in_flight)
				continue;
			draw_result(w, i / 4 / 9 % 8);
			w->result_len = claim ? claim - 1 : 0;
			bool good = claim >= 1 && claim <= 1 + w->want.room;
			if (!good)
				w->result_len = 0;
			world_complete(w, 0, claim, 1, ack);
			(void)world_call(w, good, ack);
			if (w->want.dead)
				world_start(w, 4, WORLD_ALL);
		}
	world_compare_all(w);
}

void row_answers(struct enum_run *r)
{
	static struct world w;
	static struct stand s;

	world_make(&w, r);
	for (unsigned i = 0; i < (r->how->full ? 64 : 4); i++) {
		/* The last two begin where the used index is about to wrap, and just has. */
		stand(&w, i % 2 == 0, (uint16_t)(i < 2 ? i : 0xfffc + i));
		save(&w, &s);
		single_answers(&w, &s);
	}
	late(&w);
	results(&w);
	bare(&w);
	bare_packed(&w);
}
