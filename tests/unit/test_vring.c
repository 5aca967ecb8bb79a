/* SPDX-License-Identifier: MIT */
/*
 * The device's side of a ring whose parts a driver placed, and filled, as it liked: what cannot be
 * followed stops the ring or refuses the chain, and memory of another ASID is never reached.
 */
#include "../../vdpa/vduse/vring.h"
#include "fake_vduse.h"
#include "guest_ring.h"

#include <errno.h>

#define BASE 0x100000u	/* the IOVA of the ring's memory, in ASID 0 */
#define OTHER 0x900000u /* the IOVA of what only ASID 1 holds */

static struct guest_ring r;
static struct fake_memory mem, other;
static struct as_table t;
static struct vring_queue v;
static struct vring_chain c;

static void start(uint32_t num, uint16_t from)
{
	vring_start(&v, 0, 0, num, VRING_NUM_MAX, iova(BASE + RING_DESC), iova(BASE + RING_AVAIL),
		    iova(BASE + RING_USED), from);
	r.avail_idx = from;
	ring_avail(&r)->idx = from;
}

static int setup(void **state)
{
	(void)state;
	fake_vduse_reset();
	t = (struct as_table){.fd = 1000, .api = 1, .queues = 1, .groups = 1, .spaces = 2};
	if (fake_memory_make(&mem, RING_RAM, 0, r.ram) ||
	    fake_memory_make(&other, 0x1000, 0x77, NULL))
		return -1;
	fake_vduse_map(0, BASE, RING_RAM, VDUSE_ACCESS_RW, mem.fd, 0);
	fake_vduse_map(1, OTHER, 0x1000, VDUSE_ACCESS_RW, other.fd, 0);
	start(RING_NUM, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	as_drop_all(&t);
	for (unsigned i = 0; i < 0x1000; i++) /* whatever was tried: nothing came there */
		assert_int_equal(other.at[i], 0x77);
	fake_memory_drop(&mem);
	fake_memory_drop(&other);
	return 0;
}

static int pop(void)
{
	return vring_pop(&v, &t, &c);
}

static int push(uint16_t head, uint32_t len)
{
	return vring_push(&v, &t, head, len);
}

/* The ring is stopped for this reason, and by nothing but vring_start() ever goes on. */
static void stopped(const char *why)
{
	assert_non_null(v.stopped);
	assert_string_equal(v.stopped, why);
	uint16_t at = v.last_avail;
	assert_int_equal(pop(), -EPIPE);
	assert_int_equal(push(0, 0), -EPIPE);
	assert_true(vring_wants_call(&v, &t)); /* rather too often than never */
	assert_string_equal(v.stopped, why);
	assert_int_equal(v.last_avail, at);
}

static void sizes_are_powers_of_two_to_the_maximum(void **state)
{
	static const uint32_t wide[] = {0x10001, 0x10008, 0x80000000, 0x80000008, ~0u};

	(void)state;
	for (uint32_t n = 0; n <= 0x10000 + 5; n++) {
		uint32_t num = n <= 0x10000 ? n : wide[n - 0x10001];
		start(num, 0);
		if (num && num <= VRING_NUM_MAX && !(num & (num - 1))) {
			assert_null(v.stopped);
			assert_int_equal(pop(), 0);
		} else {
			stopped("size");
		}
	}
	vring_start(&v, 0, 0, 8, 4, iova(BASE), iova(BASE), iova(BASE), 0);
	stopped("size"); /* the device's own maximum */
	vring_start(&v, 0, 0, 512, 1024, iova(BASE), iova(BASE), iova(BASE), 0);
	stopped("size"); /* whatever the device's, a chain must fit into ours */
}

static void parts_are_aligned(void **state)
{
	(void)state;
	for (unsigned skew = 0; skew < 32; skew++) {
		for (unsigned part = 0; part < 3; part++) {
			vring_start(&v, 0, 0, 8, 8, iova(BASE + (part == 0 ? skew : 0)),
				    iova(BASE + RING_AVAIL + (part == 1 ? skew : 0)),
				    iova(BASE + RING_USED + (part == 2 ? skew : 0)), 0);
			if (skew % (part == 0 ? 16 : part == 1 ? 2 : 4))
				stopped("alignment");
			else
				assert_null(v.stopped);
		}
	}
}

static void a_chain_comes_out_as_it_was(void **state)
{
	char out[16] = "";

	(void)state;
	memcpy(r.ram + 0x4000, "abc", 3);
	memcpy(r.ram + 0x4100, "defg", 4);
	ring_set(&r, 3, BASE + 0x4000, 3, VRING_DESC_F_NEXT, 5);
	ring_set(&r, 5, BASE + 0x4100, 4, VRING_DESC_F_NEXT, 1);
	ring_set(&r, 1, BASE + 0x5000, 2, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 7);
	ring_set(&r, 7, BASE + 0x5100, 2, VRING_DESC_F_WRITE, 0xffff);
	ring_offer(&r, 3);
	assert_int_equal(pop(), 1);
	assert_int_equal(c.head, 3);
	assert_true(c.readable == 2 && c.writable == 2);
	assert_true(c.readable_len == 7 && c.writable_len == 4);
	assert_int_equal(vring_read(&v, &t, &c, out, 7), 0);
	assert_string_equal(out, "abcdefg");
	memset(out, 0, sizeof(out));
	assert_int_equal(vring_read(&v, &t, &c, out, 2), 0);
	assert_string_equal(out, "ab");
	assert_int_equal(vring_read(&v, &t, &c, out, 0), 0);
	assert_int_equal(vring_read(&v, &t, &c, out, 8), -E2BIG);
	assert_int_equal(vring_write(&v, &t, &c, "wxyz", 3), 0);
	assert_memory_equal(r.ram + 0x5000, "wx", 3);
	assert_memory_equal(r.ram + 0x5100, "y", 2);
	assert_int_equal(vring_write(&v, &t, &c, "wxyz!", 5), -E2BIG);
	assert_int_equal(r.ram[0x5101], 0);
	assert_int_equal(pop(), 0);
}

static void bad_chain(unsigned head, const char *why)
{
	uint16_t used = ring_used(&r)->idx;

	ring_offer(&r, head);
	assert_int_equal(pop(), -EBADMSG);
	assert_int_equal(c.head, head);
	assert_string_equal(c.bad, why);
	assert_int_equal(c.readable + c.writable, 0);
	assert_int_equal(vring_read(&v, &t, &c, r.ram, 1), -E2BIG);
	assert_int_equal(push(c.head, 0), 0); /* the ring goes on */
	assert_int_equal(ring_used(&r)->idx, used + 1);
	assert_null(v.stopped);
}

static void malformed_chains_are_refused_whole(void **state)
{
	(void)state;
	ring_set(&r, 0, BASE, 8, VRING_DESC_F_NEXT, 0);
	bad_chain(0, "loop");
	ring_set(&r, 0, BASE, 8, VRING_DESC_F_NEXT, 1);
	ring_set(&r, 1, BASE, 8, VRING_DESC_F_NEXT, 0);
	bad_chain(0, "loop");
	ring_set(&r, 1, BASE, 8, VRING_DESC_F_NEXT, RING_NUM);
	bad_chain(0, "next");
	ring_set(&r, 1, BASE, 8, VRING_DESC_F_NEXT, 0xffff);
	bad_chain(0, "next");
	ring_set(&r, 1, BASE, 8, VRING_DESC_F_INDIRECT, 0);
	bad_chain(0, "indirect");
	ring_set(&r, 1, OTHER, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE, 0);
	bad_chain(1, "indirect");
	ring_set(&r, 1, BASE, 0, 0, 0);
	bad_chain(0, "empty");
	ring_set(&r, 0, BASE, 8, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	ring_set(&r, 1, BASE, 8, 0, 0);
	bad_chain(0, "order");
}

#define TABLE 0x8000u /* where an indirect table lies, from BASE on */

static void entry(unsigned i, uint64_t addr, uint32_t len, unsigned flags, unsigned next)
{
	struct vring_desc d = {addr, len, (uint16_t)flags, (uint16_t)next};

	memcpy(r.ram + TABLE + sizeof(d) * i, &d, sizeof(d));
}

/* A table of a readable and a writable buffer, behind one more readable one in the ring's own. */
static void set_table(uint32_t len, unsigned flags)
{
	v.indirect = true;
	entry(0, BASE + 0x4100, 6, VRING_DESC_F_NEXT, 2);
	entry(2, BASE + 0x5000, 1, VRING_DESC_F_WRITE, 9);
	ring_set(&r, 4, BASE + 0x4000, 2, VRING_DESC_F_NEXT, 6);
	ring_set(&r, 6, BASE + TABLE, len, VRING_DESC_F_INDIRECT | flags, 1);
}

static void an_indirect_table_is_followed_if_negotiated(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags <= VRING_DESC_F_WRITE; flags += VRING_DESC_F_WRITE) {
		set_table(48, flags); /* its write flag is to be ignored */
		ring_offer(&r, 4);
		assert_int_equal(pop(), 1);
		assert_true(c.head == 4 && c.readable == 2 && c.writable == 1);
		assert_true(c.readable_len == 8 && c.writable_len == 1);
		assert_int_equal(c.seg[1].at.v, BASE + 0x4100);
	}
	v.indirect = false;
	bad_chain(4, "indirect");
	v.indirect = true;
	start(RING_NUM, 0);
	assert_false(v.indirect);
}

static void malformed_tables_are_refused_whole(void **state)
{
	static const uint32_t len[] = {0, 1, 8, 15, 17, 47, 0xffffffff};

	(void)state;
	for (unsigned i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		set_table(len[i], 0);
		bad_chain(4, "indirect length");
	}
	set_table(32, 0);
	bad_chain(4, "next");
	set_table(48, VRING_DESC_F_NEXT);
	bad_chain(4, "indirect next");
	set_table(48, 0);
	entry(2, BASE + TABLE, 48, VRING_DESC_F_INDIRECT, 0);
	bad_chain(4, "indirect");
	set_table(48, 0);
	entry(2, BASE + 0x5000, 1, VRING_DESC_F_NEXT, 0);
	bad_chain(4, "loop");
	set_table(48, 0);
	ring_desc(&r, 6)->addr = OTHER; /* another ASID's */
	bad_chain(4, "indirect table");
	ring_desc(&r, 6)->addr = BASE + RING_RAM - 16; /* it goes on where nothing is mapped */
	memcpy(r.ram + RING_RAM - 16, r.ram + TABLE, 16);
	bad_chain(4, "indirect table");
	ring_desc(&r, 6)->addr = ~0ull - 15;
	bad_chain(4, "indirect table");
	set_table(48, 0); /* and a good one still works */
	ring_offer(&r, 4);
	assert_int_equal(pop(), 1);
}

static void a_table_makes_no_chain_longer_than_the_ring(void **state)
{
	(void)state;
	set_table(16 * (RING_NUM + 1), 0);
	for (unsigned i = 0; i <= RING_NUM; i++)
		entry(i, BASE, 1, i == RING_NUM - 1 ? 0 : VRING_DESC_F_NEXT, i + 1);
	ring_offer(&r, 6);
	assert_int_equal(pop(), 1);
	assert_int_equal(c.readable, RING_NUM);
	bad_chain(4, "loop"); /* with the one before it, it is too long */
	entry(RING_NUM - 1, BASE, 1, VRING_DESC_F_NEXT, RING_NUM);
	entry(RING_NUM, BASE, 1, 0, 0);
	bad_chain(6, "loop");
}

static void no_chain_is_longer_than_a_length_can_tell(void **state)
{
	(void)state;
	ring_set(&r, 0, BASE, 0xffffff00, VRING_DESC_F_NEXT, 1);
	ring_set(&r, 1, BASE, 0xff, VRING_DESC_F_WRITE, 0);
	ring_offer(&r, 0);
	assert_int_equal(pop(), 1);
	assert_int_equal(c.readable_len + c.writable_len, 0xffffffff);
	ring_set(&r, 1, BASE, 0x100, VRING_DESC_F_WRITE, 0);
	bad_chain(0, "length");
	ring_set(&r, 1, BASE, 0x100, 0, 0);
	bad_chain(0, "length");
	ring_set(&r, 0, BASE, ~0u, VRING_DESC_F_NEXT, 0);
	bad_chain(0, "length");
	ring_set(&r, 0, BASE, 0x80000000, VRING_DESC_F_NEXT, 1);
	ring_set(&r, 1, BASE, 0x10, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 2);
	ring_set(&r, 2, BASE, 0x7ffffff0, VRING_DESC_F_WRITE, 0);
	bad_chain(0, "length");
	ring_set(&r, 2, BASE, 0x7fffffef, VRING_DESC_F_WRITE, 0);
	ring_offer(&r, 0);
	assert_int_equal(pop(), 1);
	assert_null(c.bad);
}

static void a_chain_may_be_as_long_as_the_largest_ring(void **state)
{
	(void)state;
	start(VRING_NUM_MAX, 0);
	for (unsigned i = 0; i < VRING_NUM_MAX; i++)
		ring_set(&r, i, BASE + 0x4000, 1, i == VRING_NUM_MAX - 1 ? 0 : VRING_DESC_F_NEXT,
			 i + 1);
	ring_offer(&r, 0);
	assert_int_equal(pop(), 1);
	assert_int_equal(c.readable, VRING_NUM_MAX);
	ring_set(&r, VRING_NUM_MAX - 1, BASE + 0x4000, 1, VRING_DESC_F_NEXT, 7);
	bad_chain(0, "loop");
}

/* Each buffer is judged when it is touched; what a chain says of others' memory moves nothing. */
static void buffers_are_in_the_queues_own_space(void **state)
{
	char out[32];

	(void)state;
	memset(out, 0x55, sizeof(out));
	ring_set(&r, 0, OTHER, 16, VRING_DESC_F_NEXT, 1);
	ring_set(&r, 1, OTHER, 16, VRING_DESC_F_WRITE, 0);
	ring_offer(&r, 0);
	assert_int_equal(pop(), 1);
	assert_int_equal(vring_read(&v, &t, &c, out, 16), -EFAULT);
	assert_int_equal(vring_write(&v, &t, &c, out, 16), -EFAULT);
	assert_int_equal(out[0], 0x55);
	ring_set(&r, 0, BASE + 0x4000, 8, VRING_DESC_F_NEXT, 1);
	ring_set(&r, 1, ~0ull - 3, 8, 0, 0);
	ring_offer(&r, 0);
	assert_int_equal(pop(), 1);
	assert_int_equal(vring_read(&v, &t, &c, out, 8), 0);
	assert_int_equal(vring_read(&v, &t, &c, out, 9), -EFAULT);
	assert_null(v.stopped);
}

static void a_ring_in_anothers_space_is_stopped(void **state)
{
	(void)state;
	ring_set(&r, 0, BASE + 0x4000, 8, 0, 0);
	ring_offer(&r, 0);
	v.desc = iova(OTHER);
	assert_int_equal(pop(), -EPIPE);
	stopped("descriptor table");
	assert_int_equal(v.last_avail, 0); /* the chain was not taken */
	start(RING_NUM, 0);
	v.avail = iova(OTHER);
	assert_int_equal(pop(), -EPIPE);
	stopped("available ring");
	start(RING_NUM, 0);
	v.used = iova(OTHER);
	assert_int_equal(push(0, 8), -EPIPE);
	stopped("used ring");
}

static void a_ring_that_ends_too_early_is_stopped(void **state)
{
	const uint64_t end = BASE + RING_RAM;

	(void)state;
	ring_set(&r, 0, BASE + 0x4000, 8, 0, 0);
	v.avail = iova(end - 2); /* flags, but no index */
	assert_int_equal(pop(), -EPIPE);
	stopped("available ring");
	start(RING_NUM, 0);
	v.avail = iova(end - 4); /* no entries */
	memcpy(r.ram + RING_RAM - 4, "\0\0\1\0", 4);
	assert_int_equal(pop(), -EPIPE);
	stopped("available ring");
	start(RING_NUM, 0);
	v.desc = iova(end - 16); /* one descriptor */
	ring_offer(&r, 0);
	memset(r.ram + RING_RAM - 16, 0, 16);
	memcpy(r.ram + RING_RAM - 8, "\1\0\0\0\1\0\1\0", 8); /* which goes on with the next */
	assert_int_equal(pop(), -EPIPE);
	stopped("descriptor table");
	start(RING_NUM, 0);
	v.used = iova(end - 8); /* half an entry */
	assert_int_equal(push(0, 8), -EPIPE);
	stopped("used ring");
	start(RING_NUM, 0);
	v.used = iova(0 - 4ull); /* wraps: entry 0 would be at 0 */
	assert_int_equal(push(0, 8), -EPIPE);
	stopped("used ring");
}

/* The entry fits where the index may not be written. */
static void a_used_ring_that_is_half_writable_is_stopped(void **state)
{
	(void)state;
	fake_vduse_map(0, 0x300000, 0x1000, VDUSE_ACCESS_RO, mem.fd, 0x6000);
	fake_vduse_map(0, 0x301000, 0x1000, VDUSE_ACCESS_RW, mem.fd, 0x7000);
	v.used = iova(0x300ffc);
	assert_int_equal(push(3, 8), -EPIPE);
	stopped("used ring");
	assert_int_equal(r.ram[0x6ffe], 0);
}

static void heads_are_in_the_ring(void **state)
{
	(void)state;
	for (unsigned head = 0; head <= 0xffff; head++) {
		start(RING_NUM, 0);
		ring_set(&r, head % RING_NUM, BASE, 1, 0, 0);
		ring_offer(&r, head);
		if (head < RING_NUM) {
			assert_int_equal(pop(), 1);
			assert_int_equal(c.head, head);
		} else {
			assert_int_equal(pop(), -EPIPE);
			stopped("head");
		}
	}
}

static void every_available_index_is_survived(void **state)
{
	static const uint16_t from[] = {0, 5, 0x7ffc, 0xfffe};

	(void)state;
	ring_set(&r, 0, BASE, 1, 0, 0);
	for (unsigned i = 0; i < 4; i++)
		for (unsigned ahead = 0; ahead <= 0xffff; ahead++) {
			start(RING_NUM, from[i]);
			ring_avail(&r)->idx = (uint16_t)(from[i] + ahead);
			int want = ahead == 0 ? 0 : ahead <= RING_NUM ? 1 : -EPIPE;
			assert_int_equal(pop(), want);
			assert_int_equal(v.last_avail, (uint16_t)(from[i] + (want == 1)));
			if (want < 0)
				assert_string_equal(v.stopped, "available index");
		}
}

static void indices_wrap(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 0x10000 + 20; n++) {
		unsigned head = n * 3 % RING_NUM;
		ring_set(&r, head, BASE, n + 1, 0, 0);
		ring_offer(&r, head);
		assert_int_equal(pop(), 1);
		assert_int_equal(c.readable_len, n + 1);
		assert_int_equal(push(c.head, n), 0);
		assert_int_equal(ring_used(&r)->ring[n % RING_NUM].id, head);
		assert_int_equal(ring_used(&r)->ring[n % RING_NUM].len, n);
		assert_int_equal(ring_used(&r)->idx, (uint16_t)(n + 1));
	}
}

