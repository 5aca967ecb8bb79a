/* SPDX-License-Identifier: MIT */
/* Guest memory: every access is checked as a whole, at every boundary. */
#include "../../virtio/gmem.h"
#include "test.h"

#include <errno.h>

static uint8_t low[0x2000], high[0x1000];

static struct gmem two_regions(void)
{
	struct gmem m = {0};

	assert_int_equal(gmem_add(&m, gpa(0), sizeof(low), low), 0);
	assert_int_equal(gmem_add(&m, gpa(0x10000), sizeof(high), high), 0);
	return m;
}

static void regions_must_be_sane(void **state)
{
	(void)state;
	struct gmem m = two_regions();
	static uint8_t more[16];

	assert_int_equal(gmem_add(&m, gpa(0x20000), 0, more), -EINVAL);
	assert_int_equal(gmem_add(&m, gpa(~0ull - 7), 16, more), -EINVAL);
	assert_int_equal(gmem_add(&m, gpa(0x1fff), 16, more), -EINVAL);
	assert_int_equal(gmem_add(&m, gpa(0xfff1), 16, more), -EINVAL);
	assert_int_equal(gmem_add(&m, gpa(0xfff0), 16, more), 0);
	assert_int_equal(gmem_add(&m, gpa(~0ull - 15), 16, more), 0); /* up to the very last byte */
	assert_int_equal(gmem_add(&m, gpa(0x30000), 16, more), -ENOSPC);
}

static void bounds_hold(void **state)
{
	(void)state;
	struct gmem m = two_regions();
	static const struct {
		uint64_t at, len;
		bool ok;
	} cases[] = {
	    {0, 1, true},	 {0, 0x2000, true},	  {0, 0x2001, false},
	    {0x1fff, 1, true},	 {0x1fff, 2, false},	  {0x2000, 1, false},
	    {0x2000, 0, false},	 {0x1fff, 0, true},	  {0xffff, 1, false},
	    {0xffff, 2, false},	 {0x10000, 0x1000, true}, {0x10fff, 1, true},
	    {0x11000, 1, false}, {~0ull, 1, false},	  {~0ull, 2, false},
	    {0, ~0ull, false},	 {1, ~0ull, false},	  {0x10001, ~0ull, false},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(gmem_contains(&m, gpa(cases[i].at), cases[i].len), cases[i].ok);
}

static void refused_copies_move_nothing(void **state)
{
	(void)state;
	struct gmem m = two_regions();
	uint8_t buf[32], same[32];

	memset(buf, 0x11, sizeof(buf));
	memcpy(same, buf, sizeof(buf));
	memset(low, 0x22, sizeof(low));
	assert_int_equal(gmem_read(&m, gpa(0x1ff0), buf, 32), -EFAULT);
	assert_memory_equal(buf, same, sizeof(buf));
	assert_int_equal(gmem_write(&m, gpa(0x1ff0), buf, 32), -EFAULT);
	assert_int_equal(low[0x1ff0], 0x22);
	assert_int_equal(gmem_write(&m, gpa(0x1fe0), buf, 32), 0);
	assert_int_equal(low[0x1fff], 0x11);
	assert_int_equal(gmem_read(&m, gpa(0x1fe0), same, 32), 0);
	assert_memory_equal(buf, same, sizeof(buf));
}

static void indices_are_aligned_and_little_endian(void **state)
{
	(void)state;
	struct gmem m = two_regions();
	uint16_t v;

	high[0] = 0x34;
	high[1] = 0x12;
	assert_int_equal(gmem_load16(&m, gpa(0x10000), &v), 0);
	assert_int_equal(v, 0x1234);
	assert_int_equal(gmem_load16(&m, gpa(0x10001), &v), -EINVAL);
	assert_int_equal(gmem_load16(&m, gpa(0x11000), &v), -EFAULT);
	assert_int_equal(gmem_store16(&m, gpa(0x10002), 0xabcd), 0);
	assert_int_equal(high[2], 0xcd);
	assert_int_equal(gmem_store16(&m, gpa(0x10003), 1), -EINVAL);
	assert_int_equal(gmem_store16(&m, gpa(0x2000), 1), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(regions_must_be_sane),
	    cmocka_unit_test(bounds_hold),
	    cmocka_unit_test(refused_copies_move_nothing),
	    cmocka_unit_test(indices_are_aligned_and_little_endian),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
