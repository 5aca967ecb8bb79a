/* SPDX-License-Identifier: MIT */
/*
 * The hash of a frame: the published vectors, which types come before which, what a frame may hold
 * before what is hashed, and frames that are cut short or lie about their lengths. Each frame lies
 * in memory that ends where it does.
 */
#include "test.h"

#include "../../vdpa/vduse/rss.h"
#include "flow_frame.h"

#include <stdlib.h>

#define T(name) VIRTIO_NET_RSS_HASH_TYPE_##name
#define R(name) VIRTIO_NET_HASH_REPORT_##name
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LEN_MAX 512u

static struct rss_hash run(uint32_t types, const uint8_t *frame, size_t len)
{
	struct netctl_hash h = {.types = types, .key_len = FLOW_KEY_LEN};
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(h.key, flow_key, FLOW_KEY_LEN);
	memcpy(copy, frame, len);
	struct rss_hash got = rss_hash(&h, copy, len);
	free(copy);
	return got;
}

static void is(uint32_t types, const uint8_t *frame, size_t len, uint16_t report, uint32_t value)
{
	struct rss_hash got = run(types, frame, len);

	assert_int_equal(got.report, report);
	assert_int_equal(got.value, value);
}

static void nothing(uint32_t types, const uint8_t *frame, size_t len)
{
	is(types, frame, len, R(NONE), 0);
}

static void the_published_vectors(void **state)
{
	uint8_t f[FLOW_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(flow_v4); i++) {
		const struct flow_vector *v = &flow_v4[i];
		size_t len = flow_frame_v4(f, v, IPPROTO_TCP);
		is(T(TCPv4), f, len, R(TCPv4), v->by_port);
		is(T(IPv4), f, len, R(IPv4), v->by_address);
		len = flow_frame_v4(f, v, IPPROTO_UDP);
		is(T(UDPv4), f, len, R(UDPv4), v->by_port);
		is(T(IPv4), f, len, R(IPv4), v->by_address);
	}
	for (size_t i = 0; i < COUNT(flow_v6); i++) {
		const struct flow_vector *v = &flow_v6[i];
		size_t len = flow_frame_v6(f, v, IPPROTO_TCP);
		is(T(TCPv6), f, len, R(TCPv6), v->by_port);
		is(T(IPv6), f, len, R(IPv6), v->by_address);
		len = flow_frame_v6(f, v, IPPROTO_UDP);
		is(T(UDPv6), f, len, R(UDPv6), v->by_port);
		is(T(IPv6), f, len, R(IPv6), v->by_address);
	}
}

/* Section 5.1.6.4.3, for every set of types, those that are not there included. */
static uint16_t want(uint32_t types, bool six, int protocol)
{
	if (six)
		return protocol == IPPROTO_TCP && (types & T(TCPv6))   ? R(TCPv6)
		       : protocol == IPPROTO_UDP && (types & T(UDPv6)) ? R(UDPv6)
		       : types & T(IPv6)			       ? R(IPv6)
								       : R(NONE);
	return protocol == IPPROTO_TCP && (types & T(TCPv4))   ? R(TCPv4)
	       : protocol == IPPROTO_UDP && (types & T(UDPv4)) ? R(UDPv4)
	       : types & T(IPv4)			       ? R(IPv4)
							       : R(NONE);
}

static void the_enabled_types_decide(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_SCTP};
	uint8_t f[FLOW_MAX];

	(void)state;
	for (uint32_t types = 0; types < 0x200; types++)
		for (size_t i = 0; i < COUNT(protocols); i++) {
			size_t len = flow_frame_v4(f, &flow_v4[0], protocols[i]);
			assert_int_equal(run(types, f, len).report,
					 want(types, false, protocols[i]));
			len = flow_frame_v6(f, &flow_v6[0], protocols[i]);
			assert_int_equal(run(types, f, len).report,
					 want(types, true, protocols[i]));
		}
}

/* @n bytes in a frame at @at. */
static size_t insert(uint8_t *frame, size_t len, size_t at, const void *bytes, size_t n)
{
	memmove(frame + at + n, frame + at, len - at);
	memcpy(frame + at, bytes, n);
	return len + n;
}

