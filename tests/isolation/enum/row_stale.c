/* SPDX-License-Identifier: MIT */
/*
 * Row 15: a command, and behind it one that is shorter, or empty in one of several ways. What the
 * first left in private memory must not be judged, sent or acted on as part of the second.
 */
#include "world.h"

#include <errno.h>
#include <string.h>

struct command {
	uint8_t bytes[16];
	unsigned len;
};

static const struct command good[] = {
    {{0, 0, 0}, 3},
    {{0, 0, 1}, 3},
    {{0, 1, 0}, 3},
    {{0, 1, 1}, 3},
    {{1, 1, 2, 0, 0, 1, 2, 3}, 8},
    {{1, 1, 2, 9, 9, 9, 9, 9}, 8},
    {{0, 5, 1}, 3},
    {{1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 10},
    {{2, 0, 5, 0}, 4},
    {{2, 1, 5, 0}, 4},
    {{3, 0}, 2},
    {{4, 0, 2, 0}, 4},
    {{5, 0, 2, 0, 0, 0, 0, 0, 0, 0}, 10},
    {{6, 0, 1, 0, 0, 0, 2, 0, 0, 0}, 10},
    {{6, 2, 1, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0}, 14},
    {{6, 3, 1, 0, 0, 0}, 6},
};
#define GOOD (sizeof(good) / sizeof(good[0]))

/* Ways to say the first @len bytes of a command: whole, byte by byte, between empty buffers, and no
 * buffer at all. */
enum shape { WHOLE, BYTES, PADDED, NONE, SHAPES };

static void offer(struct world *w, const uint8_t *bytes, unsigned len, enum shape shape)
{
	unsigned n = 0;

	world_put(w, WORLD_COMMAND, bytes, len);
	if (shape == WHOLE)
		world_desc(w, n++, WORLD_COMMAND, len, 1, 1);
	for (unsigned i = 0; i < len && (shape == BYTES || shape == PADDED); i++) {
		if (shape == PADDED) {
			world_desc(w, n, WORLD_COMMAND + 7, 0, 1, n + 1);
			n++;
		}
		world_desc(w, n, WORLD_COMMAND + i, 1, 1, n + 1);
		n++;
	}
	if (shape == PADDED) {
		world_desc(w, n, WORLD_COMMAND, 0, 1, n + 1);
		n++;
	}
	world_desc(w, n, WORLD_ACK, 16, 2, 0);
	world_offer(w, 0);
}

/* Every good command, then every beginning of every good one, in every shape. */
static void pairs(struct world *w)
{
	world_start(w, 32, WORLD_ALL);
	for (unsigned a = 0; a < GOOD; a++)
		for (unsigned b = 0; b < GOOD; b++)
			for (unsigned shape = 0; shape < SHAPES; shape++)
				for (unsigned len = 0; len <= good[b].len; len++) {
					world_attempt(
					    w, "command %llu, then %llu bytes of command %llu", a,
					    len, b);
					offer(w, good[a].bytes, good[a].len, WHOLE);
					if (!world_serve(w))
						world_violated(
						    w, "a good command did not reach the device");
					offer(w, good[b].bytes, len, (enum shape)shape);
					bool reached = world_serve(w);
					(void)enum_differs(w->run, reached, reached);
				}
	world_compare_all(w);
}

/* After the longest there is, refused or not, the same: its bytes are all over the private copy. */
static void after_long(struct world *w)
{
	static uint8_t longest[5000];

	world_start(w, 32, WORLD_ALL);
	for (unsigned b = 0; b < GOOD; b++)
		for (unsigned len = 0; len <= good[b].len; len++)
			for (unsigned of = 4095; of < 4099; of++) {
				for (unsigned i = 0; i < sizeof(longest); i++)
					longest[i] = good[b].bytes[i % 16];
				world_attempt(w, "%llu bytes, then %llu of command %llu", of, len,
					      b);
				world_put(w, WORLD_COMMAND, longest, sizeof(longest));
				world_desc(w, 0, WORLD_COMMAND, of, 1, 1);
				world_desc(w, 1, WORLD_ACK, 1, 2, 0);
				world_offer(w, 0);
				if (world_serve(w))
					world_violated(w, "a command too long reached the device");
				offer(w, good[b].bytes, len, WHOLE);
				bool reached = world_serve(w);
				(void)enum_differs(w->run, reached, reached);
			}
	world_compare_all(w);
}

/* The validator looks at no byte behind the command: there is none to look at. */
static void nothing_behind(struct enum_run *r)
{
	uint8_t *end = world_guarded(16) + 16;
	const struct ctrl_rules rules = world_rules(WORLD_ALL);

	for (unsigned b = 0; b < GOOD; b++)
		for (unsigned len = 0; len <= good[b].len; len++) {
			memcpy(end - len, good[b].bytes, len);
			bool got = ctrl_validate(&rules, end - len, len) == 0;
			if (enum_differs(r, got,
					 model_command(WORLD_ALL, &world_able, end - len, len)))
				enum_violated(r, "%u bytes of command %u: %s", len, b,
					      enum_verdict(got));
		}
}

void row_stale(struct enum_run *r)
{
	static struct world w;

	world_make(&w, r);
	nothing_behind(r);
	pairs(&w);
	after_long(&w);
}
