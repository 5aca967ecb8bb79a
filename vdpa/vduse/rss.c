/* SPDX-License-Identifier: MIT */
/*
 * The hash of a frame; see rss.h. A header counts if all of it is there: in the frame, and in the
 * datagram by its own length. It must never take the ports of a fragment, of which most have none.
 */
#include "rss.h"

#include <assert.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#define TAGS_MAX 2 /* VLANs in a VLAN */
#define ANY (-1)   /* in place of a protocol: only the addresses are known */
#define ADDRESSES_V4 8u
#define ADDRESSES_V6 32u
#define PORTS 4u
#define INPUT_MAX (ADDRESSES_V6 + PORTS)

/* What is left of a frame. */
struct span {
	const uint8_t *at;
	size_t len;
};

/* A datagram. */
struct flow {
	bool six;
	int protocol;		  /* ANY, or that of the header in @rest */
	const uint8_t *addresses; /* source and destination, right after one another */
	struct span rest;
};

static unsigned be16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static bool skip(struct span *s, size_t n)
{
	if (s->len < n)
		return false;
	s->at += n;
	s->len -= n;
	return true;
}

/* What a frame carries, which @s is left with; 0: it ends before. */
static unsigned ether_type(struct span *s)
{
	bool there = skip(s, ETH_HLEN - 2);
	unsigned type = 0;

	for (unsigned tags = 0; there && tags <= TAGS_MAX; tags++) {
		there = skip(s, 2);
		type = there ? be16(s->at - 2) : 0;
		if (type != ETH_P_8021Q && type != ETH_P_8021AD)
			break;
		there = skip(s, 2);
	}
	return type;
}

/* RFC 791 */
static bool read_v4(struct flow *f, struct span s)
{
	if (s.len < 20 || s.at[0] >> 4 != 4)
		return false;
	size_t header = (s.at[0] & 15) * 4u, total = be16(s.at + 2);
	if (header < 20 || total < header || total > s.len)
		return false;
	bool fragment = be16(s.at + 6) & 0x3fff; /* more of them, or an offset */
	*f = (struct flow){.protocol = fragment ? ANY : s.at[9],
			   .addresses = s.at + 12,
			   .rest = {s.at + header, total - header}};
	return true;
}

/* How long the extension header of type @next is, of which 8 bytes are at @at (RFC 8200 section 4,
 * RFC 4302); 0: it is none. */
static size_t extension(int next, const uint8_t *at)
{
	switch (next) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		return (at[1] + 1u) * 8;
	case IPPROTO_AH:
		return (at[1] + 2u) * 4;
	case IPPROTO_FRAGMENT:
		return 8;
	default:
		return 0;
	}
}

/* Extension headers are skipped: the types that are made of them are not there. */
static void skip_extensions(struct flow *f)
{
	while (f->rest.len >= 8) {
		size_t len = extension(f->protocol, f->rest.at);
		bool fragment = f->protocol == IPPROTO_FRAGMENT && be16(f->rest.at + 2) & 0xfff9;
		if (!len)
			return;
		f->protocol = f->rest.at[0];
		if (fragment || !skip(&f->rest, len))
			break;
	}
	f->protocol = ANY; /* no header of TCP's or UDP's is as short */
}

/* RFC 8200 section 3 */
static bool read_v6(struct flow *f, struct span s)
{
	if (s.len < 40 || s.at[0] >> 4 != 6 || be16(s.at + 4) > s.len - 40)
		return false;
	*f = (struct flow){.six = true,
			   .protocol = s.at[6],
			   .addresses = s.at + 8,
			   .rest = {s.at + 40, be16(s.at + 4)}};
	skip_extensions(f);
	return true;
}