static void tags_are_skipped(void **state)
{
	uint8_t f[LEN_MAX];
	size_t len = flow_frame_v4(f, &flow_v4[1], IPPROTO_TCP);

	(void)state;
	len = insert(f, len, 12, "\x81\0\0\5", 4);
	is(RSS_TYPES, f, len, R(TCPv4), flow_v4[1].by_port);
	len = insert(f, len, 12, "\x88\xa8\0\6", 4);
	is(RSS_TYPES, f, len, R(TCPv4), flow_v4[1].by_port);
	len = insert(f, len, 12, "\x88\xa8\0\7", 4);
	nothing(RSS_TYPES, f, len);
	len = flow_frame_v6(f, &flow_v6[1], IPPROTO_UDP);
	len = insert(f, len, 12, "\x81\0\0\5", 4);
	is(RSS_TYPES, f, len, R(UDPv6), flow_v6[1].by_port);
}

static void v4_options_are_skipped(void **state)
{
	uint8_t f[LEN_MAX], options[40];

	(void)state;
	memset(options, 1, sizeof(options));
	for (unsigned words = 1; words <= 10; words++) {
		size_t len = flow_frame_v4(f, &flow_v4[2], IPPROTO_TCP);
		len = insert(f, len, FLOW_ETHER + FLOW_V4, options, 4 * words);
		f[FLOW_ETHER] = (uint8_t)(0x45 + words);
		flow_be16(f + FLOW_ETHER + 2, FLOW_V4 + 4 * words + FLOW_REST);
		is(RSS_TYPES, f, len, R(TCPv4), flow_v4[2].by_port);
	}
}

/* All of them alike, so that a datagram's pieces stay in order. */
static void fragments_have_no_ports(void **state)
{
	static const unsigned field[] = {0x2000, 0x0001, 0x1fff, 0x3001};
	uint8_t f[LEN_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(field); i++) {
		size_t len = flow_frame_v4(f, &flow_v4[3], IPPROTO_UDP);
		flow_be16(f + FLOW_ETHER + 6, field[i]);
		is(RSS_TYPES, f, len, R(IPv4), flow_v4[3].by_address);
		nothing(T(UDPv4) | T(TCPv4), f, len);
	}
	size_t len = flow_frame_v4(f, &flow_v4[3], IPPROTO_UDP);
	flow_be16(f + FLOW_ETHER + 6, 0xc000); /* don't fragment, and what is reserved */
	is(RSS_TYPES, f, len, R(UDPv4), flow_v4[3].by_port);
}

/* ---- IPv6's extension headers ---- */

#define NEXT (FLOW_ETHER + 6u)
#define EXT (FLOW_ETHER + FLOW_V6)

/* A header of type @type and @n bytes before what follows the fixed one. */
static size_t extend(uint8_t *f, size_t len, uint8_t type, uint8_t size, size_t n)
{
	uint8_t header[256] = {f[NEXT], size};

	len = insert(f, len, EXT, header, n);
	f[NEXT] = type;
	flow_be16(f + FLOW_ETHER + 4, (unsigned)(len - EXT));
	return len;
}

static void extensions_are_skipped(void **state)
{
	static const struct {
		uint8_t type, size;
		size_t n;
	} ext[] = {{IPPROTO_HOPOPTS, 0, 8},
		   {IPPROTO_ROUTING, 2, 24},
		   {IPPROTO_DSTOPTS, 1, 16},
		   {IPPROTO_AH, 4, 24},
		   {IPPROTO_FRAGMENT, 0, 8}}; /* of one */
	uint8_t f[LEN_MAX];
	size_t all;

	(void)state;
	for (size_t i = 0; i < COUNT(ext); i++) {
		size_t len = flow_frame_v6(f, &flow_v6[2], IPPROTO_TCP);
		len = extend(f, len, ext[i].type, ext[i].size, ext[i].n);
		is(RSS_TYPES, f, len, R(TCPv6), flow_v6[2].by_port);
		is(T(IPv6), f, len, R(IPv6), flow_v6[2].by_address);
	}
	all = flow_frame_v6(f, &flow_v6[2], IPPROTO_TCP);
	for (size_t i = 0; i < COUNT(ext); i++)
		all = extend(f, all, ext[i].type, ext[i].size, ext[i].n);
	is(RSS_TYPES, f, all, R(TCPv6), flow_v6[2].by_port);
	all = extend(f, all, IPPROTO_HOPOPTS, 200, 8); /* is longer than the frame */
	is(RSS_TYPES, f, all, R(IPv6), flow_v6[2].by_address);
}

