/* SPDX-License-Identifier: MIT */
/*
 * The VDUSE network device with its threads, against a fake kernel: frames come back, commands are
 * answered, every chain is completed once, and nothing of one queue's is reached by another.
 */
#include "net_traffic.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void a_frame_comes_back(void **state)
{
	(void)state;
	give_buffer(0x1000);
	assert_int_equal(send_frame(64, 'a'), 0);
	came_back(1, 64, 'a');
	called(NET_TX, 0);
	called(NET_RX, 0);
	assert_int_equal(irqs(NET_CVQ), 0);
}

static void frames_come_back_in_order(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 300; n++) {
		give_buffer(HEADER + 60 + n);
		assert_int_equal(send_frame(60 + n, (int)(n % 256)), 0);
		came_back((uint16_t)n, 60 + n, (int)(n % 256));
	}
}

static void a_frame_without_a_buffer_is_lost(void **state)
{
	(void)state;
	assert_int_equal(send_frame(64, 'a'), 0);
	give_buffer(0x1000);
	client_kick(NET_RX); /* too late for the one, and the next one's */
	assert_int_equal(send_frame(32, 'b'), 0);
	came_back(1, 32, 'b');
}

static void a_driver_may_decline_calls(void **state)
{
	(void)state;
	ring_avail(&c.ring[NET_TX])->flags = VRING_AVAIL_F_NO_INTERRUPT;
	give_buffer(0x1000);
	assert_int_equal(send_frame(64, 'a'), 0);
	called(NET_RX, 0);
	assert_int_equal(irqs(NET_TX), 0);
}

/* Chains of three descriptors over the same bytes, since no ring's memory is that large. */
static void send_large(uint32_t len)
{
	struct guest_ring *tx = &c.ring[NET_TX], *rx = &c.ring[NET_RX];
	uint16_t used = ring_used(tx)->idx, back = ring_used(rx)->idx;
	const uint32_t part[3] = {0x8000, 0x8000, HEADER + len - 0x10000};

	for (unsigned i = 0; i < 3; i++) {
		unsigned next = i < 2 ? VRING_DESC_F_NEXT : 0;
		ring_set(tx, i, client_base[NET_TX] + OUT, part[i], next, i + 1);
		ring_set(rx, i, client_base[NET_RX] + OUT, part[i], VRING_DESC_F_WRITE | next,
			 i + 1);
	}
	ring_offer(rx, 0);
	ring_offer(tx, 0);
	client_kick(NET_TX);
	client_used(&c, NET_TX, (uint16_t)(used + 1));
	bool good = len <= 65535 + 14;
	assert_int_equal(ring_used(rx)->idx, back + good);
	if (good)
		assert_int_equal(client_last(&c, NET_RX)->len, HEADER + len);
}

static void frames_have_a_largest_size(void **state)
{
	(void)state;
	send_large(65535 + 14);
	send_large(65535 + 15);
	send_large(65535 + 16);
}

static void bad_frames_are_completed_and_lost(void **state)
{
	static const struct {
		uint64_t at;
		uint32_t len;
		unsigned flags;
	} bad[] = {
	    {0x204000, 100, VRING_DESC_F_WRITE},
	    {0x204000, HEADER, 0},
	    {0x204000, 1, 0},
	    {0x204000, 0xffffffff, 0},
	    {0x20fff0, 17, 0},
	    {0x300000, 100, 0},
	    {0x204000, 0, 0},
	    {0x204000, 100, VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT},
	    {~0ull, 100, 0},
	    {0x1fffff, 100, 0},
	};
	unsigned n = sizeof(bad) / sizeof(bad[0]);

	(void)state;
	give_buffer(0x1000);
	for (unsigned i = 0; i < n; i++) {
		ring_set(&c.ring[NET_TX], i % RING_NUM, bad[i].at, bad[i].len, bad[i].flags, 0);
		ring_offer(&c.ring[NET_TX], i % RING_NUM);
		client_kick(NET_TX);
		client_used(&c, NET_TX, (uint16_t)(i + 1));
		assert_int_equal(client_last(&c, NET_TX)->len, 0);
		assert_int_equal(ring_used(&c.ring[NET_RX])->idx, 0);
	}
	send_frame(40, 'x');
	came_back(1, 40, 'x');
}

