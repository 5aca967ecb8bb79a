/* SPDX-License-Identifier: MIT */
/*
 * Control commands; see netctl.h. A command is read from its front by take(), which fails for good
 * once it is asked for more than there is; it is carried out only if all of it was taken. It must
 * never look past a command's length. UNTRUSTED: driver
 */
#include "netctl.h"

#include <linux/virtio_net.h>
#include <string.h>

/* What can be switched by GUEST_OFFLOADS_SET. */
static const uint8_t offload_bit[] = {VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_TSO4,
				      VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_ECN,
				      VIRTIO_NET_F_GUEST_UFO,  VIRTIO_NET_F_GUEST_USO4,
				      VIRTIO_NET_F_GUEST_USO6};

struct reader {
	const uint8_t *at;
	size_t left;
	bool failed;
};

/* The next @n bytes, of zeroes if they are not there. */
static const uint8_t *take(struct reader *r, size_t n)
{
	static const uint8_t zeroes[8];
	const uint8_t *at = r->at;

	if (r->failed || r->left < n) {
		r->failed = true;
		return n <= sizeof(zeroes) ? zeroes : NULL;
	}
	r->at += n;
	r->left -= n;
	return at;
}

static uint64_t take_number(struct reader *r, unsigned bytes)
{
	const uint8_t *at = take(r, bytes);
	uint64_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | at[bytes];
	return v;
}

static bool done(const struct reader *r)
{
	return !r->failed && r->left == 0;
}

/* All that a command is carried out with; @c counts only if it succeeds. */
struct run {
	struct netctl *c;
	const struct netctl_ability *can;
	uint64_t features;
	uint8_t code;
	struct reader in;
	struct netctl_result *out;
};

static bool has(const struct run *x, unsigned feature)
{
	return x->features >> feature & 1;
}

static bool run_rx(struct run *x)
{
	bool extra = x->code >= VIRTIO_NET_CTRL_RX_ALLUNI;
	uint64_t on = take_number(&x->in, 1);

	if (x->code > VIRTIO_NET_CTRL_RX_NOBCAST || on > 1 || !done(&x->in) ||
	    !has(x, extra ? VIRTIO_NET_F_CTRL_RX_EXTRA : VIRTIO_NET_F_CTRL_RX))
		return false;
	x->c->rx_mode[x->code] = on;
	return true;
}

static bool run_mac_table(struct run *x)
{
	struct netctl_macs *m = &x->c->macs;
	uint32_t n = 0;

	memset(m, 0, sizeof(*m));
	for (unsigned kind = 0; kind < 2; kind++) {
		m->count[kind] = (uint32_t)take_number(&x->in, 4);
		if (m->count[kind] > x->in.left / 6)
			return false;
		for (uint32_t i = 0; i < m->count[kind]; i++)
			memcpy(m->address[n++], take(&x->in, 6), 6);
	}
	return done(&x->in) && has(x, VIRTIO_NET_F_CTRL_RX);
}

static bool run_mac(struct run *x)
{
	if (x->code == VIRTIO_NET_CTRL_MAC_TABLE_SET)
		return run_mac_table(x);
	if (x->code != VIRTIO_NET_CTRL_MAC_ADDR_SET || !has(x, VIRTIO_NET_F_CTRL_MAC_ADDR))
		return false;
	memcpy(x->c->mac, take(&x->in, 6), 6);
	return done(&x->in);
}

static bool run_vlan(struct run *x)
{
	uint64_t id = take_number(&x->in, 2);

	if (x->code > VIRTIO_NET_CTRL_VLAN_DEL || id >= 4096 || !has(x, VIRTIO_NET_F_CTRL_VLAN))
		return false;
	x->c->vlan[id] = x->code == VIRTIO_NET_CTRL_VLAN_ADD;
	return done(&x->in);
}

static bool run_announce(struct run *x)
{
	x->c->acks++;
	return x->code == VIRTIO_NET_CTRL_ANNOUNCE_ACK && done(&x->in) &&
	       has(x, VIRTIO_NET_F_GUEST_ANNOUNCE);
}

/* The key that comes last of a hash's or RSS' parameters. */
static bool take_key(struct run *x, struct netctl_hash *h)
{
	h->key_len = (uint8_t)take_number(&x->in, 1);
	memset(h->key, 0, sizeof(h->key));
	for (unsigned i = 0; i < h->key_len && i < sizeof(h->key); i++)
		h->key[i] = (uint8_t)take_number(&x->in, 1);
	return h->key_len <= x->can->key && !(h->types & ~x->can->hash_types);
}

static bool run_hash(struct run *x)
{
	x->c->hash.types = (uint32_t)take_number(&x->in, 4);
	bool reserved = take_number(&x->in, 8) != 0;

	return take_key(x, &x->c->hash) && done(&x->in) && !reserved &&
	       has(x, VIRTIO_NET_F_HASH_REPORT);
}

static void end_rss(struct netctl *c)
{
	c->rss_length = c->rss_default = 0;
	memset(&c->rss_hash, 0, sizeof(c->rss_hash));
	memset(c->rss_table, 0, sizeof(c->rss_table));
}

