/* SPDX-License-Identifier: MIT */
/*
 * Which virtio-net control commands are well formed, and what they leave behind; see ctrl.h. One
 * table says all that there is to a command. It must never read behind a command's end, nor keep
 * what it has not judged.
 */
#include "ctrl.h"

#include "check.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>

#define HEADER 2u /* class, command */
#define BIT(n) (1ull << (n))

/* Section 5.1.6.5.8.1: what GUEST_OFFLOADS_SET may switch, each by its feature's own bit. */
#define ALL_OFFLOADS                                                                               \
	(BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4) |                             \
	 BIT(VIRTIO_NET_F_GUEST_TSO6) | BIT(VIRTIO_NET_F_GUEST_ECN) |                              \
	 BIT(VIRTIO_NET_F_GUEST_UFO) | BIT(VIRTIO_NET_F_GUEST_USO4) |                              \
	 BIT(VIRTIO_NET_F_GUEST_USO6))

/* Offsets in the data of RSS_CONFIG and HASH_CONFIG. */
#define RSS_TABLE 8 /* after hash_types, the table's mask and the queue for the rest */
#define RSS_TAIL 3  /* max_tx_vq, hash_key_length */
/* Behind the key: Linux's driver (7.3: virtnet_rss_trailer_size()) has its structure's padding
 * there, which says nothing. */
#define RSS_PADDING 1
#define HASH_RESERVED 4
#define HASH_KEY 13

static bool negotiated(uint64_t features, unsigned bit)
{
	return (features >> bit) & 1;
}

static uint16_t le16(const uint8_t *data)
{
	uint16_t v;

	memcpy(&v, data, sizeof(v));
	return le16toh(v);
}

static uint32_t le32(const uint8_t *data)
{
	uint32_t v;

	memcpy(&v, data, sizeof(v));
	return le32toh(v);
}

static uint64_t le64(const uint8_t *data)
{
	uint64_t v;

	memcpy(&v, data, sizeof(v));
	return le64toh(v);
}

/* ---- what is good; @len is at least the command's own ---- */

/* Two tables, each a count and so many addresses (section 5.1.6.5.2). */
static bool macs_good(const struct ctrl_rules *r, const uint8_t *data, size_t len)
{
	size_t at = 0;

	(void)r;
	for (unsigned table = 0; table < 2; table++) {
		if (CHECK(CTRL_MAC_COUNT, len - at < 4))
			return false;
		uint64_t bytes = 6ull * le32(data + at);
		at += 4;
		if (CHECK(CTRL_MAC_TABLE, bytes > len - at))
			return false;
		at += bytes;
	}
	return !CHECK(CTRL_MAC_END, at != len);
}

static bool vlan_good(const struct ctrl_rules *r, const uint8_t *data, size_t len)
{
	(void)r;
	(void)len;
	return !CHECK(CTRL_VLAN_ID, le16(data) >= CTRL_VLANS);
}

static bool pairs_good(const struct ctrl_rules *r, const uint8_t *data, size_t len)
{
	(void)len;
	return !CHECK(CTRL_PAIRS_ZERO, le16(data) == 0) &&
	       !CHECK(CTRL_PAIRS_MANY, le16(data) > r->max_pairs);
}

static bool hash_good(const struct ctrl_rules *r, const uint8_t *data, size_t len)
{
	if (CHECK(CTRL_HASH_TYPES, le32(data) & ~r->hash_types) ||
	    CHECK(CTRL_HASH_RESERVED, le64(data + HASH_RESERVED)) ||
	    CHECK(CTRL_HASH_KEY, data[HASH_KEY - 1] > r->max_key))
		return false;
	return !CHECK(CTRL_HASH_END, len != HASH_KEY + (size_t)data[HASH_KEY - 1]);
}

static bool rss_queues_good(const struct ctrl_rules *r, const uint8_t *data, size_t entries)
{
	for (size_t i = 0; i < entries; i++)
		if (CHECK(CTRL_RSS_ENTRY, le16(data + RSS_TABLE + 2 * i) >= r->max_pairs))
			return false;
	return !CHECK(CTRL_RSS_DEFAULT, le16(data + RSS_TABLE - 2) >= r->max_pairs);
}

/* How long RSS_CONFIG is from its key's length on. */
static bool key_ends(const uint8_t *data, size_t tail, size_t len)
{
	size_t end = tail + RSS_TAIL + data[tail + 2];

	return !CHECK(CTRL_RSS_END, len != end && len != end + RSS_PADDING);
}

