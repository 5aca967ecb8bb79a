/* SPDX-License-Identifier: MIT */
/*
 * Row 12: every chain that a ring of four can hold, in classes; chains as long as a ring and longer
 * than we hold; and a table that changes between two reads of it.
 */
#include "world.h"
#include "wrap.h"

#include <errno.h>
#include <string.h>

#define NEXT 1u
#define WRITE 2u
#define INDIRECT 4u

/* What is popped into, with room behind it for a chain that nothing bounds. */
struct popped {
	struct queue_chain chain;
	uint8_t moat[16 * 256];
};

struct table {
	struct world *w;
	struct queue q;
	struct model_ram ram; /* the very RAM the code reads: nothing writes here */
	struct model_ring ring;
	struct popped out;
};

/* A class of descriptors. */
struct kind {
	uint64_t at;
	uint32_t len;
	uint16_t flags, next;
};

static void table_start(struct table *t, struct world *w, uint16_t num, uint64_t more)
{
	world_start(w, num, WORLD_FEATURES | more);
	*t = (struct table){.w = w, .q = w->cvq.guest, .ring = w->want.ring, .ram = w->model};
	for (unsigned i = 0; i < 3; i++)
		t->ram.part[i].bytes = w->ram[i];
	w->ram[0][WORLD_AVAIL + 2] = 1; /* one chain is available */
}

static void put(struct table *t, unsigned i, struct kind k)
{
	uint8_t *d = t->w->ram[0] + WORLD_DESC + 16 * i;

	memcpy(d, &k.at, 8); /* a little-endian host, as KVM's are that this runs on */
	memcpy(d + 8, &k.len, 4);
	memcpy(d + 12, &k.flags, 2);
	memcpy(d + 14, &k.next, 2);
}

static bool same_chain(const struct queue_chain *c, const struct model_chain *m)
{
	if (c->readable != m->readable || c->writable != m->writable ||
	    c->readable_len != m->readable_len || c->writable_len != m->writable_len)
		return false;
	for (unsigned i = 0; i < m->readable + m->writable; i++)
		if (c->seg[i].addr.v != m->buffer[i].at || c->seg[i].len != m->buffer[i].len)
			return false;
	return true;
}

/* Pop the chain at @head and judge what comes of it. */
static void try_head(struct table *t, unsigned head)
{
	struct enum_run *r = t->w->run;
	struct queue_chain *c = &t->out.chain;
	struct model_chain m;

	t->w->ram[0][WORLD_AVAIL + 4] = (uint8_t)head;
	t->q.last_avail = 0;
	int ret = queue_pop(&t->q, &t->w->mem, c);
	bool want = model_chain(&t->ram, &t->ring, head, &m);
	if (enum_differs(r, ret == 1, want))
		enum_violated(r, "chain %llu, head %u: %s", (unsigned long long)r->result->attempts,
			      head, enum_verdict(ret == 1));
	else if (want ? !same_chain(c, &m) : ret != -EBADMSG || c->readable + c->writable)
		enum_violated(r, "chain %llu, head %u: popped as another",
			      (unsigned long long)r->result->attempts, head);
}

/* Each of the four descriptors of each of @n kinds, from each head. */
static void all_of_four(struct table *t, const struct kind *kinds, unsigned n)
{
	for (unsigned a = 0; a < n; a++) {
		put(t, 0, kinds[a]);
		for (unsigned b = 0; b < n; b++) {
			put(t, 1, kinds[b]);
			for (unsigned c = 0; c < n; c++) {
				put(t, 2, kinds[c]);
				for (unsigned d = 0; d < n; d++) {
					put(t, 3, kinds[d]);
					for (unsigned head = 0; head < 4; head++)
						try_head(t, head);
				}
			}
		}
	}
}

/* All flags and all next fields, over buffers of @buffers kinds. */
static void shapes(struct table *t, const struct kind *buffer, unsigned buffers)
{
	static const uint16_t next[] = {0, 1, 2, 3, 4};
	struct kind kinds[8 * 5 * 3];
	unsigned n = 0;

	for (unsigned b = 0; b < buffers; b++)
		for (uint16_t flags = 0; flags < 8; flags++)
			for (unsigned i = 0; i < 5; i++)
				kinds[n++] =
				    (struct kind){buffer[b].at, buffer[b].len, flags, next[i]};
	all_of_four(t, kinds, n);
}

