/* SPDX-License-Identifier: MIT */
/* The device's side of a guest's ring: what a hostile guest can write there, and what comes of it.
 */
#include "../../virtio/queue.h"
#include "guest_ring.h"

#include <errno.h>

static struct guest_ring r;
static struct queue q;
static struct queue_chain c;

static int setup(void **state)
{
	(void)state;
	ring_init(&r);
	return queue_init(&q, &r.mem, 0, RING_NUM, gpa(RING_DESC), gpa(RING_AVAIL), gpa(RING_USED));
}

static int init(uint32_t num, uint64_t desc, uint64_t avail, uint64_t used)
{
	struct queue other;

	return queue_init(&other, &r.mem, 0, num, gpa(desc), gpa(avail), gpa(used));
}

static void rings_are_checked_when_set_up(void **state)
{
	(void)state;
	for (uint32_t num = 0; num <= 0x10000; num++) {
		bool good = num && num <= QUEUE_NUM_MAX && !(num & (num - 1));
		assert_int_equal(init(num, RING_DESC, RING_AVAIL, RING_USED), good ? 0 : -EINVAL);
	}
	assert_int_equal(init(8, RING_DESC + 8, RING_AVAIL, RING_USED), -EINVAL);
	assert_int_equal(init(8, RING_DESC, RING_AVAIL + 1, RING_USED), -EINVAL);
	assert_int_equal(init(8, RING_DESC, RING_AVAIL, RING_USED + 2), -EINVAL);
	assert_int_equal(init(8, RING_RAM - 8 * 16, RING_AVAIL, RING_USED), 0);
	assert_int_equal(init(8, RING_RAM - 8 * 16 + 16, RING_AVAIL, RING_USED), -EFAULT);
	assert_int_equal(init(8, RING_DESC, RING_RAM - 22, RING_USED), 0);
	assert_int_equal(init(8, RING_DESC, RING_RAM - 20, RING_USED), -EFAULT);
	assert_int_equal(init(8, RING_DESC, RING_AVAIL, RING_RAM - 72), 0);
	assert_int_equal(init(8, RING_DESC, RING_AVAIL, RING_RAM - 68), -EFAULT);
	assert_int_equal(init(8, 0xfffffffffffffff0u, RING_AVAIL, RING_USED), -EFAULT);
}

static void a_chain_comes_out_as_it_was(void **state)
{
	(void)state;
	ring_set(&r, 3, 0x4000, 10, VRING_DESC_F_NEXT, 5);
	ring_set(&r, 5, 0x4100, 20, VRING_DESC_F_NEXT, 1);
	ring_set(&r, 1, 0x5000, 7, VRING_DESC_F_WRITE, 0xffff);
	ring_offer(&r, 3);
	assert_int_equal(queue_pop(&q, &r.mem, &c), 1);
	assert_int_equal(c.head, 3);
	assert_int_equal(c.readable, 2);
	assert_int_equal(c.writable, 1);
	assert_int_equal(c.readable_len, 30);
	assert_int_equal(c.writable_len, 7);
	assert_int_equal(queue_pop(&q, &r.mem, &c), 0);
}

static void bad_chain(unsigned head)
{
	ring_offer(&r, head);
	assert_int_equal(queue_pop(&q, &r.mem, &c), -EBADMSG);
	assert_int_equal(c.head, head);
	assert_int_equal(c.readable + c.writable, 0);
	assert_int_equal(queue_push(&q, &r.mem, &c, 0), 0);
}

