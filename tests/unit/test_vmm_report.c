/* SPDX-License-Identifier: MIT */
/*
 * The report device: what a hostile guest can ring for, and that no record of its reaches anybody
 * unchecked or a terminal as it came.
 */
#include "../../vmm/report.h"
#include "test.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define RAM 0x4000u

static uint8_t *ram;
static struct gmem mem;
static struct report_device dev;
static struct report_record got; /* the last record that was passed on, ... */
static unsigned records;	 /* ... and how many there were */
static atomic_bool busy, overlapped;

static const struct {
	uint32_t type, len;
} types[] = {{REPORT_STEP, sizeof(struct report_step)},
	     {REPORT_BEGIN, sizeof(struct report_mark)},
	     {REPORT_END, sizeof(struct report_mark)},
	     {REPORT_LEAK, sizeof(struct report_leak)},
	     {REPORT_DONE, sizeof(struct report_done)}};

static void on_record(void *ctx, const struct report_record *r)
{
	assert_ptr_equal(ctx, &records);
	overlapped |= atomic_exchange(&busy, true);
	got = *r;
	records++;
	sched_yield();
	busy = false;
}

static int setup(void **state)
{
	(void)state;
	ram = calloc(1, RAM);
	mem = (struct gmem){0};
	memset(&got, 0, sizeof(got));
	records = 0;
	report_init(&dev, &mem, on_record, &records);
	return ram ? gmem_add(&mem, gpa(0), RAM, ram) : -1;
}

static int teardown(void **state)
{
	(void)state;
	report_destroy(&dev);
	free(ram);
	return 0;
}

static void put(uint64_t at, uint32_t type, uint32_t len)
{
	memcpy(ram + at, &(struct report){.type = type, .len = len}, sizeof(struct report));
}

static uint64_t access_register(uint64_t offset, unsigned len, bool write, uint64_t value)
{
	struct bus_access a = {offset, len, write, value};

	report_access(&dev, &a);
	return a.value;
}

/* Ring for @at, and give what REPORT_STATUS says then. */
static int ring(uint64_t at)
{
	unsigned before = records;

	access_register(REPORT_DOORBELL, 4, true, at);
	int status = (int)access_register(REPORT_STATUS, 4, false, 0);
	assert_int_equal(records, before + (status == 0));
	return status;
}

static void a_record_arrives_as_it_was(void **state)
{
	static const struct report_mark mark = {7,  3, 1, OUTCOME_NO_ANSWER, 0x40000000, 16,
						99, 4, 5};

	(void)state;
	put(0x1000, REPORT_END, sizeof(mark));
	memcpy(ram + 0x1008, &mark, sizeof(mark));
	memset(ram + 0x1008 + sizeof(mark), 0xee, 64); /* what follows is none of it */
	assert_int_equal(ring(0x1000), 0);
	assert_int_equal(got.type, REPORT_END);
	assert_int_equal(got.len, sizeof(mark));
	assert_memory_equal(&got.mark, &mark, sizeof(mark));
	for (size_t i = sizeof(mark); i < REPORT_PAYLOAD_MAX; i++)
		assert_int_equal(got.bytes[i], 0);
}

static void every_length_but_the_types_own_is_refused(void **state)
{
	(void)state;
	for (unsigned t = 0; t < sizeof(types) / sizeof(types[0]); t++)
		for (uint32_t len = 0; len <= REPORT_PAYLOAD_MAX + 1; len++) {
			put(0x1000, types[t].type, len);
			int want = len > REPORT_PAYLOAD_MAX ? E2BIG
				   : len == types[t].len    ? 0
							    : EINVAL;
			assert_int_equal(ring(0x1000), want);
		}
}

static void text_may_have_any_length_to_the_maximum(void **state)
{
	static const uint32_t more[] = {1025,	    1032,	4096,	    0x10000,
					0x7fffffff, 0x80000000, 0xfffffff8, ~0u};

	(void)state;
	memset(ram + 0x1008, 'x', 0x1000);
	for (uint32_t len = 0; len <= REPORT_PAYLOAD_MAX; len++) {
		put(0x1000, REPORT_TEXT, len);
		assert_int_equal(ring(0x1000), 0);
		assert_int_equal(got.len, len);
		assert_true(!len || got.bytes[len - 1] == 'x');
		assert_true(len == REPORT_PAYLOAD_MAX || !got.bytes[len]);
	}
	for (unsigned i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		put(0x1000, REPORT_TEXT, more[i]);
		assert_int_equal(ring(0x1000), E2BIG);
		put(0x1000, 99, more[i]);
		assert_int_equal(ring(0x1000), E2BIG);
	}
}

