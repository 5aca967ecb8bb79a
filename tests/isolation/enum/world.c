/* SPDX-License-Identifier: MIT */
/* A guest and a device in miniature; see world.h. */
#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u

static_assert((unsigned)MODEL_KICK == CVQ_KICK && (unsigned)MODEL_INTERRUPT == CVQ_INTERRUPT &&
		  (unsigned)MODEL_MORE == CVQ_MORE &&
		  (unsigned)MODEL_GUEST_BROKE == CVQ_GUEST_BROKE &&
		  (unsigned)MODEL_DEVICE_BROKE == CVQ_DEVICE_BROKE,
	      "the model's words are the interface's");

const struct model_net world_able = {
    .max_pairs = 8, .max_table = 128, .max_key = 40, .hash_types = 0x1ff, .disabled = 1 << 13};

struct ctrl_rules world_rules(uint64_t features)
{
	return (struct ctrl_rules){.features = features,
				   .max_pairs = world_able.max_pairs,
				   .max_table = world_able.max_table,
				   .max_key = world_able.max_key,
				   .hash_types = world_able.hash_types,
				   .disabled = world_able.disabled};
}

static const uint64_t part_at[3] = {0, WORLD_MIDDLE_AT, WORLD_TOP_AT};
static const uint32_t part_size[3] = {WORLD_LOW, WORLD_MIDDLE, WORLD_TOP};

