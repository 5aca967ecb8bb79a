/* SPDX-License-Identifier: MIT */
/*
 * Row 16: every count and index that a command can carry, over all of its 16 bits: MAC tables,
 * queue pairs, RSS and hash configurations, VLANs, coalescing, with a device that can do all; and
 * each given to the validator alone, in memory that ends where the command does.
 */
#include "world.h"

#include <string.h>

struct command {
	uint8_t bytes[MODEL_COMMAND_MAX + 64];
	uint32_t len;
};

static void put16(struct command *c, uint32_t at, unsigned v)
{
	c->bytes[at] = (uint8_t)v;
	c->bytes[at + 1] = (uint8_t)(v >> 8);
}

/* Without a number that could be wrong, so that a refusal differs from a CVQ that is dead. */
static void mac_address(struct command *c, unsigned v)
{
	c->bytes[0] = 1;
	c->bytes[1] = 1;
	c->bytes[2] = 2;
	put16(c, 6, v);
	c->len = 8;
}

/* The shapes of commands with a number in them; each makes one with @v as that number. */
static void mac_unicast(struct command *c, unsigned v)
{
	uint32_t room = v < 600 ? 6 * v : 600; /* what the count says, as long as that fits */

	c->bytes[0] = 1;
	put16(c, 2, v);
	c->len = 2 + 4 + room + 4;
}

static void mac_multicast(struct command *c, unsigned v)
{
	c->bytes[0] = 1;
	put16(c, 2, 2);
	put16(c, 2 + 4 + 12, v);
	c->len = 2 + 4 + 12 + 4 + 6 * (v % 64); /* true for the low counts only */
}

static void mac_high(struct command *c, unsigned v)
{
	c->bytes[0] = 1;
	put16(c, 4, v); /* counts that wrap 32 bits once they are multiplied by 6 */
	put16(c, 2, (v << 3) % 0x10000);
	c->len = 2 + 4 + 4;
}

/* Two empty tables, cut anywhere or followed by something. */
static void mac_cut(struct command *c, unsigned v)
{
	c->bytes[0] = 1;
	c->len = 2 + v % 16;
}

static void vlan(struct command *c, unsigned v)
{
	c->bytes[0] = 2;
	c->bytes[1] = v & 1;
	put16(c, 2, v);
	c->len = 4;
}

static void pairs(struct command *c, unsigned v)
{
	c->bytes[0] = 4;
	put16(c, 2, v);
	c->len = 4;
}

static void rss(struct command *c, unsigned mask, unsigned unclassified, unsigned tx, unsigned key)
{
	uint32_t table = mask < 256 ? 2 * (mask + 1) : 512;

	c->bytes[0] = 4;
	c->bytes[1] = 1;
	put16(c, 6, mask);
	put16(c, 8, unclassified);
	put16(c, 10 + table, tx);
	c->bytes[10 + table + 2] = (uint8_t)key;
	c->len = 10 + table + 3 + (key & 0xff);
}

static void rss_mask(struct command *c, unsigned v)
{
	rss(c, v, 0, 1, 40);
}

static void rss_queue(struct command *c, unsigned v)
{
	rss(c, 7, v, 1, 40);
}

static void rss_tx(struct command *c, unsigned v)
{
	rss(c, 7, 0, v, 0);
}

static void rss_entry(struct command *c, unsigned v)
{
	rss(c, 7, 0, 1, v & 0xff);
	put16(c, 10 + 2 * (v & 7), v);
}

static void rss_types(struct command *c, unsigned v)
{
	rss(c, 7, 0, 1, 40);
	put16(c, 2 + (v & 2), v);
}

static void rss_key(struct command *c, unsigned v)
{
	rss(c, 7, 0, 1, v & 0xff);
	c->len += v >> 8 & 3;
}

/* A table of 8 and no key, cut anywhere or followed by something. */
static void rss_cut(struct command *c, unsigned v)
{
	rss(c, 7, 0, 1, 0);
	c->len = 2 + v % 40;
}

