/* SPDX-License-Identifier: MIT */
/* lockfile.h: one holder at a time, also within a process, and no wait without an end. */
#include "test.h"

#include "../../vdpa/clock.h"
#include "../../vdpa/lockfile.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[] = "/tmp/ringfence-test-XXXXXX";

static void one_holder_and_a_deadline(void **state)
{
	(void)state;
	int held = lockfile_take(path, 1000);
	assert_true(held >= 0);
	int64_t begin = clock_ms();
	assert_int_equal(lockfile_take(path, 50), -EWOULDBLOCK);
	assert_true(clock_ms() - begin >= 50);
	close(held);
	held = lockfile_take(path, 0);
	assert_true(held >= 0);
	close(held);
}

static void ends_with_its_holder(void **state)
{
	(void)state;
	int ready[2];
	char c;
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		int mine = lockfile_take(path, 0);
		if (mine < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		clock_pause(200);
		_exit(0); /* closes nothing by itself */
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(lockfile_take(path, 0), -EWOULDBLOCK);
	int held = lockfile_take(path, 20000);
	assert_true(held >= 0);
	close(held);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(ready[0]);
	close(ready[1]);
}

static void reads_what_it_locks(void **state)
{
	(void)state;
	char c = 0;
	int held = lockfile_take(path, 0);
	assert_int_equal(read(held, &c, 1), 1);
	assert_int_equal(c, '1');
	close(held);
}

static void says_why_there_is_none(void **state)
{
	(void)state;
	assert_int_equal(lockfile_take("/nowhere/at/all", 1000), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_holder_and_a_deadline),
	    cmocka_unit_test(ends_with_its_holder),
	    cmocka_unit_test(reads_what_it_locks),
	    cmocka_unit_test(says_why_there_is_none),
	};
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, "1\n", 2) != 2)
		return 1;
	close(fd);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