/* The frame ends within the header that comes next. */
static void an_extension_may_be_cut_short(void **state)
{
	static const uint8_t types[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS,
					IPPROTO_AH, IPPROTO_FRAGMENT};
	uint8_t f[FLOW_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++)
		for (unsigned left = 0; left < 8; left++) {
			flow_frame_v6(f, &flow_v6[0], types[i]);
			flow_be16(f + FLOW_ETHER + 4, left);
			is(RSS_TYPES, f, EXT + left, R(IPv6), flow_v6[0].by_address);
		}
}

static void v6_fragments_have_no_ports(void **state)
{
	static const unsigned field[] = {0x0001, 0x0008, 0xfff8, 0x0009};
	uint8_t f[LEN_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(field); i++) {
		size_t len = flow_frame_v6(f, &flow_v6[0], IPPROTO_UDP);
		len = extend(f, len, IPPROTO_FRAGMENT, 0, 8);
		flow_be16(f + EXT + 2, field[i]);
		is(RSS_TYPES, f, len, R(IPv6), flow_v6[0].by_address);
		nothing(T(UDPv6) | T(TCPv6), f, len);
	}
}

/* ---- what is not as it says ---- */

/* A datagram is whole or none; what pads a frame is not of it. */
static void lengths_are_not_believed(void **state)
{
	uint8_t f[LEN_MAX] = {0};

	(void)state;
	for (unsigned six = 0; six < 2; six++) {
		size_t len = six ? flow_frame_v6(f, &flow_v6[0], IPPROTO_TCP)
				 : flow_frame_v4(f, &flow_v4[0], IPPROTO_TCP);
		for (size_t cut = 0; cut < len; cut++)
			nothing(RSS_TYPES, f, cut);
		uint16_t by_address = six ? R(IPv6) : R(IPv4), by_port = six ? R(TCPv6) : R(TCPv4);
		unsigned fixed = six ? 0 : FLOW_V4;
		for (unsigned total = 0; total < 0x10000; total++) {
			flow_be16(f + FLOW_ETHER + (six ? 4 : 2), total);
			uint16_t report = run(RSS_TYPES, f, len).report;
			if (total < fixed || total > fixed + FLOW_REST)
				assert_int_equal(report, R(NONE));
			else
				assert_int_equal(report, total < fixed + 20 ? by_address : by_port);
		}
	}
}

static void versions_and_header_lengths_must_fit(void **state)
{
	uint8_t f[LEN_MAX];

	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		size_t len = flow_frame_v4(f, &flow_v4[0], IPPROTO_UDP);
		f[FLOW_ETHER] = (uint8_t)first;
		uint16_t report = run(RSS_TYPES, f, len).report;
		/* 44 bytes in all, of which UDP's header has 8 */
		assert_int_equal(report, first < 0x45 || first > 0x4b ? R(NONE)
					 : first <= 0x49	      ? R(UDPv4)
								      : R(IPv4));
		len = flow_frame_v6(f, &flow_v6[0], IPPROTO_UDP);
		f[FLOW_ETHER] = (uint8_t)first;
		assert_int_equal(run(RSS_TYPES, f, len).report,
				 first >> 4 == 6 ? R(UDPv6) : R(NONE));
	}
}

/* The rest of a key is zeroes. */
static void a_short_key_is_one(void **state)
{
	struct netctl_hash h = {.types = RSS_TYPES, .key_len = 1, .key = {0x80}};
	uint8_t f[FLOW_MAX];
	size_t len = flow_frame_v4(f, &flow_v4[0], IPPROTO_TCP);

	(void)state;
	/* The first of the input's bits has the one bit of this key; 66 has it off. */
	struct rss_hash got = rss_hash(&h, f, len);
	assert_int_equal(got.value, 0);
	f[FLOW_ETHER + 12] |= 0x80;
	assert_int_equal(rss_hash(&h, f, len).value, 0x80000000);
	h.key[0] = 0;
	got = rss_hash(&h, f, len);
	assert_int_equal(got.report, R(TCPv4));
	assert_int_equal(got.value, 0);
}

