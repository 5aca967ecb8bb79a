/* SPDX-License-Identifier: MIT */
/* The walk of a command from the guest's ring to the shadow ring and back, and every way it can go
 * wrong. */
#include "../../vdpa/cvq.h"
#include "guest_ring.h"

#include <linux/virtio_net.h>

#define FEATURES                                                                                   \
	(1ull << VIRTIO_NET_F_CTRL_VQ | 1ull << VIRTIO_NET_F_CTRL_RX |                             \
	 1ull << VIRTIO_NET_F_CTRL_MAC_ADDR)

static struct guest_ring r;
static struct arena a;
static struct cvq c;
static const uint8_t set_mac[] = {1, 1, 2, 0, 0, 1, 2, 3};
static const uint8_t unknown[] = {0x7f, 0, 1};

static int setup(void **state)
{
	struct err e = {0};
	static const uint8_t key[16];

	(void)state;
	ring_init(&r);
	if (arena_create(&a, iova(0x40000000), key, 7, 0, &e))
		return -1;
	return cvq_start(&c, &r.mem, &a, FEATURES, RING_NUM, gpa(RING_DESC), gpa(RING_AVAIL),
			 gpa(RING_USED));
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy(&a);
	return 0;
}

/* The device: complete what is in flight with this ack. */
static unsigned device_answers(uint8_t ack)
{
	struct vring_used *used = (void *)a.writable;

	used->ring[used->idx % SVQ_NUM] = (struct vring_used_elem){0, 1};
	a.writable[ARENA_PAGE] = ack;
	used->idx++;
	return cvq_device_call(&c);
}

static void pushed(unsigned total, uint32_t head, uint32_t len)
{
	assert_int_equal(ring_used(&r)->idx, total);
	assert_int_equal(ring_used(&r)->ring[(total - 1) % RING_NUM].id, head);
	assert_int_equal(ring_used(&r)->ring[(total - 1) % RING_NUM].len, len);
}

static void a_command_goes_there_and_back(void **state)
{
	(void)state;
	ring_command(&r, 2, set_mac, sizeof(set_mac));
	assert_int_equal(cvq_guest_kick(&c), CVQ_KICK);
	assert_memory_equal(a.readable + ARENA_PAGE, set_mac, sizeof(set_mac));
	assert_int_equal(ring_used(&r)->idx, 0);
	assert_true(c.state.promisc);
	assert_false(c.state.mac_set); /* not before the device says so */
	assert_int_equal(device_answers(VIRTIO_NET_OK), CVQ_INTERRUPT);
	assert_int_equal(r.ram[0x5000], VIRTIO_NET_OK);
	pushed(1, 2, 1);
	assert_true(c.state.mac_set);
	assert_memory_equal(c.state.mac, set_mac + 2, 6);
}

static void what_the_device_refuses_is_not_committed(void **state)
{
	(void)state;
	ring_command(&r, 0, set_mac, sizeof(set_mac));
	cvq_guest_kick(&c);
	assert_int_equal(device_answers(VIRTIO_NET_ERR), CVQ_INTERRUPT);
	assert_int_equal(r.ram[0x5000], VIRTIO_NET_ERR);
	assert_false(c.state.mac_set);
	ring_command(&r, 0, set_mac, sizeof(set_mac)); /* and the next one works */
	cvq_guest_kick(&c);
	device_answers(VIRTIO_NET_OK);
	assert_true(c.state.mac_set);
	pushed(2, 0, 1);
}

static void what_is_not_understood_never_reaches_the_device(void **state)
{
	uint8_t before[ARENA_READABLE];

	(void)state;
	memcpy(before, a.readable, sizeof(before));
	ring_command(&r, 0, unknown, sizeof(unknown));
	assert_int_equal(cvq_guest_kick(&c), CVQ_INTERRUPT);
	assert_int_equal(r.ram[0x5000], VIRTIO_NET_ERR);
	pushed(1, 0, 1);
	for (unsigned len = 0; len < sizeof(set_mac); len++) {
		ring_command(&r, 0, set_mac, len);
		assert_int_equal(cvq_guest_kick(&c), CVQ_INTERRUPT);
		assert_int_equal(r.ram[0x5000], VIRTIO_NET_ERR);
	}
	ring_set(&r, 0, 0x4000, CTRL_COMMAND_MAX + 100, VRING_DESC_F_NEXT, 1);
	ring_offer(&r, 0);
	assert_int_equal(cvq_guest_kick(&c), CVQ_INTERRUPT);
	assert_memory_equal(before, a.readable, sizeof(before));
	assert_false(c.in_flight);
}