/* Section 5.1.6.5.7.1. The bit that is reserved in a queue's id makes it too large. */
static bool rss_good(const struct ctrl_rules *r, const uint8_t *data, size_t len)
{
	uint16_t mask = le16(data + 4);
	size_t entries = mask + 1u, tail = RSS_TABLE + 2 * entries;

	if (CHECK(CTRL_RSS_TYPES, le32(data) & ~r->hash_types) ||
	    CHECK(CTRL_RSS_POWER, entries & mask) || CHECK(CTRL_RSS_TABLE, mask >= r->max_table) ||
	    CHECK(CTRL_RSS_SHORT, len < tail + RSS_TAIL) || !rss_queues_good(r, data, entries) ||
	    CHECK(CTRL_RSS_TX_ZERO, le16(data + tail) == 0) ||
	    CHECK(CTRL_RSS_TX_MAX, le16(data + tail) > r->max_pairs) ||
	    CHECK(CTRL_RSS_KEY, data[tail + 2] > r->max_key))
		return false;
	return key_ends(data, tail, len);
}

static bool offloads_good(const struct ctrl_rules *r, const uint8_t *data, size_t len)
{
	(void)len;
	return !CHECK(CTRL_OFFLOADS, le64(data) & ~(r->features & ALL_OFFLOADS));
}

/* Section 5.1.6.5.9.1: a data queue, and one that is enabled. */
static bool queue_good(const struct ctrl_rules *r, const uint8_t *data, size_t len)
{
	unsigned q = le16(data);

	(void)len;
	return !CHECK(CTRL_COAL_QUEUE, q >= 2u * r->max_pairs) &&
	       !CHECK(CTRL_COAL_ENABLED, q < 32 && r->disabled >> q & 1);
}

static bool stats_good(const struct ctrl_rules *r, const uint8_t *data, size_t len)
{
	(void)r;
	(void)data;
	return !CHECK(CTRL_STATS_LENGTH, len % sizeof(struct virtio_net_ctrl_queue_stats));
}

/* ---- what is left behind; @len has been judged ---- */

static void set_rx(struct ctrl_state *s, uint8_t mode, const uint8_t *data, size_t len)
{
	(void)len;
	s->rx[mode] = data[0] != 0;
}

static void set_mac(struct ctrl_state *s, uint8_t code, const uint8_t *data, size_t len)
{
	(void)code;
	(void)len;
	memcpy(s->mac, data, sizeof(s->mac));
	s->mac_set = true;
}

static void set_macs(struct ctrl_state *s, uint8_t code, const uint8_t *data, size_t len)
{
	size_t first = 6 * (size_t)le32(data), second = len - 8 - first;

	(void)code;
	memset(s->macs, 0, sizeof(s->macs));
	s->unicast = (uint16_t)(first / 6);
	s->multicast = (uint16_t)(second / 6);
	memcpy(s->macs, data + 4, first);
	memcpy((uint8_t *)s->macs + first, data + 8 + first, second);
}

static void set_vlan(struct ctrl_state *s, uint8_t code, const uint8_t *data, size_t len)
{
	uint16_t id = le16(data);

	(void)len;
	if (code == VIRTIO_NET_CTRL_VLAN_ADD)
		s->vlan[id / 64] |= BIT(id % 64);
	else
		s->vlan[id / 64] &= ~BIT(id % 64);
}

static void forget_rss(struct ctrl_state *s)
{
	s->rss = false;
	s->rss_hash = (struct ctrl_hash){0};
	s->unclassified = s->entries = 0;
	memset(s->table, 0, sizeof(s->table));
}

/* Section 5.1.6.5.5: of the ways to steer, the last command's is in use. */
static void set_pairs(struct ctrl_state *s, uint8_t code, const uint8_t *data, size_t len)
{
	(void)code;
	(void)len;
	forget_rss(s);
	s->pairs = le16(data);
}

static void take_key(struct ctrl_hash *h, const uint8_t *types, const uint8_t *key)
{
	*h = (struct ctrl_hash){.types = le32(types), .key_len = key[0]};
	memcpy(h->key, key + 1, h->key_len);
}

static void set_rss(struct ctrl_state *s, uint8_t code, const uint8_t *data, size_t len)
{
	size_t entries = le16(data + 4) + 1u;
	const uint8_t *tail = data + RSS_TABLE + 2 * entries;

	(void)code;
	(void)len;
	forget_rss(s);
	s->rss = true;
	s->unclassified = le16(data + RSS_TABLE - 2);
	s->entries = (uint16_t)entries;
	for (size_t i = 0; i < entries; i++)
		s->table[i] = le16(data + RSS_TABLE + 2 * i);
	s->pairs = le16(tail);
	take_key(&s->rss_hash, data, tail + 2);
}