static void unknown_types_are_refused(void **state)
{
	static const uint32_t far[] = {0x100, 0x101, 0x10001, 0x7fffffff, 0x80000001, ~0u};

	(void)state;
	for (uint32_t type = 0; type < 256 + 6; type++) {
		uint32_t t = type < 256 ? type : far[type - 256];
		if (t >= REPORT_TEXT && t <= REPORT_DONE)
			continue;
		for (uint32_t len = 0; len <= 128; len++) {
			put(0x1000, t, len);
			assert_int_equal(ring(0x1000), EINVAL);
		}
	}
}

static void records_are_aligned(void **state)
{
	(void)state;
	for (unsigned skew = 0; skew < 8; skew++) {
		put(0x1000 + skew, REPORT_TEXT, 1);
		assert_int_equal(ring(0x1000 + skew), skew ? EINVAL : 0);
	}
}

static void records_lie_wholly_in_ram(void **state)
{
	static const uint64_t outside[] = {RAM, RAM + 8, 0x80000000, 0xd0001000, 0xfffffff8};

	(void)state;
	for (unsigned i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		assert_int_equal(ring(outside[i]), EFAULT);
	for (uint32_t len = 0; len <= 64; len++)
		for (uint64_t at = RAM - 80; at < RAM; at += 8) {
			put(at, REPORT_TEXT, len);
			assert_int_equal(ring(at), at + 8 + len <= RAM ? 0 : EFAULT);
		}
	for (unsigned t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		put(RAM - 8 - types[t].len, types[t].type, types[t].len);
		assert_int_equal(ring(RAM - 8 - types[t].len), 0);
		put(RAM - types[t].len, types[t].type, types[t].len);
		assert_int_equal(ring(RAM - types[t].len), EFAULT);
	}
}

static void no_memory_at_all_is_survived(void **state)
{
	struct report_record r = {.type = 77};
	const struct gmem top = {.region = {{gpa(0 - 8ull), 8, ram}}, .count = 1};

	(void)state;
	mem.count = 0;
	assert_int_equal(ring(0), EFAULT);
	put(0, REPORT_DONE, 8);
	assert_int_equal(report_take(&top, gpa(0 - 8ull), &r), -EFAULT); /* goes on at 0 */
}

static void registers_answer_in_words(void **state)
{
	(void)state;
	put(0x1000, 99, 0);
	assert_int_equal(ring(0x1000), EINVAL);
	for (uint64_t offset = 0; offset < 0x1000; offset++)
		for (unsigned len = 1; len <= 8; len++) {
			uint64_t want = 0;
			if (len == 4)
				want = offset == 0    ? 0x50524652
				       : offset == 4  ? 1
				       : offset == 12 ? EINVAL
						      : 0;
			assert_int_equal(access_register(offset, len, false, 0xdeadbeef), want);
		}
}

static void only_the_doorbell_rings(void **state)
{
	(void)state;
	put(0x1000, REPORT_TEXT, 0);
	for (uint64_t offset = 0; offset < 0x1000; offset++)
		for (unsigned len = 1; len <= 8; len++) {
			unsigned before = records;
			access_register(offset, len, true, 0x1000);
			assert_int_equal(records, before + (offset == 8 && len == 4));
		}
	/* The low 32 bits are the register's; what a vCPU left above them is nothing. */
	access_register(REPORT_DOORBELL, 4, true, 0xffffffff00001000ull);
	assert_int_equal(records, 2);
}

static void a_good_record_clears_the_status(void **state)
{
	(void)state;
	assert_int_equal(ring(4), EINVAL);
	put(0x1000, REPORT_TEXT, 0);
	assert_int_equal(ring(0x1000), 0);
}

/* The line in a buffer of just @size bytes. */
static char *line_of(const struct report_record *r, size_t size)
{
	static char line[4096];
	char *buf = malloc(size);

	assert_non_null(buf);
	memset(buf, 0xee, size);
	report_format(r, buf, size);
	size_t len = strnlen(buf, size);
	assert_true(len < size);
	for (size_t i = 0; i < len; i++)
		assert_true(isascii(buf[i]) && isprint(buf[i]));
	memcpy(line, buf, len + 1);
	free(buf);
	return line;
}

static void text(const char *in, size_t len, const char *want)
{
	struct report_record r = {.type = REPORT_TEXT, .len = (uint32_t)len};

	memcpy(r.bytes, in, len);
	assert_string_equal(line_of(&r, sizeof(r) + 64), want);
}

static void text_is_made_harmless(void **state)
{
	(void)state;
	text("hello", 5, "guest: hello");
	text("", 0, "guest: ");
	text("two\nlines\n\n", 11, "guest: two.lines");
	text("\n", 1, "guest: ");
	text("a\0b", 3, "guest: a");
	text("\033[2J\033]0;x\007\b\r\t\x7f\x80\x9b\xff%s%n", 21, "guest: .[2J.]0;x........%s%n");
	for (unsigned c = 1; c < 256; c++) {
		char in[] = {'<', (char)c, '>'}, want[] = "guest: <?>";
		want[8] = c >= 0x20 && c < 0x7f ? (char)c : '.';
		text(in, 3, want);
	}
}

static void a_names_lack_of_an_end_is_survived(void **state)
{
	struct report_record r = {.type = REPORT_STEP, .len = sizeof(r.step)};

	(void)state;
	r.step.ok = 1;
	memcpy(r.step.name, "tx-loopback", 12);
	assert_string_equal(line_of(&r, 200), "step before the attack: ok: tx-loopback");
	r.step = (struct report_step){.phase = 1, .name = "re\033set"};
	assert_string_equal(line_of(&r, 200), "step after the attack: FAILED: re.set");
	memset(r.bytes, 'x', sizeof(r.bytes));
	assert_int_equal(strlen(line_of(&r, 200)), strlen("step after the attack: ok: ") + 56);
}

static void every_type_has_its_line(void **state)
{
	struct report_record r = {.type = REPORT_BEGIN};

	(void)state;
	r.mark = (struct report_mark){7, 3, 1, 2, 0x40000000, 16, 99, 0, 0};
	assert_string_equal(line_of(&r, 200), "begin attack 7 attempt 3: 0x40000000+0x10 queue 1");
	r.type = REPORT_END;
	assert_string_equal(line_of(&r, 200),
			    "end attack 7 attempt 3: 0x40000000+0x10 queue 1 outcome 2 touched 99");
	r.mark.shape = 4;
	r.mark.hits = 5;
	assert_string_equal(line_of(&r, 200), "end attack 7 attempt 3: 0x40000000+0x10 queue 1 "
					      "shape 4 outcome 2 touched 99 hits 5");
	r.mark.shape = r.mark.hits = 0;
	r.mark.queue = REPORT_CPU_SCAN;
	assert_string_equal(line_of(&r, 200),
			    "end attack 7 attempt 3: 0x40000000+0x10 outcome 2 touched 99");
	r.type = REPORT_LEAK;
	r.leak.address = 0x1000040;
	assert_string_equal(line_of(&r, 200), "leak: the guest says it saw a canary at 0x1000040");
	r.type = REPORT_DONE;
	r.done = (struct report_done){.failed = 1, .attempts = 4};
	assert_string_equal(line_of(&r, 200), "done: 4 attempts, 1 legal operations failed");
	r.type = 99;
	assert_string_equal(line_of(&r, 200), "record of type 99");
}

static void lines_are_cut_to_any_room(void **state)
{
	struct report_record r;
	char whole[2048];

	(void)state;
	memset(&r, 0xff, sizeof(r)); /* the widest numbers there are */
	r.len = REPORT_PAYLOAD_MAX;
	r.mark.queue = 0xfffffffe;
	for (r.type = 0; r.type <= REPORT_DONE + 1; r.type++) {
		snprintf(whole, sizeof(whole), "%s", line_of(&r, sizeof(whole)));
		for (size_t size = 1; size < sizeof(whole); size += size < 300 ? 1 : 97)
			assert_memory_equal(line_of(&r, size), whole,
					    size - 1 < strlen(whole) ? size - 1 : strlen(whole));
	}
}

static void *ring_often(void *arg)
{
	struct bus_access a = {REPORT_DOORBELL, 4, true, 0x1000};

	(void)arg;
	for (unsigned i = 0; i < 2000; i++)
		report_access(&dev, &a);
	return NULL;
}

static void cpus_are_served_one_by_one(void **state)
{
	pthread_t thread[2];

	(void)state;
	put(0x1000, REPORT_TEXT, 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, ring_often, NULL), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(records, 4000);
	assert_false(overlapped);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_record_arrives_as_it_was),
	    TEST(every_length_but_the_types_own_is_refused),
	    TEST(text_may_have_any_length_to_the_maximum),
	    TEST(unknown_types_are_refused),
	    TEST(records_are_aligned),
	    TEST(records_lie_wholly_in_ram),
	    TEST(no_memory_at_all_is_survived),
	    TEST(registers_answer_in_words),
	    TEST(only_the_doorbell_rings),
	    TEST(a_good_record_clears_the_status),
	    TEST(text_is_made_harmless),
	    TEST(a_names_lack_of_an_end_is_survived),
	    TEST(every_type_has_its_line),
	    TEST(lines_are_cut_to_any_room),
	    TEST(cpus_are_served_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
