/* SPDX-License-Identifier: MIT */
/*
 * Surviving SIGBUS: memory that a client takes away during a guarded access, and no other. What
 * must kill the process is tried in a child.
 */
#include "../../vdpa/vduse/guard.h"
#include "test.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

static int fd;
static uint8_t *guarded, *other; /* two mappings of a file of one page, two pages each */

static uint8_t *map(void)
{
	return mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static int setup(void **state)
{
	(void)state;
	fd = memfd_create("client", MFD_CLOEXEC);
	guarded = map();
	other = map();
	return fd < 0 || ftruncate(fd, PAGE) || guarded == MAP_FAILED || other == MAP_FAILED;
}

static int teardown(void **state)
{
	(void)state;
	munmap(guarded, 2 * PAGE);
	munmap(other, 2 * PAGE);
	return close(fd);
}

static void install(void)
{
	struct err e = {0};

	assert_int_equal(guard_install(&e), 0);
}

static uint8_t touch(const uint8_t *at)
{
	return *(const volatile uint8_t *)at;
}

static void memory_that_is_there_is_no_matter(void **state)
{
	(void)state;
	install();
	guard_enter(guarded, 2 * PAGE);
	*(volatile uint8_t *)guarded = 7;
	assert_true(guard_leave());
	assert_int_equal(touch(other), 7);
}

static void memory_that_is_gone_is_told_of(void **state)
{
	(void)state;
	install();
	for (unsigned i = 0; i < 3; i++) {
		uint8_t *again = map();
		guard_enter(again, 2 * PAGE);
		touch(again + (i == 2 ? 2 * PAGE - 1 : PAGE));
		*(volatile uint8_t *)(again + PAGE) = 1; /* goes on, on pages of nobody's */
		assert_false(guard_leave());
		munmap(again, 2 * PAGE);
		guard_enter(guarded, 2 * PAGE); /* and the next access begins afresh */
		touch(guarded);
		assert_true(guard_leave());
	}
}

/* How a child ends that does @f: the signal that killed it, or 0. */
static int killed_by(void (*f)(void))
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(10); /* should it be neither killed nor come to an end */
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		install();
		f();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void unguarded(void)
{
	touch(other + PAGE);
}

static void beside_the_guarded(void)
{
	guard_enter(guarded, 2 * PAGE);
	touch(other + PAGE);
}

static void behind_the_guarded(void)
{
	guard_enter(guarded, PAGE);
	touch(guarded + PAGE);
}

static void after_it_was_left(void)
{
	guard_enter(guarded, 2 * PAGE);
	touch(guarded);
	if (guard_leave())
		touch(guarded + PAGE);
}

static void sent_by_somebody(void)
{
	guard_enter(guarded, 2 * PAGE);
	kill(getpid(), SIGBUS);
}

static void sent_and_aimed(void)
{
	union sigval at = {.sival_ptr = guarded};

	guard_enter(guarded, 2 * PAGE);
	sigqueue(getpid(), SIGBUS, at);
}

static void any_other_bus_error_is_fatal(void **state)
{
	static void (*const ways[])(void) = {unguarded,		 beside_the_guarded,
					     behind_the_guarded, after_it_was_left,
					     sent_by_somebody,	 sent_and_aimed};

	(void)state;
	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		assert_int_equal(killed_by(ways[i]), SIGBUS);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(memory_that_is_there_is_no_matter),
	    TEST(memory_that_is_gone_is_told_of),
	    TEST(any_other_bus_error_is_fatal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
