/* SPDX-License-Identifier: MIT */
/* The file that a control state is kept in: all of the last one, and nothing beside it. */
#include "../../vdpa/statefile.h"
#include "test.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/test_statefile.XXXXXX";
static char path[64];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/state", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static unsigned files(void)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void it_holds_the_last_one(void **state)
{
	static const char *const text[] = {"one\n", "a longer one\n", "", "x\n"};
	struct err e = {0};
	char got[32];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(statefile_write(path, text[i], &e), 0);
		FILE *f = fopen(path, "r");
		got[fread(got, 1, sizeof(got) - 1, f)] = '\0';
		fclose(f);
		assert_string_equal(got, text[i]);
		assert_int_equal(files(), 1);
	}
}

static void what_cannot_be_written_is_told(void **state)
{
	struct err e = {0}, other = {0};
	char long_name[5000];

	(void)state;
	assert_true(statefile_write("/nonexistent/state", "x", &e) < 0);
	assert_non_null(strstr(e.text, "/nonexistent/state"));
	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	assert_true(statefile_write(long_name, "x", &other) < 0);
	e = (struct err){0};
	assert_true(statefile_write(dir, "x", &e) < 0); /* a directory stays one */
	char beside[80];
	snprintf(beside, sizeof(beside), "%s.%d", dir, (int)getpid());
	assert_int_not_equal(access(beside, F_OK), 0);
}

static void json_is_told_by_the_name(void **state)
{
	(void)state;
	assert_true(statefile_is_json("a.json"));
	assert_true(statefile_is_json("/x/a.txt.json"));
	assert_false(statefile_is_json(".json"));
	assert_false(statefile_is_json("a.jsonx"));
	assert_false(statefile_is_json("json"));
	assert_false(statefile_is_json(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_holds_the_last_one),
	    cmocka_unit_test(what_cannot_be_written_is_told),
	    cmocka_unit_test(json_is_told_by_the_name),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
