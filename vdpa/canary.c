/* SPDX-License-Identifier: MIT */
/*
 * Canary lines; see canary.h. The secret of line n is the SplitMix64 stream of the key's two halves
 * and n: unpredictable enough that a guest which never saw a line cannot name it, and computed
 * alike on both sides. It must never be mistaken for cryptography: nothing but the proof's own
 * bookkeeping rests on it.
 */
#include "canary.h"

#include <string.h>

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

struct canary_line canary_make(const uint8_t key[16], uint64_t magic, uint64_t n)
{
	struct canary_line line = {.magic = magic};
	uint64_t half[2];

	memcpy(half, key, sizeof(half));
	for (unsigned i = 0; i < sizeof(line.secret) / 8; i++) {
		uint64_t word = mix(half[0] + mix(half[1] + n * 7 + i));
		memcpy(line.secret + i * 8, &word, sizeof(word));
	}
	return line;
}

int64_t canary_find(const uint8_t key[16], uint64_t magic, uint64_t lines,
		    const struct canary_line *line)
{
	if (line->magic != magic)
		return -1;
	for (uint64_t n = 0; n < lines; n++) {
		struct canary_line want = canary_make(key, magic, n);
		if (!memcmp(&want, line, sizeof(want)))
			return (int64_t)n;
	}
	return -1;
}