/* In the order in which they are looked for. */
static const struct kind {
	bool six;
	int protocol;
	size_t header;
	uint32_t type;
	uint16_t report;
} kinds[] = {
    {false, IPPROTO_TCP, 20, VIRTIO_NET_RSS_HASH_TYPE_TCPv4, VIRTIO_NET_HASH_REPORT_TCPv4},
    {false, IPPROTO_UDP, 8, VIRTIO_NET_RSS_HASH_TYPE_UDPv4, VIRTIO_NET_HASH_REPORT_UDPv4},
    {false, ANY, 0, VIRTIO_NET_RSS_HASH_TYPE_IPv4, VIRTIO_NET_HASH_REPORT_IPv4},
    {true, IPPROTO_TCP, 20, VIRTIO_NET_RSS_HASH_TYPE_TCPv6, VIRTIO_NET_HASH_REPORT_TCPv6},
    {true, IPPROTO_UDP, 8, VIRTIO_NET_RSS_HASH_TYPE_UDPv6, VIRTIO_NET_HASH_REPORT_UDPv6},
    {true, ANY, 0, VIRTIO_NET_RSS_HASH_TYPE_IPv6, VIRTIO_NET_HASH_REPORT_IPv6},
};

static const struct kind *find_kind(const struct flow *f, uint32_t types)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct kind *k = &kinds[i];
		if (k->six == f->six && (types & k->type) &&
		    (k->protocol == ANY || k->protocol == f->protocol) && f->rest.len >= k->header)
			return k;
	}
	return NULL;
}

/* Toeplitz: for each bit of the input that is set, the 32 bits of the key from that bit on. */
static uint32_t toeplitz(const uint8_t key[NETCTL_KEY_MAX], const uint8_t *in, size_t len)
{
	uint32_t window = be16(key) << 16 | be16(key + 2), value = 0;

	static_assert(NETCTL_KEY_MAX >= INPUT_MAX + sizeof(window), "a bit of the key for each");
	for (size_t i = 0; i < len; i++)
		for (unsigned bit = 8; bit-- > 0;) {
			value ^= in[i] >> bit & 1 ? window : 0;
			window = window << 1 | (key[i + sizeof(window)] >> bit & 1);
		}
	return value;
}

static bool read_flow(struct flow *f, const uint8_t *frame, size_t len)
{
	struct span s = {frame, len};
	unsigned type = ether_type(&s);

	return (type == ETH_P_IP && read_v4(f, s)) || (type == ETH_P_IPV6 && read_v6(f, s));
}

struct rss_hash rss_hash(const struct netctl_hash *h, const uint8_t *frame, size_t len)
{
	const struct rss_hash none = {.report = VIRTIO_NET_HASH_REPORT_NONE};
	struct flow f;
	const struct kind *k = read_flow(&f, frame, len) ? find_kind(&f, h->types) : NULL;

	if (!k)
		return none;
	uint8_t in[INPUT_MAX];
	size_t n = f.six ? ADDRESSES_V6 : ADDRESSES_V4;
	memcpy(in, f.addresses, n);
	if (k->protocol != ANY) {
		memcpy(in + n, f.rest.at, PORTS);
		n += PORTS;
	}
	return (struct rss_hash){k->report, toeplitz(h->key, in, n)};
}

/* Two ends of @half bytes each, whichever comes first. */
static uint32_t mix(uint32_t value, const uint8_t *ends, size_t half)
{
	for (size_t i = 0; i < half; i++)
		value = (value ^ (ends[i] ^ ends[half + i])) * 0x01000193; /* as in FNV-1a */
	return value;
}

uint32_t rss_flow(const uint8_t *frame, size_t len)
{
	uint32_t value = 0x811c9dc5;
	struct flow f;

	if (!read_flow(&f, frame, len))
		return len < ETH_HLEN ? value : mix(value, frame, ETH_ALEN);
	value = mix(value, f.addresses, (f.six ? ADDRESSES_V6 : ADDRESSES_V4) / 2);
	if ((f.protocol == IPPROTO_TCP || f.protocol == IPPROTO_UDP) && f.rest.len >= PORTS)
		value = mix(value, f.rest.at, PORTS / 2);
	return value;
}
