/* SPDX-License-Identifier: MIT */
/*
 * bzImages: where a good one goes, and what a file that changes under us does. What is refused is
 * enumerated in tests/isolation/enum.
 */
#include "../../guest/abi.h"
#include "../../vmm/bzimage_x86.h"
#include "../../vmm/load.h"
#include "test.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM (8u << 20)
#define OFFSET 0x400u
#define SIZE 0x8000u /* more than one piece of what load_stream() copies at a time */

static uint8_t *ram;
static struct gmem mem;
static int fd = -1;
static struct bzimage bz;
static struct err e;

static void put(unsigned at, unsigned bytes, uint64_t v)
{
	assert_int_equal(pwrite(fd, &v, bytes, at), bytes);
}

static int setup(void **state)
{
	uint8_t body[SIZE];

	(void)state;
	fd = memfd_create("bzimage", MFD_CLOEXEC);
	ram = calloc(1, RAM);
	mem = (struct gmem){0};
	e = (struct err){0};
	for (unsigned i = 0; i < SIZE; i++)
		body[i] = (uint8_t)(i * 31 + (i >> 8));
	assert_int_equal(pwrite(fd, body, SIZE, OFFSET), SIZE);
	put(0x1f1, 1, 1);
	put(0x1f4, 4, SIZE / 16);
	put(0x1fe, 2, 0xaa55);
	put(0x200, 2, 0x66eb); /* the header ends at 0x268 */
	put(0x202, 4, 0x53726448);
	put(0x206, 2, 0x20c);
	put(0x211, 1, 1);
	put(0x22c, 4, 0x37ffffff);
	put(0x230, 4, 0x200000);
	put(0x236, 2, 1);
	put(0x238, 4, 255);
	put(0x258, 8, 0x300000);
	put(0x260, 4, 0x20000);
	put(0x268, 4, 0xdeadbeef); /* no field any more */
	return !ram || gmem_add(&mem, gpa(0), RAM, ram);
}

static int teardown(void **state)
{
	(void)state;
	close(fd);
	free(ram);
	return 0;
}

static int read_it(void)
{
	e = (struct err){0};
	return bzimage_read("image", fd, OFFSET + SIZE, &mem, &bz, &e);
}

static void it_goes_where_it_likes(void **state)
{
	uint8_t first[4];

	(void)state;
	assert_int_equal(read_it(), 0);
	assert_int_equal(bz.load.v, 0x300000);
	assert_int_equal(bz.entry.v, 0x300200);
	assert_int_equal(bz.end, 0x320000);
	assert_int_equal(bz.initrd_max, 0x37ffffff);
	assert_int_equal(bz.cmdline_max, 255);
	assert_int_equal(bzimage_load("image", fd, &bz, &mem, &e), 0);
	for (unsigned i = 0; i < SIZE; i++)
		assert_int_equal(ram[0x300000 + i], (uint8_t)(i * 31 + (i >> 8)));
	assert_int_equal(ram[0x300000 + SIZE], 0);
	assert_int_equal(ram[0x2fffff], 0);
	memcpy(first, bz.header, 4);
	assert_int_equal(first[0], 1);
	for (unsigned i = 0x268; i < BZ_HEADER_END; i++)
		assert_int_equal(bz.header[i - BZ_HEADER_AT], 0);
}

static void it_moves_if_it_can(void **state)
{
	(void)state;
	put(0x258, 8, 16 << 20); /* beyond RAM */
	assert_int_not_equal(read_it(), 0);
	assert_non_null(strstr(e.text, "does not fit into guest RAM"));
	put(0x234, 1, 1);
	assert_int_equal(read_it(), 0);
	assert_int_equal(bz.load.v, 0x200000);
}

static void a_file_that_shrinks_is_told(void **state)
{
	(void)state;
	assert_int_equal(read_it(), 0);
	assert_int_equal(ftruncate(fd, OFFSET + 20000), 0);
	assert_int_not_equal(bzimage_load("image", fd, &bz, &mem, &e), 0);
	assert_int_equal(e.kind, ERR_USAGE);
	assert_non_null(strstr(e.text, "ended early"));
}

static void an_initrd_lies_at_the_top(void **state)
{
	gpa_t at = gpa(0);

	(void)state;
	assert_int_equal(initrd_place("initrd", 5000, 0x200000, 0x37ffffff, RAM, &at, &e), 0);
	assert_int_equal(at.v, RAM - 0x2000);
	assert_int_equal(initrd_place("initrd", 5000, 0x200000, 0x3fffff, RAM, &at, &e), 0);
	assert_int_equal(at.v, 0x3fe000);
	assert_int_equal(initrd_place("initrd", 0, 0x200000, 0x37ffffff, RAM, &at, &e), 0);
	assert_int_equal(at.v, RAM);
	assert_int_not_equal(
	    initrd_place("initrd", RAM - 0x200000 + 1, 0x200000, UINT64_MAX, RAM, &at, &e), 0);
	assert_int_equal(e.kind, ERR_USAGE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(it_goes_where_it_likes),
	    TEST(it_moves_if_it_can),
	    TEST(a_file_that_shrinks_is_told),
	    TEST(an_initrd_lies_at_the_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
