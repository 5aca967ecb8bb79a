/* SPDX-License-Identifier: MIT */
/* The faults of rows 33 to 35: --full has all that the default set has, and each once. */
#include "../isolation/hostile/row.h"
#include "test.h"

static struct faults some, all;

static unsigned patience(const struct fault *f)
{
	return f->kind == FAULT_MESSAGE ? f->life.msg_timeout_s : 0;
}

/* How often the like of @f is in a list. */
static unsigned times(const struct faults *in, const struct fault *f)
{
	unsigned n = 0;

	for (unsigned i = 0; i < in->count; i++) {
		const struct fault *g = &in->fault[i];
		n += !strcmp(g->name, f->name) && g->kind == f->kind &&
		     g->controls == f->controls && patience(g) == patience(f);
	}
	return n;
}

static void list(unsigned row)
{
	some.count = all.count = 0;
	hostile_rows[row].list(&some, false);
	hostile_rows[row].list(&all, true);
}

static void test_full_has_all(void **state)
{
	(void)state;
	for (unsigned row = 0; row < ROWS; row++) {
		list(row);
		assert_true(some.count > 30);
		assert_true(all.count >= some.count);
		for (unsigned i = 0; i < some.count; i++)
			if (!times(&all, &some.fault[i]))
				fail_msg("%s: not in --full", some.fault[i].name);
	}
}

static void test_none_twice(void **state)
{
	(void)state;
	for (unsigned row = 0; row < ROWS; row++) {
		list(row);
		for (unsigned i = 0; i < all.count; i++) {
			const struct fault *f = &all.fault[i];
			if (times(&all, f) != 1)
				fail_msg("%s: %u times", f->name, times(&all, f));
		}
	}
}

/* Each control of a row has a fault that must show it, in the default set too. */
static void test_controls_have_faults(void **state)
{
	(void)state;
	for (unsigned row = 0; row < ROWS; row++) {
		uint32_t noticed = 0;
		list(row);
		for (unsigned i = 0; i < some.count; i++)
			noticed |= some.fault[i].controls;
		assert_int_equal(noticed, hostile_rows[row].controls);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_full_has_all),
	    cmocka_unit_test(test_none_twice),
	    cmocka_unit_test(test_controls_have_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