uint8_t *world_guarded(size_t bytes)
{
	size_t pages = (bytes + PAGE - 1) / PAGE * PAGE;
	uint8_t *all = mmap(NULL, pages + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (all == MAP_FAILED || mprotect(all + PAGE, pages, PROT_READ | PROT_WRITE))
		return NULL;
	return all + PAGE + pages - bytes;
}

void world_make(struct world *w, struct enum_run *r)
{
	static const uint8_t key[16] = "enumeration";
	struct err e = {0};

	memset(w, 0, sizeof(*w));
	w->run = r;
	for (unsigned i = 0; i < 3; i++) {
		w->ram[i] = world_guarded(part_size[i]);
		w->copy[i] = world_guarded(part_size[i]);
		if (!w->ram[i] || !w->copy[i] ||
		    gmem_add(&w->mem, gpa(part_at[i]), part_size[i], w->ram[i]))
			enum_violated(r, "guest RAM could not be made");
		w->model.part[i] = (struct model_part){part_at[i], part_size[i], w->copy[i]};
	}
	w->model.parts = 3;
	if (arena_create(&w->arena, iova(WORLD_ARENA), key, 0x656e756d, 0, &e))
		enum_violated(r, "%s", e.text);
	w->device_ram =
	    (struct model_ram){2,
			       {{WORLD_ARENA, ARENA_READABLE, w->arena.readable},
				{WORLD_ARENA + ARENA_READABLE, ARENA_WRITABLE, w->arena.writable}}};
}

void world_start(struct world *w, uint16_t num, uint64_t features)
{
	for (unsigned i = 0; i < 3; i++) {
		memset(w->ram[i], 0, part_size[i]);
		memset(w->copy[i], 0, part_size[i]);
	}
	const struct ctrl_rules rules = world_rules(features);
	w->offered = 0;
	w->result_len = 0;
	if (cvq_start(&w->cvq, &w->mem, &w->arena, &rules, num, gpa(WORLD_DESC), gpa(WORLD_AVAIL),
		      gpa(WORLD_USED)))
		enum_violated(w->run, "a good ring of %u entries is refused", num);
	w->cvq.breaks = w->run->how->breaks;
	w->want = (struct model_cvq){
	    .ram = &w->model,
	    .ring = {.num = num,
		     .desc = WORLD_DESC,
		     .avail = WORLD_AVAIL,
		     .used = WORLD_USED,
		     .indirect = features & WORLD_INDIRECT},
	    .features = features,
	    .net = world_able,
	};
	model_settings_reset(&w->want.settings, features);
	w->device_ring = (struct model_ring){.num = SVQ_NUM,
					     .desc = svq_desc(&w->cvq.shadow).v,
					     .avail = svq_driver(&w->cvq.shadow).v,
					     .used = svq_device(&w->cvq.shadow).v};
}

void world_violated(struct world *w, const char *how)
{
	char what[120];

	if (w->run->result->violations && !w->run->how->first) {
		w->run->result->violations++; /* only the first is told in words */
		return;
	}
	/* The formats are the rows' own. */
	snprintf(what, sizeof(what), w->what ? w->what : "", w->arg[0], w->arg[1], w->arg[2]);
	enum_violated(w->run, "%s: %s", what, how);
}

void world_put(struct world *w, uint64_t at, const void *bytes, size_t len)
{
	memcpy(w->ram[0] + at, bytes, len);
	memcpy(w->copy[0] + at, bytes, len);
}

void world_put16(struct world *w, uint64_t at, unsigned v)
{
	const uint8_t bytes[2] = {(uint8_t)v, (uint8_t)(v >> 8)};

	world_put(w, at, bytes, 2);
}

void world_desc(struct world *w, unsigned i, uint64_t at, uint32_t len, unsigned flags,
		unsigned next)
{
	uint8_t d[16];

	for (unsigned n = 0; n < 8; n++)
		d[n] = (uint8_t)(at >> 8 * n);
	for (unsigned n = 0; n < 4; n++)
		d[8 + n] = (uint8_t)(len >> 8 * n);
	d[12] = (uint8_t)flags;
	d[13] = (uint8_t)(flags >> 8);
	d[14] = (uint8_t)next;
	d[15] = (uint8_t)(next >> 8);
	world_put(w, WORLD_DESC + 16ull * i, d, 16);
}

void world_offer(struct world *w, unsigned head)
{
	world_put16(w, WORLD_AVAIL + 4 + 2 * (w->offered % w->want.ring.num), head);
	world_put16(w, WORLD_AVAIL + 2, ++w->offered);
}

void world_ask(struct world *w, const void *cmd, size_t len, uint32_t room)
{
	world_put(w, WORLD_COMMAND, cmd, len);
	world_desc(w, 0, WORLD_COMMAND, (uint32_t)len, 1, 1);
	world_desc(w, 1, WORLD_ACK, room, 2, 0);
	world_offer(w, 0);
}

void world_command(struct world *w, const void *cmd, size_t len)
{
	world_ask(w, cmd, len, 1);
}

void world_complete(struct world *w, uint32_t id, uint32_t len, uint16_t step, uint8_t ack)
{
	struct model_ring ring = w->device_ring;

	model_give_back(&w->device_ram, &ring, id, len);
	ring.given = (uint16_t)(w->device_ring.given + step);
	uint8_t *idx = model_byte(&w->device_ram, ring.used + 2);
	idx[0] = (uint8_t)ring.given;
	idx[1] = (uint8_t)(ring.given >> 8);
	if (!w->device_chain.writable)
		return;
	const struct model_buffer *in = &w->device_chain.buffer[w->device_chain.readable];
	*model_byte(&w->device_ram, in->at) = ack;
	for (uint32_t n = 0; n < w->result_len && n + 1 < in->len; n++)
		*model_byte(&w->device_ram, in->at + 1 + n) = w->result[n];
}

/* The device takes a command: one chain, readable bytes in what it may read, room for
 * its answer. */
static const char *device_takes(struct world *w)
{
	struct model_chain *c = &w->device_chain;
	const struct model_buffer *out = &c->buffer[0], *in = &c->buffer[1];

	if (model_next(&w->device_ram, &w->device_ring, &w->device_head, c) != MODEL_GOOD)
		return "the device is given no good chain";
	w->device_ring.taken++;
	w->kicks++;
	if (c->readable != 1 || c->writable != 1 || in->len != 1 + w->want.room ||
	    out->at + out->len > WORLD_ARENA + ARENA_READABLE ||
	    in->at < WORLD_ARENA + ARENA_READABLE)
		return "the device is given buffers of another shape";
	if (out->len > sizeof(w->last))
		return "the device is given a longer command than any";
	w->last_len = out->len;
	memcpy(w->last, model_byte(&w->device_ram, out->at), out->len);
	if (w->last_len != w->want.len || memcmp(w->last, w->want.command, w->last_len))
		return "the device is given other bytes than the model";
	return NULL;
}

static const char *device_sees(struct world *w, unsigned todo)
{
	if (todo & MODEL_KICK)
		return device_takes(w);
	struct model_chain c;
	uint32_t head;
	if (model_next(&w->device_ram, &w->device_ring, &head, &c) != MODEL_NOTHING)
		return "the device is given a command without a kick";
	return NULL;
}

static uint32_t little(const uint8_t *b, unsigned bytes)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint32_t)b[i] << 8 * i;
	return v;
}

static bool same_macs(const struct ctrl_state *c, const struct model_data *m)
{
	if (m->len == 0)
		return c->unicast == 0 && c->multicast == 0;
	size_t first = 6 * (size_t)c->unicast, second = 6 * (size_t)c->multicast;
	return m->len == 8 + first + second && little(m->bytes, 4) == c->unicast &&
	       !memcmp(m->bytes + 4, c->macs, first) &&
	       little(m->bytes + 4 + first, 4) == c->multicast &&
	       !memcmp(m->bytes + 8 + first, (const uint8_t *)c->macs + first, second);
}