static void malformed_chains_are_refused_whole(void **state)
{
	(void)state;
	ring_set(&r, 0, 0x4000, 8, VRING_DESC_F_NEXT, 0); /* a loop */
	bad_chain(0);
	ring_set(&r, 1, 0x4000, 8, VRING_DESC_F_NEXT, 8); /* next out of range */
	bad_chain(1);
	ring_set(&r, 2, RING_RAM - 4, 8, 0, 0); /* past the end of RAM */
	bad_chain(2);
	ring_set(&r, 2, 0x4000, 0xffffffffu, 0, 0);
	bad_chain(2);
	ring_set(&r, 2, 0xfffffffffffffffcu, 8, 0, 0);
	bad_chain(2);
	ring_set(&r, 3, 0x5000, 8, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 4);
	ring_set(&r, 4, 0x4000, 8, 0, 0); /* readable after writable */
	bad_chain(3);
	ring_set(&r, 5, 0x4000, 16, VRING_DESC_F_INDIRECT, 0); /* not negotiated */
	bad_chain(5);
	ring_set(&r, 6, 0x4000, 0, 0, 0); /* empty, and fine */
	ring_offer(&r, 6);
	assert_int_equal(queue_pop(&q, &r.mem, &c), 1);
}

static void a_chain_may_be_as_long_as_the_ring(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RING_NUM; i++)
		ring_set(&r, i, 0x4000, 1, i == RING_NUM - 1 ? 0 : VRING_DESC_F_NEXT, i + 1);
	ring_offer(&r, 0);
	assert_int_equal(queue_pop(&q, &r.mem, &c), 1);
	assert_int_equal(c.readable, RING_NUM);
	ring_set(&r, RING_NUM - 1, 0x4000, 1, VRING_DESC_F_NEXT, 3); /* once more round */
	bad_chain(0);
}

static void a_chain_may_not_be_longer_than_we_hold(void **state)
{
	enum { NUM = 2 * QUEUE_CHAIN_MAX };

	(void)state;
	assert_int_equal(
	    queue_init(&q, &r.mem, 0, NUM, gpa(RING_DESC), gpa(RING_AVAIL), gpa(RING_USED)), 0);
	for (unsigned i = 0; i < NUM; i++)
		ring_set(&r, i, 0x4000, 1,
			 i % QUEUE_CHAIN_MAX == QUEUE_CHAIN_MAX - 1 ? 0 : VRING_DESC_F_NEXT, i + 1);
	ring_avail(&r)->ring[0] = 0;
	ring_avail(&r)->idx = 1;
	assert_int_equal(queue_pop(&q, &r.mem, &c), 1);
	assert_int_equal(c.readable, QUEUE_CHAIN_MAX);
	ring_desc(&r, 20)->flags |=
	    VRING_DESC_F_WRITE; /* half of them writable is no way round it */
	for (unsigned i = 20; i < QUEUE_CHAIN_MAX; i++)
		ring_desc(&r, i)->flags = VRING_DESC_F_WRITE | VRING_DESC_F_NEXT;
	ring_avail(&r)->ring[1] = 0;
	ring_avail(&r)->idx = 2;
	assert_int_equal(queue_pop(&q, &r.mem, &c), -EBADMSG);
}

#define TABLE 0x8000u /* where an indirect table lies */

static void entry(unsigned i, uint64_t addr, uint32_t len, unsigned flags, unsigned next)
{
	struct vring_desc d = {addr, len, (uint16_t)flags, (uint16_t)next};

	memcpy(r.ram + TABLE + sizeof(d) * i, &d, sizeof(d));
}

/* A table of a readable and a writable buffer, behind one more readable one in the ring's own. */
static void offer_table(uint32_t len, unsigned flags)
{
	q.indirect = true;
	entry(0, 0x4100, 6, VRING_DESC_F_NEXT, 2);
	entry(2, 0x5000, 1, VRING_DESC_F_WRITE, 9);
	ring_set(&r, 4, 0x4000, 2, VRING_DESC_F_NEXT, 6);
	ring_set(&r, 6, TABLE, len, VRING_DESC_F_INDIRECT | flags, 1);
}

