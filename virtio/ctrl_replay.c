/* SPDX-License-Identifier: MIT */
/*
 * The commands that lead to a state; see ctrl.h. A step is a command that may have to be sent; in
 * their order, what one leaves is not undone by one that comes after it. It must never make a
 * command that ctrl_validate() would refuse.
 */
#include "ctrl.h"

#include <endian.h>
#include <linux/virtio_net.h>
#include <string.h>

/* A command in the making. */
struct making {
	uint8_t *at;
	size_t len;
};

static void put(struct making *m, const void *bytes, size_t len)
{
	memcpy(m->at + m->len, bytes, len);
	m->len += len;
}

static void put8(struct making *m, uint8_t v)
{
	put(m, &v, sizeof(v));
}

static void put16(struct making *m, uint16_t v)
{
	v = htole16(v);
	put(m, &v, sizeof(v));
}

static void put32(struct making *m, uint32_t v)
{
	v = htole32(v);
	put(m, &v, sizeof(v));
}

static void put64(struct making *m, uint64_t v)
{
	v = htole64(v);
	put(m, &v, sizeof(v));
}

static void begin(struct making *m, uint8_t class, uint8_t code)
{
	put8(m, class);
	put8(m, code);
}

/* Each step begins a command if @s differs there from @fresh, which a reset leaves. @i counts
 * within the steps of its kind. */

static void step_rx(struct making *m, const struct ctrl_state *s, const struct ctrl_state *fresh,
		    unsigned i)
{
	if (s->rx[i] == fresh->rx[i])
		return;
	begin(m, VIRTIO_NET_CTRL_RX, (uint8_t)i);
	put8(m, s->rx[i]);
}

static void step_mac(struct making *m, const struct ctrl_state *s, const struct ctrl_state *fresh,
		     unsigned i)
{
	(void)fresh;
	(void)i;
	if (!s->mac_set)
		return;
	begin(m, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET);
	put(m, s->mac, sizeof(s->mac));
}

static void step_macs(struct making *m, const struct ctrl_state *s, const struct ctrl_state *fresh,
		      unsigned i)
{
	(void)fresh;
	(void)i;
	if (!s->unicast && !s->multicast)
		return;
	begin(m, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET);
	put32(m, s->unicast);
	put(m, s->macs[0], 6 * (size_t)s->unicast);
	put32(m, s->multicast);
	if (s->multicast)
		put(m, s->macs[s->unicast], 6 * (size_t)s->multicast);
}

static void step_vlan(struct making *m, const struct ctrl_state *s, const struct ctrl_state *fresh,
		      unsigned i)
{
	(void)fresh;
	if (!(s->vlan[i / 64] >> i % 64 & 1))
		return;
	begin(m, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD);
	put16(m, (uint16_t)i);
}

/* RSS_CONFIG, if there is one, sets the pairs too. */
static void step_pairs(struct making *m, const struct ctrl_state *s, const struct ctrl_state *fresh,
		       unsigned i)
{
	(void)i;
	if (s->rss || s->pairs == fresh->pairs)
		return;
	begin(m, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET);
	put16(m, s->pairs);
}

static void put_key(struct making *m, const struct ctrl_hash *h)
{
	put8(m, h->key_len);
	put(m, h->key, h->key_len);
}

static void step_hash(struct making *m, const struct ctrl_state *s, const struct ctrl_state *fresh,
		      unsigned i)
{
	(void)fresh;
	(void)i;
	if (!s->hash.types && !s->hash.key_len)
		return;
	begin(m, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_HASH_CONFIG);
	put32(m, s->hash.types);
	put64(m, 0);
	put_key(m, &s->hash);
}

static void step_rss(struct making *m, const struct ctrl_state *s, const struct ctrl_state *fresh,
		     unsigned i)
{
	(void)fresh;
	(void)i;
	if (!s->rss)
		return;
	begin(m, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_RSS_CONFIG);
	put32(m, s->rss_hash.types);
	put16(m, (uint16_t)(s->entries - 1));
	put16(m, s->unclassified);
	for (unsigned n = 0; n < s->entries; n++)
		put16(m, s->table[n]);
	put16(m, s->pairs);
	put_key(m, &s->rss_hash);
}

static void step_offloads(struct making *m, const struct ctrl_state *s,
			  const struct ctrl_state *fresh, unsigned i)
{
	(void)i;
	if (s->offloads == fresh->offloads)
		return;
	begin(m, VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET);
	put64(m, s->offloads);
}

static bool same(const struct ctrl_coal *a, const struct ctrl_coal *b)
{
	return a->packets == b->packets && a->usecs == b->usecs;
}

/* 0: all receive queues, 1: all transmit queues. */
static void step_coal(struct making *m, const struct ctrl_state *s, const struct ctrl_state *fresh,
		      unsigned i)
{
	const struct ctrl_coal *c = i ? &s->coal_tx : &s->coal_rx;

	if (same(c, &fresh->coal_rx))
		return;
	begin(m, VIRTIO_NET_CTRL_NOTF_COAL,
	      i ? VIRTIO_NET_CTRL_NOTF_COAL_TX_SET : VIRTIO_NET_CTRL_NOTF_COAL_RX_SET);
	put32(m, c->packets);
	put32(m, c->usecs);
}

static void step_queue(struct making *m, const struct ctrl_state *s, const struct ctrl_state *fresh,
		       unsigned i)
{
	const struct ctrl_coal *c = &s->coal[i];

	(void)fresh;
	if (same(c, i % 2 ? &s->coal_tx : &s->coal_rx))
		return;
	begin(m, VIRTIO_NET_CTRL_NOTF_COAL, VIRTIO_NET_CTRL_NOTF_COAL_VQ_SET);
	put16(m, (uint16_t)i);
	put16(m, 0);
	put32(m, c->packets);
	put32(m, c->usecs);
}

static const struct {
	void (*step)(struct making *m, const struct ctrl_state *s, const struct ctrl_state *fresh,
		     unsigned i);
	unsigned count;
} kinds[] = {
    {step_rx, CTRL_RX_MODES},
    {step_mac, 1},
    {step_macs, 1},
    {step_vlan, CTRL_VLANS},
    {step_pairs, 1},
    {step_hash, 1},
    {step_rss, 1},
    {step_offloads, 1},
    {step_coal, 2},
    {step_queue, 2 * CTRL_PAIRS_MAX},
};

size_t ctrl_replay(const struct ctrl_state *s, const struct ctrl_rules *r, unsigned *next,
		   uint8_t cmd[CTRL_COMMAND_MAX])
{
	struct making m = {.at = cmd};
	struct ctrl_state fresh;
	unsigned first = 0;

	ctrl_reset(&fresh, r);
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); first += kinds[k++].count)
		while (*next >= first && *next < first + kinds[k].count) {
			kinds[k].step(&m, s, &fresh, (*next)++ - first);
			if (m.len)
				return m.len;
		}
	return 0;
}
