/* SPDX-License-Identifier: MIT */
/*
 * A VDUSE network device whose driver steers: frames come on the queue that the table has for their
 * hash, looped back or from a tap, of which a pair of sockets takes the place; and with HASH_REPORT
 * their header says what the hash is.
 */
#include "flow_frame.h"
#include "net_traffic.h"

#include <linux/if_tun.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS 4u
#define BIT(n) (1ull << (n))
#define MQ BIT(VIRTIO_NET_F_MQ)
#define RSS BIT(VIRTIO_NET_F_RSS)
#define REPORT BIT(VIRTIO_NET_F_HASH_REPORT)
#define LONG 20u /* struct virtio_net_hdr_v1_hash */
#define ALL_TYPES 0x3fu
#define TABLE 8u
#define FLOW (&flow_v4[0]) /* its hash ends in 0 by ports, and in 2 by addresses */
#define FLOW_LEN (FLOW_ETHER + FLOW_V4 + FLOW_REST)

static int host; /* the tap's other end; -1: it is a loopback */
static struct backend backend;
static char path[] = "/tmp/test_net_rss.XXXXXX"; /* the trace */
static size_t header;

static int open_device(bool tap)
{
	int ends[2] = {-1, -1};

	strcpy(path + sizeof(path) - 7, "XXXXXX");
	int fd = mkstemp(path);
	c.e = (struct err){0};
	if (fd < 0 || close(fd) || trace_open(&c.trace, path, &c.e))
		return -1;
	if (tap && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends))
		return -1;
	host = ends[1];
	backend = (struct backend){.kind = BACKEND_TAP, .tap.fd = ends[0], .pcap.fd = -1};
	c.backend = tap ? &backend : NULL;
	fake_vduse_reset();
	client_is(PAIRS, true);
	return client_map(&c) || client_open(&c, 1, false);
}

static void start(uint64_t features)
{
	client_rings(&c);
	client_start(CLIENT_FEATURES | features);
	settle(); /* from here on, what the host sends is the session's */
	header = features & REPORT ? LONG : HEADER;
}

static int open_loopback(void **state)
{
	(void)state;
	if (open_device(false))
		return -1;
	start(MQ | RSS | REPORT);
	return 0;
}

static int open_tap(void **state)
{
	(void)state;
	if (open_device(true))
		return -1;
	start(MQ | RSS | REPORT);
	return 0;
}

static int shut(void **state)
{
	int ret = client_close(&c);

	(void)state;
	ret |= trace_close(c.trace, &c.e);
	c.trace = NULL;
	c.backend = NULL;
	if (host >= 0)
		close(host);
	return ret | unlink(path);
}

static bool traced(const char *what)
{
	static char text[1 << 18];

	trace_flush(c.trace);
	FILE *f = fopen(path, "re");
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return strstr(text, what) != NULL;
}

/* ---- commands ---- */

static void put_key(uint8_t *at)
{
	at[0] = FLOW_KEY_LEN;
	memcpy(at + 1, flow_key, FLOW_KEY_LEN);
}

static int rss(uint32_t types, uint8_t unclassified, const uint8_t table[TABLE])
{
	uint8_t cmd[10 + 2 * TABLE + 3 + FLOW_KEY_LEN] = {
	    4, 1, (uint8_t)types, [6] = TABLE - 1, [8] = unclassified};

	for (unsigned i = 0; i < TABLE; i++)
		cmd[10 + 2 * i] = table[i];
	cmd[10 + 2 * TABLE] = PAIRS;
	put_key(cmd + 12 + 2 * TABLE);
	return control(cmd, sizeof(cmd));
}

static void steered(uint32_t types)
{
	static const uint8_t table[TABLE] = {1, 0, 3, 0, 0, 0, 0, 0};

	assert_int_equal(rss(types, 2, table), VIRTIO_NET_OK);
}

static void all_to(uint8_t pair)
{
	const uint8_t table[TABLE] = {pair, pair, pair, pair, pair, pair, pair, pair};

	assert_int_equal(rss(ALL_TYPES, pair, table), VIRTIO_NET_OK);
}

static int hash_config(uint32_t types)
{
	uint8_t cmd[15 + FLOW_KEY_LEN] = {4, 2, (uint8_t)types};

	put_key(cmd + 14);
	return control(cmd, sizeof(cmd));
}

