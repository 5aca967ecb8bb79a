/* SPDX-License-Identifier: MIT */
/*
 * The VDUSE network device with something behind it: a tap, of which a pair of sockets takes the
 * place, or a sink; and what a capture has of both.
 */
#include "net_traffic.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIT(n) (1ull << (n))
#define TAP_OFFERS                                                                                 \
	(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_GUEST_CSUM) |     \
	 BIT(VIRTIO_NET_F_GUEST_TSO4))
#define FEATURES (CLIENT_FEATURES | TAP_OFFERS)

static int host; /* the host's end */
static struct backend backend;
static char capture[] = "/tmp/test_net_tap.XXXXXX";

static int open_with(enum backend_kind kind)
{
	int ends[2] = {-1, -1};
	struct err e = {0};

	strcpy(capture + sizeof(capture) - 7, "XXXXXX");
	int fd = mkstemp(capture);
	if (fd < 0 || close(fd))
		return -1;
	if (kind == BACKEND_TAP &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends))
		return -1;
	host = ends[1];
	backend = (struct backend){.kind = kind,
				   .tap = {.fd = ends[0], .features = kind ? TAP_OFFERS : 0}};
	if (pcap_open(&backend.pcap, capture, &e))
		return -1;
	c.backend = &backend;
	fake_vduse_reset();
	return client_map(&c) || client_open(&c, 1, false);
}

static int open_tap(void **state)
{
	(void)state;
	if (open_with(BACKEND_TAP))
		return -1;
	client_start(FEATURES);
	settle(); /* from here on, what the host sends is the session's */
	return 0;
}

static int open_sink(void **state)
{
	(void)state;
	if (open_with(BACKEND_SINK))
		return -1;
	client_start(CLIENT_FEATURES);
	return 0;
}

static int shut(void **state)
{
	int ret = teardown(state);

	c.backend = NULL;
	if (host >= 0)
		close(host);
	return ret || unlink(capture);
}

/* What the host gets next, at most within 3 s; its length. */
static size_t host_gets(uint8_t *bytes, size_t room)
{
	struct pollfd fd = {.fd = host, .events = POLLIN};

	assert_int_equal(poll(&fd, 1, 3000), 1);
	ssize_t n = read(host, bytes, room);
	assert_true(n > 0);
	return (size_t)n;
}

static bool host_gets_nothing(void)
{
	struct pollfd fd = {.fd = host, .events = POLLIN};

	settle();
	return poll(&fd, 1, 0) == 0;
}

/* A frame to @to from the host. */
static void host_sends(const char *to, uint32_t len, int fill)
{
	uint8_t bytes[4096] = {0};

	memset(bytes + HEADER, fill, len);
	memcpy(bytes + HEADER, to, 6);
	assert_int_equal(write(host, bytes, HEADER + len), HEADER + len);
}

static void driver_has(uint16_t used, uint32_t len, int last)
{
	client_used(&c, NET_RX, used);
	assert_int_equal(client_last(&c, NET_RX)->len, HEADER + len);
	assert_int_equal(*ram(NET_RX, IN + HEADER + len - 1), last);
	assert_int_equal(*ram(NET_RX, IN + 10), 1); /* one buffer */
}

static off_t captured(void)
{
	struct stat st;

	assert_int_equal(stat(capture, &st), 0);
	return st.st_size - 24;
}

static void a_frame_goes_out_behind_its_header(void **state)
{
	uint8_t got[4096], want[HEADER + 64] = {0};

	(void)state;
	memset(want + HEADER, 'a', 64);
	memset(ram(NET_TX, OUT), 'a', HEADER + 64);
	memset(ram(NET_TX, OUT), 0, HEADER);
	client_offer(&c, NET_TX, OUT, HEADER + 64, 0);
	client_kick(NET_TX);
	client_used(&c, NET_TX, 1);
	assert_int_equal(host_gets(got, sizeof(got)), sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
	assert_int_equal(captured(), 16 + 64);
	assert_int_equal(ring_used(&c.ring[NET_RX])->idx, 0);
}

static void a_header_that_asks_for_too_much_is_dropped(void **state)
{
	(void)state;
	memset(ram(NET_TX, OUT), 0, HEADER + 64);
	*ram(NET_TX, OUT + 1) = VIRTIO_NET_HDR_GSO_TCPV6; /* was not negotiated */
	client_offer(&c, NET_TX, OUT, HEADER + 64, 0);
	client_kick(NET_TX);
	client_used(&c, NET_TX, 1);
	assert_true(host_gets_nothing());
	memset(ram(NET_TX, OUT), 0, HEADER);
	client_offer(&c, NET_TX, OUT, HEADER + 64, 0);
	client_kick(NET_TX);
	client_used(&c, NET_TX, 2);
	assert_false(host_gets_nothing());
}

static void a_frame_comes_in(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 40; n++) {
		give_buffer(0x1000);
		client_kick(NET_RX);
		host_sends(CLIENT_MAC, 60 + n, (int)n);
		driver_has((uint16_t)n, 60 + n, (int)n);
	}
	called(NET_RX, 0);
	assert_int_equal(captured(), 40 * (16 + 60) + 820);
}