static void set_hash(struct ctrl_state *s, uint8_t code, const uint8_t *data, size_t len)
{
	(void)code;
	(void)len;
	take_key(&s->hash, data, data + HASH_KEY - 1);
}

static void set_offloads(struct ctrl_state *s, uint8_t code, const uint8_t *data, size_t len)
{
	(void)code;
	(void)len;
	s->offloads = le64(data);
}

/* Section 5.1.6.5.9: for all queues of a kind, and so the last word for each of them. */
static void set_coal(struct ctrl_state *s, uint8_t code, const uint8_t *data, size_t len)
{
	struct ctrl_coal c = {le32(data), le32(data + 4)};
	bool tx = code == VIRTIO_NET_CTRL_NOTF_COAL_TX_SET;

	(void)len;
	*(tx ? &s->coal_tx : &s->coal_rx) = c;
	for (unsigned q = tx; q < 2 * CTRL_PAIRS_MAX; q += 2)
		s->coal[q] = c;
}

static void set_coal_queue(struct ctrl_state *s, uint8_t code, const uint8_t *data, size_t len)
{
	(void)code;
	(void)len;
	s->coal[le16(data)] = (struct ctrl_coal){le32(data + 4), le32(data + 8)};
}

/* ---- the table ---- */

struct command {
	uint8_t class, code;
	uint8_t feature;
	uint16_t len; /* of its data ... */
	bool more;    /* ... at least; what exactly, @good says */
	bool (*good)(const struct ctrl_rules *r, const uint8_t *data, size_t len);
	void (*set)(struct ctrl_state *s, uint8_t code, const uint8_t *data, size_t len);
	struct ctrl_room result;
};

#define RX(mode, bit)                                                                              \
	{                                                                                          \
		VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_##mode, VIRTIO_NET_F_##bit, 1,              \
		    .set = set_rx                                                                  \
	}
#define MAC(code) VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_##code
#define VLAN(code) VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_##code, VIRTIO_NET_F_CTRL_VLAN
#define ANNOUNCE(code) VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_##code
#define OFFLOADS(code) VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_##code
#define MQ(code) VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_##code
#define COAL(code) VIRTIO_NET_CTRL_NOTF_COAL, VIRTIO_NET_CTRL_NOTF_COAL_##code
#define STATS(code) VIRTIO_NET_CTRL_STATS, VIRTIO_NET_CTRL_STATS_##code, VIRTIO_NET_F_DEVICE_STATS

/* clang-format off */
static const struct command commands[] = {
	RX(PROMISC, CTRL_RX), RX(ALLMULTI, CTRL_RX),
	RX(ALLUNI, CTRL_RX_EXTRA), RX(NOMULTI, CTRL_RX_EXTRA),
	RX(NOUNI, CTRL_RX_EXTRA), RX(NOBCAST, CTRL_RX_EXTRA),
	{MAC(TABLE_SET), VIRTIO_NET_F_CTRL_RX, .more = true, .good = macs_good, .set = set_macs},
	{MAC(ADDR_SET), VIRTIO_NET_F_CTRL_MAC_ADDR, 6, .set = set_mac},
	{VLAN(ADD), 2, .good = vlan_good, .set = set_vlan},
	{VLAN(DEL), 2, .good = vlan_good, .set = set_vlan},
	{ANNOUNCE(ACK), VIRTIO_NET_F_GUEST_ANNOUNCE, .len = 0},
	{MQ(VQ_PAIRS_SET), VIRTIO_NET_F_MQ, 2, .good = pairs_good, .set = set_pairs},
	{MQ(RSS_CONFIG), VIRTIO_NET_F_RSS, RSS_TABLE, true, .good = rss_good, .set = set_rss},
	{MQ(HASH_CONFIG), VIRTIO_NET_F_HASH_REPORT, HASH_KEY, true, .good = hash_good, .set = set_hash},
	{OFFLOADS(SET), VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, 8, .good = offloads_good, .set = set_offloads},
	{COAL(TX_SET), VIRTIO_NET_F_NOTF_COAL, 8, .set = set_coal},
	{COAL(RX_SET), VIRTIO_NET_F_NOTF_COAL, 8, .set = set_coal},
	{COAL(VQ_SET), VIRTIO_NET_F_VQ_NOTF_COAL, 12, .good = queue_good, .set = set_coal_queue},
	{COAL(VQ_GET), VIRTIO_NET_F_VQ_NOTF_COAL, 4, .good = queue_good, .result = {8, 8}},
	{STATS(QUERY), 0, .result = {8, 8}},
	{STATS(GET), 16, true, .good = stats_good, .result = {0, CTRL_RESULT_MAX}},
};
/* clang-format on */