static void bad_buffers_are_completed_empty(void **state)
{
	static const struct {
		uint32_t at, len;
		unsigned flags;
	} bad[] = {{IN, 0x1000, 0},
		   {IN, HEADER + 63, VRING_DESC_F_WRITE},
		   {RING_RAM - 75, 76, VRING_DESC_F_WRITE}};

	(void)state;
	memset(ram(NET_RX, IN), 0x33, 0x1000);
	for (uint16_t i = 0; i < 3; i++) {
		client_offer(&c, NET_RX, bad[i].at, bad[i].len, bad[i].flags);
		assert_int_equal(send_frame(64, 'a'), 0);
		client_used(&c, NET_RX, (uint16_t)(i + 1));
		assert_int_equal(client_last(&c, NET_RX)->len, 0);
	}
	assert_int_equal(*ram(NET_RX, IN), 0x33);
	give_buffer(HEADER + 64); /* just enough */
	send_frame(64, 'b');
	came_back(4, 64, 'b');
}

/* A command with room for its ack and @room bytes; the used length comes back. */
static uint32_t ask(const void *cmd, uint32_t len, uint32_t room)
{
	struct guest_ring *r = &c.ring[NET_CVQ];
	uint16_t used = ring_used(r)->idx;

	memcpy(ram(NET_CVQ, OUT), cmd, len);
	memset(ram(NET_CVQ, IN), 0xee, 64);
	ring_set(r, 0, client_base[NET_CVQ] + OUT, len, VRING_DESC_F_NEXT, 1);
	ring_set(r, 1, client_base[NET_CVQ] + IN, 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 2);
	ring_set(r, 2, client_base[NET_CVQ] + IN + 1, room, VRING_DESC_F_WRITE, 0);
	ring_offer(r, 0);
	client_kick(NET_CVQ);
	client_used(&c, NET_CVQ, (uint16_t)(used + 1));
	return client_last(&c, NET_CVQ)->len;
}

static void a_result_comes_with_the_ack(void **state)
{
	static const uint8_t set[] = {6, 2, 1, 0, 0, 0, 4, 0, 0, 0, 5, 1, 0, 0};
	static const uint8_t get[] = {6, 3, 1, 0, 0, 0};

	(void)state;
	assert_int_equal(control(set, sizeof(set)), VIRTIO_NET_OK);
	for (uint32_t room = 1; room < 12; room++) {
		uint32_t wrote = ask(get, sizeof(get), room);
		assert_int_equal(wrote, room < 8 ? 1 : 9);
		assert_memory_equal(ram(NET_CVQ, IN),
				    room < 8 ? "\1\xee" : "\0\4\0\0\0\5\1\0\0\xee",
				    room < 8 ? 2 : 10);
	}
}

static unsigned config_status(void)
{
	uint16_t status;

	fake_vduse_lock();
	memcpy(&status, fake_vduse.config + offsetof(struct virtio_net_config, status), 2);
	fake_vduse_unlock();
	return status;
}

static unsigned config_irqs(void)
{
	fake_vduse_lock();
	unsigned n = fake_vduse.config_irqs;
	fake_vduse_unlock();
	return n;
}

