/* SPDX-License-Identifier: MIT */
/*
 * Row 12 over a packed ring: every list that a ring of four can hold, in classes, from every place
 * and in both rounds; indirect tables; and lists longer than we hold.
 */
#include "world.h"

#include <errno.h>
#include <string.h>

#define NEXT 1u
#define WRITE 2u
#define INDIRECT 4u
#define TABLE 0x2800u

/* What is popped into, with room behind it for a chain that nothing bounds. */
struct packed {
	struct world *w;
	struct queue q;
	struct model_ram ram;
	struct model_packed model;
	struct {
		struct queue_chain chain;
		uint8_t moat[16 * 256];
	} out;
};

static void start(struct packed *p, struct world *w, uint16_t num, bool indirect)
{
	const uint64_t features = 1ull << 34 | (indirect ? WORLD_INDIRECT : 0);

	for (unsigned i = 0; i < 3; i++)
		memset(w->ram[i], 0, i ? 16 : WORLD_LOW);
	*p = (struct packed){.w = w, .ram = w->model};
	p->model = (struct model_packed){
	    .num = num, .ring = WORLD_DESC, .round = true, .indirect = indirect};
	for (unsigned i = 0; i < 3; i++)
		p->ram.part[i].bytes = w->ram[i];
	if (queue_init(&p->q, &w->mem, features, num, gpa(WORLD_DESC), gpa(WORLD_AVAIL),
		       gpa(WORLD_USED)))
		enum_violated(w->run, "a good packed ring of %u is refused", num);
}

static void put(struct packed *p, uint64_t where, uint64_t at, uint32_t len, unsigned id,
		unsigned flags)
{
	uint8_t *d = p->w->ram[0] + where;
	const uint16_t tail[2] = {(uint16_t)id, (uint16_t)flags};

	memcpy(d, &at, 8); /* a little-endian host, as KVM's are that this runs on */
	memcpy(d + 8, &len, 4);
	memcpy(d + 12, tail, 4);
}

/* The flags that make a descriptor available in this round. */
static unsigned there(bool round)
{
	return round ? 1u << 7 : 1u << 15;
}

static bool same(const struct queue_chain *c, const struct model_chain *m)
{
	if (c->readable != m->readable || c->writable != m->writable ||
	    c->readable_len != m->readable_len || c->writable_len != m->writable_len)
		return false;
	for (unsigned i = 0; i < m->readable + m->writable; i++)
		if (c->seg[i].addr.v != m->buffer[i].at || c->seg[i].len != m->buffer[i].len)
			return false;
	return true;
}

/* Pop what is at @place in round @round, and judge what comes of it. */
static void try_at(struct packed *p, uint16_t place, bool round)
{
	static const int code[] = {[MODEL_NOTHING] = 0,
				   [MODEL_GOOD] = 1,
				   [MODEL_BAD] = -EBADMSG,
				   [MODEL_BROKEN] = -EPROTO};
	struct enum_run *r = p->w->run;
	const struct queue_chain *c = &p->out.chain;
	uint32_t id = 0, places = 0;
	struct model_chain m;

	p->model.next = place;
	p->model.round = round;
	p->q.last_avail = place;
	p->q.avail_wrap = round;
	int got = queue_pop(&p->q, &p->w->mem, &p->out.chain);
	enum model_next want = model_packed_next(&p->ram, &p->model, &id, &places, &m);
	bool on = got == 1 || got == -EBADMSG;
	unsigned next = place + (on ? places : 0);
	if (enum_differs(r, got == 1, want == MODEL_GOOD) || got != code[want])
		enum_violated(r, "list %llu: %d, the model says %d",
			      (unsigned long long)r->result->attempts, got, code[want]);
	else if ((want == MODEL_GOOD && !same(c, &m)) ||
		 (on && (c->head != id || c->descs != places)))
		enum_violated(r, "list %llu: popped as another",
			      (unsigned long long)r->result->attempts);
	else if (p->q.last_avail != next % p->model.num ||
		 p->q.avail_wrap != (round ^ (next >= p->model.num)))
		enum_violated(r, "list %llu: the ring goes on elsewhere",
			      (unsigned long long)r->result->attempts);
}

/* Each of the four with all flags, over a good buffer and a bad one; from each place, both rounds.
 */