static const struct command *find(const uint8_t *cmd)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].class == cmd[0] && commands[i].code == cmd[1])
			return &commands[i];
	return NULL;
}

int ctrl_validate(const struct ctrl_rules *r, const uint8_t *cmd, size_t len)
{
	if (CHECK(CTRL_LONG, len > CTRL_COMMAND_MAX))
		return -E2BIG;
	if (CHECK(CTRL_SHORT, len < HEADER))
		return -EINVAL;
	const struct command *c = find(cmd);
	if (!c)
		return CHECK(CTRL_UNKNOWN, true) ? -EINVAL : 0;
	if (CHECK(CTRL_FEATURE, !negotiated(r->features, c->feature)) ||
	    CHECK(CTRL_LENGTH, c->more ? len < HEADER + (size_t)c->len : len != HEADER + c->len))
		return -EINVAL;
	return !c->good || c->good(r, cmd + HEADER, len - HEADER) ? 0 : -EINVAL;
}

struct ctrl_room ctrl_result_room(const uint8_t *cmd)
{
	const struct command *c = find(cmd);

	return c ? c->result : (struct ctrl_room){0, 0};
}

/* Section 5.1.6.5.10.2: statistics one behind the other, each as long as it says itself. */
bool ctrl_result_good(const uint8_t *cmd, const uint8_t *result, size_t len)
{
	struct ctrl_room room = ctrl_result_room(cmd);

	if (room.min == room.max)
		return !CHECK(CTRL_RESULT_LENGTH, len != room.min);
	for (size_t at = 0; at < len;) {
		struct virtio_net_stats_reply_hdr hdr = {0};
		if (len - at >= sizeof(hdr))
			memcpy(&hdr, result + at, sizeof(hdr));
		size_t size = le16toh(hdr.size);
		if (CHECK(CTRL_RESULT_SMALL, size < sizeof(hdr)) ||
		    CHECK(CTRL_RESULT_END, size > len - at))
			return false;
		at += size < sizeof(hdr) ? sizeof(hdr) : size; /* so that it ends, come what may */
	}
	return true;
}

void ctrl_commit(struct ctrl_state *s, const uint8_t *cmd, size_t len)
{
	const struct command *c = len < HEADER ? NULL : find(cmd);

	if (c && c->set && len >= HEADER + (size_t)c->len)
		c->set(s, c->code, cmd + HEADER, len - HEADER);
}

void ctrl_reset(struct ctrl_state *s, const struct ctrl_rules *r)
{
	memset(s, 0, sizeof(*s));
	s->max_pairs = r->max_pairs;
	s->pairs = 1;
	memcpy(s->mac, r->mac, sizeof(s->mac));
	s->rx[VIRTIO_NET_CTRL_RX_PROMISC] = negotiated(r->features, VIRTIO_NET_F_CTRL_RX);
	s->offloads = r->features & ALL_OFFLOADS;
}

unsigned ctrl_pairs(uint64_t features, unsigned max_pairs)
{
	return negotiated(features, VIRTIO_NET_F_MQ) || negotiated(features, VIRTIO_NET_F_RSS)
		   ? max_pairs
		   : 1;
}

void ctrl_rules_read(struct ctrl_rules *r, uint64_t features, const void *config, size_t len)
{
	struct virtio_net_config c = {0};
	bool rss = negotiated(features, VIRTIO_NET_F_RSS);

	memcpy(&c, config, len < sizeof(c) ? len : sizeof(c));
	*r = (struct ctrl_rules){.features = features};
	memcpy(r->mac, c.mac, sizeof(r->mac));
	r->max_pairs = (uint16_t)ctrl_pairs(features, le16toh(c.max_virtqueue_pairs));
	if (r->max_pairs > CTRL_PAIRS_MAX)
		r->max_pairs = CTRL_PAIRS_MAX;
	if (rss)
		r->max_table = le16toh(c.rss_max_indirection_table_length);
	if (rss || negotiated(features, VIRTIO_NET_F_HASH_REPORT)) {
		r->max_key = c.rss_max_key_size;
		r->hash_types = le32toh(c.supported_hash_types);
	}
}
