/* SPDX-License-Identifier: MIT */
/*
 * Packed rings and event indices, as the VMM's CVQ (virtio/queue.h) and as the VDUSE device
 * (vdpa/vduse/vring.h) serve them: two accounts of the same sections, each judged by what a driver
 * that keeps its own books expects, honest or not.
 */
#include "../../vdpa/vduse/vring.h"
#include "../../virtio/queue.h"
#include "fake_vduse.h"
#include "guest_ring.h"

#include <errno.h>
#include <linux/virtio_config.h>

#define BASE 0x100000u /* the IOVA of the ring's memory */
#define NUM 5u	       /* no power of two: a packed ring may be so (section 2.8.10.1) */
#define PACKED (1ull << VIRTIO_F_RING_PACKED)
#define EVENT (1ull << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT (1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define AVAIL 0x80u
#define USED 0x8000u

static struct guest_ring r;
static struct fake_memory mem;
static bool device; /* whether it is the VDUSE device's side */
static struct queue q;
static struct queue_chain qc;
static struct vring_queue v;
static struct vring_chain vc;
static struct as_table t;

/* What was popped, whoever popped it. */
static struct {
	unsigned id, readable, writable;
} got;

/* The driver's books. */
static unsigned next, used_next;
static bool in_round, used_round;

static void start(uint64_t features, uint32_t num)
{
	memset(r.ram, 0, RING_RAM);
	r.avail_idx = 0;
	next = used_next = 0;
	in_round = used_round = true;
	if (device)
		vring_start(&v, 0, features, num, VRING_NUM_MAX, iova(BASE + RING_DESC),
			    iova(BASE + RING_AVAIL), iova(BASE + RING_USED),
			    (uint16_t)(features & PACKED ? 0x8000 : 0));
	else
		assert_int_equal(queue_init(&q, &r.mem, features, num, gpa(RING_DESC),
					    gpa(RING_AVAIL), gpa(RING_USED)),
				 0);
}

static int setup(bool for_device)
{
	device = for_device;
	fake_vduse_reset();
	ring_init(&r);
	t = (struct as_table){.fd = 1000, .api = 1, .queues = 1, .groups = 1, .spaces = 1};
	if (fake_memory_make(&mem, RING_RAM, 0, r.ram))
		return -1;
	fake_vduse_map(0, BASE, RING_RAM, VDUSE_ACCESS_RW, mem.fd, 0);
	return 0;
}

static int setup_vmm(void **state)
{
	(void)state;
	return setup(false);
}

static int setup_device(void **state)
{
	(void)state;
	return setup(true);
}

static int teardown(void **state)
{
	(void)state;
	as_drop_all(&t);
	fake_memory_drop(&mem);
	return 0;
}

/* As queue_pop() has it; a ring that cannot be followed is -EPROTO here, whoever says so. */
static int pop(void)
{
	int ret = device ? vring_pop(&v, &t, &vc) : queue_pop(&q, &r.mem, &qc);

	got.id = device ? vc.head : qc.head;
	got.readable = device ? vc.readable : qc.readable;
	got.writable = device ? vc.writable : qc.writable;
	return ret == -EPIPE ? -EPROTO : ret;
}

static int push(uint32_t len)
{
	return device ? vring_push(&v, &t, vc.head, len) : queue_push(&q, &r.mem, &qc, len);
}

static bool wants(void)
{
	return device ? vring_wants_call(&v, &t) : queue_wants_interrupt(&q, &r.mem);
}

static uint64_t at(uint64_t offset)
{
	return device ? BASE + offset : offset;
}

/* ---- a packed ring's driver ---- */

static struct vring_packed_desc *ring(unsigned i)
{
	return (struct vring_packed_desc *)(void *)(r.ram + RING_DESC) + i;
}

static struct vring_packed_desc_event *driver_event(void)
{
	return (struct vring_packed_desc_event *)(void *)(r.ram + RING_AVAIL);
}

static struct vring_packed_desc_event *device_event(void)
{
	return (struct vring_packed_desc_event *)(void *)(r.ram + RING_USED);
}