/* ---- frames ---- */

/* Sent on @tx: a header of ones, which says nothing of what comes back, and FLOW. */
static void send_flow(unsigned tx, uint8_t protocol)
{
	uint16_t used = ring_used(&c.ring[tx])->idx;

	memset(ram(tx, OUT), 0xff, header);
	flow_frame_v4(ram(tx, OUT + (uint32_t)header), FLOW, protocol);
	client_offer(&c, tx, OUT, (uint32_t)(header + FLOW_LEN), 0);
	client_kick(tx);
	client_used(&c, tx, (uint16_t)(used + 1));
}

static void came(unsigned rx, uint16_t used, uint32_t value, uint16_t report)
{
	const uint8_t want[LONG] = {[10] = 1,
				    [12] = (uint8_t)value,
				    [13] = (uint8_t)(value >> 8),
				    [14] = (uint8_t)(value >> 16),
				    [15] = (uint8_t)(value >> 24),
				    [16] = (uint8_t)report};

	client_used(&c, rx, used);
	assert_int_equal(client_last(&c, rx)->len, header + FLOW_LEN);
	assert_memory_equal(ram(rx, IN), want, header);
	assert_int_equal(*ram(rx, IN + (uint32_t)header + 12), 8); /* the frame's type */
}

static void give_all(void)
{
	for (unsigned p = 0; p < PAIRS; p++)
		give_buffer_to(2 * p, 0x1000);
}

static void used_are(uint16_t a, uint16_t b, uint16_t x, uint16_t d)
{
	const uint16_t want[PAIRS] = {a, b, x, d};

	for (unsigned p = 0; p < PAIRS; p++)
		assert_int_equal(ring_used(&c.ring[2 * p])->idx, want[p]);
}

/* ---- the tests ---- */

static void the_config_space_says_what_there_is(void **state)
{
	static const uint8_t want[] = {40, 128, 0, 0x3f, 0, 0, 0};

	(void)state;
	assert_true(fake_vduse.made.features & RSS);
	assert_true(fake_vduse.made.features & REPORT);
	assert_memory_equal(fake_vduse.config + 17, want, sizeof(want)); /* section 5.1.4 */
}

static void the_table_names_the_queue(void **state)
{
	(void)state;
	steered(ALL_TYPES);
	give_all();
	send_flow(1, IPPROTO_TCP);
	came(2, 1, FLOW->by_port, VIRTIO_NET_HASH_REPORT_TCPv4);
	send_flow(7, IPPROTO_ICMP);
	came(6, 1, FLOW->by_address, VIRTIO_NET_HASH_REPORT_IPv4);
	used_are(0, 1, 0, 1);
	called(2, 0);
	called(6, 0);
	all_to(0);
	send_flow(5, IPPROTO_UDP);
	came(0, 1, FLOW->by_port, VIRTIO_NET_HASH_REPORT_UDPv4);
}

static void what_has_no_hash_goes_where_the_rest_goes(void **state)
{
	(void)state;
	steered(VIRTIO_NET_RSS_HASH_TYPE_TCPv4);
	give_all();
	send_flow(1, IPPROTO_UDP);
	came(4, 1, 0, VIRTIO_NET_HASH_REPORT_NONE);
	used_are(0, 0, 1, 0);
}

/* Section 5.1.6.5.5: the last command's way to steer is in use; HASH_CONFIG is for this one. */
static void automatic_steering_comes_back(void **state)
{
	(void)state;
	steered(ALL_TYPES);
	assert_int_equal(hash_config(VIRTIO_NET_RSS_HASH_TYPE_IPv4), VIRTIO_NET_OK);
	give_all();
	send_flow(1, IPPROTO_TCP);
	came(2, 1, FLOW->by_port, VIRTIO_NET_HASH_REPORT_TCPv4);
	assert_int_equal(control("\4\0\4", 4), VIRTIO_NET_OK);
	send_flow(1, IPPROTO_TCP); /* what RSS had to hash went with it */
	came(0, 1, 0, VIRTIO_NET_HASH_REPORT_NONE);
}