static void all_of_four(struct packed *p)
{
	for (unsigned v = 0; v < 1u << 16; v++)
		for (unsigned place = 0; place < 4; place++)
			for (unsigned round = 0; round < 2; round++) {
				for (unsigned i = 0; i < 4; i++) {
					unsigned k = v >> 4 * ((i + 4 - place) % 4) & 15;
					put(p, WORLD_DESC + 16 * i,
					    k & 8 ? WORLD_LOW - 1 : WORLD_COMMAND, 2, 0x100 + i,
					    (k & 7) | there(round));
				}
				try_at(p, (uint16_t)place, round);
			}
}

/* All values of the flags, of the first and of the second descriptor; and all ids. */
static void every_field(struct packed *p)
{
	for (unsigned v = 0; v < 0x10000; v++)
		for (unsigned round = 0; round < 2; round++) {
			for (unsigned i = 0; i < 4; i++)
				put(p, WORLD_DESC + 16 * i, WORLD_COMMAND, 8, v, there(round));
			try_at(p, 0, round);
			put(p, WORLD_DESC, WORLD_COMMAND, 8, 1, v);
			try_at(p, 0, round);
			put(p, WORLD_DESC, WORLD_COMMAND, 8, 1, there(round) | NEXT);
			put(p, WORLD_DESC + 16, WORLD_COMMAND, 8, 1, v);
			try_at(p, 0, round);
		}
}

/* Lists of every length in a large ring, turning writable anywhere, with an end or without. */
static void lengths(struct packed *p)
{
	for (unsigned length = 1; length <= p->model.num; length++)
		for (unsigned turn = 0; turn <= length; turn += 1 + turn / 8)
			for (unsigned end = 0; end < 2; end++) {
				for (unsigned i = 0; i < length; i++)
					put(p, WORLD_DESC + 16ull * i, WORLD_COMMAND, 1, i,
					    there(true) | (i >= turn ? WRITE : 0) |
						(i + end < length ? NEXT : 0));
				try_at(p, 0, true);
			}
}

/* Tables of up to six entries of every kind, referred to in every way. */
static void tables(struct packed *p)
{
	static const uint32_t len[] = {0,  1,  15, 16, 17,     24,	   32,	      48,
				       64, 65, 80, 96, 0x2000, 0xfffffff0, UINT32_MAX};
	static const uint64_t at[] = {TABLE,	     TABLE + 1,	  WORLD_LOW - 16,
				      WORLD_LOW - 8, WORLD_ARENA, UINT64_MAX - 15};
	const unsigned lens = sizeof(len) / sizeof(len[0]), ats = sizeof(at) / sizeof(at[0]);

	for (unsigned v = 0; v < 64 * 64; v++) {
		for (unsigned i = 0; i < 6; i++) {
			unsigned k = i < 2 ? v >> 6 * i & 63 : 2;
			put(p, TABLE + 16 * i, k & 8 ? WORLD_LOW - 1 : WORLD_COMMAND, 2, 7,
			    (k & 7) | (k >> 4) << 14);
		}
		for (unsigned how = 0; how < lens * 4; how++) {
			put(p, WORLD_DESC, TABLE, len[how / 4], 5,
			    there(true) | INDIRECT | (how & 3));
			put(p, WORLD_DESC + 16, WORLD_ACK, 1, 6, there(true) | WRITE);
			try_at(p, 0, true);
			put(p, WORLD_DESC, WORLD_COMMAND, 1, 5, there(true) | NEXT);
			put(p, WORLD_DESC + 16, TABLE, len[how / 4], 6,
			    there(true) | INDIRECT | (how & 2));
			try_at(p, 0, true);
		}
	}
	for (unsigned a = 0; a < ats * lens; a++) {
		put(p, WORLD_DESC, at[a % ats], len[a / ats], 5, there(true) | INDIRECT);
		try_at(p, 0, true);
	}
}

void packed_lists(struct world *w)
{
	static struct packed p;

	start(&p, w, 4, false);
	all_of_four(&p);
	every_field(&p);
	start(&p, w, 4, true);
	all_of_four(&p);
	tables(&p);
	start(&p, w, 100, false); /* no power of two: section 2.8.10.1 */
	lengths(&p);
}
