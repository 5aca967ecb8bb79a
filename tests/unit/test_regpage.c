/* SPDX-License-Identifier: MIT */
/* The page of registers as a guest sees it: one at a time at once, many in one step. */
#include "../../vmm/regpage.h"
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#define GENERATION 0x0fc
#define CONFIG 64 /* bytes */

static struct regpage page;
static atomic_bool done;
static unsigned torn, changes;

static int setup(void **state)
{
	struct err e = {0};

	(void)state;
	return regpage_open(&page, &e);
}

static int teardown(void **state)
{
	(void)state;
	regpage_close(&page);
	return 0;
}

static uint32_t shown(uint32_t offset)
{
	return *(const volatile uint32_t *)(const void *)(page.guest + offset);
}

static void a_register_is_shown_at_once(void **state)
{
	const uint8_t config[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	(void)state;
	assert_int_equal(shown(0x070), 0);
	regpage_set(&page, 0x070, 15);
	assert_int_equal(shown(0x070), 15);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(regpage_change(&page, 0x100, config, sizeof(config)), 0);
		assert_int_equal(shown(0x070), 15 + i); /* the rest stays */
		assert_int_equal(shown(0x104), 0x08070605);
		regpage_set(&page, 0x070, 16 + i);
		assert_int_equal(shown(0x070), 16 + i);
	}
}

/* As a driver reads its config space: virtio 1.3 section 2.5.1. */
static void *read_config(void *unused)
{
	const volatile uint8_t *config = page.guest + 0x100;
	uint32_t last = 0;

	(void)unused;
	while (!atomic_load(&done)) {
		uint8_t seen[CONFIG];
		uint32_t before = shown(GENERATION);
		atomic_thread_fence(memory_order_acquire);
		for (unsigned i = 0; i < CONFIG; i++)
			seen[i] = config[i];
		atomic_thread_fence(memory_order_acquire);
		if (shown(GENERATION) != before)
			continue;
		changes += before != last;
		last = before;
		for (unsigned i = 0; i < CONFIG; i++)
			torn += seen[i] != (uint8_t)before;
	}
	return NULL;
}

static void a_reader_sees_the_one_or_the_other(void **state)
{
	struct {
		uint32_t generation;
		uint8_t config[CONFIG];
	} now;
	pthread_t reader;

	(void)state;
	assert_int_equal(pthread_create(&reader, NULL, read_config, NULL), 0);
	for (uint32_t i = 1; i <= 100000; i++) {
		now.generation = i;
		memset(now.config, (uint8_t)i, CONFIG);
		assert_int_equal(regpage_change(&page, GENERATION, &now, sizeof(now)), 0);
	}
	atomic_store(&done, true);
	pthread_join(reader, NULL);
	assert_int_equal(torn, 0);
	assert_in_range(changes, 10, 100000);
}

/* Whether the guest's view can be read, which a system call tells without a signal. */
static bool can_be_read(const uint8_t *at)
{
	int p[2];

	assert_int_equal(pipe(p), 0);
	bool can = write(p[1], at, 1) == 1;
	close(p[0]);
	close(p[1]);
	return can;
}

static void a_failure_shows_nothing_of_the_new(void **state)
{
	const uint32_t now[2] = {7, 8};
	struct rlimit before, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	none = before;
	none.rlim_cur = 4096;
	regpage_set(&page, 0x070, 15);
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	int ret = regpage_change(&page, GENERATION, now, sizeof(now));
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	assert_int_equal(ret, -ENOMEM);
	if (!can_be_read(page.guest))
		return;
	assert_int_equal(shown(GENERATION), 0);
	assert_int_equal(regpage_change(&page, GENERATION, now, sizeof(now)), 0);
	regpage_set(&page, 0x070, 16);
	assert_int_equal(shown(GENERATION), 0);
	assert_int_equal(shown(0x070), 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_register_is_shown_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_reader_sees_the_one_or_the_other, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_failure_shows_nothing_of_the_new, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
