/* SPDX-License-Identifier: MIT */
/* The rules of claim B: what of an attempt, and of a VMM, counts against it. */
#include "../../guest/abi.h"
#include "../isolation/hostile/judge.h"
#include "test.h"

#define MS UINT64_C(1000000)
#define TOLD CONTAIN_NEEDS_RESET
#define ACKS(try, after) ((uint32_t)(try) | (uint32_t)(after) << 8)

static struct fault fault;
static struct attempt attempt;
static struct share_result result;
static struct sighting s;
static struct noise noise;
static struct finding f;

/* A device that answered with OK as it should, within a millisecond. */
static int setup(void **state)
{
	(void)state;
	fault = (struct fault){.kind = FAULT_LIE, .may = MAY_OK, .bound_ms = 2000};
	attempt = (struct attempt){.from_ns = 5 * MS, .to_ns = 6 * MS};
	memset(&result, 0, sizeof(result));
	atomic_store(&result.done, true);
	s = (struct sighting){.fault = &fault,
			      .attempt = &attempt,
			      .result = &result,
			      .readable = 16384,
			      .ns_per_unit = 1000,
			      .noise = &noise,
			      .patience = 1};
	memset(&noise, 0, sizeof(noise));
	return 0;
}

static bool violated(uint32_t may, uint32_t outcome)
{
	fault.may = may;
	attempt.mark.outcome = outcome;
	judge_attempt(&f, &s);
	assert_true(f.attempted);
	assert_true(f.violated == (f.what[0] != 0));
	return f.violated;
}

static void an_answer_must_be_one_of_those_that_may_be(void **state)
{
	const uint32_t ok = ACKS(0, 0), err = ACKS(1, 1),
		       silent = ACKS(CONTAIN_SILENT, CONTAIN_SILENT);

	(void)state;
	assert_false(violated(MAY_OK, ok));
	assert_true(violated(MAY_ERR, ok));
	assert_true(violated(MAY_SILENT, ok));
	assert_false(violated(MAY_ERR, err));
	assert_true(violated(MAY_OK, err));
	assert_true(violated(MAY_ANY, ACKS(2, 0)));
	assert_true(violated(MAY_ANY, ACKS(0xfe, 0)));
	assert_false(violated(MAY_SILENT, silent | TOLD));
	assert_true(violated(MAY_OK | MAY_ERR, silent | TOLD));
}

static void silence_without_a_word_is_never_allowed(void **state)
{
	(void)state;
	assert_true(violated(MAY_ANY, ACKS(CONTAIN_SILENT, CONTAIN_SILENT)));
	assert_true(violated(MAY_ANY, ACKS(0, CONTAIN_SILENT)));
	assert_true(violated(MAY_ANY, ACKS(1, CONTAIN_SILENT) | TOLD));
}

static void a_guest_that_must_be_told_must_be_told(void **state)
{
	(void)state;
	assert_false(violated(MAY_ERR | MUST_RESET, ACKS(1, 1) | TOLD));
	assert_true(violated(MAY_ERR | MUST_RESET, ACKS(1, 1)));
}

static void what_was_not_asked_for_is_never_allowed(void **state)
{
	(void)state;
	assert_true(violated(MAY_ANY, ACKS(0, 0) | CONTAIN_UNASKED));
	assert_true(f.grave);
	assert_true(violated(MAY_ANY | MUST_RESET, ACKS(0, 0) | TOLD | CONTAIN_UNASKED));
}

static void what_the_daemon_could_do_counts(void **state)
{
	(void)state;
	atomic_store(&result.broke, true);
	snprintf(result.what, sizeof(result.what), "it works");
	assert_true(violated(MAY_ANY, ACKS(0, 0)));
	assert_string_equal(f.what, "it works");
	assert_true(f.grave);
}

static void a_fault_must_be_carried_out(void **state)
{
	(void)state;
	atomic_store(&result.done, false);
	assert_true(violated(MAY_ANY, ACKS(0, 0)));
	assert_false(f.slow);
	s.broken = true; /* then it is not counted, see session.c */
	assert_false(violated(MAY_ANY, ACKS(0, 0)));
}

static void only_the_readable_part_has_to_stay(void **state)
{
	(void)state;
	attempt.diff = (struct arena_diff){.canary_words = 1, .first = 16384};
	assert_false(violated(MAY_OK, ACKS(0, 0)));
	attempt.diff.first = 16376;
	assert_true(violated(MAY_OK, ACKS(0, 0)));
	assert_true(f.grave);
	attempt.diff = (struct arena_diff){.other_words = 1, .first = 0};
	assert_false(violated(MAY_OK, ACKS(0, 0)));
}

/* An attempt of 100 ms, of which a wait of @longest us ends after @when us. */
static void wait_for(uint64_t longest, uint64_t when)
{
	attempt.to_ns = attempt.from_ns + 100 * MS;
	attempt.mark.touched =
	    100000 | longest << CONTAIN_LONGEST_SHIFT | when << CONTAIN_WHEN_SHIFT;
}

static void look_at(uint64_t ms, uint64_t waited_us, uint64_t lost_us)
{
	const struct noise_look look = {.ns = attempt.from_ns + ms * MS,
					.waited_ns = {0, waited_us * 1000},
					.lost_ns = {lost_us * 1000, lost_us * 500}};

	noise_add(&noise, &look);
}

static void a_stall_is_more_than_10_ms(void **state)
{
	(void)state;
	wait_for(10000, 50000);
	assert_false(violated(MAY_OK, ACKS(0, 0)));
	wait_for(10001, 50000);
	assert_true(violated(MAY_OK, ACKS(0, 0)));
	assert_true(f.slow);
	assert_int_equal(f.longest_ns, 10001 * 1000);
	assert_int_equal(f.seen_ns, 10001 * 1000);
	s.patience = 2;
	assert_false(violated(MAY_OK, ACKS(0, 0)));
}