/* Values of flags and next that the classes above leave out, one descriptor at a time, the others a
 * good chain. */
static void every_field(struct table *t)
{
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned n = 0; n < 4; n++)
			put(t, n,
			    (struct kind){WORLD_COMMAND, 8, n < 3 ? NEXT : 0, (uint16_t)(n + 1)});
		for (unsigned v = 0; v < 0x10000; v++) {
			put(t, i, (struct kind){WORLD_COMMAND, 8, (uint16_t)v, (uint16_t)(i + 1)});
			try_head(t, 0);
			put(t, i, (struct kind){WORLD_COMMAND, 8, NEXT, (uint16_t)v});
			try_head(t, 0);
		}
	}
}

/* Chains of @length in order, each buffer of every class of place and length, readable or writable.
 */
static void places(struct table *t, unsigned length, unsigned step)
{
	static const uint64_t at[] = {
	    0,	      0x2000,	0x3fff,	     0x4000,	 WORLD_MIDDLE_AT - 1, WORLD_MIDDLE_AT,
	    0x101fff, 0x102000, WORLD_ARENA, 1ull << 63, WORLD_TOP_AT,	      UINT64_MAX};
	static const uint32_t len[] = {0, 1, 2, 0x1000, 0x2000, 0x4000, 0x80000000, UINT32_MAX};
	const unsigned all = 12 * 8 * 2, kinds = all / step;
	uint64_t total = 1;

	for (unsigned i = 0; i < length; i++)
		total *= kinds;
	for (uint64_t v = 0; v < total; v++) {
		uint64_t rest = v;
		for (unsigned i = 0; i < length; i++, rest /= kinds) {
			/* A step that shares no factor with the number of classes of a field visits
			 * all of them. */
			unsigned k = (unsigned)(rest % kinds) * step % all;
			put(t, i,
			    (struct kind){
				at[k / 2 % 12], len[k / 24],
				(uint16_t)((k % 2 ? WRITE : 0) | (i + 1 < length ? NEXT : 0)),
				(uint16_t)(i + 1)});
		}
		try_head(t, 0);
	}
}

/* Chains of every length in a large ring, turning writable anywhere, and with a loop back to
 * anywhere. */
static void lengths(struct table *t)
{
	for (unsigned length = 1; length <= 256; length++)
		for (unsigned turn = 0; turn <= length; turn += 1 + turn / 8) {
			for (unsigned i = 0; i < length; i++)
				put(t, i,
				    (struct kind){WORLD_COMMAND, 1,
						  (uint16_t)((i >= turn ? WRITE : 0) |
							     (i + 1 < length ? NEXT : 0)),
						  (uint16_t)(i + 1)});
			try_head(t, 0);
			put(t, length - 1,
			    (struct kind){WORLD_COMMAND, 1,
					  (uint16_t)(NEXT | (turn < length ? WRITE : 0)),
					  (uint16_t)turn});
			try_head(t, 0);
		}
}

#define TABLE 0x2800u /* where an indirect table lies */

static void put_entry(struct table *t, unsigned i, struct kind k)
{
	put(t, (TABLE - WORLD_DESC) / 16 + i, k);
}

/* A descriptor that refers to a table, behind one that is readable, or writable, or none. */
static void refer(struct table *t, unsigned lead, struct kind to)
{
	if (lead)
		put(t, 0, (struct kind){WORLD_COMMAND, 8, lead == 1 ? NEXT : (NEXT | WRITE), 1});
	put(t, lead ? 1 : 0, to);
}

/* Tables of up to three, the first two of every kind, referred to in every way. */
static void indirect_tables(struct table *t)
{
	const struct kind last = {WORLD_ACK, 1, WRITE, 0};
	const unsigned kinds = 8 * 4;

	put_entry(t, 2, last);
	put(t, 2, last);
	put(t, 3, last);
	for (unsigned v = 0; v < kinds * kinds; v++) {
		for (unsigned i = 0, rest = v; i < 2; i++, rest /= kinds)
			put_entry(t, i,
				  (struct kind){i ? TABLE : WORLD_COMMAND, 16, (uint16_t)(rest % 8),
						(uint16_t)(rest / 8 % 4)});
		for (unsigned how = 0; how < 3 * 3 * 4; how++) {
			refer(t, how / 12,
			      (struct kind){TABLE, how / 4 % 3 * 16 + 16,
					    (uint16_t)(INDIRECT | how % 4), 2});
			try_head(t, 0);
		}
	}
}