static void a_driver_announces_itself_when_asked(void **state)
{
	(void)state;
	assert_int_equal(config_status(), VIRTIO_NET_S_LINK_UP);
	for (unsigned n = 1; n < 3; n++) {
		assert_int_equal(net_announce(c.dev), 0);
		assert_int_equal(config_status(), VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
		assert_int_equal(config_irqs(), n);
		assert_int_equal(control("\3\0", 2), VIRTIO_NET_OK);
		assert_int_equal(config_status(), VIRTIO_NET_S_LINK_UP);
	}
	assert_int_equal(net_announce(c.dev), 0);
	assert_int_equal(client_status(0), 0); /* a reset ends it */
	assert_int_equal(config_status(), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(net_announce(c.dev), -ENODEV);
	client_rings(&c);
	client_start(CLIENT_FEATURES & ~(1ull << VIRTIO_NET_F_GUEST_ANNOUNCE));
	assert_int_equal(net_announce(c.dev), -ENODEV);
	assert_int_equal(control("\3\0", 2), VIRTIO_NET_ERR);
	assert_int_equal(config_irqs(), 3);
}

static void file_is(const char *path, const char *want)
{
	char got[4096];
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	got[fread(got, 1, sizeof(got) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(got, want);
}

/* The file says what a command has done by the time the driver has its answer. */
static void the_state_is_kept_in_a_file(void **state)
{
	char path[] = "/tmp/test_net_device.XXXXXX";
	int fd = mkstemp(path);

	close(fd);
	assert_int_equal(teardown(state), 0);
	fake_vduse_reset();
	c.state = path;
	assert_int_equal(client_map(&c) || client_open(&c, 1, false), 0);
	client_start(CLIENT_FEATURES);
	settle();
	file_is(path, "mac 02:00:00:00:00:01\nrx promisc\npairs 1\noffload 1\n");
	assert_int_equal(control("\2\0\5\0", 4), VIRTIO_NET_OK);
	file_is(path, "mac 02:00:00:00:00:01\nrx promisc\nvlan 5\npairs 1\noffload 1\n");
	assert_int_equal(control("\2\0\5\x10", 4), VIRTIO_NET_ERR);
	assert_int_equal(control("\1\1\2\3\4\5\6\7", 8), VIRTIO_NET_OK);
	file_is(path, "mac 02:03:04:05:06:07\nrx promisc\nvlan 5\npairs 1\noffload 1\n");
	assert_int_equal(client_status(0), 0);
	client_rings(&c);
	client_start(CLIENT_FEATURES & ~(1ull << VIRTIO_NET_F_GUEST_CSUM));
	settle();
	file_is(path, "mac 02:00:00:00:00:01\nrx promisc\npairs 1\n");
	c.state = NULL;
	unlink(path);
}

/* A queue is called for what it completed, not for what another did. */
static void calls_are_the_queues_own(void **state)
{
	(void)state;
	send_frame(64, 'a');
	called(NET_TX, 0);
	settle();
	called(NET_CVQ, 0);
	settle();
	assert_int_equal(irqs(NET_TX), 1);
	assert_int_equal(irqs(NET_RX), 0);
}

static void commands_are_carried_out(void **state)
{
	(void)state;
	config_mac_is(CLIENT_MAC);
	assert_int_equal(control("\1\1\2\3\4\5\6\7", 8), VIRTIO_NET_OK);
	config_mac_is("\2\3\4\5\6\7");
	called(NET_CVQ, 0);
	assert_int_equal(control("\1\1" CLIENT_MAC, 8), VIRTIO_NET_OK); /* and back */
	config_mac_is(CLIENT_MAC);
	assert_int_equal(control("\1\1\0\0\0\0\0\0", 8), VIRTIO_NET_OK);
	config_mac_is("\0\0\0\0\0\0");
	assert_int_equal(control("\1\1\2\3\4\5\6\7", 8), VIRTIO_NET_OK);
	assert_int_equal(control("\0\0\1", 3), VIRTIO_NET_OK);
	assert_int_equal(control("\0\0\2", 3), VIRTIO_NET_ERR);
	assert_int_equal(control("\0\2\1", 3), VIRTIO_NET_OK);
	assert_int_equal(control("\7\0\1", 3), VIRTIO_NET_ERR);
	assert_int_equal(control("\1\1\2\3\4\5\6", 7), VIRTIO_NET_ERR);
	config_mac_is("\2\3\4\5\6\7");
}

/* A session begins with the address of the setup: any other is a change, also none at all. */
static void the_first_address_is_the_setups(void **state)
{
	(void)state;
	assert_int_equal(control("\1\1\0\0\0\0\0\0", 8), VIRTIO_NET_OK);
	config_mac_is("\0\0\0\0\0\0");
}

static void a_short_command_is_not_the_last_ones(void **state)
{
	struct guest_ring *r = &c.ring[NET_CVQ];

	(void)state;
	assert_int_equal(control("\0\0\1", 3), VIRTIO_NET_OK);
	assert_int_equal(control("\0", 1), VIRTIO_NET_ERR);
	ring_set(r, 3, client_base[NET_CVQ] + IN, 1, VRING_DESC_F_WRITE, 0); /* none at all */
	ring_offer(r, 3);
	client_kick(NET_CVQ);
	client_used(&c, NET_CVQ, 3);
	assert_int_equal(client_last(&c, NET_CVQ)->len, 1);
	assert_int_equal(*ram(NET_CVQ, IN), VIRTIO_NET_ERR);
}

static void a_command_may_be_of_any_length(void **state)
{
	static uint8_t cmd[0x1001] = {1, 1};

	(void)state;
	assert_int_equal(control(cmd, 0x1000), VIRTIO_NET_ERR);
	ring_avail(&c.ring[NET_CVQ])->flags = 0;
	c.ring[NET_CVQ].ram[0x6000] = 0;
	struct guest_ring *r = &c.ring[NET_CVQ];
	static const uint32_t longer[] = {0x1001, 0x8000, 0xfffffff0};
	for (uint16_t i = 0; i < 3; i++) {
		ring_set(r, 0, client_base[NET_CVQ] + OUT, longer[i], VRING_DESC_F_NEXT, 1);
		ring_set(r, 1, client_base[NET_CVQ] + 0x6000, 1, VRING_DESC_F_WRITE, 0);
		ring_offer(r, 0);
		client_kick(NET_CVQ);
		client_used(&c, NET_CVQ, (uint16_t)(2 + i));
		assert_int_equal(client_last(&c, NET_CVQ)->len, 1);
		assert_int_equal(*ram(NET_CVQ, 0x6000), VIRTIO_NET_ERR);
	}
	config_mac_is(CLIENT_MAC);
}

static void an_answer_that_cannot_be_given_changes_nothing(void **state)
{
	static const uint64_t nowhere[] = {0x204000, 0x110000, ~0ull}; /* the first is TX's */
	struct guest_ring *r = &c.ring[NET_CVQ];

	(void)state;
	memcpy(ram(NET_CVQ, OUT), "\1\1\2\3\4\5\6\7", 8);
	ring_set(r, 0, client_base[NET_CVQ] + OUT, 8, VRING_DESC_F_NEXT, 1);
	for (uint16_t i = 0; i < 3; i++) {
		ring_set(r, 1, nowhere[i], 1, VRING_DESC_F_WRITE, 0);
		ring_offer(r, 0);
		client_kick(NET_CVQ);
		client_used(&c, NET_CVQ, (uint16_t)(i + 1));
		assert_int_equal(client_last(&c, NET_CVQ)->len, 0);
	}
	ring_set(r, 0, client_base[NET_CVQ] + OUT, 8, 0, 0); /* no room for an ack at all */
	ring_offer(r, 0);
	client_kick(NET_CVQ);
	client_used(&c, NET_CVQ, 4);
	assert_int_equal(client_last(&c, NET_CVQ)->len, 0);
	config_mac_is(CLIENT_MAC);
}

/* RX's memory and the CVQ's have the same IOVAs; TX's has others. Which ASID decides, always. */
static void no_queue_reaches_anothers_memory(void **state)
{
	(void)state;
	memset(ram(NET_CVQ, IN), 0x44, 0x1000);
	give_buffer(0x1000);
	send_frame(64, 'a');
	came_back(1, 64, 'a');
	for (unsigned i = 0; i < 0x1000; i++)
		assert_int_equal(*ram(NET_CVQ, IN + i), 0x44);
	memcpy(ram(NET_RX, OUT), "\1\1\2\3\4\5\6\7", 8); /* a command, in the wrong space */
	assert_int_equal(control("\7\7\2\3\4\5\6\7", 8), VIRTIO_NET_ERR);
	config_mac_is(CLIENT_MAC);
	ring_set(&c.ring[NET_CVQ], 0, client_base[NET_TX] + OUT, 8, VRING_DESC_F_NEXT, 1);
	memcpy(ram(NET_TX, OUT), "\1\1\2\3\4\5\6\7", 8);
	ring_offer(&c.ring[NET_CVQ], 0);
	client_kick(NET_CVQ);
	client_used(&c, NET_CVQ, 2);
	assert_int_equal(*ram(NET_CVQ, IN), VIRTIO_NET_ERR);
	config_mac_is(CLIENT_MAC);
}

static void a_ring_elsewhere_stops_that_queue_only(void **state)
{
	(void)state;
	assert_int_equal(client_status(0), 0);
	client_rings(&c);
	fake_vduse_lock();
	fake_vduse.vq[NET_TX].desc_addr = 0x900000;
	fake_vduse_unlock();
	client_start(CLIENT_FEATURES);
	client_offer(&c, NET_TX, OUT, 100, 0);
	client_kick(NET_TX);
	settle();
	assert_int_equal(ring_used(&c.ring[NET_TX])->idx, 0);
	assert_int_equal(client_state(NET_TX), 0); /* the chain was not taken */
}

static void a_ring_gone_wrong_sends_nothing_more(void **state)
{
	(void)state;
	give_buffer(0x1000);
	give_buffer(0x1000);
	send_frame(64, 'a');
	came_back(1, 64, 'a');
	ring_avail(&c.ring[NET_TX])->idx = 100;
	client_kick(NET_TX);
	settle();
	client_used(&c, NET_RX, 1);
	client_used(&c, NET_TX, 1);
}

/* Bad ones among them do not end it. */
static void one_kick_may_stand_for_many(void **state)
{
	struct guest_ring *tx = &c.ring[NET_TX], *cvq = &c.ring[NET_CVQ];

	(void)state;
	for (unsigned i = 0; i < RING_NUM; i++) {
		bool bad = i == 1 || i == 4;
		ring_set(tx, i, client_base[NET_TX] + OUT, bad ? 0 : 100, 0, 0);
		ring_set(cvq, i, client_base[NET_CVQ] + IN, 1,
			 i == 2 || bad ? 0 : VRING_DESC_F_WRITE, 0);
		if (i == 4)
			ring_set(cvq, i, client_base[NET_CVQ] + IN, 0, 0, 0);
		ring_offer(tx, i);
		ring_offer(cvq, i);
	}
	client_kick(NET_CVQ);
	client_used(&c, NET_CVQ, RING_NUM);
	client_kick(NET_TX);
	client_used(&c, NET_TX, RING_NUM);
}

/* A flood on TX does not keep a command waiting, nor the other way round. */
static void a_busy_queue_holds_up_no_other(void **state)
{
	struct guest_ring *tx = &c.ring[NET_TX];

	(void)state;
	for (unsigned i = 0; i < RING_NUM; i++)
		ring_set(tx, i, client_base[NET_TX] + OUT, 100, 0, 0);
	for (unsigned n = 0; n < 50; n++) {
		for (unsigned i = 0; i < RING_NUM; i++)
			if ((uint16_t)(tx->avail_idx - *(volatile uint16_t *)&ring_used(tx)->idx) <
			    RING_NUM)
				ring_offer(tx, tx->avail_idx % RING_NUM);
		client_kick(NET_TX);
		assert_int_equal(control("\0\1\1", 3), VIRTIO_NET_OK);
	}
	client_used(&c, NET_TX, tx->avail_idx);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_started, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_frame_comes_back),
	    TEST(frames_come_back_in_order),
	    TEST(a_frame_without_a_buffer_is_lost),
	    TEST(a_driver_may_decline_calls),
	    TEST(calls_are_the_queues_own),
	    TEST(frames_have_a_largest_size),
	    TEST(bad_frames_are_completed_and_lost),
	    TEST(bad_buffers_are_completed_empty),
	    TEST(commands_are_carried_out),
	    TEST(the_first_address_is_the_setups),
	    TEST(a_short_command_is_not_the_last_ones),
	    TEST(a_result_comes_with_the_ack),
	    TEST(a_driver_announces_itself_when_asked),
	    TEST(the_state_is_kept_in_a_file),
	    TEST(a_command_may_be_of_any_length),
	    TEST(an_answer_that_cannot_be_given_changes_nothing),
	    TEST(no_queue_reaches_anothers_memory),
	    TEST(a_ring_elsewhere_stops_that_queue_only),
	    TEST(a_ring_gone_wrong_sends_nothing_more),
	    TEST(one_kick_may_stand_for_many),
	    TEST(a_busy_queue_holds_up_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