static void the_guest_can_change_its_bytes_too_late(void **state)
{
	(void)state;
	ring_command(&r, 0, set_mac, sizeof(set_mac));
	cvq_guest_kick(&c);
	memset(r.ram + 0x4000, 0x7f, 16); /* after the copy was taken */
	ring_set(&r, 1, 0, 1, VRING_DESC_F_WRITE, 0);
	assert_memory_equal(a.readable + ARENA_PAGE, set_mac, sizeof(set_mac));
	device_answers(VIRTIO_NET_OK);
	assert_memory_equal(c.state.mac, set_mac + 2, 6);
	assert_int_equal(r.ram[0x5000],
			 VIRTIO_NET_OK); /* where the chain said when it was popped */
}

/* What the hook saw: how much had been pushed by then, and the state. */
static unsigned told, pushed_when_told;
static struct ctrl_state told_state;

static void on_committed(void *ctx, const struct ctrl_state *s)
{
	assert_ptr_equal(ctx, &told);
	told++;
	pushed_when_told = ring_used(&r)->idx;
	told_state = *s;
}

static void a_commit_is_told_before_the_guest_sees_it(void **state)
{
	(void)state;
	told = 0;
	c.committed = on_committed;
	c.ctx = &told;
	ring_command(&r, 0, set_mac, sizeof(set_mac));
	cvq_guest_kick(&c);
	device_answers(VIRTIO_NET_ERR);
	assert_int_equal(told, 0);
	ring_command(&r, 0, set_mac, sizeof(set_mac));
	cvq_guest_kick(&c);
	assert_int_equal(told, 0);
	device_answers(VIRTIO_NET_OK);
	assert_int_equal(told, 1);
	assert_int_equal(pushed_when_told, 1);
	assert_true(told_state.mac_set);
	pushed(2, 0, 1);
}

static void indirect_tables_are_as_negotiated(void **state)
{
	const struct vring_desc table[] = {{0x4000, sizeof(set_mac), VRING_DESC_F_NEXT, 1},
					   {0x5000, 1, VRING_DESC_F_WRITE, 0}};
	const uint64_t indirect = 1ull << VIRTIO_RING_F_INDIRECT_DESC;

	for (unsigned yes = 0; yes < 2; yes++) {
		teardown(state);
		setup(state);
		assert_int_equal(cvq_start(&c, &r.mem, &a, FEATURES | (yes ? indirect : 0),
					   RING_NUM, gpa(RING_DESC), gpa(RING_AVAIL),
					   gpa(RING_USED)),
				 0);
		memcpy(r.ram + 0x4000, set_mac, sizeof(set_mac));
		memcpy(r.ram + 0x8000, table, sizeof(table));
		ring_set(&r, 5, 0x8000, sizeof(table), VRING_DESC_F_INDIRECT, 0);
		ring_offer(&r, 5);
		assert_int_equal(cvq_guest_kick(&c), yes ? CVQ_KICK : CVQ_INTERRUPT);
		if (yes)
			device_answers(VIRTIO_NET_OK);
		assert_int_equal(c.state.mac_set, yes);
		pushed(1, 5, yes);
	}
}

static void no_room_for_an_ack_is_an_error(void **state)
{
	(void)state;
	memcpy(r.ram + 0x4000, set_mac, sizeof(set_mac));
	ring_set(&r, 0, 0x4000, sizeof(set_mac), 0, 0);
	ring_offer(&r, 0);
	assert_int_equal(cvq_guest_kick(&c), CVQ_INTERRUPT);
	pushed(1, 0, 0);
	assert_false(c.in_flight);
}

static void one_command_at_a_time_in_order(void **state)
{
	(void)state;
	ring_command(&r, 0, set_mac, sizeof(set_mac));
	ring_offer(&r, 0);
	ring_offer(&r, 0);
	assert_int_equal(cvq_guest_kick(&c), CVQ_KICK);
	assert_int_equal(cvq_guest_kick(&c), 0); /* a second notification changes nothing */
	assert_int_equal(device_answers(VIRTIO_NET_OK), CVQ_INTERRUPT | CVQ_KICK);
	assert_int_equal(device_answers(VIRTIO_NET_OK), CVQ_INTERRUPT | CVQ_KICK);
	assert_int_equal(device_answers(VIRTIO_NET_OK), CVQ_INTERRUPT);
	pushed(3, 0, 1);
}

