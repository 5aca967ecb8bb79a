/* SPDX-License-Identifier: MIT */
/*
 * Row 13: every class and command at every length that matters, given to the validator alone, in
 * memory that ends where the command does, and sent through the whole of the shadow CVQ, in one
 * buffer and in several.
 */
#include "world.h"

#include <errno.h>
#include <string.h>

#define LONGEST 0x10000u

static const uint64_t sets[] = {
    1ull << 17, 1ull << 17 | 1ull << 18, 1ull << 17 | 1ull << 23, WORLD_FEATURES, WORLD_ALL,
};
#define SETS (sizeof(sets) / sizeof(sets[0]))

/* The validator, reading from memory behind which there is none. */
static void validate(struct enum_run *r)
{
	static const uint32_t lens[] = {0,  1,	2,  3,	4,  5,	6,    7,    8,	  9,
					10, 14, 15, 18, 34, 64, 4095, 4096, 4097, LONGEST};
	const unsigned count = sizeof(lens) / sizeof(lens[0]);
	uint8_t *end = world_guarded(LONGEST) + LONGEST;

	for (unsigned i = 0; i < SETS * count; i++) {
		const struct ctrl_rules rules = world_rules(sets[i / count]);
		uint32_t len = lens[i % count];
		uint8_t *cmd = end - len;
		for (unsigned header = 0; header < 0x10000; header++) {
			if (len > 0)
				cmd[0] = (uint8_t)(header >> 8);
			if (len > 1)
				cmd[1] = (uint8_t)header;
			int want = model_command(rules.features, &world_able, cmd, len) ? 0
				   : len > MODEL_COMMAND_MAX				? -E2BIG
											: -EINVAL;
			int got = ctrl_validate(&rules, cmd, len);
			if (enum_differs(r, got == 0, want == 0) || got != want)
				enum_violated(r,
					      "class %u command %u, %u bytes, features 0x%llx: %d, "
					      "the model says %d",
					      header >> 8, header & 0xff, len,
					      (unsigned long long)rules.features, got, want);
		}
		memset(cmd, 0, len < 2 ? len : 2);
	}
}

/* The command as @parts readable buffers of one byte and one of the rest, its answer as two of no
 * and one byte. */
static void offer_split(struct world *w, uint32_t len, unsigned parts)
{
	unsigned n = 0;
	uint32_t done = 0;

	for (; n < parts && done < len; n++, done++)
		world_desc(w, n, WORLD_COMMAND + done, 1, 1, n + 1);
	world_desc(w, n, WORLD_COMMAND + done, len - done, 1, n + 1);
	world_desc(w, n + 1, WORLD_ACK + 1, 0, 3, n + 2);
	world_desc(w, n + 2, WORLD_ACK, 1, 2, 0);
	world_offer(w, 0);
}

static void send(struct world *w)
{
	static const uint32_t lens[] = {0, 1,  2,  3,  4,  6,	 7,    8,
					9, 10, 14, 34, 64, 4096, 4097, 5000};
	static uint8_t fill[5000];

	world_start(w, 16, WORLD_ALL);
	memset(fill, 0x5a, sizeof(fill));
	world_put(w, WORLD_COMMAND, fill, sizeof(fill));
	for (unsigned parts = 0; parts < (w->run->how->full ? 4 : 1); parts++)
		for (unsigned i = 0; i < 16; i++) {
			/* Where nothing but the length decides, one class of each kind says as much
			 * as all of them. */
			unsigned step = lens[i] > 64 && !w->run->how->full ? 13 : 1;
			for (unsigned header = 0; header < 0x10000; header += step) {
				const uint8_t cmd[2] = {(uint8_t)(header >> 8), (uint8_t)header};
				world_put(w, WORLD_COMMAND, cmd, 2);
				world_attempt(w, "header 0x%04llx, %llu bytes in %llu buffers",
					      header, lens[i], parts + 1);
				offer_split(w, lens[i], parts);
				bool reached = world_serve(w);
				(void)enum_differs(w->run, reached, reached);
			}
			world_compare_all(w);
		}
}

void row_headers(struct enum_run *r)
{
	static struct world w;

	world_make(&w, r);
	validate(r);
	send(&w);
}