static void an_indirect_table_is_followed_if_negotiated(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags <= VRING_DESC_F_WRITE; flags += VRING_DESC_F_WRITE) {
		offer_table(48, flags); /* its write flag is to be ignored */
		ring_offer(&r, 4);
		assert_int_equal(queue_pop(&q, &r.mem, &c), 1);
		assert_true(c.head == 4 && c.readable == 2 && c.writable == 1);
		assert_true(c.readable_len == 8 && c.writable_len == 1);
		assert_int_equal(c.seg[1].addr.v, 0x4100);
		assert_int_equal(c.seg[2].addr.v, 0x5000);
	}
	q.indirect = false;
	bad_chain(4);
	assert_int_equal(
	    queue_init(&q, &r.mem, 0, RING_NUM, gpa(RING_DESC), gpa(RING_AVAIL), gpa(RING_USED)),
	    0);
	assert_false(q.indirect);
}

static void malformed_tables_are_refused_whole(void **state)
{
	static const uint32_t len[] = {0, 1, 8, 15, 17, 32, 47, 0xfffffff0, 0xffffffff};

	(void)state;
	for (unsigned i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		offer_table(len[i], 0); /* of two entries, next leads out of it */
		bad_chain(4);
	}
	offer_table(48, VRING_DESC_F_NEXT);
	bad_chain(4);
	offer_table(48, 0);
	entry(2, TABLE, 48, VRING_DESC_F_INDIRECT, 0); /* nested */
	bad_chain(4);
	offer_table(48, 0);
	entry(2, 0x5000, 1, VRING_DESC_F_NEXT, 0); /* a loop */
	bad_chain(4);
	offer_table(48, 0);
	entry(2, RING_RAM, 1, VRING_DESC_F_WRITE, 0);
	bad_chain(4);
	offer_table(48, 0);
	ring_desc(&r, 6)->addr = RING_RAM - 32; /* half of it is no RAM, unused though that is */
	bad_chain(4);
	ring_desc(&r, 6)->addr = 0xfffffffffffffff0u;
	bad_chain(4);
	offer_table(48, 0); /* and a good one still works */
	ring_offer(&r, 4);
	assert_int_equal(queue_pop(&q, &r.mem, &c), 1);
}

static void a_table_makes_no_chain_longer_than_the_ring(void **state)
{
	(void)state;
	offer_table(16 * (RING_NUM + 1), 0);
	for (unsigned i = 0; i <= RING_NUM; i++)
		entry(i, 0x4000, 1, i == RING_NUM - 1 ? 0 : VRING_DESC_F_NEXT, i + 1);
	ring_offer(&r, 6);
	assert_int_equal(queue_pop(&q, &r.mem, &c), 1);
	assert_int_equal(c.readable, RING_NUM);
	bad_chain(4); /* with the one before it, it is too long */
	entry(RING_NUM - 1, 0x4000, 1, VRING_DESC_F_NEXT, RING_NUM);
	entry(RING_NUM, 0x4000, 1, 0, 0);
	bad_chain(6);
}

static void an_untrustworthy_ring_is_reported(void **state)
{
	(void)state;
	ring_avail(&r)->idx = RING_NUM + 1; /* further ahead than the ring is long */
	assert_int_equal(queue_pop(&q, &r.mem, &c), -EPROTO);
	ring_avail(&r)->idx = 0xffff;
	assert_int_equal(queue_pop(&q, &r.mem, &c), -EPROTO);
	ring_avail(&r)->idx = 1;
	ring_avail(&r)->ring[0] = RING_NUM; /* a head out of range */
	assert_int_equal(queue_pop(&q, &r.mem, &c), -EPROTO);
}

static void every_available_index_is_survived(void **state)
{
	(void)state;
	for (unsigned idx = 0; idx <= 0xffff; idx++) {
		q.last_avail = 0;
		ring_avail(&r)->idx = (uint16_t)idx;
		int want = idx == 0 ? 0 : idx <= RING_NUM ? 1 : -EPROTO;
		assert_int_equal(queue_pop(&q, &r.mem, &c), want);
	}
}