static void put(unsigned num, uint64_t addr, uint32_t len, unsigned id, unsigned flags)
{
	*ring(next) = (struct vring_packed_desc){addr, len, (uint16_t)id,
						 (uint16_t)(flags | (in_round ? AVAIL : USED))};
	if (++next == num) {
		next = 0;
		in_round = !in_round;
	}
}

/* A list of @n, the first @readable of them so; only the last has the id that counts. */
static void offer(unsigned num, unsigned n, unsigned readable, unsigned id)
{
	for (unsigned i = 0; i < n; i++)
		put(num, at(0x4000 + 0x100 * i), 8, i + 1 < n ? 0xdead : id,
		    (i < readable ? 0 : VRING_DESC_F_WRITE) | (i + 1 < n ? VRING_DESC_F_NEXT : 0));
}

/* The next used descriptor is this one, for a list of @n. */
static void was_used(unsigned num, unsigned n, unsigned id, uint32_t len)
{
	const struct vring_packed_desc *d = ring(used_next);

	assert_int_equal(d->flags & (AVAIL | USED), used_round ? AVAIL | USED : 0);
	assert_int_equal(!!(d->flags & VRING_DESC_F_WRITE), len > 0);
	assert_int_equal(d->id, id);
	if (len)
		assert_int_equal(d->len, len);
	used_next += n;
	if (used_next >= num) {
		used_next -= num;
		used_round = !used_round;
	}
}

static void lists_come_and_go_round_after_round(void **state)
{
	(void)state;
	start(PACKED, NUM);
	assert_int_equal(pop(), 0);
	for (unsigned n = 0; n < 1000; n++) {
		unsigned length = 1 + n % NUM, readable = n % (length + 1);

		offer(NUM, length, readable, 0xfff0 + n);
		assert_int_equal(pop(), 1);
		assert_int_equal(got.id, (0xfff0 + n) & 0xffff);
		assert_int_equal(got.readable, readable);
		assert_int_equal(got.writable, length - readable);
		assert_int_equal(pop(), 0);
		assert_int_equal(push(n % 3), 0);
		was_used(NUM, length, (0xfff0 + n) & 0xffff, n % 3);
		assert_int_equal(pop(), 0);
	}
}

static void a_malformed_list_is_refused_whole_and_the_ring_goes_on(void **state)
{
	const struct {
		uint64_t addr;
		uint32_t len;
		unsigned flags;
	} bad[] = {
	    {at(0x4000), 8, 0}, /* readable behind a writable one */
	    {at(RING_RAM - 4), 8, VRING_DESC_F_WRITE},
	    {~0ull, 1, VRING_DESC_F_WRITE},
	    {at(0x4000), 16, VRING_DESC_F_INDIRECT},
	    {0x900000, 8, VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT},
	};

	(void)state;
	start(PACKED, NUM);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(NUM, at(0x4000), 8, 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT);
		put(NUM, bad[i].addr, bad[i].len, 2, bad[i].flags | VRING_DESC_F_NEXT);
		put(NUM, at(0x4000), 8, 70 + i, VRING_DESC_F_WRITE);
		/* The device sees what memory it is only when it goes there. */
		bool late = device && (i == 1 || i == 2);
		if (pop() != (late ? 1 : -EBADMSG))
			fail_msg("list %u", i);
		assert_int_equal(got.id, 70 + i);
		assert_int_equal(got.readable + got.writable, late ? 3 : 0);
		uint8_t bytes[24] = {0};
		int ret = device ? vring_write(&v, &t, &vc, bytes, late ? 16 : 1)
				 : queue_write(&qc, &r.mem, bytes, 1);
		if (ret != (late ? -EFAULT : -E2BIG))
			fail_msg("list %u can be written to", i);
		assert_int_equal(push(0), 0);
		was_used(NUM, 3, 70 + i, 0);
		offer(NUM, 1, 0, 9);
		assert_int_equal(pop(), 1);
		assert_int_equal(push(1), 0);
		was_used(NUM, 1, 9, 1);
	}
}

