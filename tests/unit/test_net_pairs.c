/* SPDX-License-Identifier: MIT */
/*
 * A VDUSE network device with more than one pair of queues: where its CVQ is depends on what the
 * driver took, each pair loops back by itself once it is in use, and no queue waits for another.
 */
#include "net_traffic.h"

#define PAIRS 4u
#define MQ (1ull << VIRTIO_NET_F_MQ)

static int setup_client(bool mq)
{
	fake_vduse_reset();
	client_is(PAIRS, mq);
	return client_map(&c) || client_open(&c, 1, false);
}

static int setup_cold(void **state)
{
	(void)state;
	return setup_client(true);
}

static int setup_mq(void **state)
{
	if (setup_cold(state))
		return -1;
	client_start(CLIENT_FEATURES | MQ);
	return 0;
}

static int setup_declined(void **state)
{
	(void)state;
	if (setup_client(false))
		return -1;
	client_start(CLIENT_FEATURES);
	return 0;
}

static void the_kernel_is_told_of_every_queue(void **state)
{
	(void)state;
	assert_int_equal(fake_vduse.made.vq_num, 2 * PAIRS + 1);
	assert_int_equal(fake_vduse.made.ngroups, 3);
	assert_true(fake_vduse.made.features & MQ);
	assert_int_equal(fake_vduse.config[8], PAIRS);
	for (unsigned q = 0; q <= 2 * PAIRS; q++)
		assert_int_equal(fake_vduse.setup[q].group, client_group(q));
}

/* Section 5.1.6.5.5: one pair, until told otherwise. */
static void a_pair_is_idle_until_it_is_in_use(void **state)
{
	(void)state;
	give_buffer_to(2, 0x1000);
	client_offer(&c, 3, OUT, HEADER + 64, 0);
	client_kick(3);
	settle();
	assert_int_equal(ring_used(&c.ring[3])->idx, 0);
	memset(ram(3, OUT), 'p', HEADER + 64);
	assert_int_equal(use_pairs(2), VIRTIO_NET_OK); /* what was kicked then is served now */
	client_used(&c, 3, 1);
	came_back_on(2, 1, 64, 'p');
	assert_int_equal(use_pairs(1), VIRTIO_NET_OK);
	client_offer(&c, 3, OUT, HEADER + 64, 0);
	client_kick(3);
	settle();
	assert_int_equal(ring_used(&c.ring[3])->idx, 1);
}

static void each_pair_loops_back_by_itself(void **state)
{
	(void)state;
	assert_int_equal(use_pairs(PAIRS), VIRTIO_NET_OK);
	for (unsigned p = 0; p < PAIRS; p++)
		give_buffer_to(2 * p, 0x1000);
	for (unsigned p = PAIRS; p-- > 0;) {
		send_frame_on(2 * p + 1, 60 + p, (int)('a' + p));
		came_back_on(2 * p, 1, 60 + p, (int)('a' + p));
		called(2 * p, 0);
		called(2 * p + 1, 0);
	}
}

static void there_are_no_more_pairs_than_there_are(void **state)
{
	(void)state;
	assert_int_equal(use_pairs(0), VIRTIO_NET_ERR);
	assert_int_equal(use_pairs(PAIRS + 1), VIRTIO_NET_ERR);
	assert_int_equal(use_pairs(0x8000), VIRTIO_NET_ERR);
	assert_int_equal(use_pairs(PAIRS), VIRTIO_NET_OK);
}

/* Section 5.1.6.5.9.1. A queue has a ring, or the driver has not enabled it. */
static void coalescing_is_of_enabled_queues(void **state)
{
	static const uint8_t set[2][14] = {{6, 2, 6, 0, 0, 0, 9}, {6, 2, 7, 0, 0, 0, 9}};

	(void)state;
	fake_vduse_lock();
	fake_vduse.vq[7].num = 0;
	fake_vduse_unlock();
	assert_int_equal(control(set[0], sizeof(set[0])), VIRTIO_NET_OK);
	assert_int_equal(control(set[1], sizeof(set[1])), VIRTIO_NET_ERR);
	fake_vduse_lock();
	fake_vduse.vq[7].num = RING_NUM;
	fake_vduse.vq[6].num = 0;
	fake_vduse_unlock();
	assert_int_equal(control(set[1], sizeof(set[1])), VIRTIO_NET_OK);
	assert_int_equal(control(set[0], sizeof(set[0])), VIRTIO_NET_ERR);
}