static bool run_rss(struct run *x)
{
	struct netctl *c = x->c;

	end_rss(c);
	c->rss_hash.types = (uint32_t)take_number(&x->in, 4);
	c->rss_length = (uint32_t)take_number(&x->in, 2) + 1;
	if (c->rss_length > x->can->table || (c->rss_length & (c->rss_length - 1)))
		return false;
	c->rss_default = (uint16_t)take_number(&x->in, 2);
	bool good = c->rss_default < x->can->pairs;
	for (uint32_t i = 0; i < c->rss_length; i++) {
		c->rss_table[i] = (uint16_t)take_number(&x->in, 2);
		good = good && c->rss_table[i] < x->can->pairs;
	}
	c->pairs = (uint16_t)take_number(&x->in, 2);
	good = take_key(x, &c->rss_hash) && good;
	if (x->in.left == 1) /* Linux's virtnet_rss_trailer_size() counts a byte of padding */
		(void)take(&x->in, 1);
	return done(&x->in) && good && c->pairs >= 1 && c->pairs <= x->can->pairs &&
	       has(x, VIRTIO_NET_F_RSS);
}

static bool run_mq(struct run *x)
{
	if (x->code == VIRTIO_NET_CTRL_MQ_RSS_CONFIG)
		return run_rss(x);
	if (x->code == VIRTIO_NET_CTRL_MQ_HASH_CONFIG)
		return run_hash(x);
	if (x->code != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET || !has(x, VIRTIO_NET_F_MQ))
		return false;
	end_rss(x->c);
	x->c->pairs = (uint16_t)take_number(&x->in, 2);
	return done(&x->in) && x->c->pairs >= 1 && x->c->pairs <= x->can->pairs;
}

static uint64_t offloads_of(uint64_t features)
{
	uint64_t set = 0;

	for (unsigned i = 0; i < sizeof(offload_bit); i++)
		set |= features & 1ull << offload_bit[i];
	return set;
}

static bool run_offloads(struct run *x)
{
	x->c->offloads = take_number(&x->in, 8);
	return x->code == VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET && done(&x->in) &&
	       !(x->c->offloads & ~offloads_of(x->features)) &&
	       has(x, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS);
}

static struct netctl_delay take_delay(struct run *x)
{
	uint32_t packets = (uint32_t)take_number(&x->in, 4);

	return (struct netctl_delay){packets, (uint32_t)take_number(&x->in, 4)};
}

static bool put_delay(struct netctl_result *r, const struct netctl_delay *d)
{
	const uint32_t v[2] = {d->packets, d->usecs};

	if (r->room < 8)
		return false;
	for (r->len = 0; r->len < 8; r->len++)
		r->bytes[r->len] = (uint8_t)(v[r->len / 4] >> r->len % 4 * 8);
	return true;
}

static bool run_one_queue(struct run *x)
{
	uint64_t q = take_number(&x->in, 2);

	(void)take_number(&x->in, 2); /* what is reserved is ignored */
	if (!has(x, VIRTIO_NET_F_VQ_NOTF_COAL) || q >= 2u * x->can->pairs ||
	    (x->can->disabled & 1u << q))
		return false;
	if (x->code == VIRTIO_NET_CTRL_NOTF_COAL_VQ_GET)
		return done(&x->in) && put_delay(x->out, &x->c->queue[q]);
	x->c->queue[q] = take_delay(x);
	return done(&x->in);
}

static bool run_coalescing(struct run *x)
{
	if (x->code == VIRTIO_NET_CTRL_NOTF_COAL_VQ_SET ||
	    x->code == VIRTIO_NET_CTRL_NOTF_COAL_VQ_GET)
		return run_one_queue(x);
	if (x->code > VIRTIO_NET_CTRL_NOTF_COAL_RX_SET || !has(x, VIRTIO_NET_F_NOTF_COAL))
		return false;
	struct netctl_delay d = take_delay(x);
	unsigned kind = x->code == VIRTIO_NET_CTRL_NOTF_COAL_TX_SET;
	for (unsigned q = kind; q < 2u * x->can->pairs; q += 2)
		x->c->queue[q] = d;
	x->c->kind[kind] = d;
	return done(&x->in);
}

static bool run(struct run *x, uint8_t class)
{
	switch (class) {
	case VIRTIO_NET_CTRL_RX:
		return run_rx(x);
	case VIRTIO_NET_CTRL_MAC:
		return run_mac(x);
	case VIRTIO_NET_CTRL_VLAN:
		return run_vlan(x);
	case VIRTIO_NET_CTRL_ANNOUNCE:
		return run_announce(x);
	case VIRTIO_NET_CTRL_MQ:
		return run_mq(x);
	case VIRTIO_NET_CTRL_GUEST_OFFLOADS:
		return run_offloads(x);
	case VIRTIO_NET_CTRL_NOTF_COAL:
		return run_coalescing(x);
	default:
		return false;
	}
}

uint8_t netctl_run(const struct netctl *c, struct netctl *next, const struct netctl_ability *can,
		   uint64_t features, const uint8_t *cmd, size_t len, struct netctl_result *r)
{
	struct run x = {next, can, features, 0, {cmd, len, false}, r};
	uint8_t class = (uint8_t)take_number(&x.in, 1);

	*next = *c;
	r->len = 0;
	x.code = (uint8_t)take_number(&x.in, 1);
	return !x.in.failed && run(&x, class) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
}

void netctl_reset(struct netctl *c, const struct netctl_ability *can, uint64_t features)
{
	memset(c, 0, sizeof(*c));
	memcpy(c->mac, can->mac, sizeof(c->mac));
	c->pairs = 1;
	c->offloads = offloads_of(features);
	/* Section 5.1.6.5.1: a driver that can say so has not said yet what it wants. */
	c->rx_mode[VIRTIO_NET_CTRL_RX_PROMISC] = features >> VIRTIO_NET_F_CTRL_RX & 1;
}