static void a_list_without_an_end_stops_the_ring(void **state)
{
	(void)state;
	for (unsigned from = 0; from < NUM; from++) {
		start(PACKED, NUM);
		for (unsigned i = 0; i < from; i++) {
			offer(NUM, 1, 1, i);
			assert_int_equal(pop(), 1);
			assert_int_equal(push(0), 0);
		}
		for (unsigned i = 0; i < NUM; i++)
			put(NUM, at(0x4000), 1, i, VRING_DESC_F_NEXT);
		assert_int_equal(pop(), -EPROTO);
	}
}

static void more_than_there_is_room_for_is_refused(void **state)
{
	(void)state;
	start(PACKED, 200);
	offer(200, 65, 1, 7);
	assert_int_equal(pop(), device ? 1 : -EBADMSG); /* the VMM holds 64 of them */
	assert_int_equal(push(0), 0);
	was_used(200, 65, 7, 0);
	offer(200, 64, 1, 8);
	assert_int_equal(pop(), 1);
	assert_int_equal(got.writable, 63);
}

static void table(unsigned i, uint64_t addr, uint32_t len, unsigned flags)
{
	struct vring_packed_desc *d = (void *)(r.ram + 0x8000);

	d[i] = (struct vring_packed_desc){addr, len, 0xffff, (uint16_t)flags};
}

static void tables_are_followed_if_negotiated(void **state)
{
	(void)state;
	start(PACKED | INDIRECT, NUM);
	table(0, at(0x4000), 8, VRING_DESC_F_NEXT | AVAIL); /* of these flags only WRITE counts */
	table(1, at(0x4100), 8, VRING_DESC_F_WRITE | USED);
	for (unsigned n = 0; n < 20; n++) {
		put(NUM, at(0x8000), 32, 3, VRING_DESC_F_INDIRECT);
		assert_int_equal(pop(), 1);
		assert_int_equal(got.readable, 1);
		assert_int_equal(got.writable, 1);
		assert_int_equal(push(5), 0);
		was_used(NUM, 1, 3, 5);
	}
	start(PACKED, NUM);
	put(NUM, at(0x8000), 32, 3, VRING_DESC_F_INDIRECT);
	assert_int_equal(pop(), -EBADMSG);
}

static void malformed_tables_are_refused(void **state)
{
	const struct {
		uint64_t addr;
		uint32_t len;
		bool list;
		unsigned entry; /* flags of its first */
	} bad[] = {{at(0x8000), 0, false, 0},
		   {at(0x8000), 17, false, 0},
		   {at(0x8000), 0xffffffff, false, 0},
		   {at(0x8000), 16 * (NUM + 1), false, 0},
		   {at(RING_RAM - 8), 16, false, 0},
		   {0 - 16ull, 16, false, 0},
		   {0x900000, 16, false, 0},
		   {at(0x8000), 16, true, 0},
		   {at(0x8000), 16, false, VRING_DESC_F_INDIRECT}};

	(void)state;
	start(PACKED | INDIRECT, NUM);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (unsigned e = 0; e <= NUM; e++)
			table(e, at(0x4000), 8, e ? 0 : bad[i].entry);
		put(NUM, bad[i].addr, bad[i].len, 1,
		    VRING_DESC_F_INDIRECT | (bad[i].list ? VRING_DESC_F_NEXT : 0));
		if (bad[i].list)
			put(NUM, at(0x4000), 8, 2, VRING_DESC_F_WRITE);
		if (pop() != -EBADMSG)
			fail_msg("table %u", i);
		assert_int_equal(push(0), 0);
		was_used(NUM, bad[i].list ? 2 : 1, bad[i].list ? 2 : 1, 0);
	}
}

static void every_flag_is_survived(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags < 0x10000; flags++) {
		start(PACKED | INDIRECT, 2);
		for (unsigned i = 0; i < 2; i++)
			*ring(i) = (struct vring_packed_desc){at(0x8000), 16, 1, (uint16_t)flags};
		int ret = pop();
		bool there = (flags & (AVAIL | USED)) == AVAIL;
		if (!there ? ret != 0 : (flags & VRING_DESC_F_NEXT) ? ret != -EPROTO : ret == 0)
			fail_msg("flags 0x%x: %d", flags, ret);
	}
}

