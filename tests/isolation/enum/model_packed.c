/* SPDX-License-Identifier: MIT */
/*
 * The model's packed virtqueue, from virtio 1.3 section 2.8: fields are taken from their bytes by
 * the offsets of its layouts. A list is first cut out of the ring, then judged as a whole.
 */
#include "model.h"

#define NEXT 1u
#define WRITE 2u
#define INDIRECT 4u
#define SIZE 16u /* of a descriptor: address 8, length 4, id 2, flags 2 */

static uint64_t little(const uint8_t *b, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | b[bytes];
	return v;
}

static uint32_t flags_of(const uint8_t *d)
{
	return (uint32_t)little(d + 14, 2);
}

/* Section 2.8: the descriptor ring is aligned to 16 bytes, both event suppressions, of 4 bytes, to
 * 4. */
bool model_packed_valid(const struct model_ram *r, uint64_t num, uint64_t ring, uint64_t driver,
			uint64_t device)
{
	return num >= 1 && num <= MODEL_RING_MAX && ring % 16 == 0 && driver % 4 == 0 &&
	       device % 4 == 0 && model_in_ram(r, ring, SIZE * num) && model_in_ram(r, driver, 4) &&
	       model_in_ram(r, device, 4);
}

/* One buffer into the chain; false if it cannot follow what is there. */
static bool append(const struct model_ram *r, struct model_chain *c, const uint8_t *d)
{
	struct model_buffer b = {little(d, 8), (uint32_t)little(d + 8, 4)};
	bool write = flags_of(d) & WRITE;

	if (c->readable + c->writable == MODEL_CHAIN_MAX || (flags_of(d) & INDIRECT) ||
	    !model_in_ram(r, b.at, b.len) || (!write && c->writable))
		return false;
	c->buffer[c->readable + c->writable] = b;
	c->writable += write;
	c->readable += !write;
	*(write ? &c->writable_len : &c->readable_len) += b.len;
	return true;
}

/* Section 2.8.8: a table's entries are all buffers, whatever NEXT says in them. */
static bool append_table(const struct model_ram *r, const struct model_packed *q,
			 struct model_chain *c, const uint8_t *d)
{
	uint64_t at = little(d, 8), len = little(d + 8, 4);

	if (len == 0 || len % SIZE || len / SIZE > q->num || !model_in_ram(r, at, len))
		return false;
	for (uint64_t i = 0; i < len; i += SIZE)
		if (!append(r, c, model_byte(r, at + i)))
			return false;
	return true;
}

enum model_next model_packed_next(const struct model_ram *r, const struct model_packed *q,
				  uint32_t *id, uint32_t *places, struct model_chain *c)
{
	const uint8_t *ring = model_byte(r, q->ring), *d[MODEL_RING_MAX];
	uint32_t first = flags_of(ring + (size_t)q->next * SIZE), n = 0;
	bool avail = first >> 7 & 1, used = first >> 15 & 1, good = true;

	/* Section 2.8.1: available when AVAIL is as the counter is, and USED is not. */
	if (avail != q->round || used == q->round)
		return MODEL_NOTHING;
	do {
		if (n == q->num)
			return MODEL_BROKEN;
		d[n] = ring + (size_t)((q->next + n) % q->num) * SIZE;
	} while (flags_of(d[n++]) & NEXT);
	*places = n;
	*id = (uint32_t)little(d[n - 1] + 12, 2);
	c->readable = c->writable = 0;
	c->readable_len = c->writable_len = 0;
	for (uint32_t i = 0; i < n && good; i++) {
		if (!q->indirect || !(flags_of(d[i]) & INDIRECT))
			good = append(r, c, d[i]);
		else /* section 2.8.17: alone or not at all */
			good = n == 1 && append_table(r, q, c, d[i]);
	}
	return good ? MODEL_GOOD : MODEL_BAD;
}
