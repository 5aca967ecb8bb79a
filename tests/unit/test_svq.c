/* SPDX-License-Identifier: MIT */
/* The shadow ring and its arena: what the device sees, and what it can make us believe. */
#include "../../vdpa/breaks.h"
#include "../../vdpa/canary.h"
#include "../../vdpa/svq.h"
#include "../../virtio/ctrl.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <sys/mman.h>
#include <unistd.h>

static struct arena a;
static struct svq s;
static const uint8_t key[16] = "0123456789abcdef";

static int setup(void **state)
{
	struct err e = {0};

	(void)state;
	if (arena_create(&a, iova(0x40000000), key, 0x1122334455667788, 0, &e))
		return -1;
	svq_init(&s, &a, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy(&a);
	return 0;
}

static struct vring_used *used(void)
{
	return (struct vring_used *)(void *)a.writable;
}

static void the_files_are_sealed(void **state)
{
	(void)state;
	assert_int_equal(fcntl(a.readable_fd, F_GET_SEALS),
			 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | F_SEAL_FUTURE_WRITE);
	assert_int_equal(fcntl(a.writable_fd, F_GET_SEALS),
			 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	assert_ptr_equal(
	    mmap(NULL, ARENA_READABLE, PROT_READ | PROT_WRITE, MAP_SHARED, a.readable_fd, 0),
	    MAP_FAILED);
	assert_int_equal(errno, EPERM);
	assert_int_equal(write(a.readable_fd, "x", 1), -1);
	assert_int_equal(ftruncate(a.writable_fd, 0), -1);
	assert_int_equal(
	    fallocate(a.readable_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
}

#if RINGFENCE_BREAKS
static void unsealed_they_are_open_to_all(void **state)
{
	struct arena open;
	struct err e = {0};

	(void)state;
	assert_int_equal(arena_create(&open, iova(0x40000000), key, 1, 1u << BREAK_UNSEALED, &e),
			 0);
	assert_int_equal(fcntl(open.readable_fd, F_GET_SEALS), 0);
	assert_int_equal(fcntl(open.writable_fd, F_GET_SEALS), 0);
	assert_int_equal(write(open.readable_fd, "x", 1), 1);
	arena_destroy(&open);
}
#endif

static void canaries_fill_what_the_rings_leave(void **state)
{
	uint64_t n = ARENA_SIZE / CANARY_LINE, found = 0;

	(void)state;
	for (uint64_t i = 0; i < n; i++) {
		struct canary_line line;
		uint64_t at = i * CANARY_LINE;
		memcpy(&line,
		       at < ARENA_READABLE ? a.readable + at : a.writable + at - ARENA_READABLE,
		       sizeof(line));
		int64_t where = canary_find(key, 0x1122334455667788, n, &line);
		if (where >= 0) {
			assert_int_equal(where, i);
			found++;
		}
	}
	/* descriptor table, available ring, used ring, ack: a line each */
	assert_int_equal(found, n - 4);
}

/* The prover holds a word that is its canary's for untouched: no answer may make it one. */
static void no_answer_makes_a_canary_of_the_ack(void **state)
{
	struct canary_line line = canary_make(key, 0x1122334455667788, ARENA_READABLE / 64 + 64);

	(void)state;
	assert_memory_not_equal(a.writable + ARENA_PAGE, &line, 8);
	for (unsigned ack = 0; ack <= 0xff; ack++) {
		svq_submit(&s, "\0\0\1", 3, 0);
		a.writable[ARENA_PAGE] = (uint8_t)ack;
		assert_memory_not_equal(a.writable + ARENA_PAGE, &line, 8);
		svq_init(&s, &a, 0);
	}
}

static void every_start_begins_afresh(void **state)
{
	(void)state;
	memset(a.readable, 0xaa, ARENA_READABLE);
	memset(a.writable, 0xaa, ARENA_WRITABLE);
	svq_init(&s, &a, 0);
	canaries_fill_what_the_rings_leave(state);
	assert_int_equal(((const uint16_t *)(const void *)(a.readable + 64))[1], 0);
	assert_int_equal(used()->idx, 0);
	svq_submit(&s, "\0\0\1", 3, 0);
	assert_int_equal(a.writable[ARENA_PAGE], 0xff); /* no old answer can pass for a new one */
}

static void canaries_cannot_be_guessed_or_shifted(void **state)
{
	struct canary_line line = canary_make(key, 1, 5), other = canary_make(key, 1, 6);
	static const uint8_t other_key[16] = "0123456789abcdeg";

	(void)state;
	assert_memory_not_equal(&line, &other, sizeof(line));
	assert_int_equal(canary_find(key, 1, 384, &line), 5);
	assert_int_equal(canary_find(key, 1, 5, &line), -1);
	assert_int_equal(canary_find(other_key, 1, 384, &line), -1);
	line.secret[55] ^= 1;
	assert_int_equal(canary_find(key, 1, 384, &line), -1);
}

static void a_command_lies_where_the_device_looks(void **state)
{
	const struct vring_desc *d = (const void *)a.readable;
	const uint16_t *avail = (const void *)(a.readable + 64);

	(void)state;
	svq_submit(&s, "\1\1abcdef", 8, 0);
	assert_int_equal(d[0].addr, 0x40000000 + ARENA_PAGE);
	assert_int_equal(d[0].len, 8);
	assert_int_equal(d[0].flags, VRING_DESC_F_NEXT);
	assert_int_equal(d[0].next, 1);
	assert_int_equal(d[1].addr, 0x40000000 + ARENA_READABLE + ARENA_PAGE);
	assert_int_equal(d[1].len, 1);
	assert_int_equal(d[1].flags, VRING_DESC_F_WRITE);
	assert_int_equal(avail[1], 1);
	assert_memory_equal(a.readable + ARENA_PAGE, "\1\1abcdef", 8);
	assert_int_equal(svq_device(&s).v, 0x40000000 + ARENA_READABLE);
}

static uint8_t got[CTRL_ANSWER_MAX];
static size_t result;

static int poll_it(uint8_t *ack)
{
	int ret = svq_poll(&s, got, &result);

	if (ret == 1)
		*ack = got[0];
	return ret;
}

static int answer(uint16_t idx, uint32_t id, uint32_t len, uint8_t ack, uint8_t *out)
{
	used()->ring[s.used_idx % SVQ_NUM] = (struct vring_used_elem){id, len};
	a.writable[ARENA_PAGE] = ack;
	used()->idx = idx;
	return poll_it(out);
}

static void one_true_completion_is_accepted(void **state)
{
	uint8_t ack = 9;

	(void)state;
	svq_submit(&s, "\1\1abcdef", 8, 0);
	assert_int_equal(poll_it(&ack), 0);
	assert_int_equal(answer(1, 0, 1, 0, &ack), 1);
	assert_int_equal(ack, 0);
	assert_int_equal(poll_it(&ack), 0);
	svq_submit(&s, "\0\0\1", 3, 0);
	assert_int_equal(answer(2, 0, 1, 1, &ack), 1);
	assert_int_equal(ack, 1);
}

/* A device that completes a chain without an ack must not pass for one that acknowledged. */
static void no_answer_is_still_there_for_the_next_command(void **state)
{
	uint8_t ack = 9;

	(void)state;
	svq_submit(&s, "\0\0\1", 3, 0);
	assert_int_equal(answer(1, 0, 1, 0, &ack), 1);
	svq_submit(&s, "\0\0\1", 3, 0);
	assert_int_equal(a.writable[ARENA_PAGE], 0xff);
}

static void false_completions_are_refused(void **state)
{
	uint8_t ack = 9;

	(void)state;
	assert_int_equal(answer(1, 0, 1, 0, &ack), -EPROTO); /* nothing was asked */
	used()->idx = 0;
	svq_submit(&s, "\1\1abcdef", 8, 0);
	assert_int_equal(answer(1, 1, 1, 0, &ack), -EPROTO);	      /* another id */
	assert_int_equal(answer(1, 0xffffffff, 1, 0, &ack), -EPROTO); /* no id at all */
	assert_int_equal(answer(1, 0, 0, 0, &ack), -EPROTO);	      /* wrote nothing */
	assert_int_equal(answer(1, 0, 2, 0, &ack), -EPROTO);	      /* wrote too much */
	assert_int_equal(answer(1, 0, 1, 2, &ack), -EPROTO);	      /* neither OK nor ERR */
	assert_int_equal(answer(1, 0, 1, 0xff, &ack), -EPROTO);	      /* never wrote it */
	for (unsigned idx = 2; idx <= 0xffff; idx++)
		assert_int_equal(answer((uint16_t)idx, 0, 1, 0, &ack), -EPROTO);
	assert_int_equal(ack, 9);
	assert_int_equal(answer(1, 0, 1, 0, &ack), 1);
}

static void a_result_is_no_longer_than_its_room(void **state)
{
	const struct vring_desc *d = (const void *)a.readable;
	uint8_t ack = 9;

	(void)state;
	svq_submit(&s, "\6\3\0\0\0", 6, 8);
	assert_int_equal(d[1].len, 9);
	assert_memory_equal(a.writable + ARENA_PAGE, "\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9);
	assert_int_equal(answer(1, 0, 0, 0, &ack), -EPROTO);
	assert_int_equal(answer(1, 0, 10, 0, &ack), -EPROTO);
	assert_int_equal(answer(1, 0, 0xffffffff, 0, &ack), -EPROTO);
	memcpy(a.writable + ARENA_PAGE + 1, "abcdefgh", 8);
	assert_int_equal(answer(1, 0, 9, 0, &ack), 1);
	assert_int_equal(result, 8);
	assert_memory_equal(got, "\0abcdefgh", 9);
	svq_submit(&s, "\6\3\0\0\0", 6, 8);
	assert_int_equal(a.writable[ARENA_PAGE + 8], 0xff); /* no old result either */
	assert_int_equal(answer(2, 0, 1, 1, &ack), 1);
	assert_int_equal(result, 0);
	svq_submit(&s, "\0\0\1", 3, 0);
	assert_int_equal(answer(3, 0, 2, 0, &ack), -EPROTO); /* there is no room any more */
}

static void indices_wrap(void **state)
{
	uint8_t ack;

	(void)state;
	for (unsigned n = 1; n <= 0x10000 + 5; n++) {
		svq_submit(&s, "\0\0\1", 3, 0);
		assert_int_equal(answer((uint16_t)n, 0, 1, 0, &ack), 1);
	}
}

/* ---- packed ---- */

static struct vring_packed_desc *packed(unsigned i)
{
	return (struct vring_packed_desc *)(void *)a.writable + i;
}

static void init_packed(bool events)
{
	svq_init(&s, &a,
		 1ull << VIRTIO_F_RING_PACKED | (events ? 1ull << VIRTIO_RING_F_EVENT_IDX : 0));
}

static int answer_packed(unsigned n, uint16_t id, uint32_t len, uint8_t ack, uint8_t *out)
{
	a.writable[4096] = ack;
	packed(0)->id = id;
	packed(0)->len = len;
	packed(0)->flags = n % 2 ? 0 : 0x8080;
	return svq_poll(&s, out, &result);
}

static void a_packed_command_lies_where_the_device_looks(void **state)
{
	const struct vring_packed_desc_event *event = (void *)(a.readable + 64);
	uint8_t out[CTRL_ANSWER_MAX];

	(void)state;
	for (unsigned events = 0; events < 2; events++) {
		init_packed(events);
		/* The ring is the device's to write: in the writable file. */
		assert_int_equal(svq_desc(&s).v, a.iova.v + ARENA_READABLE);
		assert_int_equal(svq_driver(&s).v, a.iova.v + 64);
		assert_int_equal(svq_device(&s).v, a.iova.v + ARENA_READABLE + 32);
		for (unsigned n = 0; n < 70000; n++) {
			uint16_t there = n % 2 ? 0x8000 : 0x80;
			svq_submit(&s, "\1\1abcdef", 8, 0);
			assert_int_equal(packed(0)->flags, there | VRING_DESC_F_NEXT);
			assert_int_equal(packed(0)->addr, a.iova.v + 4096);
			assert_int_equal(packed(0)->len, 8);
			assert_int_equal(packed(1)->flags, there | VRING_DESC_F_WRITE);
			assert_int_equal(packed(1)->addr, a.iova.v + ARENA_READABLE + 4096);
			assert_int_equal(packed(1)->id, 0);
			assert_int_equal(event->flags, events ? 2 : 0);
			assert_int_equal(event->off_wrap, events && n % 2 == 0 ? 0x8000 : 0);
			assert_int_equal(svq_poll(&s, out, &result), 0);
			assert_int_equal(answer_packed(n, 0, 1, 0, out), 1);
		}
	}
}

static void false_packed_completions_are_refused(void **state)
{
	uint8_t out[CTRL_ANSWER_MAX];

	(void)state;
	init_packed(false);
	assert_int_equal(answer_packed(0, 0, 1, 0, out), -EPROTO); /* to nothing */
	static const struct {
		uint32_t len;
		uint16_t id;
		uint8_t ack;
	} bad[] = {{1, 1, 0},	       {1, 0xffff, 0}, {0, 0, 0},   {2, 0, 0},
		   {0xffffffff, 0, 0}, {1, 0, 2},      {1, 0, 0xff}};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		init_packed(false);
		svq_submit(&s, "\0\0\1", 3, 0);
		if (answer_packed(0, bad[i].id, bad[i].len, bad[i].ack, out) != -EPROTO)
			fail_msg("answer %u", i);
	}
	init_packed(false);
	svq_submit(&s, "\0\0\1", 3, 0);
	packed(0)->flags = 0x8000; /* used in no round that there is */
	assert_int_equal(svq_poll(&s, out, &result), 0);
}

static void split_asks_for_the_next_call(void **state)
{
	const struct vring_avail *avail = (void *)(a.readable + 64);
	uint8_t ack;

	(void)state;
	svq_init(&s, &a, 1ull << VIRTIO_RING_F_EVENT_IDX);
	for (unsigned n = 0; n < 70000; n++) {
		svq_submit(&s, "\0\0\1", 3, 0);
		assert_int_equal(avail->ring[SVQ_NUM], (uint16_t)n);
		assert_int_equal(answer((uint16_t)(n + 1), 0, 1, 0, &ack), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] =
	{ cmocka_unit_test_setup_teardown(the_files_are_sealed, setup, teardown),
#if RINGFENCE_BREAKS
	  cmocka_unit_test(unsealed_they_are_open_to_all),
#endif
	  cmocka_unit_test_setup_teardown(canaries_fill_what_the_rings_leave, setup, teardown),
	  cmocka_unit_test_setup_teardown(no_answer_makes_a_canary_of_the_ack, setup, teardown),
	  cmocka_unit_test_setup_teardown(every_start_begins_afresh, setup, teardown),
	  cmocka_unit_test_setup_teardown(canaries_cannot_be_guessed_or_shifted, setup, teardown),
	  cmocka_unit_test_setup_teardown(a_command_lies_where_the_device_looks, setup, teardown),
	  cmocka_unit_test_setup_teardown(one_true_completion_is_accepted, setup, teardown),
	  cmocka_unit_test_setup_teardown(no_answer_is_still_there_for_the_next_command, setup,
					  teardown),
	  cmocka_unit_test_setup_teardown(false_completions_are_refused, setup, teardown),
	  cmocka_unit_test_setup_teardown(a_result_is_no_longer_than_its_room, setup, teardown),
	  cmocka_unit_test_setup_teardown(indices_wrap, setup, teardown),
	  cmocka_unit_test_setup_teardown(a_packed_command_lies_where_the_device_looks, setup,
					  teardown),
	  cmocka_unit_test_setup_teardown(false_packed_completions_are_refused, setup, teardown),
	  cmocka_unit_test_setup_teardown(split_asks_for_the_next_call, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
