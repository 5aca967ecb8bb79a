/* SPDX-License-Identifier: MIT */
/* The walk of a command from the guest's ring to the shadow ring and back, and every way it can go
 * wrong. */
#include "../../vdpa/cvq.h"
#include "../../virtio/check.h"
#include "guest_ring.h"

#include <linux/virtio_net.h>

#define FEATURES                                                                                   \
	(1ull << VIRTIO_NET_F_CTRL_VQ | 1ull << VIRTIO_NET_F_CTRL_RX |                             \
	 1ull << VIRTIO_NET_F_CTRL_MAC_ADDR | 1ull << VIRTIO_NET_F_VQ_NOTF_COAL |                  \
	 1ull << VIRTIO_NET_F_DEVICE_STATS)

static const struct ctrl_rules rules = {.features = FEATURES, .max_pairs = 1};
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
	return cvq_start(&c, &r.mem, &a, &rules, RING_NUM, gpa(RING_DESC), gpa(RING_AVAIL),
			 gpa(RING_USED));
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy(&a);
	return 0;
}

/* The device: complete what is in flight with this ack and a result. */
static unsigned device_returns(uint8_t ack, const void *result, uint32_t len)
{
	struct vring_used *used = (void *)a.writable;

	used->ring[used->idx % SVQ_NUM] = (struct vring_used_elem){0, 1 + len};
	a.writable[ARENA_PAGE] = ack;
	if (len)
		memcpy(a.writable + ARENA_PAGE + 1, result, len);
	used->idx++;
	return cvq_device_call(&c);
}