static void indices_wrap(void **state)
{
	(void)state;
	ring_set(&r, 0, 0x4000, 4, 0, 0);
	for (unsigned n = 0; n < 0x10000 + 20; n++) {
		ring_offer(&r, 0);
		assert_int_equal(queue_pop(&q, &r.mem, &c), 1);
		assert_int_equal(queue_push(&q, &r.mem, &c, n), 0);
		assert_int_equal(ring_used(&r)->ring[n % RING_NUM].len, n);
	}
	assert_int_equal(ring_used(&r)->idx, 20);
}

static void the_used_index_is_ours(void **state)
{
	(void)state;
	ring_used(&r)->idx = 77; /* the guest scribbles over it */
	assert_int_equal(queue_push(&q, &r.mem, &(struct queue_chain){.head = 2}, 5), 0);
	assert_int_equal(ring_used(&r)->idx, 1);
	assert_int_equal(ring_used(&r)->ring[0].id, 2);
	assert_int_equal(ring_used(&r)->ring[0].len, 5);
}

static void bytes_are_gathered_and_scattered(void **state)
{
	(void)state;
	char out[16] = "";

	memcpy(r.ram + 0x4000, "abc", 3);
	memcpy(r.ram + 0x4100, "defg", 4);
	ring_set(&r, 0, 0x4000, 3, VRING_DESC_F_NEXT, 1);
	ring_set(&r, 1, 0x4100, 4, VRING_DESC_F_NEXT, 2);
	ring_set(&r, 2, 0x5000, 2, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 3);
	ring_set(&r, 3, 0x5100, 2, VRING_DESC_F_WRITE, 0);
	ring_offer(&r, 0);
	assert_int_equal(queue_pop(&q, &r.mem, &c), 1);
	assert_int_equal(queue_read(&c, &r.mem, out, sizeof(out)), 7);
	assert_string_equal(out, "abcdefg");
	assert_int_equal(queue_read(&c, &r.mem, out, 5), 5);
	assert_int_equal(queue_write(&c, &r.mem, "wxyz", 4), 0);
	assert_memory_equal(r.ram + 0x5000, "wx", 2);
	assert_memory_equal(r.ram + 0x5100, "yz", 2);
	assert_int_equal(queue_write(&c, &r.mem, "wxyz!", 5), -E2BIG);
}

static void interrupts_can_be_declined(void **state)
{
	(void)state;
	assert_true(queue_wants_interrupt(&q, &r.mem));
	ring_avail(&r)->flags = VRING_AVAIL_F_NO_INTERRUPT;
	assert_false(queue_wants_interrupt(&q, &r.mem));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(rings_are_checked_when_set_up, setup),
	    cmocka_unit_test_setup(a_chain_comes_out_as_it_was, setup),
	    cmocka_unit_test_setup(malformed_chains_are_refused_whole, setup),
	    cmocka_unit_test_setup(a_chain_may_be_as_long_as_the_ring, setup),
	    cmocka_unit_test_setup(a_chain_may_not_be_longer_than_we_hold, setup),
	    cmocka_unit_test_setup(an_indirect_table_is_followed_if_negotiated, setup),
	    cmocka_unit_test_setup(malformed_tables_are_refused_whole, setup),
	    cmocka_unit_test_setup(a_table_makes_no_chain_longer_than_the_ring, setup),
	    cmocka_unit_test_setup(an_untrustworthy_ring_is_reported, setup),
	    cmocka_unit_test_setup(every_available_index_is_survived, setup),
	    cmocka_unit_test_setup(indices_wrap, setup),
	    cmocka_unit_test_setup(the_used_index_is_ours, setup),
	    cmocka_unit_test_setup(bytes_are_gathered_and_scattered, setup),
	    cmocka_unit_test_setup(interrupts_can_be_declined, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
