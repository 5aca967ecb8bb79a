/* SPDX-License-Identifier: MIT */
/* The client's memories; see client.h. It must never give two sets the same contents. */
#include "client.h"

#include <errno.h>
#include <string.h>

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

int set_make(struct set *s, enum place place, uint64_t seed, bool at_iova, struct err *e)
{
	void *where = at_iova ? (void *)(uintptr_t)DATA_AT : NULL;
	uint8_t key[16] = {0};
	int ret = memory_make_at(&s->data, DATA_LEN, where, e);

	s->seed = seed;
	memcpy(key, &seed, sizeof(seed));
	if (!ret)
		ret = arena_create(&s->arena, iova(place == ALIASED ? ALIAS_AT : HOLE_AT), key,
				   mix(seed), 0, e);
	if (!ret)
		set_refill(s);
	return ret;
}

void set_drop(struct set *s)
{
	memory_drop(&s->data);
	arena_destroy(&s->arena);
}

void set_refill(struct set *s)
{
	for (size_t at = SOURCE; at < DATA_LEN; at += 8) {
		uint64_t word = mix(s->seed * 0x9e3779b97f4a7c15u + at);
		memcpy(s->data.at + at, &word, sizeof(word));
	}
}

/* Used rings, and the buffer. What was offered stays: a device that follows it shows itself. */
void set_scrub(struct set *s)
{
	memset(s->data.at + RX_RING + RING_USED_AT, 0x5a, RING_DEVICE_LEN);
	memset(s->data.at + TX_RING + RING_USED_AT, 0x5a, RING_DEVICE_LEN);
	memset(s->data.at + BUFFER, 0x5a, PAGE);
}

uint8_t *arena_page(const struct arena *a, unsigned n)
{
	unsigned readable = ARENA_READABLE / ARENA_PAGE;

	return n < readable ? a->readable + n * ARENA_PAGE
			    : a->writable + (n - readable) * ARENA_PAGE;
}