/* Section 5.1.6.4.3: whose parameters it is by goes by what was negotiated. */
static void without_rss_it_is_hashed_by_its_own(void **state)
{
	(void)state;
	start(MQ | REPORT);
	assert_int_equal(control("\4\0\4", 4), VIRTIO_NET_OK);
	assert_int_equal(hash_config(VIRTIO_NET_RSS_HASH_TYPE_IPv4), VIRTIO_NET_OK);
	give_all();
	send_flow(1, IPPROTO_TCP);
	came(0, 1, FLOW->by_address, VIRTIO_NET_HASH_REPORT_IPv4);
	assert_int_equal(hash_config(0), VIRTIO_NET_OK);
	send_flow(7, IPPROTO_TCP);
	came(6, 1, 0, VIRTIO_NET_HASH_REPORT_NONE);
}

static void the_short_header_is_that_of_before(void **state)
{
	(void)state;
	start(MQ | RSS);
	steered(ALL_TYPES);
	give_all();
	send_flow(1, IPPROTO_TCP);
	came(2, 1, 0, 0);
	start(RSS); /* which has the pairs by itself */
	steered(ALL_TYPES);
	give_all();
	send_flow(7, IPPROTO_TCP);
	came(2, 1, 0, 0);
}

static void a_longer_header_is_all_there(void **state)
{
	(void)state;
	client_offer(&c, 1, OUT, LONG, 0);
	client_kick(1);
	client_used(&c, 1, 1);
	assert_true(traced("\"bad\",\"q\":1,\"why\":\"length\""));
	all_to(0);
	give_buffer_to(0, LONG + FLOW_LEN - 1);
	give_buffer_to(0, LONG + FLOW_LEN);
	send_flow(1, IPPROTO_TCP); /* is lost in the first */
	send_flow(1, IPPROTO_TCP);
	came(0, 2, FLOW->by_port, VIRTIO_NET_HASH_REPORT_TCPv4);
}

static void a_frame_for_a_queue_that_is_not_ready_is_lost(void **state)
{
	(void)state;
	all_to(2);
	assert_int_equal(client_ready(4, false), 0);
	give_all();
	send_flow(1, IPPROTO_TCP);
	used_are(0, 0, 0, 0);
	assert_true(traced("\"drop\",\"q\":4,\"why\":\"not ready\""));
	all_to(1);
	for (unsigned n = 0; n < 2; n++) /* it has one buffer */
		send_flow(1, IPPROTO_TCP);
	used_are(0, 1, 0, 0);
	assert_true(traced("\"drop\",\"q\":2,\"why\":\"no buffer\""));
}

/* ---- from outside ---- */

static void host_sends_of(const struct flow_vector *flow, uint8_t protocol)
{
	uint8_t bytes[LONG + FLOW_MAX] = {0};

	flow_frame_v4(bytes + header, flow, protocol);
	assert_int_equal(write(host, bytes, header + FLOW_LEN), header + FLOW_LEN);
}

static void host_sends(uint8_t protocol)
{
	host_sends_of(FLOW, protocol);
}

static int tap_header(void)
{
	fake_vduse_lock();
	int len = fake_vduse.header;
	fake_vduse_unlock();
	return len;
}

static void what_a_tap_receives_is_steered(void **state)
{
	(void)state;
	assert_int_equal(tap_header(), LONG);
	give_all();
	host_sends(IPPROTO_TCP);
	came(0, 1, 0, VIRTIO_NET_HASH_REPORT_NONE); /* one pair is in use */
	steered(ALL_TYPES);
	host_sends(IPPROTO_TCP);
	came(2, 1, FLOW->by_port, VIRTIO_NET_HASH_REPORT_TCPv4);
	host_sends(IPPROTO_ICMP);
	came(6, 1, FLOW->by_address, VIRTIO_NET_HASH_REPORT_IPv4);
	used_are(1, 1, 0, 1);
	start(MQ | RSS);
	assert_int_equal(tap_header(), HEADER);
	steered(ALL_TYPES);
	give_all();
	host_sends(IPPROTO_TCP);
	came(2, 1, 0, 0);
}

/* FLOW's other direction. */
static void host_answers(uint8_t protocol)
{
	const struct flow_vector back = {FLOW->to,	  FLOW->from, FLOW->to_port,
					 FLOW->from_port, 0,	      0};

	host_sends_of(&back, protocol);
}