static void hash_types(struct command *c, unsigned v)
{
	c->bytes[0] = 4;
	c->bytes[1] = 2;
	put16(c, 2 + (v & 2), v);
	c->len = 2 + 13;
}

static void hash_reserved(struct command *c, unsigned v)
{
	c->bytes[0] = 4;
	c->bytes[1] = 2;
	put16(c, 2 + 4 + 2 * (v & 3), v & ~3u);
	c->len = 2 + 13;
}

static void hash_key(struct command *c, unsigned v)
{
	c->bytes[0] = 4;
	c->bytes[1] = 2;
	c->bytes[2 + 12] = (uint8_t)v;
	c->len = 2 + 13 + (v >> 8);
}

static void coalesce(struct command *c, unsigned v)
{
	c->bytes[0] = 6;
	c->bytes[1] = (uint8_t)(2 + (v & 1));
	put16(c, 2, v >> 1);
	c->len = v & 1 ? 6 : 14;
}

static void offload(struct command *c, unsigned v)
{
	c->bytes[0] = 5;
	put16(c, 2, v);
	c->len = 10;
}

static void stats(struct command *c, unsigned v)
{
	c->bytes[0] = 8;
	c->bytes[1] = 1;
	put16(c, 2, v);
	c->len = 2 + v % 64;
}

static const struct {
	const char *name;
	void (*make)(struct command *c, unsigned v);
} shape[] = {
    {"unicast addresses %llu", mac_unicast},
    {"multicast addresses %llu", mac_multicast},
    {"unicast addresses %llu << 16", mac_high},
    {"MAC tables %llu", mac_cut},
    {"VLAN %llu", vlan},
    {"queue pairs %llu", pairs},
    {"RSS mask %llu", rss_mask},
    {"RSS default queue %llu", rss_queue},
    {"RSS transmit queues %llu", rss_tx},
    {"RSS table entry %llu", rss_entry},
    {"RSS types %llu", rss_types},
    {"RSS key %llu", rss_key},
    {"RSS cut %llu", rss_cut},
    {"hash types %llu", hash_types},
    {"hash reserved %llu", hash_reserved},
    {"hash key %llu", hash_key},
    {"coalescing queue %llu", coalesce},
    {"offloads %llu", offload},
    {"statistics of %llu", stats},
    {"address %llu", mac_address},
};

/* The validator, reading from memory behind which there is none. */
static void validate(struct world *w, const struct command *c, uint8_t *end)
{
	const struct ctrl_rules rules = world_rules(WORLD_ALL);

	memcpy(end - c->len, c->bytes, c->len);
	bool want = model_command(WORLD_ALL, &world_able, end - c->len, c->len);
	bool got = ctrl_validate(&rules, end - c->len, c->len) == 0;
	if (enum_differs(w->run, got, want))
		world_violated(w, enum_verdict(got));
}

void row_counts(struct enum_run *r)
{
	static struct world w;
	static struct command c;
	uint8_t *end = world_guarded(sizeof(c.bytes)) + sizeof(c.bytes);

	world_make(&w, r);
	world_start(&w, 4, WORLD_ALL);
	for (unsigned i = 0; i < sizeof(shape) / sizeof(shape[0]); i++) {
		uint64_t good = 0;
		for (unsigned v = 0; v < 0x10000; v++) {
			memset(&c.bytes, 0, c.len < sizeof(c.bytes) ? c.len : sizeof(c.bytes));
			shape[i].make(&c, v);
			good += model_command(WORLD_ALL, &world_able, c.bytes, c.len);
			world_attempt(&w, shape[i].name, v, 0, 0);
			validate(&w, &c, end);
			world_ask(&w, c.bytes, c.len, 16);
			bool reached = world_serve(&w);
			(void)enum_differs(r, reached, reached);
		}
		world_attempt(&w, shape[i].name, 0, 0, 0);
		if (good == 0 && i != 2)
			world_violated(
			    &w, "the model finds no number good for a device that can do it");
		world_compare_all(&w);
	}
}
