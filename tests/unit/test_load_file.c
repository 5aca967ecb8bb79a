/* SPDX-License-Identifier: MIT */
/* Reading a guest image's file: what is no regular file, too long or absent is refused at once. */
#include "../../vmm/load.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct err e;
static char dir[32], path[64];

/*
 * In place of the C library's: at most so much at a time, interrupted now and then, or failing
 * after a while.
 */
static size_t at_most = SIZE_MAX;
static unsigned reads, fail_after;
static int grows = -1; /* this file does, while it is read */

ssize_t read(int fd, void *buf, size_t len)
{
	if (at_most == SIZE_MAX)
		return syscall(SYS_read, fd, buf, len);
	if (++reads == fail_after || reads % 3 == 0) {
		errno = reads == fail_after ? EIO : EINTR;
		return -1;
	}
	if (grows >= 0)
		assert_int_equal(pwrite(grows, "more, and more", 14, 28), 14);
	return syscall(SYS_read, fd, buf, len < at_most ? len : at_most);
}

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/ringfence-test-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/guest", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void no_file(const char *file, const char *call)
{
	unsigned before = open_fds();
	size_t len;

	e = (struct err){0};
	assert_null(load_file(file, &len, &e));
	assert_int_equal(e.kind, ERR_USAGE);
	assert_non_null(strstr(e.text, call));
	assert_non_null(strstr(e.text, file));
	assert_int_equal(e.code, strcmp(call, "open") ? 0 : ENOENT);
	assert_int_equal(open_fds(), before);
}

static void only_regular_files_are_read(void **state)
{
	(void)state;
	no_file(path, "open"); /* there is none */
	no_file(dir, "load");
	no_file("/dev/zero", "load");
	assert_int_equal(mkfifo(path, 0600),
			 0); /* nobody writes to it, and nobody must wait for that */
	no_file(path, "load");
}

static void files_are_read_whole_up_to_the_limit(void **state)
{
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	static const off_t sizes[] = {0, 1, 4097, LOAD_FILE_MAX};
	size_t len;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "guest", 5, 0), 5);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(ftruncate(fd, sizes[i]), 0);
		assert_true(!sizes[i] || pwrite(fd, "!", 1, sizes[i] - 1) == 1);
		unsigned before = open_fds();
		e = (struct err){0};
		uint8_t *file = load_file(path, &len, &e);
		assert_non_null(file);
		assert_int_equal(len, sizes[i]);
		assert_true(!len || file[len - 1] == '!');
		assert_int_equal(open_fds(), before);
		free(file);
	}
	assert_int_equal(ftruncate(fd, (off_t)LOAD_FILE_MAX + 1), 0);
	no_file(path, "load");
	close(fd);
}

static void reading_goes_on_till_the_end(void **state)
{
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	const char text[] = "a file that comes in pieces";
	size_t len;

	(void)state;
	assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
	assert_int_equal(sizeof(text), 28);
	at_most = 5;
	grows = fd; /* what was not there at first does not count */
	e = (struct err){0};
	char *file = load_file(path, &len, &e);
	assert_non_null(file);
	assert_int_equal(len, sizeof(text));
	assert_string_equal(file, text);
	free(file);

	grows = -1;
	unsigned before = open_fds();
	reads = 0;
	fail_after = 4;
	assert_null(load_file(path, &len, &e));
	at_most = SIZE_MAX;
	assert_int_equal(e.kind, ERR_INTERNAL);
	assert_non_null(strstr(e.text, "EIO"));
	assert_int_equal(open_fds(), before);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(only_regular_files_are_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(files_are_read_whole_up_to_the_limit, setup, teardown),
	    cmocka_unit_test_setup_teardown(reading_goes_on_till_the_end, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