/* A table anywhere, of any length, with a chain in it of every length. */
static void indirect_places(struct table *t)
{
	static const uint64_t at[] = {TABLE,	 TABLE + 1,	WORLD_LOW - 16,	 WORLD_LOW - 32,
				      WORLD_LOW, 0x102000 - 48, WORLD_ARENA,	 WORLD_TOP_AT,
				      0 - 16ull, 0 - 32ull,	UINT64_MAX - 15, UINT64_MAX};
	static const uint32_t len[] = {
	    0,	1,  8,	15, 16,	 17,	 24,	 31,	  32,	    33,		48,
	    49, 64, 80, 96, 128, 0x1000, 0x2000, 0x10000, 0x100010, 0xfffffff0, UINT32_MAX};

	for (unsigned p = 0; p < sizeof(at) / sizeof(at[0]); p++)
		for (unsigned l = 0; l < sizeof(len) / sizeof(len[0]); l++)
			for (unsigned how = 0; how < 3 * 4 * 7; how++) {
				unsigned length = how / 12;
				for (unsigned i = 0; i < 8; i++)
					put_entry(t, i,
						  (struct kind){WORLD_COMMAND, 4,
								i < length ? NEXT : 0,
								(uint16_t)(i + 1)});
				refer(t, how % 12 / 4,
				      (struct kind){at[p], len[l], (uint16_t)(INDIRECT | how % 4),
						    2});
				try_head(t, 0);
			}
}

/* A guest that ends its loop after so many descriptors were read. */
struct ending {
	struct table *t;
	unsigned reads, end_after;
};

static void end_loop(void *ctx, uint64_t at, size_t len)
{
	struct ending *e = ctx;

	if (len == 16 && at < WORLD_DESC + 4096 && ++e->reads == e->end_after)
		for (unsigned i = 0; i < 4; i++)
			e->t->w->ram[0][WORLD_DESC + 16 * i + 12] = 0;
}

/* Whatever the table becomes meanwhile: no chain is longer than the ring (section 2.7.5.3.1). */
static void changing_loops(struct table *t)
{
	for (unsigned shape = 0; shape < 256; shape++)
		for (unsigned end = 1; end < 80; end++) {
			struct ending e = {t, 0, end};
			struct queue_chain *c = &t->out.chain;
			for (unsigned i = 0; i < 4; i++)
				put(t, i,
				    (struct kind){WORLD_COMMAND, 1, NEXT, shape >> 2 * i & 3});
			t->w->ram[0][WORLD_AVAIL + 4] = 0;
			t->q.last_avail = 0;
			wrap_hook.ctx = &e;
			wrap_hook.after_read = end_loop;
			int ret = queue_pop(&t->q, &t->w->mem, c);
			wrap_hook.after_read = NULL;
			if (enum_differs(t->w->run, ret == 1,
					 ret == 1 && c->readable + c->writable <= 4) ||
			    e.reads > 4)
				enum_violated(t->w->run,
					      "a loop of shape %u that ends after %u reads: %u "
					      "descriptors read",
					      shape, end, e.reads);
		}
}

void row_chains(struct enum_run *r)
{
	static const struct kind buffer[] = {
	    {WORLD_COMMAND, 16, 0, 0}, {WORLD_COMMAND, 0, 0, 0}, {WORLD_LOW - 1, 2, 0, 0}};
	static struct world w;
	static struct table t;

	world_make(&w, r);
	table_start(&t, &w, 256, 0);
	lengths(&t);
	table_start(&t, &w, 4, WORLD_INDIRECT);
	indirect_tables(&t);
	indirect_places(&t);
	table_start(&t, &w, 4, 0);
	changing_loops(&t);
	every_field(&t);
	places(&t, 1, 1);
	places(&t, 2, 1);
	places(&t, 3, r->how->full ? 1 : 5);
	if (r->how->full)
		places(&t, 4, 5);
	shapes(&t, buffer, r->how->full ? 3 : 1);
	packed_lists(&w);
}