static void a_ring_is_taken_up_where_it_was(void **state)
{
	(void)state;
	start(RING_NUM, 0xffff);
	ring_set(&r, 6, BASE, 9, 0, 0);
	ring_offer(&r, 6);
	assert_int_equal(pop(), 1);
	assert_int_equal(push(6, 4), 0);
	assert_int_equal(v.last_avail, 0);
	assert_int_equal(ring_used(&r)->idx, 0); /* 0xffff and one */
	assert_int_equal(ring_used(&r)->ring[7].id, 6);
}

static void the_used_index_is_ours(void **state)
{
	(void)state;
	ring_used(&r)->idx = 77; /* the driver scribbles over it */
	assert_int_equal(push(2, 5), 0);
	assert_int_equal(ring_used(&r)->idx, 1);
	assert_int_equal(ring_used(&r)->ring[0].len, 5);
}

static void calls_can_be_declined(void **state)
{
	(void)state;
	assert_true(vring_wants_call(&v, &t));
	ring_avail(&r)->flags = 0xfffe; /* the other bits are nobody's */
	assert_true(vring_wants_call(&v, &t));
	ring_avail(&r)->flags = VRING_AVAIL_F_NO_INTERRUPT;
	assert_false(vring_wants_call(&v, &t));
	v.avail = iova(OTHER); /* nobody to ask */
	assert_true(vring_wants_call(&v, &t));
	assert_null(v.stopped);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(sizes_are_powers_of_two_to_the_maximum),
	    TEST(parts_are_aligned),
	    TEST(a_chain_comes_out_as_it_was),
	    TEST(malformed_chains_are_refused_whole),
	    TEST(an_indirect_table_is_followed_if_negotiated),
	    TEST(malformed_tables_are_refused_whole),
	    TEST(a_table_makes_no_chain_longer_than_the_ring),
	    TEST(no_chain_is_longer_than_a_length_can_tell),
	    TEST(a_chain_may_be_as_long_as_the_largest_ring),
	    TEST(buffers_are_in_the_queues_own_space),
	    TEST(a_ring_in_anothers_space_is_stopped),
	    TEST(a_ring_that_ends_too_early_is_stopped),
	    TEST(a_used_ring_that_is_half_writable_is_stopped),
	    TEST(heads_are_in_the_ring),
	    TEST(every_available_index_is_survived),
	    TEST(indices_wrap),
	    TEST(a_ring_is_taken_up_where_it_was),
	    TEST(the_used_index_is_ours),
	    TEST(calls_can_be_declined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
