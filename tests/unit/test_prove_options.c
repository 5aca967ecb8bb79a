/* SPDX-License-Identifier: MIT */
/*
 * The options of `ringfence prove`. Built with tests/isolation/options.c, vmm/opts.c,
 * vdpa/{breaks,err}.c and virtio/check.c.
 */
#include "test.h"

#include "../isolation/options.h"

#define MAX 40

/* Parse @line, split at spaces. */
static int parse(struct options *o, struct err *e, const char *line)
{
	static char copy[400];
	char *argv[MAX + 1] = {(char[]){"prove"}};
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok(copy, " "); word && argc < MAX; word = strtok(NULL, " "))
		argv[argc++] = word;
	*e = (struct err){0};
	return options_parse(o, argc, argv, e);
}

static void test_defaults(void **state)
{
	struct options o;
	struct err e;

	(void)state;
	assert_int_equal(parse(&o, &e, ""), 0);
	assert_null(o.brk);
	assert_true(o.parents >> PARENT_VDUSE & o.parents >> PARENT_SIM &
		    o.parents >> PARENT_PROCESS & 1U);
	assert_false(o.parents >> PARENT_GIVEN & 1U);
	assert_false(o.no_controls);
	assert_int_equal(o.repeat, 1);
	assert_int_equal(o.format, FORMAT_AUTO);
	assert_false(o.list || o.require || o.full || o.verbose || o.quiet || o.help || o.version);
	assert_true(options_select(&o, "anything"));
}

static void test_all(void **state)
{
	struct options o;
	struct err e;

	(void)state;
	assert_int_equal(
	    parse(&o, &e,
		  "--list --filter a* --filter=b/c --parent vduse --break memslot --no-controls "
		  "--repeat 3 --require --enumerate one --enumerated two "
		  "--full --jobs 4 --format json --junit x.xml --out dir --timeout "
		  "1.5 --color never -vqhV"),
	    0);
	assert_true(o.list && o.require && o.full && o.verbose && o.quiet && o.help && o.version);
	assert_string_equal(o.brk, "memslot");
	assert_true(o.no_controls);
	assert_true(o.parents >> PARENT_VDUSE & o.parents >> PARENT_PROCESS & 1U);
	assert_false(o.parents >> PARENT_SIM & 1U);
	assert_string_equal(o.enumerate, "one");
	assert_string_equal(o.enumerated, "two");
	assert_int_equal(o.repeat, 3);
	assert_int_equal(o.jobs, 4);
	assert_int_equal(o.format, FORMAT_JSON);
	assert_string_equal(o.junit, "x.xml");
	assert_string_equal(o.out, "dir");
	assert_int_equal(o.timeout_ms, 1500);
	assert_int_equal(o.color, OPTS_COLOR_NEVER);
	assert_true(options_select(&o, "abc") && options_select(&o, "b/c") &&
		    options_select(&o, "a/b/c"));
	assert_false(options_select(&o, "b/cd"));
}

static void test_refused(void **state)
{
	static const struct {
		const char *line, *names;
	} bad[] = {
	    {"--frob", "--frob"},
	    {"-x", "-x"},
	    {"-vx", "-x"},
	    {"--filter", "--filter"},
	    {"extra", "extra"},
	    {"--break nosuch", "merge-asid"},
	    {"--break skip-check=x", "--break"},
	    {"--parent mlx5", "--parent"},
	    {"--parent given", "--parent"},
	    {"--vdpa", "--vdpa"},
	    {"--vdpa=", "--vdpa"},
	    {"--vdpa /dev/x --parent vduse", "--parent"},
	    {"--parent vdpa_sim --vdpa /dev/x", "--parent"},
	    {"--vdpa /dev/x --jobs 2", "--jobs"},
	    {"--repeat 0", "--repeat"},
	    {"--repeat -1", "--repeat"},
	    {"--repeat 99999", "--repeat"},
	    {"--jobs 9", "--jobs"},
	    {"--jobs x", "--jobs"},
	    {"--format xml", "--format"},
	    {"--timeout 0", "--timeout"},
	    {"--timeout x", "--timeout"},
	    {"--color red", "--color"},
	    {"--list=1", "--list=1"},
	};
	struct options o;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(&o, &e, bad[i].line) >= 0 || e.kind != ERR_USAGE ||
		    !strstr(e.text, bad[i].names))
			fail_msg("%s: %s", bad[i].line, e.text);
	}
}

static void test_given(void **state)
{
	struct options o;
	struct err e;

	(void)state;
	assert_int_equal(parse(&o, &e, "--vdpa /dev/vhost-vdpa-3"), 0);
	assert_string_equal(o.vdpa, "/dev/vhost-vdpa-3");
	assert_int_equal(o.parents, 1U << PARENT_GIVEN);
	assert_int_equal(o.jobs, 1); /* it has one user at a time */
	assert_int_equal(parse(&o, &e, "--parent vduse"), 0);
	assert_true(o.parents >> PARENT_MLX5 & 1U);
	assert_null(o.vdpa);
}

static void test_filters_have_an_end(void **state)
{
	char line[400] = "";
	struct options o;
	struct err e;

	(void)state;
	for (int i = 0; i < OPTIONS_FILTERS; i++)
		strcat(line, "--filter=x ");
	assert_int_equal(parse(&o, &e, line), 0);
	strcat(line, "--filter=x");
	assert_true(parse(&o, &e, line) < 0);
}

#if RINGFENCE_BREAKS /* without them --break takes nothing: see test_refused() */
static void test_breaks(void **state)
{
	struct options o;
	struct err e;

	(void)state;
	for (int i = 0; i < BREAK_COUNT; i++) {
		char line[80];

		snprintf(line, sizeof(line), "--break %s", break_table[i].name);
		assert_int_equal(parse(&o, &e, line), 0);
		assert_string_equal(o.brk, break_table[i].name);
	}
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_given),
		cmocka_unit_test(test_filters_have_an_end),
#if RINGFENCE_BREAKS
		cmocka_unit_test(test_breaks),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
