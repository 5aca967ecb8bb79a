/* SPDX-License-Identifier: MIT */
/*
 * The model's split virtqueue, from virtio 1.3 section 2.7: fields are taken from their bytes by
 * the offsets of its layouts. A chain is first walked to its end, then judged as a whole.
 */
#include "model.h"

#define NEXT 1u
#define WRITE 2u
#define INDIRECT 4u

static uint64_t little(const uint8_t *b, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | b[bytes];
	return v;
}

static uint16_t word_at(const struct model_ram *r, uint64_t at)
{
	return (uint16_t)little(model_byte(r, at), 2);
}

/* Section 2.7: sizes and alignments of the three parts; a size is a power of two. */
bool model_ring_valid(const struct model_ram *r, uint64_t num, uint64_t desc, uint64_t avail,
		      uint64_t used)
{
	bool size = false;

	for (uint64_t power = 1; power <= MODEL_RING_MAX; power += power)
		size |= num == power;
	return size && (desc & 15) == 0 && (avail & 1) == 0 && (used & 3) == 0 &&
	       model_in_ram(r, desc, 16 * num) && model_in_ram(r, avail, 6 + 2 * num) &&
	       model_in_ram(r, used, 6 + 8 * num);
}

/* A walk through descriptors, of which no chain has more than the ring. */
struct steps {
	const uint8_t **out;
	unsigned n, most;
};

/* The descriptors of an indirect table in order, behind those that led to it; 0 if the table or the
 * chain in it is none (section 2.7.5.3.1). */
static unsigned walk_indirect(const struct model_ram *r, struct steps *s, const uint8_t *d)
{
	uint64_t from = little(d, 8), len = little(d + 8, 4);

	if ((d[12] & NEXT) || len == 0 || (len & 15) || !model_in_ram(r, from, len))
		return 0;
	/* A chain that comes back to one of its own never ends, so it is too long. */
	for (uint64_t at = 0; at < len / 16 && s->n < s->most;) {
		const uint8_t *e = model_byte(r, from + 16 * at);

		s->out[s->n++] = e;
		if (!(e[12] & NEXT) || (e[12] & INDIRECT))
			return s->n;
		at = little(e + 14, 2);
	}
	return 0;
}

/* The descriptors of a chain in order; 0 if it leaves the table or comes back to one
 * (section 2.7.5.2). */
static unsigned walk(const struct model_ram *r, const struct model_ring *q, uint32_t head,
		     const uint8_t *out[MODEL_RING_MAX])
{
	bool seen[MODEL_RING_MAX];
	const uint8_t *table = model_byte(r, q->desc);
	struct steps s = {out, 0, q->num};

	for (uint32_t i = 0; i < q->num; i++)
		seen[i] = false;
	for (uint32_t at = head;;) {
		if (at >= q->num || seen[at])
			return 0;
		seen[at] = true;
		const uint8_t *d = table + (size_t)at * 16;
		if (q->indirect && (d[12] & INDIRECT))
			return walk_indirect(r, &s, d);
		out[s.n++] = d;
		if (!(d[12] & NEXT))
			return s.n;
		at = (uint32_t)little(d + 14, 2);
	}
}

bool model_chain(const struct model_ram *r, const struct model_ring *q, uint32_t head,
		 struct model_chain *c)
{
	const uint8_t *d[MODEL_RING_MAX];
	unsigned n = walk(r, q, head, d);

	c->readable = c->writable = 0;
	c->readable_len = c->writable_len = 0;
	if (n == 0 || n > MODEL_CHAIN_MAX)
		return false;
	for (unsigned i = 0; i < n; i++) {
		struct model_buffer b = {little(d[i], 8), (uint32_t)little(d[i] + 8, 4)};
		bool write = d[i][12] & WRITE;

		/* Section 2.7.5.3.1: INDIRECT only if negotiated, and never within a table. */
		if ((d[i][12] & INDIRECT) || !model_in_ram(r, b.at, b.len))
			return false;
		/* Section 2.7.4.2: writable ones after all readable ones. */
		if (!write && i > 0 && (d[i - 1][12] & WRITE))
			return false;
		c->buffer[i] = b;
		c->writable += write;
		c->readable += !write;
		*(write ? &c->writable_len : &c->readable_len) += b.len;
	}
	return true;
}

/* Section 2.7.13: idx says how many were ever made available; a ring holds at most its size of
 * them. */
enum model_next model_next(const struct model_ram *r, const struct model_ring *q, uint32_t *head,
			   struct model_chain *c)
{
	uint32_t waiting = ((uint32_t)word_at(r, q->avail + 2) + 0x10000 - q->taken) & 0xffff;

	if (waiting == 0)
		return MODEL_NOTHING;
	*head = word_at(r, q->avail + 4 + 2 * (uint64_t)(q->taken & (q->num - 1)));
	if (waiting > q->num || *head >= q->num)
		return MODEL_BROKEN;
	return model_chain(r, q, *head, c) ? MODEL_GOOD : MODEL_BAD;
}

void model_give_back(const struct model_ram *r, struct model_ring *q, uint32_t head, uint32_t len)
{
	uint8_t *entry = model_byte(r, q->used + 4 + 8 * (uint64_t)(q->given & (q->num - 1)));

	for (unsigned i = 0; i < 4; i++) {
		entry[i] = (uint8_t)(head >> 8 * i);
		entry[4 + i] = (uint8_t)(len >> 8 * i);
	}
	q->given++;
	uint8_t *idx = model_byte(r, q->used + 2);
	idx[0] = (uint8_t)q->given;
	idx[1] = (uint8_t)(q->given >> 8);
}

bool model_notify(const struct model_ram *r, const struct model_ring *q)
{
	return !(word_at(r, q->avail) & 1);
}
