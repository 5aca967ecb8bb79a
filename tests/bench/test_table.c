/* SPDX-License-Identifier: MIT */
/* Unit tests of the benchmark's table: medians, and what each form says of them. */
#include "../unit/test.h"
#include "bench.h"

#include <string.h>

static void medians(void **state)
{
	struct samples s = {0};

	(void)state;
	assert_true(samples_median(&s) == 0);
	samples_add(&s, 5);
	assert_true(samples_median(&s) == 5);
	samples_add(&s, 1);
	assert_true(samples_median(&s) == 3);
	samples_add(&s, 2);
	assert_true(samples_median(&s) == 2);
	assert_true(s.v[0] == 5 && s.v[2] == 2); /* in the order in which they came */
	for (unsigned i = 0; i < 2 * SAMPLES_MAX; i++)
		samples_add(&s, 7);
	assert_int_equal(s.n, SAMPLES_MAX);
}

static void print(const struct table *t, void (*as)(const struct table *t, FILE *f), char out[512])
{
	FILE *f = fmemopen(out, 512, "w");

	assert_non_null(f);
	as(t, f);
	fclose(f);
}

static void both_forms(void **state)
{
	static struct table t;
	char out[512];

	(void)state;
	struct row *a = table_row(&t, "boot", "ms", "exec to first words");
	table_row(&t, "exits", "", "nobody counts");
	samples_add(&a->samples, 12.25);
	samples_add(&a->samples, 2000);
	samples_add(&a->samples, 12.5);
	print(&t, table_text, out);
	assert_non_null(strstr(out, "boot"));
	assert_non_null(
	    strstr(out, " 12.5 ms     exec to first words (median of 3, 12.2 to 2000.0)"));
	assert_non_null(strstr(out, " -        nobody counts\n"));
	print(&t, table_json, out);
	assert_string_equal(out,
			    "\"rows\":["
			    "\n{\"name\":\"boot\",\"unit\":\"ms\",\"what\":\"exec to first words\","
			    "\"median\":12.5,\"samples\":[12.25,2000,12.5]},"
			    "\n{\"name\":\"exits\",\"unit\":\"\",\"what\":\"nobody counts\","
			    "\"median\":null,\"samples\":[]}]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(medians),
	    cmocka_unit_test(both_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