static void a_stall_counts_without_the_machines_own_part(void **state)
{
	(void)state;
	wait_for(15000, 50000);
	look_at(0, 1000, 500);
	look_at(34, 3000, 500); /* before it began */
	assert_true(violated(MAY_OK, ACKS(0, 0)));
	assert_int_equal(f.longest_ns, 15 * MS);
	look_at(40, 5000, 2500);
	look_at(51, 7000, 2500);
	look_at(99, 99000, 99000); /* after it ended */
	assert_false(violated(MAY_OK, ACKS(0, 0)));
	assert_int_equal(f.longest_ns, 9 * MS);
	assert_int_equal(f.seen_ns, 15 * MS);
}

static void a_vmm_that_is_broken_so_stalls_by_far(void **state)
{
	(void)state;
	s.broken = true;
	wait_for(100001, 200000);
	attempt.to_ns = attempt.from_ns + 3000 * MS;
	assert_false(violated(MAY_OK, ACKS(0, 0)));
	s.stalls = true;
	assert_true(violated(MAY_OK, ACKS(0, 0)));
	wait_for(100000, 200000);
	assert_false(violated(MAY_OK, ACKS(0, 0)));
	attempt.to_ns = attempt.from_ns + 3000 * MS; /* an answer's time is not what is broken */
	assert_false(violated(MAY_OK, ACKS(0, 0)));
}

static void noise_is_never_less_than_it_could_be(void **state)
{
	(void)state;
	look_at(10, 1000, 0);
	look_at(20, 2000, 0);
	look_at(30, 4000, 0);
	uint64_t from = attempt.from_ns;
	assert_int_equal(noise_between(&noise, from + 20 * MS, from + 30 * MS), 2 * MS);
	assert_int_equal(noise_between(&noise, from + 20 * MS - 1, from + 20 * MS + 1), 3 * MS);
	assert_int_equal(noise_between(&noise, from, from + 100 * MS), 3 * MS);
	assert_int_equal(noise_between(&noise, from + 20 * MS, from + 20 * MS), 0);
	noise.count = 0;
	assert_int_equal(noise_between(&noise, from, from + 100 * MS), 0);
	/* When there is no room any more, the latest look is kept. */
	for (unsigned i = 0; i < NOISE_LOOKS + 5; i++)
		look_at(i, i, 0);
	assert_int_equal(noise.count, NOISE_LOOKS);
	assert_int_equal(noise_between(&noise, from, UINT64_MAX), (NOISE_LOOKS + 4) * 1000ull);
}

static void an_answer_has_its_time(void **state)
{
	(void)state;
	attempt.to_ns = attempt.from_ns + 2000 * MS;
	assert_false(violated(MAY_OK, ACKS(0, 0)));
	attempt.to_ns++;
	assert_true(violated(MAY_OK, ACKS(0, 0)));
	assert_true(f.slow);
	s.patience = 2;
	assert_false(violated(MAY_OK, ACKS(0, 0)));
	s.patience = 1;
	/* What is wrong besides is no matter of time. */
	assert_true(violated(MAY_ERR, ACKS(0, 0)));
	assert_false(f.slow);
}

static void a_vmm_ends_as_it_may(void **state)
{
	(void)state;
	assert_true(judge_end(0, 1U << END_0));
	assert_false(judge_end(1, 1U << END_0));
	assert_true(judge_end(4, 1U << END_4 | 1U << END_124));
	assert_true(judge_end(124, 1U << END_4 | 1U << END_124));
	assert_true(judge_end(130, 1U << END_130));
	assert_true(judge_end(70, 1U << END_70));
	assert_false(judge_end(-1, UINT32_MAX)); /* by a signal */
	assert_false(judge_end(64, UINT32_MAX));
	assert_false(judge_end(255, UINT32_MAX));
}

static void what_piles_up_is_a_leak(void **state)
{
	const struct proc before = {.fds = 30, .threads = 7, .size_kb = 50000, .anon_kb = 400};
	struct proc after = before;
	char what[100];

	(void)state;
	assert_false(judge_leak(&before, &after, what, sizeof(what)));
	after.fds++;
	assert_true(judge_leak(&before, &after, what, sizeof(what)));
	assert_non_null(strstr(what, "31 files"));
	after = before;
	after.threads++;
	assert_true(judge_leak(&before, &after, what, sizeof(what)));
	after = before;
	after.size_kb += 64;
	after.anon_kb += 256;
	assert_false(judge_leak(&before, &after, what, sizeof(what)));
	after.size_kb++;
	assert_true(judge_leak(&before, &after, what, sizeof(what)));
	after.size_kb--;
	after.anon_kb++;
	assert_true(judge_leak(&before, &after, what, sizeof(what)));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
	    TEST(an_answer_must_be_one_of_those_that_may_be),
	    TEST(silence_without_a_word_is_never_allowed),
	    TEST(a_guest_that_must_be_told_must_be_told),
	    TEST(what_was_not_asked_for_is_never_allowed),
	    TEST(what_the_daemon_could_do_counts),
	    TEST(a_fault_must_be_carried_out),
	    TEST(only_the_readable_part_has_to_stay),
	    TEST(a_stall_is_more_than_10_ms),
	    TEST(a_stall_counts_without_the_machines_own_part),
	    TEST(a_vmm_that_is_broken_so_stalls_by_far),
	    TEST(noise_is_never_less_than_it_could_be),
	    TEST(an_answer_has_its_time),
	    TEST(a_vmm_ends_as_it_may),
	    TEST(what_piles_up_is_a_leak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