static void a_flow_is_the_same_both_ways(void **state)
{
	uint8_t there[FLOW_MAX], back[FLOW_MAX], other[FLOW_MAX];
	uint32_t seen[2 * COUNT(flow_v4) + COUNT(flow_v6)];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(flow_v4) + COUNT(flow_v6); i++) {
		bool six = i >= 2 * COUNT(flow_v4);
		const struct flow_vector *v =
		    six ? &flow_v6[i - 2 * COUNT(flow_v4)] : &flow_v4[i / 2];
		struct flow_vector r = {v->to, v->from, v->to_port, v->from_port, 0, 0}, next = *v;
		next.to_port++;
		/* Of a protocol without ports all between two addresses is one flow. */
		uint8_t protocol = i % 2 || six ? IPPROTO_TCP : IPPROTO_ICMP;
		size_t (*make)(uint8_t *, const struct flow_vector *, uint8_t) =
		    six ? flow_frame_v6 : flow_frame_v4;
		size_t len = make(there, v, protocol);
		assert_int_equal(make(back, &r, protocol), len);
		assert_int_equal(make(other, &next, protocol), len);
		assert_int_equal(rss_flow(there, len), rss_flow(back, len));
		if (protocol == IPPROTO_TCP)
			assert_int_not_equal(rss_flow(there, len), rss_flow(other, len));
		else
			assert_int_equal(rss_flow(there, len), rss_flow(other, len));
		for (size_t k = 0; k < n; k++)
			assert_int_not_equal(seen[k], rss_flow(there, len));
		seen[n++] = rss_flow(there, len);
	}
	/* Not of IP: by the stations. */
	memset(there, 0, sizeof(there));
	memcpy(there, "\2\0\0\0\0\1\2\0\0\0\0\2\x88\xb5", 14);
	memcpy(back, "\2\0\0\0\0\2\2\0\0\0\0\1\x88\xb5", 14);
	memcpy(other, "\2\0\0\0\0\3\2\0\0\0\0\1\x88\xb5", 14);
	assert_int_equal(rss_flow(there, 14), rss_flow(back, 14));
	assert_int_not_equal(rss_flow(there, 14), rss_flow(other, 14));
}

static uint32_t seed = 11;

static uint8_t draw(void)
{
	seed = seed * 1664525 + 1013904223;
	return (uint8_t)(seed >> 16);
}

/* The sanitizers look on. */
static void noise_is_survived(void **state)
{
	uint8_t f[LEN_MAX];

	(void)state;
	for (unsigned n = 0; n < 50000; n++) {
		size_t len = n % 2 ? flow_frame_v6(f, &flow_v6[0], IPPROTO_TCP)
				   : flow_frame_v4(f, &flow_v4[0], IPPROTO_TCP);
		len = n % 4 == 1 ? extend(f, len, draw() % 64, draw() % 8, 8u * (draw() % 4)) : len;
		for (unsigned i = draw() % 4; i > 0; i--)
			f[12 + draw() % (len - 12)] = draw();
		if (draw() % 4 == 0)
			len = draw() % (len + 1);
		struct rss_hash got = run(draw(), f, len);
		assert_true(got.report <= R(UDPv6));
		uint8_t *copy = malloc(len ? len : 1);
		memcpy(copy, f, len);
		(void)rss_flow(copy, len);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_published_vectors),
	    cmocka_unit_test(the_enabled_types_decide),
	    cmocka_unit_test(tags_are_skipped),
	    cmocka_unit_test(v4_options_are_skipped),
	    cmocka_unit_test(fragments_have_no_ports),
	    cmocka_unit_test(extensions_are_skipped),
	    cmocka_unit_test(an_extension_may_be_cut_short),
	    cmocka_unit_test(v6_fragments_have_no_ports),
	    cmocka_unit_test(lengths_are_not_believed),
	    cmocka_unit_test(versions_and_header_lengths_must_fit),
	    cmocka_unit_test(a_short_key_is_one),
	    cmocka_unit_test(a_flow_is_the_same_both_ways),
	    cmocka_unit_test(noise_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
