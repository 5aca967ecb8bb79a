/* SPDX-License-Identifier: MIT */
/*
 * When the VDUSE network device serves its queues, against a fake kernel: from the moment that it
 * may to the moment that it may not, and nothing of one session in the next.
 */
#include "net_traffic.h"

#include <errno.h>

/* Whatever it was busy with last: it sleeps now. */
static void an_idle_device_takes_no_time(void **state)
{
	struct timespec from, to;

	(void)state;
	send_frame(64, 'a');
	assert_int_equal(control("\0\0\1", 3), VIRTIO_NET_OK);
	for (unsigned i = 0; i < 2; i++) {
		if (i == 1) /* a CVQ that is none */
			client_start(CLIENT_FEATURES & ~CLIENT_CONTROL);
		for (unsigned q = 0; q < NET_QUEUES; q++)
			client_kick(q);
		nanosleep(&(struct timespec){0, 20000000}, NULL);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
		nanosleep(&(struct timespec){0, 200000000}, NULL);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
		long us = (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
		if (us > 10000)
			fail_msg("%ld us of 200 ms", us);
	}
}

static void nothing_is_served_before_it_is_time(void **state)
{
	(void)state;
	client_features(CLIENT_FEATURES);
	client_offer(&c, NET_TX, OUT, 100, 0);
	give_buffer(0x1000);
	assert_int_equal(client_status(CLIENT_STATUS), 0);
	assert_int_equal(client_asid(NET_GROUP_CVQ, 1), 0);
	assert_int_equal(client_status(CLIENT_STATUS | VIRTIO_CONFIG_S_DRIVER_OK), 0);
	client_kick(NET_TX);
	assert_int_equal(client_ready(NET_CVQ, true), 0);
	assert_int_equal(control("\0\0\1", 3), VIRTIO_NET_OK); /* the CVQ waits for no data queue */
	assert_int_equal(ring_used(&c.ring[NET_TX])->idx, 0);
	assert_int_equal(client_ready(NET_TX, true), 0); /* and its earlier kick was lost */
	client_used(&c, NET_TX, 1);
	assert_int_equal(ring_used(&c.ring[NET_RX])->idx, 0);
	assert_int_equal(client_ready(NET_RX, true), 0);
	assert_int_equal(send_frame(88, 'a'), 0);
	came_back(1, 88, 'a');
}

static void a_queue_that_is_not_ready_rests(void **state)
{
	(void)state;
	assert_int_equal(client_ready(NET_TX, false), 0);
	client_offer(&c, NET_TX, OUT, 100, 0);
	client_kick(NET_TX);
	settle();
	client_used(&c, NET_TX, 0);
	assert_int_equal(client_ready(NET_TX, true), 0);
	client_used(&c, NET_TX, 1); /* from where it was */
	assert_int_equal(client_state(NET_TX), 1);
}

static void a_cvq_that_was_not_negotiated_is_none(void **state)
{
	struct guest_ring *r = &c.ring[NET_CVQ];

	(void)state;
	client_start(CLIENT_FEATURES & ~CLIENT_CONTROL);
	memcpy(ram(NET_CVQ, OUT), "\1\1\2\3\4\5\6\7", 8);
	ring_set(r, 0, client_base[NET_CVQ] + OUT, 8, VRING_DESC_F_NEXT, 1);
	ring_set(r, 1, client_base[NET_CVQ] + IN, 1, VRING_DESC_F_WRITE, 0);
	ring_offer(r, 0);
	client_kick(NET_CVQ);
	give_buffer(0x1000);
	send_frame(64, 'a');
	came_back(1, 64, 'a');
	client_used(&c, NET_CVQ, 0);
	config_mac_is(CLIENT_MAC);
}

static long ms_since(const struct timespec *from)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

/*
 * A device that sleeps wakes for a queue that becomes ready, whether the kernel's own flag is set
 * at once or a moment after. The best of three, since the machine may be busy with something else.
 */
static void readiness_is_seen_at_once(void **state)
{
	long best = 10000;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		bool at_start = i % 2;
		if (i == 3) {
			assert_true(best < 500);
			best = 10000;
		}
		assert_int_equal(client_ready(NET_TX, false), 0);
		if (at_start) {
			assert_int_equal(client_status(0), 0);
			client_rings(&c);
			client_start(CLIENT_FEATURES);
			assert_int_equal(client_ready(NET_TX, false), 0);
		}
		uint16_t used = ring_used(&c.ring[NET_TX])->idx;
		client_offer(&c, NET_TX, OUT, 100, 0);
		nanosleep(&(struct timespec){0, 100000000}, NULL); /* it sleeps for a second now */
		struct timespec from;
		clock_gettime(CLOCK_MONOTONIC, &from);
		struct vduse_dev_request req = {.vq_ready = {NET_TX, 1}};
		assert_int_equal(client_ask(VDUSE_SET_VQ_READY, &req), 0);
		if (i >= 3)
			nanosleep(&(struct timespec){0, 30000000}, NULL);
		fake_vduse_lock();
		fake_vduse.vq[NET_TX].ready = true;
		fake_vduse_unlock();
		client_used(&c, NET_TX, (uint16_t)(used + 1));
		long ms = ms_since(&from);
		best = ms < best ? ms : best;
	}
	assert_true(best < 500);
}