static bool same_key(const struct ctrl_hash *c, const struct model_data *m, size_t at)
{
	if (m->len == 0)
		return c->types == 0 && c->key_len == 0;
	return little(m->bytes, 4) == c->types && m->bytes[at] == c->key_len &&
	       m->len == at + 1 + c->key_len && !memcmp(m->bytes + at + 1, c->key, c->key_len);
}

static bool same_steering(const struct ctrl_state *c, const struct model_settings *m)
{
	const uint8_t *rss = m->rss.bytes;

	if (c->pairs != m->pairs || !same_key(&c->hash, &m->hash, 12) || c->rss != (m->rss.len > 0))
		return false;
	if (!c->rss)
		return c->entries == 0;
	if (c->entries != little(rss + 4, 2) + 1 || c->unclassified != little(rss + 6, 2) ||
	    !same_key(&c->rss_hash, &m->rss, 10 + 2 * (size_t)c->entries))
		return false;
	for (unsigned i = 0; i < c->entries; i++)
		if (c->table[i] != little(rss + 8 + 2 * i, 2))
			return false;
	return true;
}

static bool same_coalescing(const struct ctrl_state *c, const struct model_settings *m)
{
	const struct ctrl_coal *every[2] = {&c->coal_rx, &c->coal_tx};

	for (unsigned i = 0; i < 2; i++)
		if (every[i]->packets != m->every[i][0] || every[i]->usecs != m->every[i][1])
			return false;
	for (unsigned q = 0; q < 2 * CTRL_PAIRS_MAX; q++)
		if (c->coal[q].packets != m->queue[q][0] || c->coal[q].usecs != m->queue[q][1])
			return false;
	return true;
}

static bool same_state(const struct world *w)
{
	const struct ctrl_state *c = &w->cvq.state;
	const struct model_settings *m = &w->want.settings;

	/* x86 and arm64 are little-endian, so the map of VLANs is the same bytes. */
	return w->cvq.in_flight == w->want.in_flight && w->cvq.dead == w->want.dead &&
	       c->mac_set == m->mac_set && !memcmp(c->mac, m->mac, 6) &&
	       !memcmp(c->rx, m->mode, sizeof(c->rx)) &&
	       !memcmp(c->vlan, m->vlans, sizeof(c->vlan)) && c->offloads == m->offloads &&
	       same_macs(c, &m->macs) && same_steering(c, m) && same_coalescing(c, m);
}

static unsigned compare(struct world *w, unsigned got, unsigned want)
{
	char how[80];

	w->run->result->too_lenient += got & ~want & MODEL_KICK;
	w->run->result->too_strict += want & ~got & MODEL_KICK;
	if (got != want) {
		snprintf(how, sizeof(how), "asks for 0x%x, the model for 0x%x", got, want);
		world_violated(w, how);
		return want;
	}
	const char *wrong = device_sees(w, want);
	if (wrong)
		world_violated(w, wrong);
	if (memcmp(w->ram[0] + WORLD_USED, w->copy[0] + WORLD_USED, 6 + 8 * w->want.ring.num))
		world_violated(w, "the used ring is not the model's");
	if (memcmp(w->ram[0] + WORLD_ACK, w->copy[0] + WORLD_ACK, 16))
		world_violated(w, "the answer is not the model's");
	if (!same_state(w))
		world_violated(w, "the state is not the model's");
	return want;
}

unsigned world_kick(struct world *w)
{
	unsigned got = cvq_guest_kick(&w->cvq);

	return compare(w, got, model_cvq_kick(&w->want));
}

unsigned world_call(struct world *w, bool good, uint8_t ack)
{
	unsigned got = cvq_device_call(&w->cvq);

	if (good)
		w->device_ring.given++;
	return compare(w, got, model_cvq_answer(&w->want, good, ack, w->result, w->result_len));
}

unsigned world_timeout(struct world *w)
{
	unsigned got = cvq_timeout(&w->cvq);

	return compare(w, got, model_cvq_timeout(&w->want));
}

bool world_serve(struct world *w)
{
	bool reached = world_kick(w) & MODEL_KICK;

	if (reached) {
		size_t least, most;
		model_room(w->last, &least, &most);
		w->result_len = least;
		world_complete(w, w->device_head, 1 + (uint32_t)least, 1, 0);
		(void)world_call(w, true, 0);
		w->result_len = 0;
	}
	return reached;
}

void world_compare_all(struct world *w)
{
	for (unsigned i = 0; i < 3; i++)
		if (memcmp(w->ram[i], w->copy[i], part_size[i]))
			world_violated(w, "guest RAM is not the model's");
	for (size_t i = 0; i < sizeof(w->moat); i++)
		if (w->moat[i]) {
			world_violated(w, "bytes were written behind the CVQ's memory");
			memset(w->moat, 0, sizeof(w->moat));
		}
}