static unsigned device_answers(uint8_t ack)
{
	return device_returns(ack, NULL, 0);
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
	assert_true(c.state.rx[0]);
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
		struct ctrl_rules more = rules;
		more.features |= yes ? indirect : 0;
		assert_int_equal(cvq_start(&c, &r.mem, &a, &more, RING_NUM, gpa(RING_DESC),
					   gpa(RING_AVAIL), gpa(RING_USED)),
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

/* A command with @room bytes for its ack and result, in two buffers. */
static void ask(const void *cmd, unsigned len, unsigned room)
{
	memcpy(r.ram + 0x4000, cmd, len);
	memset(r.ram + 0x5000, 0xee, 0x2000);
	ring_set(&r, 0, 0x4000, len, VRING_DESC_F_NEXT, 1);
	ring_set(&r, 1, 0x5000, 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 2);
	ring_set(&r, 2, 0x5001, room - 1, VRING_DESC_F_WRITE, 0);
	ring_offer(&r, 0);
}

static uint32_t room_given(void)
{
	return ((struct vring_desc *)(void *)a.readable)[1].len;
}

static const uint8_t vq_get[] = {6, 3, 1, 0, 0, 0};

static void a_result_comes_back_with_the_ack(void **state)
{
	(void)state;
	for (unsigned room = 9; room < 20; room++) {
		ask(vq_get, sizeof(vq_get), room);
		assert_int_equal(cvq_guest_kick(&c), CVQ_KICK);
		assert_int_equal(room_given(), 9);
		assert_int_equal(device_returns(VIRTIO_NET_OK, "abcdefgh", 8), CVQ_INTERRUPT);
		assert_memory_equal(r.ram + 0x5000, "\0abcdefgh\xee", 10);
		pushed(room - 8, 0, 9);
	}
}

static void a_result_needs_its_room(void **state)
{
	(void)state;
	for (unsigned room = 1; room < 9; room++) {
		ask(vq_get, sizeof(vq_get), room);
		assert_int_equal(cvq_guest_kick(&c), CVQ_INTERRUPT);
		assert_memory_equal(r.ram + 0x5000, "\1\xee", 2);
		pushed(room, 0, 1);
	}
}

static void with_an_error_comes_no_result(void **state)
{
	(void)state;
	ask(vq_get, sizeof(vq_get), 9);
	cvq_guest_kick(&c);
	assert_int_equal(device_returns(VIRTIO_NET_ERR, "abcdefgh", 8), CVQ_INTERRUPT);
	assert_memory_equal(r.ram + 0x5000, "\1\xee", 2);
	pushed(1, 0, 1);
}

static void a_result_of_another_length_is_not_believed(void **state)
{
	static const uint8_t zero[16];

	for (uint32_t len = 0; len < 16; len++) {
		teardown(state);
		setup(state);
		ask(vq_get, sizeof(vq_get), 40);
		cvq_guest_kick(&c);
		unsigned todo = device_returns(VIRTIO_NET_OK, zero, len);
		assert_int_equal(todo, len == 8 ? CVQ_INTERRUPT : CVQ_INTERRUPT | CVQ_DEVICE_BROKE);
		assert_int_equal(r.ram[0x5000], len == 8 ? VIRTIO_NET_OK : VIRTIO_NET_ERR);
		pushed(1, 0, len == 8 ? 9 : 1);
	}
}

/* Nothing of the arena's secrets, or of an earlier result, comes with one that was not written. */
static void a_result_that_is_not_written_tells_nothing(void **state)
{
	struct vring_used *used = (void *)a.writable;
	static uint8_t get[18] = {8, 1};
	uint8_t want[0x1000];

	(void)state;
	memset(want, 0xff, sizeof(want));
	want[0] = 0;
	ask(get, sizeof(get), 0x1800);
	assert_int_equal(cvq_guest_kick(&c), CVQ_KICK);
	assert_int_equal(room_given(), CTRL_ANSWER_MAX);
	assert_memory_equal(a.writable + ARENA_PAGE + 1, want + 1, CTRL_RESULT_MAX);
	used->ring[0] = (struct vring_used_elem){0, CTRL_ANSWER_MAX};
	a.writable[ARENA_PAGE] = VIRTIO_NET_OK;
	used->idx++;
	assert_int_equal(cvq_device_call(&c), CVQ_INTERRUPT | CVQ_DEVICE_BROKE);
	assert_memory_equal(r.ram + 0x5000, "\1\xee", 2);
}

static void statistics_are_as_long_as_there_is_room(void **state)
{
	static uint8_t get[18] = {8, 1}, stats[CTRL_RESULT_MAX];

	(void)state;
	for (unsigned at = 0; at + 16 <= sizeof(stats); at += 16)
		stats[at + 6] = 16;
	ask(get, sizeof(get), 1 + 40);
	cvq_guest_kick(&c);
	assert_int_equal(room_given(), 1 + 40);
	assert_int_equal(device_returns(VIRTIO_NET_OK, stats, 32), CVQ_INTERRUPT);
	pushed(1, 0, 33);
	ask(get, sizeof(get), 0x1800);
	cvq_guest_kick(&c);
	assert_int_equal(room_given(), CTRL_ANSWER_MAX);
	assert_int_equal(device_returns(VIRTIO_NET_OK, stats, 4080), CVQ_INTERRUPT);
	pushed(2, 0, 4081);
	assert_memory_equal(r.ram + 0x5001, stats, 4080);
	assert_int_equal(r.ram[0x5000 + 4081], 0xee);
}

static void malformed_chains_come_back_empty(void **state)
{
	(void)state;
	ring_set(&r, 0, 0x4000, 8, VRING_DESC_F_NEXT, 0);
	ring_offer(&r, 0);
	assert_int_equal(cvq_guest_kick(&c), CVQ_INTERRUPT);
	pushed(1, 0, 0);
}

/* ---- why a command comes to nothing ---- */

static struct {
	unsigned count;
	char why[32];
	uint8_t ack;
	size_t len, pushed;
} answered;

static void on_answered(void *ctx, const struct cvq *q, uint8_t ack)
{
	assert_ptr_equal(ctx, &told);
	answered.count++;
	answered.ack = ack;
	answered.len = (size_t)q->chain.readable_len;
	answered.pushed = ring_used(&r)->idx;
	snprintf(answered.why, sizeof(answered.why), "%s",
		 ack ? q->why ? q->why->name : "nobody knows" : "");
}

static void hear(void)
{
	memset(&answered, 0, sizeof(answered));
	c.answered = on_answered;
	c.ctx = &told;
}

static void heard(unsigned count, size_t len, const char *why)
{
	assert_int_equal(answered.count, count);
	assert_int_equal(answered.len, len);
	assert_string_equal(answered.why, why);
	assert_int_equal(answered.ack, *why ? VIRTIO_NET_ERR : VIRTIO_NET_OK);
	assert_int_equal(answered.pushed, count - 1); /* before the guest can see it */
}

static void a_refusal_has_its_reason(void **state)
{
	static const struct {
		uint8_t cmd[12];
		unsigned len;
		const char *why;
	} cases[] = {
	    {{0}, 0, "ctrl-short"},
	    {{1}, 1, "ctrl-short"},
	    {{0x7f, 0, 1}, 3, "ctrl-unknown"},
	    {{1, 1, 2, 0, 0, 0, 0}, 7, "ctrl-length"},
	    {{2, 0, 5, 0}, 4, "ctrl-feature"},
	    {{1, 0, 0, 0, 0, 0}, 6, "ctrl-mac-count"},
	    {{1, 0, 1, 0, 0, 0, 9, 9}, 8, "ctrl-mac-table"},
	    {{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}, 11, "ctrl-mac-end"},
	    {{6, 3, 2, 0, 0, 0}, 6, "ctrl-coal-queue"},
	    {{6, 3, 1, 0, 0, 0}, 6, "cvq-result-room"},
	};
	const unsigned count = sizeof(cases) / sizeof(cases[0]);

	(void)state;
	hear();
	for (unsigned i = 0; i < count; i++) {
		ring_command(&r, 0, cases[i].cmd, cases[i].len);
		assert_int_equal(cvq_guest_kick(&c), CVQ_INTERRUPT);
		heard(i + 1, cases[i].len, cases[i].why);
	}
	ring_set(&r, 0, 0x4000, CTRL_COMMAND_MAX + 100, VRING_DESC_F_NEXT, 1);
	ring_offer(&r, 0);
	cvq_guest_kick(&c);
	heard(count + 1, CTRL_COMMAND_MAX + 100, "ctrl-long");
	ring_set(&r, 0, 0x4000, 8, 0, 0);
	ring_offer(&r, 0);
	cvq_guest_kick(&c);
	heard(count + 2, 8, "cvq-ack-room");
}

static void a_malformed_chain_has_its_reason(void **state)
{
	static const struct {
		uint64_t at;
		uint32_t len;
		unsigned flags, next;
		const char *why;
	} cases[] = {
	    {0x4000, 8, VRING_DESC_F_NEXT, 0, "chain-loop"},
	    {0x4000, 8, VRING_DESC_F_NEXT, RING_NUM, "chain-next"},
	    {RING_RAM - 4, 8, 0, 0, "chain-ram"},
	    {0x4000, 8, VRING_DESC_F_INDIRECT, 0, "chain-indirect"},
	    {0x4000, 8, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1, "chain-order"},
	};

	(void)state;
	hear();
	ring_set(&r, 1, 0x4000, 8, 0, 0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ring_set(&r, 0, cases[i].at, cases[i].len, cases[i].flags, cases[i].next);
		ring_offer(&r, 0);
		assert_int_equal(cvq_guest_kick(&c), CVQ_INTERRUPT);
		heard(i + 1, 0, cases[i].why);
	}
	ring_avail(&r)->idx = 0x8000;
	assert_int_equal(cvq_guest_kick(&c), CVQ_GUEST_BROKE);
	assert_string_equal(c.broke->name, "queue-ahead");
}

static void what_the_device_does_is_the_reason(void **state)
{
	struct vring_used *used = (void *)a.writable;

	(void)state;
	hear();
	ring_command(&r, 0, set_mac, sizeof(set_mac));
	cvq_guest_kick(&c);
	assert_int_equal(answered.count, 0);
	device_answers(VIRTIO_NET_OK);
	heard(1, sizeof(set_mac), "");
	ring_command(&r, 0, set_mac, sizeof(set_mac));
	cvq_guest_kick(&c);
	device_answers(VIRTIO_NET_ERR);
	heard(2, sizeof(set_mac), "device-err");
	ring_command(&r, 0, set_mac, sizeof(set_mac));
	cvq_guest_kick(&c);
	used->ring[used->idx % SVQ_NUM] = (struct vring_used_elem){1, 1};
	used->idx++;
	assert_int_equal(cvq_device_call(&c), CVQ_INTERRUPT | CVQ_DEVICE_BROKE);
	heard(3, sizeof(set_mac), "svq-id");
	assert_string_equal(c.broke->name, "svq-id");
	ring_command(&r, 0, set_mac, sizeof(set_mac));
	cvq_guest_kick(&c);
	heard(4, sizeof(set_mac), "cvq-dead");
}

static void an_answer_that_is_late_is_the_reason(void **state)
{
	(void)state;
	hear();
	ring_command(&r, 0, set_mac, sizeof(set_mac));
	cvq_guest_kick(&c);
	(void)cvq_timeout(&c);
	heard(1, sizeof(set_mac), "device-late");
	assert_string_equal(c.broke->name, "device-late");
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
	    TEST(a_result_comes_back_with_the_ack),
	    TEST(a_result_needs_its_room),
	    TEST(with_an_error_comes_no_result),
	    TEST(a_result_of_another_length_is_not_believed),
	    TEST(a_result_that_is_not_written_tells_nothing),
	    TEST(statistics_are_as_long_as_there_is_room),
	    TEST(a_refusal_has_its_reason),
	    TEST(a_malformed_chain_has_its_reason),
	    TEST(what_the_device_does_is_the_reason),
	    TEST(an_answer_that_is_late_is_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