static void a_start_is_seen_at_once(void **state)
{
	long best = 10000;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		client_features(CLIENT_FEATURES);
		assert_int_equal(client_status(CLIENT_STATUS), 0);
		assert_int_equal(client_ready(NET_TX, true), 0);
		client_offer(&c, NET_TX, OUT, 100, 0);
		nanosleep(&(struct timespec){0, 100000000}, NULL);
		struct timespec from;
		clock_gettime(CLOCK_MONOTONIC, &from);
		assert_int_equal(client_status(CLIENT_STATUS | VIRTIO_CONFIG_S_DRIVER_OK), 0);
		client_used(&c, NET_TX, 1);
		long ms = ms_since(&from);
		best = ms < best ? ms : best;
		assert_int_equal(client_status(0), 0);
		client_rings(&c);
	}
	assert_true(best < 500);
}

/* The last client's memory, too: the next one's may be another's at the same addresses. */
static void a_reset_forgets_all_memory(void **state)
{
	(void)state;
	send_frame(64, 'a');
	assert_int_equal(control("\0\0\1", 3), VIRTIO_NET_OK);
	fake_vduse_lock();
	unsigned asked = fake_vduse.asked;
	fake_vduse_unlock();
	assert_int_equal(client_status(0), 0);
	client_rings(&c);
	client_start(CLIENT_FEATURES);
	send_frame(64, 'a');
	assert_int_equal(control("\0\0\1", 3), VIRTIO_NET_OK);
	fake_vduse_lock();
	assert_true(fake_vduse.asked >= asked + 2); /* in both address spaces */
	fake_vduse_unlock();
}

static void a_reset_ends_all_of_a_session(void **state)
{
	(void)state;
	assert_int_equal(control("\1\1\2\3\4\5\6\7", 8), VIRTIO_NET_OK);
	give_buffer(0x1000);
	send_frame(64, 'a');
	came_back(1, 64, 'a');
	assert_int_equal(client_status(0), 0);
	config_mac_is(CLIENT_MAC);
	client_offer(&c, NET_TX, OUT, 100, 0);
	client_kick(NET_TX);
	nanosleep(&(struct timespec){0, 10000000}, NULL); /* there is nothing to wait for */
	client_used(&c, NET_TX, 1);
	client_rings(&c);
	client_start(CLIENT_FEATURES);
	assert_int_equal(control("\1\1\2\3\4\5\6\7", 8), VIRTIO_NET_OK); /* is a change again */
	config_mac_is("\2\3\4\5\6\7");
	give_buffer(0x1000);
	send_frame(64, 'b');
	came_back(1, 64, 'b');
}

static void what_was_unmapped_is_not_used_any_more(void **state)
{
	(void)state;
	send_frame(64, 'a');
	fake_vduse_lock();
	fake_vduse.region[NET_TX].start += 0x8000; /* another map now */
	fake_vduse_unlock();
	assert_int_equal(client_iotlb(0), 0);
	client_offer(&c, NET_TX, OUT, 100, 0);
	client_kick(NET_TX);
	settle();
	client_used(&c, NET_TX, 1);
}

static void a_suspended_device_rests_until_its_reset(void **state)
{
	struct vduse_dev_request req = {0};

	(void)state;
	send_frame(64, 'a');
	assert_int_equal(client_ask(VDUSE_SUSPEND, &req), 0);
	client_offer(&c, NET_TX, OUT, 100, 0);
	client_kick(NET_TX);
	nanosleep(&(struct timespec){0, 10000000}, NULL); /* there is nothing to wait for */
	client_used(&c, NET_TX, 1);
	assert_int_equal(client_state(NET_TX), 1);
	client_rings(&c);
	client_start(CLIENT_FEATURES);
	send_frame(64, 'b');
}

/* VDUSE before 7.3 tells nobody that a queue became ready: it is seen by looking. */
static void readiness_is_found_without_being_told(void **state)
{
	(void)state;
	client_start(CLIENT_FEATURES);
	give_buffer(0x1000);
	send_frame(64, 'a');
	came_back(1, 64, 'a');
	assert_int_equal(client_ready(NET_TX, false), 0);
	client_offer(&c, NET_TX, OUT, 100, 0);
	client_kick(NET_TX);
	settle();
	client_used(&c, NET_TX, 1);
	assert_int_equal(client_ready(NET_TX, true), 0);
	client_used(&c, NET_TX, 2);
}

static int setup_old(void **state)
{
	(void)state;
	fake_vduse_reset();
	fake_vduse.has_features = false;
	return client_map(&c) || client_open(&c, 1, false);
}

static void a_call_that_is_not_taken_is_made_again(void **state)
{
	(void)state;
	fake_vduse_lock();
	fake_vduse.fail_request = VDUSE_VQ_INJECT_IRQ;
	fake_vduse.fail_errno = EINVAL; /* the kernel has not seen our DRIVER_OK yet */
	fake_vduse.fail_times = 3;
	fake_vduse_unlock();
	give_buffer(0x1000);
	send_frame(64, 'a');
	called(NET_TX, 0);
	called(NET_RX, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_started, teardown)
#define COLD(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define OLD(f) cmocka_unit_test_setup_teardown(f, setup_old, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(an_idle_device_takes_no_time),
	    COLD(nothing_is_served_before_it_is_time),
	    TEST(a_queue_that_is_not_ready_rests),
	    COLD(a_cvq_that_was_not_negotiated_is_none),
	    TEST(readiness_is_seen_at_once),
	    COLD(a_start_is_seen_at_once),
	    TEST(a_reset_forgets_all_memory),
	    TEST(a_reset_ends_all_of_a_session),
	    TEST(what_was_unmapped_is_not_used_any_more),
	    TEST(a_suspended_device_rests_until_its_reset),
	    OLD(readiness_is_found_without_being_told),
	    TEST(a_call_that_is_not_taken_is_made_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