static void a_flood_yields(void **state)
{
	(void)state;
	ring_command(&r, 0, unknown, sizeof(unknown));
	for (unsigned n = 1; n < RING_NUM; n++)
		ring_offer(&r, 0);
	assert_int_equal(cvq_guest_kick(&c), CVQ_INTERRUPT | CVQ_MORE);
	assert_int_equal(ring_used(&r)->idx, RING_NUM);
	assert_int_equal(cvq_guest_kick(&c), 0);
}

static void late_is_an_error_and_the_end(void **state)
{
	(void)state;
	ring_command(&r, 0, set_mac, sizeof(set_mac));
	ring_offer(&r, 0);
	cvq_guest_kick(&c);
	assert_int_equal(cvq_timeout(&c), CVQ_INTERRUPT | CVQ_DEVICE_BROKE);
	pushed(2, 0, 1); /* the one in flight and the one behind it */
	assert_int_equal(r.ram[0x5000], VIRTIO_NET_ERR);
	assert_int_equal(device_answers(VIRTIO_NET_OK),
			 0); /* too late: nothing is committed, nothing pushed */
	assert_false(c.state.mac_set);
	pushed(2, 0, 1);
	ring_command(&r, 4, set_mac, sizeof(set_mac));
	assert_int_equal(cvq_guest_kick(&c), CVQ_INTERRUPT);
	assert_int_equal(r.ram[0x5000], VIRTIO_NET_ERR);
	pushed(3, 4, 1);
}

static void a_device_that_lies_is_not_believed(void **state)
{
	struct vring_used *used = (void *)a.writable;

	(void)state;
	ring_command(&r, 0, set_mac, sizeof(set_mac));
	cvq_guest_kick(&c);
	used->ring[0] = (struct vring_used_elem){1, 1};
	used->idx = 1;
	assert_int_equal(cvq_device_call(&c), CVQ_INTERRUPT | CVQ_DEVICE_BROKE);
	assert_int_equal(r.ram[0x5000], VIRTIO_NET_ERR);
	pushed(1, 0, 1);
	assert_false(c.state.mac_set);
	ring_command(&r, 0, set_mac, sizeof(set_mac)); /* nor asked again */
	assert_int_equal(cvq_guest_kick(&c), CVQ_INTERRUPT);
	assert_int_equal(r.ram[0x5000], VIRTIO_NET_ERR);
	assert_false(c.in_flight);
}

static void a_lie_without_a_command_pushes_nothing(void **state)
{
	struct vring_used *used = (void *)a.writable;

	(void)state;
	used->idx = 1;
	assert_int_equal(cvq_device_call(&c), CVQ_DEVICE_BROKE);
	assert_int_equal(ring_used(&r)->idx, 0);
}

static void a_broken_guest_ring_stops_it(void **state)
{
	(void)state;
	ring_avail(&r)->idx = 0x8000;
	assert_int_equal(cvq_guest_kick(&c), CVQ_GUEST_BROKE);
}

static void malformed_chains_come_back_empty(void **state)
{
	(void)state;
	ring_set(&r, 0, 0x4000, 8, VRING_DESC_F_NEXT, 0);
	ring_offer(&r, 0);
	assert_int_equal(cvq_guest_kick(&c), CVQ_INTERRUPT);
	pushed(1, 0, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_command_goes_there_and_back),
	    TEST(what_the_device_refuses_is_not_committed),
	    TEST(what_is_not_understood_never_reaches_the_device),
	    TEST(the_guest_can_change_its_bytes_too_late),
	    TEST(a_commit_is_told_before_the_guest_sees_it),
	    TEST(indirect_tables_are_as_negotiated),
	    TEST(no_room_for_an_ack_is_an_error),
	    TEST(one_command_at_a_time_in_order),
	    TEST(a_flood_yields),
	    TEST(late_is_an_error_and_the_end),
	    TEST(a_device_that_lies_is_not_believed),
	    TEST(a_lie_without_a_command_pushes_nothing),
	    TEST(a_broken_guest_ring_stops_it),
	    TEST(malformed_chains_come_back_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