static void frames_wait_for_buffers_in_order(void **state)
{
	(void)state;
	for (int n = 1; n <= 5; n++)
		host_sends(CLIENT_MAC, 60, n);
	settle();
	assert_int_equal(ring_used(&c.ring[NET_RX])->idx, 0);
	for (uint16_t n = 1; n <= 5; n++) {
		give_buffer(0x1000);
		client_kick(NET_RX);
		driver_has(n, 60, n);
	}
}

static void what_came_before_a_session_is_not_of_it(void **state)
{
	(void)state;
	for (int n = 1; n <= 3; n++)
		host_sends(CLIENT_MAC, 60, n); /* one is with the device, others in the tap */
	settle();
	assert_int_equal(client_status(0), 0);
	host_sends(CLIENT_MAC, 60, 4);
	client_rings(&c);
	client_start(FEATURES);
	give_buffer(0x1000);
	client_kick(NET_RX);
	settle();
	assert_int_equal(ring_used(&c.ring[NET_RX])->idx, 0);
	host_sends(CLIENT_MAC, 60, 5);
	driver_has(1, 60, 5);
}

/* What the control commands say is what passes. */
static void commands_set_the_filter(void **state)
{
	static const uint8_t vlan[] = {2, 0, 5, 0};

	(void)state;
	for (unsigned i = 0; i < 6; i++)
		give_buffer(0x1000);
	client_kick(NET_RX);
	host_sends("\2\0\0\0\0\x77", 60, 1); /* promiscuous after a reset */
	driver_has(1, 60, 1);
	assert_int_equal(control("\0\0\0", 3), VIRTIO_NET_OK);
	host_sends("\2\0\0\0\0\x77", 60, 2);
	host_sends(CLIENT_MAC, 60, 3);
	driver_has(2, 60, 3);
	assert_int_equal(control("\1\1\2\0\0\0\0\x77", 8), VIRTIO_NET_OK);
	host_sends(CLIENT_MAC, 60, 4);
	host_sends("\2\0\0\0\0\x77", 60, 5);
	driver_has(3, 60, 5);
	/* a tagged frame: its type is all @fill */
	uint8_t tagged[HEADER + 60] = {0};
	memcpy(tagged + HEADER, "\2\0\0\0\0\x77\0\0\0\0\0\0\x81\0\0\5", 16);
	assert_int_equal(write(host, tagged, sizeof(tagged)), sizeof(tagged));
	host_sends("\2\0\0\0\0\x77", 60, 6);
	driver_has(4, 60, 6);
	assert_int_equal(control(vlan, sizeof(vlan)), VIRTIO_NET_OK);
	assert_int_equal(write(host, tagged, sizeof(tagged)), sizeof(tagged));
	driver_has(5, 60, 0);
}

static unsigned long offloads(void)
{
	fake_vduse_lock();
	unsigned long on = fake_vduse.offloads;
	fake_vduse_unlock();
	return on;
}

static void offloads_reach_the_tap(void **state)
{
	static const uint8_t checksum[10] = {5, 0, 1 << VIRTIO_NET_F_GUEST_CSUM};
	static const uint8_t none[10] = {5, 0};

	(void)state;
	settle();
	assert_int_equal(offloads(), TUN_F_CSUM | TUN_F_TSO4);
	assert_int_equal(control(checksum, sizeof(checksum)), VIRTIO_NET_OK);
	assert_int_equal(offloads(), TUN_F_CSUM);
	assert_int_equal(control(none, sizeof(none)), VIRTIO_NET_OK);
	assert_int_equal(offloads(), 0);
	client_rings(&c);
	client_start(FEATURES & ~BIT(VIRTIO_NET_F_GUEST_TSO4));
	settle();
	assert_int_equal(offloads(), TUN_F_CSUM);
}

/* A host that never reads: its queue is full, the device goes on. */
static void a_full_tap_holds_nothing_up(void **state)
{
	(void)state;
	memset(ram(NET_TX, OUT), 0, HEADER + 1000);
	for (uint16_t n = 1; n <= 2000; n++) {
		client_offer(&c, NET_TX, OUT, HEADER + 1000, 0);
		if (n % RING_NUM == 0) {
			client_kick(NET_TX);
			client_used(&c, NET_TX, n);
		}
	}
	settle();
}

static void a_sink_swallows(void **state)
{
	(void)state;
	give_buffer(0x1000);
	for (unsigned n = 0; n < 3; n++)
		assert_int_equal(send_frame(64, 'a'), 0);
	settle();
	assert_int_equal(ring_used(&c.ring[NET_RX])->idx, 0);
	assert_int_equal(captured(), 3 * (16 + 64));
}

#define TAP_TEST(f) cmocka_unit_test_setup_teardown(f, open_tap, shut)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TAP_TEST(a_frame_goes_out_behind_its_header),
	    TAP_TEST(a_header_that_asks_for_too_much_is_dropped),
	    TAP_TEST(a_frame_comes_in),
	    TAP_TEST(frames_wait_for_buffers_in_order),
	    TAP_TEST(what_came_before_a_session_is_not_of_it),
	    TAP_TEST(commands_set_the_filter),
	    TAP_TEST(offloads_reach_the_tap),
	    TAP_TEST(a_full_tap_holds_nothing_up),
	    cmocka_unit_test_setup_teardown(a_sink_swallows, open_sink, shut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