/* A driver that makes everything available again at once, and waits for nothing. */
static void a_driver_that_does_not_wait_gains_nothing(void **state)
{
	unsigned taken = 0;

	(void)state;
	start(PACKED, NUM);
	for (unsigned n = 0; n < 20 * NUM; n++) {
		offer(NUM, 1, 1, n);
		int ret = pop();
		assert_true(ret == 0 || ret == 1);
		taken += ret == 1;
	}
	assert_true(taken > 0);
	if (device) { /* which remembers what it has not given back */
		assert_int_equal(taken, NUM);
		for (unsigned n = 0; n < taken; n++)
			assert_int_equal(push(0), 0);
		assert_int_equal(push(0), -EPIPE);
	}
}

static void places_and_sizes_are_checked(void **state)
{
	(void)state;
	for (uint32_t num = 0; num < 300; num++) {
		const bool good = num >= 1 && num <= 256;
		if (device) {
			vring_start(&v, 0, PACKED, num, VRING_NUM_MAX, iova(BASE), iova(BASE),
				    iova(BASE), 0x8000);
			assert_int_equal(!v.stopped, good);
			vring_start(&v, 0, PACKED, num, VRING_NUM_MAX, iova(BASE), iova(BASE),
				    iova(BASE), (uint16_t)(0x8000 | num));
			assert_non_null(v.stopped); /* there is no such place */
			continue;
		}
		int ret = queue_init(&q, &r.mem, PACKED, num, gpa(0), gpa(0x8000), gpa(0x9000));
		assert_int_equal(ret, good ? 0 : -EINVAL);
	}
	for (uint64_t part = 0; part < 3; part++)
		for (uint64_t skew = 0; skew < 16; skew++) {
			uint64_t where[3] = {RING_DESC, RING_AVAIL, RING_USED};
			const bool good = skew % (part ? 4 : 16) == 0;
			where[part] += skew;
			vring_start(&v, 0, PACKED, NUM, VRING_NUM_MAX, iova(where[0]),
				    iova(where[1]), iova(where[2]), 0x8000);
			int ret = queue_init(&q, &r.mem, PACKED, NUM, gpa(where[0]), gpa(where[1]),
					     gpa(where[2]));
			assert_int_equal(device ? !v.stopped : ret == 0, good);
		}
}

/* ---- event suppression ---- */

static void packed_calls_can_be_declined(void **state)
{
	(void)state;
	start(PACKED, NUM);
	for (unsigned flags = 0; flags < 4; flags++) {
		driver_event()->flags = (uint16_t)flags;
		driver_event()->off_wrap = 0x7fff;
		offer(NUM, 1, 1, 1);
		assert_int_equal(pop(), 1);
		assert_int_equal(push(0), 0);
		/* Without EVENT_IDX a place means nothing. */
		assert_int_equal(wants(), flags != VRING_PACKED_EVENT_FLAG_DISABLE);
	}
}

/* From every place, for every place to be told of, with lists of every length. */
static void packed_calls_come_when_a_place_is_passed(void **state)
{
	(void)state;
	for (unsigned from = 0; from < 2 * NUM; from++)
		for (unsigned event = 0; event < 2 * NUM; event++)
			for (unsigned n = 1; n <= NUM; n++) {
				start(PACKED | EVENT, NUM);
				for (unsigned i = 0; i < from; i++) {
					offer(NUM, 1, 1, i);
					assert_int_equal(pop(), 1);
					assert_int_equal(push(0), 0);
				}
				(void)wants();
				driver_event()->flags = VRING_PACKED_EVENT_FLAG_DESC;
				driver_event()->off_wrap =
				    (uint16_t)(event % NUM | (event / NUM % 2 ? 0 : 0x8000));
				offer(NUM, n, n, 1);
				assert_int_equal(pop(), 1);
				assert_int_equal(push(0), 0);
				/* Places counted over two rounds, the next two the same. */
				bool passed = false;
				for (unsigned i = from; i < from + n; i++)
					passed |= i % (2 * NUM) == event;
				if (wants() != passed)
					fail_msg("from %u, %u entries, event at %u", from, n,
						 event);
				assert_false(wants()); /* said once */
			}
}

