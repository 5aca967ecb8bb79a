/* SPDX-License-Identifier: MIT */
/*
 * What programs say of rows, and rows run ahead. Built with tests/isolation/{tally,ahead}.c and
 * vdpa/err.c, linked with jansson.
 */
#include "test.h"

#include "../isolation/ahead.h"
#include "../isolation/tally.h"

#include <stdlib.h>
#include <unistd.h>

static const struct tally sample = {.legal = 7,
				    .attempts = UINT64_C(1) << 40,
				    .violations = 3,
				    .failed = 2,
				    .unit = "chains",
				    .first = "a \"loop\" \\ of 2",
				    .note = "by the way",
				    .skip = "no reason"};

static char *printed(const struct tally *t)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	tally_print(f, t);
	fclose(f);
	return text;
}

static void test_round_trip(void **state)
{
	struct tally t;
	char *text = printed(&sample);

	(void)state;
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_int_equal(tally_read(&t, text), 0);
	assert_memory_equal(&t, &sample, sizeof(t));
	free(text);
}

static void test_not_utf8(void **state)
{
	struct tally t = sample;
	char *text;

	(void)state;
	snprintf(t.first, sizeof(t.first), "\xff\xfe");
	text = printed(&t);
	assert_int_equal(tally_read(&t, text), 0);
	assert_string_equal(t.first, "(not UTF-8)");
	free(text);
}

static void test_refused(void **state)
{
	static const char *const keys[] = {"legal", "attempts", "violations", "failed",
					   "unit",  "first",	"note",	      "skip"};
	struct tally t;

	(void)state;
	assert_true(tally_read(&t, "") < 0);
	assert_true(tally_read(&t, "[]") < 0);
	assert_true(tally_read(&t, "PASS") < 0);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char *text = printed(&sample), *key = strstr(text, keys[i]);

		*key = '_'; /* another key: this one is missing */
		assert_true(tally_read(&t, text) < 0);
		free(text);
	}
	assert_true(
	    tally_read(&t,
		       "{\"legal\":-1,\"attempts\":0,\"violations\":0,\"failed\":0,\"unit\":\"\","
		       "\"first\":\"\",\"note\":\"\",\"skip\":\"\"}") < 0);
}

static void test_grouped(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(tally_grouped(0, buf), "0");
	assert_string_equal(tally_grouped(999, buf), "999");
	assert_string_equal(tally_grouped(1000, buf), "1,000");
	assert_string_equal(tally_grouped(12345678, buf), "12,345,678");
	assert_string_equal(tally_grouped(UINT64_MAX, buf), "18,446,744,073,709,551,615");
}

static void test_ahead(void **state)
{
	char path[] = "/tmp/test_tally.XXXXXX";
	struct evidence ev = {.end = END_COMPLETE, .ns = 42, .tally = sample}, got;
	struct ahead *a;
	struct err e = {0};
	FILE *f = fdopen(mkstemp(path), "w");

	(void)state;
	ahead_write(f, "process/chains", NULL, &ev);
	ev.end = END_LATE;
	snprintf(ev.detail, sizeof(ev.detail), "too \"late\"");
	ahead_write(f, "process/chains", "double-fetch", &ev);
	fclose(f);
	assert_int_equal(ahead_read(&a, path, &e), 0);
	ahead_find(a, "process/chains", NULL, &got);
	assert_int_equal(got.end, END_COMPLETE);
	assert_int_equal(got.ns, 42);
	assert_memory_equal(&got.tally, &sample, sizeof(sample));
	ahead_find(a, "process/chains", "double-fetch", &got);
	assert_int_equal(got.end, END_LATE);
	assert_string_equal(got.detail, "too \"late\"");
	ahead_find(a, "process/edges", NULL, &got); /* not there is not held */
	assert_int_equal(got.end, END_OWN_FAILURE);
	assert_int_equal(got.tally.attempts, 0);
	ahead_free(a);
	assert_int_equal(truncate(path, 60), 0);
	assert_true(ahead_read(&a, path, &e) < 0 && e.kind == ERR_USAGE);
	unlink(path);
	assert_true(ahead_read(&a, path, &e) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip), cmocka_unit_test(test_not_utf8),
	    cmocka_unit_test(test_refused),    cmocka_unit_test(test_grouped),
	    cmocka_unit_test(test_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
