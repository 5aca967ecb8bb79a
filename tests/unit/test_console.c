/* SPDX-License-Identifier: MIT */
/* Output: bounded in lines and in length, and nothing in it that a terminal acts on. */
#include "../../vmm/console.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct console c;
static int fd;
static char out[1 << 20];

/*
 * In place of the C library's: an output that takes a few bytes at a time, is interrupted now and
 * then, and takes nothing any more once it is full.
 */
#define SLOW_FD 1000
static char slow[256];
static size_t slow_used, slow_room;
static unsigned slow_calls;
static atomic_bool busy, overlapped;

ssize_t write(int to, const void *bytes, size_t len)
{
	if (to != SLOW_FD) {
		overlapped |= atomic_exchange(&busy, true);
		sched_yield();
		busy = false;
		return syscall(SYS_write, to, bytes, len);
	}
	if (++slow_calls % 3 == 0) {
		errno = EINTR;
		return -1;
	}
	size_t n = len < 7 ? len : 7;
	n = n < slow_room - slow_used ? n : slow_room - slow_used;
	memcpy(slow + slow_used, bytes, n);
	slow_used += n;
	return (ssize_t)n;
}

static int setup(void **state)
{
	(void)state;
	fd = memfd_create("console", MFD_CLOEXEC);
	return fd < 0;
}

static int teardown(void **state)
{
	(void)state;
	return close(fd);
}

/* All that was written so far, and how many lines that is. */
static unsigned read_lines(void)
{
	ssize_t n = pread(fd, out, sizeof(out) - 1, 0);
	unsigned lines = 0;

	assert_true(n >= 0 && n < (ssize_t)sizeof(out) - 1);
	out[n] = '\0';
	assert_int_equal(strlen(out), n); /* no NUL among it */
	for (const char *p = out; (p = strchr(p, '\n')); p++)
		lines++;
	assert_true(n == 0 || out[n - 1] == '\n');
	return lines;
}

static void lines_come_out_whole(void **state)
{
	(void)state;
	console_init(&c, fd, 10, false);
	console_line(&c, "a: ", "one");
	console_line(&c, "", "");
	console_line(&c, "", "per %s cent %n");
	assert_int_equal(read_lines(), 3);
	assert_string_equal(out, "a: one\n\nper %s cent %n\n");
}

static void a_flood_ends_with_a_word(void **state)
{
	(void)state;
	for (unsigned max = 1; max < 20; max++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		console_init(&c, fd, max, false);
		for (unsigned i = 0; i < max - 1; i++)
			console_line(&c, "", "x");
		assert_int_equal(read_lines(), max - 1);
		assert_null(strstr(out, "too many"));
		for (unsigned i = 0; i < 1000; i++) {
			console_line(&c, "", "flood");
			console_alarm(&c, "", "flood");
		}
		assert_int_equal(read_lines(), max);
		assert_non_null(strstr(out, "too many lines"));
		assert_null(strstr(out, "flood"));
	}
}

static void the_last_word_is_not_drowned(void **state)
{
	(void)state;
	console_init(&c, fd, 2, false);
	for (unsigned i = 0; i < 10; i++)
		console_line(&c, "", "flood");
	console_last(&c, "verdict: ", "te\033xt");
	assert_int_equal(read_lines(), 3);
	assert_non_null(strstr(out, "\nverdict: te.xt\n"));
	console_init(&c, fd, 0, false); /* nothing but that */
	console_line(&c, "", "silent");
	console_last(&c, "", "end");
	assert_int_equal(read_lines(), 4);
}

static void control_characters_become_dots(void **state)
{
	(void)state;
	console_init(&c, fd, 1000, false);
	for (unsigned v = 1; v < 256; v++) {
		char text[] = {'<', (char)v, '>', 0};
		char want[] = {'<', v < 0x20 || v == 0x7f ? '.' : (char)v, '>', 0};
		console_line(&c, text, text);
		unsigned lines = read_lines();
		assert_int_equal(lines, v);
		const char *last = out + strlen(out) - 7;
		assert_memory_equal(last, want, 3);
		assert_memory_equal(last + 3, want, 3);
	}
}

static void the_first_character_counts_too(void **state)
{
	(void)state;
	console_init(&c, fd, 10, false);
	console_line(&c, "\033[", "\033]");
	console_line(&c, "", "\r");
	read_lines();
	assert_string_equal(out, ".[.]\n.\n");
}

static void a_slow_output_gets_all_of_it(void **state)
{
	(void)state;
	slow_room = 60;
	console_init(&c, SLOW_FD, 10, false);
	console_line(&c, "prefix: ", "a line of some length");
	assert_string_equal(slow, "prefix: a line of some length\n");
	console_line(&c, "prefix: ", "a line that has no room left"); /* and no endless wait */
	assert_int_equal(slow_used, 60);
	assert_int_equal(strncmp(slow + 30, "prefix: a line that has no room left", 30), 0);
}

static void long_lines_are_cut(void **state)
{
	static char text[5000];

	(void)state;
	console_init(&c, fd, 10000, true);
	for (size_t len = 1900; len < sizeof(text); len += len < 2200 ? 1 : 500) {
		memset(text, 'x', len);
		text[len] = '\0';
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		console_line(&c, "a: ", text);
		console_line(&c, text, "");
		console_alarm(&c, "a: ", text);
		assert_int_equal(read_lines(), 3);
		assert_true(strlen(out) < 3 * 2100u);
		size_t first = strcspn(out, "\n");
		assert_int_equal(first, len + 3 < 2031 ? len + 3 : 2031);
		assert_string_equal(out + strlen(out) - 6, "x\033[0m\n");
	}
}

static void alarms_are_red_where_there_is_colour(void **state)
{
	(void)state;
	console_init(&c, fd, 10, true);
	console_alarm(&c, "BREAK ", "x");
	console_line(&c, "", "plain");
	c.color = false;
	console_alarm(&c, "BREAK ", "y");
	read_lines();
	assert_string_equal(out, "\033[1;31mBREAK x\033[0m\nplain\nBREAK y\n");
}

static void an_output_that_is_gone_harms_nobody(void **state)
{
	int ends[2];

	(void)state;
	console_init(&c, -1, 10, false);
	console_line(&c, "", "nobody hears");
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	console_init(&c, ends[1], 100000, false);
	for (unsigned i = 0; i < 70000; i++) /* full at 64 KiB */
		console_line(&c, "", "x");
	console_last(&c, "", "x");
	close(ends[0]);
	close(ends[1]);
}

static void *print_many(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 500; i++)
		console_line(&c, "0123456789", "0123456789");
	return NULL;
}

static void lines_of_two_threads_do_not_mix(void **state)
{
	pthread_t thread[2];

	(void)state;
	console_init(&c, fd, 901, false);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, print_many, NULL), 0);
	for (unsigned i = 0; i < 100; i++)
		console_last(&c, "0123456789", "0123456789");
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(read_lines(), 1001);
	unsigned whole = 0;
	for (const char *p = out; (p = strstr(p, "01234567890123456789\n")); p += 21)
		whole++;
	assert_int_equal(whole, 1000);
	assert_false(overlapped);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(lines_come_out_whole),
	    TEST(a_flood_ends_with_a_word),
	    TEST(the_last_word_is_not_drowned),
	    TEST(control_characters_become_dots),
	    TEST(the_first_character_counts_too),
	    TEST(a_slow_output_gets_all_of_it),
	    TEST(long_lines_are_cut),
	    TEST(alarms_are_red_where_there_is_colour),
	    TEST(an_output_that_is_gone_harms_nobody),
	    TEST(lines_of_two_threads_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