/* Section 5.1.6.5.6.1 */
static void answers_come_on_the_pair_that_was_asked_on(void **state)
{
	(void)state;
	assert_int_equal(use_pairs(PAIRS), VIRTIO_NET_OK);
	for (unsigned n = 1; n <= 2; n++) {
		give_all();
		for (unsigned p = 0; p < PAIRS; p++) {
			send_flow(2 * p + 1, p % 2 ? IPPROTO_TCP : IPPROTO_UDP);
			host_answers(p % 2 ? IPPROTO_TCP : IPPROTO_UDP);
			came(2 * p, (uint16_t)n, 0, VIRTIO_NET_HASH_REPORT_NONE);
		}
		used_are((uint16_t)n, (uint16_t)n, (uint16_t)n, (uint16_t)n);
	}
	/* The last pair is in use no more, so what was sent on it comes on another. */
	assert_int_equal(use_pairs(1), VIRTIO_NET_OK);
	give_all();
	host_answers(IPPROTO_TCP);
	came(0, 3, 0, VIRTIO_NET_HASH_REPORT_NONE);
	used_are(3, 2, 2, 2);
}

static void it_waits_for_a_buffer_of_its_queue(void **state)
{
	(void)state;
	all_to(3);
	give_buffer_to(0, 0x1000);
	host_sends(IPPROTO_TCP);
	host_sends(IPPROTO_UDP);
	settle();
	used_are(0, 0, 0, 0);
	give_buffer_to(6, 0x1000);
	client_kick(6);
	came(6, 1, FLOW->by_port, VIRTIO_NET_HASH_REPORT_TCPv4);
	all_to(0); /* the other waits no longer */
	came(0, 1, FLOW->by_port, VIRTIO_NET_HASH_REPORT_UDPv4);
}

static void it_does_not_wait_for_a_queue(void **state)
{
	(void)state;
	all_to(2);
	assert_int_equal(client_ready(4, false), 0);
	give_all();
	host_sends(IPPROTO_TCP);
	settle();
	assert_true(traced("\"drop\",\"q\":4,\"why\":\"not ready\""));
	assert_int_equal(client_ready(0, false), 0); /* nor for the first, if it is another's */
	all_to(1);
	host_sends(IPPROTO_TCP);
	came(2, 1, FLOW->by_port, VIRTIO_NET_HASH_REPORT_TCPv4);
}

/* What a driver writes behind the header that the host knows is not passed on. */
static void what_is_sent_says_nothing_of_a_hash(void **state)
{
	uint8_t got[4096];
	static const uint8_t none[LONG];

	(void)state;
	memset(ram(1, OUT), 0, HEADER);
	memset(ram(1, OUT + HEADER), 0xff, LONG - HEADER);
	flow_frame_v4(ram(1, OUT + LONG), FLOW, IPPROTO_TCP);
	client_offer(&c, 1, OUT, LONG + FLOW_LEN, 0);
	client_kick(1);
	client_used(&c, 1, 1);
	assert_int_equal(read(host, got, sizeof(got)), LONG + FLOW_LEN);
	assert_memory_equal(got, none, LONG);
	assert_memory_equal(got + LONG, ram(1, OUT + LONG), FLOW_LEN);
}

#define TEST(f, how) cmocka_unit_test_setup_teardown(f, open_##how, shut)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_config_space_says_what_there_is, loopback),
	    TEST(the_table_names_the_queue, loopback),
	    TEST(what_has_no_hash_goes_where_the_rest_goes, loopback),
	    TEST(automatic_steering_comes_back, loopback),
	    TEST(without_rss_it_is_hashed_by_its_own, loopback),
	    TEST(the_short_header_is_that_of_before, loopback),
	    TEST(a_longer_header_is_all_there, loopback),
	    TEST(a_frame_for_a_queue_that_is_not_ready_is_lost, loopback),
	    TEST(what_a_tap_receives_is_steered, tap),
	    TEST(answers_come_on_the_pair_that_was_asked_on, tap),
	    TEST(it_waits_for_a_buffer_of_its_queue, tap),
	    TEST(it_does_not_wait_for_a_queue, tap),
	    TEST(what_is_sent_says_nothing_of_a_hash, tap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