static void packed_kicks_are_asked_for_where_it_rests(void **state)
{
	(void)state;
	start(PACKED | EVENT, NUM);
	for (unsigned n = 0; n < 4 * NUM; n++) {
		assert_int_equal(pop(), 0);
		assert_int_equal(device_event()->flags, VRING_PACKED_EVENT_FLAG_DESC);
		assert_int_equal(device_event()->off_wrap, next | (in_round ? 0x8000 : 0));
		offer(NUM, 1, 1, n);
		assert_int_equal(pop(), 1);
		assert_int_equal(push(0), 0);
	}
	start(PACKED, NUM);
	assert_int_equal(pop(), 0);
	assert_int_equal(device_event()->flags, 0); /* always */
}

static uint16_t *used_event(void)
{
	return &ring_avail(&r)->ring[RING_NUM];
}

static uint16_t *avail_event(void)
{
	return (uint16_t *)&ring_used(&r)->ring[RING_NUM];
}

static void serve(unsigned chains)
{
	for (unsigned i = 0; i < chains; i++) {
		ring_set(&r, 0, at(0x4000), 8, 0, 0);
		ring_offer(&r, 0);
		assert_int_equal(pop(), 1);
		assert_int_equal(push(0), 0);
	}
}

static void split_calls_come_when_an_index_is_passed(void **state)
{
	(void)state;
	start(EVENT, RING_NUM);
	ring_avail(&r)->flags = VRING_AVAIL_F_NO_INTERRUPT; /* which means nothing then */
	for (unsigned n = 0; n < 0x10004; n++) {
		unsigned ahead = n % 7, chains = 1 + n % 5;
		*used_event() = (uint16_t)(ring_used(&r)->idx + ahead);
		serve(chains);
		if (wants() != (ahead < chains))
			fail_msg("%u ahead, %u used, from %u", ahead, chains, ring_used(&r)->idx);
		assert_false(wants());
	}
}

static void split_kicks_are_asked_for_where_it_rests(void **state)
{
	(void)state;
	start(EVENT, RING_NUM);
	for (unsigned n = 0; n < 0x10004; n++) {
		assert_int_equal(pop(), 0);
		if (*avail_event() != (uint16_t)n)
			fail_msg("it asks for %u at %u", *avail_event(), n);
		serve(1);
	}
	start(0, RING_NUM);
	serve(3);
	assert_int_equal(pop(), 0);
	assert_int_equal(*avail_event(), 0); /* that word is nobody's then */
}

int main(void)
{
#define BOTH(f)                                                                                    \
	{#f " (VMM)", f, setup_vmm, teardown, NULL},                                               \
	{                                                                                          \
#f " (device)", f, setup_device, teardown, NULL                                    \
	}
	const struct CMUnitTest tests[] = {
	    BOTH(lists_come_and_go_round_after_round),
	    BOTH(a_malformed_list_is_refused_whole_and_the_ring_goes_on),
	    BOTH(a_list_without_an_end_stops_the_ring),
	    BOTH(more_than_there_is_room_for_is_refused),
	    BOTH(tables_are_followed_if_negotiated),
	    BOTH(malformed_tables_are_refused),
	    BOTH(every_flag_is_survived),
	    BOTH(a_driver_that_does_not_wait_gains_nothing),
	    BOTH(places_and_sizes_are_checked),
	    BOTH(packed_calls_can_be_declined),
	    BOTH(packed_calls_come_when_a_place_is_passed),
	    BOTH(packed_kicks_are_asked_for_where_it_rests),
	    BOTH(split_calls_come_when_an_index_is_passed),
	    BOTH(split_kicks_are_asked_for_where_it_rests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