/* Queue 2 is the CVQ then, and of the others the first two are all there is. */
static void a_driver_that_declines_has_one_pair(void **state)
{
	(void)state;
	assert_int_equal(use_pairs(1), VIRTIO_NET_ERR); /* a command of MQ's */
	assert_int_equal(control("\0\0\1", 3), VIRTIO_NET_OK);
	give_buffer(0x1000);
	send_frame(64, 'n');
	came_back(1, 64, 'n');
	for (unsigned q = 3; q <= 2 * PAIRS; q++) {
		client_offer(&c, q, OUT, HEADER + 64, 0);
		client_kick(q);
	}
	settle();
	for (unsigned q = 3; q <= 2 * PAIRS; q++)
		assert_int_equal(ring_used(&c.ring[q])->idx, 0);
}

static void a_reset_forgets_which_queue_is_the_cvq(void **state)
{
	(void)state;
	assert_int_equal(use_pairs(PAIRS), VIRTIO_NET_OK);
	for (unsigned i = 0; i < 2; i++) {
		bool mq = i;
		assert_int_equal(client_status(0), 0);
		for (unsigned q = 0; q <= 2 * PAIRS; q++)
			fake_memory_drop(&c.mem[q]);
		fake_vduse_lock();
		fake_vduse.regions = 0;
		fake_vduse_unlock();
		client_is(PAIRS, mq);
		assert_int_equal(client_map(&c), 0);
		client_start(CLIENT_FEATURES | (mq ? MQ : 0));
		assert_int_equal(use_pairs(2), mq ? VIRTIO_NET_OK : VIRTIO_NET_ERR);
	}
}

static void begin(void)
{
	assert_int_equal(client_status(0), 0);
	client_features(CLIENT_FEATURES | MQ);
	assert_int_equal(client_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER), 0);
	assert_int_equal(client_status(CLIENT_STATUS), 0);
	for (unsigned q = 0; q <= 2 * PAIRS; q++)
		assert_int_equal(client_asid(client_group(q), q == client_cvq), 0);
	assert_int_equal(client_status(CLIENT_STATUS | VIRTIO_CONFIG_S_DRIVER_OK), 0);
}

/* As QEMU starts it: the CVQ serves while no data queue is ready. And as a driver may: pairs that
 * work while the first does not. */
static void no_queue_waits_for_another(void **state)
{
	(void)state;
	begin();
	assert_int_equal(client_ready(2 * PAIRS, true), 0);
	assert_int_equal(use_pairs(PAIRS), VIRTIO_NET_OK);
	for (unsigned p = PAIRS; p-- > 0;) {
		assert_int_equal(client_ready(2 * p + 1, true), 0);
		send_frame_on(2 * p + 1, 64, 'x'); /* lost: its RX is not ready */
		assert_int_equal(client_ready(2 * p, true), 0);
		give_buffer_to(2 * p, 0x1000);
		send_frame_on(2 * p + 1, 64, 'y');
		came_back_on(2 * p, 1, 64, 'y');
	}
	begin();
	client_rings(&c);
	assert_int_equal(client_ready(0, true), 0);
	assert_int_equal(client_ready(1, true), 0);
	give_buffer(0x1000);
	send_frame(64, 'z'); /* without a CVQ */
	came_back(1, 64, 'z');
}

int main(void)
{
#define TEST(f, how) cmocka_unit_test_setup_teardown(f, setup_##how, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(the_kernel_is_told_of_every_queue, cold),
	    TEST(a_pair_is_idle_until_it_is_in_use, mq),
	    TEST(each_pair_loops_back_by_itself, mq),
	    TEST(there_are_no_more_pairs_than_there_are, mq),
	    TEST(coalescing_is_of_enabled_queues, mq),
	    TEST(a_driver_that_declines_has_one_pair, declined),
	    TEST(a_reset_forgets_which_queue_is_the_cvq, mq),
	    TEST(no_queue_waits_for_another, cold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
