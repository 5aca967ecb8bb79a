/* SPDX-License-Identifier: MIT */
/*
 * A block device's requests on a file, against what the specification says of each; and its config
 * space as the VMM judges it.
 */
#include "../../vdpa/vduse/blkreq.h"
#include "../../virtio/blk.h"
#include "test.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIT(n) (1ull << (n))
#define ALL (BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES))
#define SECTORS 256u
#define LEN (SECTORS * 512u)

static char path[32];
static struct disk d;
static struct err e;
static uint8_t model[LEN]; /* what the disk has to hold */
static const char id[VIRTIO_BLK_ID_BYTES] = "twenty bytes are a n";

static int setup(void **state)
{
	(void)state;
	strcpy(path, "/tmp/test_blkreq.XXXXXX");
	int fd = mkstemp(path);
	for (unsigned i = 0; i < LEN; i++)
		model[i] = (uint8_t)(i * 31 + i / 512);
	if (fd < 0 || write(fd, model, LEN) != LEN || close(fd))
		return -1;
	e = (struct err){0};
	return disk_open(&d, path, &e);
}

static int teardown(void **state)
{
	(void)state;
	disk_close(&d);
	return unlink(path);
}

static void disk_is_as_it_should(void)
{
	static uint8_t is[LEN];
	struct stat st;

	assert_int_equal(fstat(d.fd, &st), 0);
	assert_int_equal(st.st_size, LEN);
	assert_int_equal(pread(d.fd, is, LEN, 0), LEN);
	assert_memory_equal(is, model, LEN);
}

static uint8_t ask(uint32_t type, uint64_t sector, const void *out, size_t out_len, void *in,
		   size_t in_len)
{
	struct blk_request r = {.header = {.type = htole32(type), .sector = htole64(sector)},
				.out = out,
				.out_len = out_len,
				.in = in,
				.in_len = in_len};

	return blk_request_run(&r, &d, ALL, id);
}

static void what_is_written_is_read(void **state)
{
	uint8_t data[4096], back[4096];

	(void)state;
	for (unsigned n = 512; n <= sizeof(data); n += 512) {
		memset(data, (int)n / 512, n);
		uint64_t at = SECTORS - n / 512; /* up to the last */
		assert_int_equal(ask(VIRTIO_BLK_T_OUT, at, data, n, NULL, 0), VIRTIO_BLK_S_OK);
		assert_int_equal(ask(VIRTIO_BLK_T_IN, at, NULL, 0, back, n), VIRTIO_BLK_S_OK);
		assert_memory_equal(back, data, n);
		memcpy(model + at * 512, data, n);
	}
	assert_int_equal(ask(VIRTIO_BLK_T_FLUSH, 0, NULL, 0, NULL, 0), VIRTIO_BLK_S_OK);
	disk_is_as_it_should();
}

/* Every first sector near an end, with every length: only what lies on the disk is done. */
static void nothing_beyond_the_disk_is_touched(void **state)
{
	static const uint64_t from[] = {0,	    1,		 SECTORS - 2, SECTORS - 1,
					SECTORS,    SECTORS + 1, 1ull << 55,  (1ull << 55) - 1,
					1ull << 63, ~0ull,	 ~0ull - 1};
	uint8_t data[2048] = {0};

	(void)state;
	for (unsigned i = 0; i < sizeof(from) / sizeof(from[0]); i++)
		for (size_t len = 0; len <= sizeof(data); len += 256) {
			bool good = len && len % 512 == 0 && from[i] < SECTORS &&
				    len / 512 <= SECTORS - from[i];
			uint8_t want = good ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
			assert_int_equal(ask(VIRTIO_BLK_T_IN, from[i], NULL, 0, data, len), want);
			if (good)
				assert_memory_equal(data, model + from[i] * 512, len);
			assert_int_equal(ask(VIRTIO_BLK_T_OUT, from[i], data, len, NULL, 0), want);
		}
	disk_is_as_it_should();
}

static void requests_have_a_shape(void **state)
{
	uint8_t out[512] = {0}, in[512];

	(void)state;
	assert_int_equal(ask(VIRTIO_BLK_T_IN, 0, out, 512, in, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(ask(VIRTIO_BLK_T_OUT, 0, out, 512, in, 1), VIRTIO_BLK_S_IOERR);
	assert_int_equal(ask(VIRTIO_BLK_T_FLUSH, 0, out, 1, NULL, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(ask(VIRTIO_BLK_T_FLUSH, 0, NULL, 0, in, 1), VIRTIO_BLK_S_IOERR);
	for (size_t len = 0; len < 40; len++)
		assert_int_equal(ask(VIRTIO_BLK_T_GET_ID, 0, NULL, 0, in, len),
				 len == 20 ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
	assert_memory_equal(in, id, 20);
	disk_is_as_it_should();
}

static void other_types_are_not_supported(void **state)
{
	uint8_t data[512] = {0};

	(void)state;
	for (uint32_t type = 0; type < 0x10000; type++)
		if (type > VIRTIO_BLK_T_OUT && type != VIRTIO_BLK_T_FLUSH &&
		    type != VIRTIO_BLK_T_GET_ID && type != VIRTIO_BLK_T_DISCARD &&
		    type != VIRTIO_BLK_T_WRITE_ZEROES)
			assert_int_equal(ask(type, 0, data, 512, NULL, 0), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(ask(0x80000000u | VIRTIO_BLK_T_OUT, 0, data, 512, NULL, 0),
			 VIRTIO_BLK_S_UNSUPP);
	disk_is_as_it_should();
}

static void what_was_not_negotiated_is_not_supported(void **state)
{
	static const struct {
		uint32_t type;
		unsigned feature;
	} cases[] = {{VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_F_FLUSH},
		     {VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_F_DISCARD},
		     {VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_F_WRITE_ZEROES}};
	struct virtio_blk_discard_write_zeroes range = {0, htole32(1), 0};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct blk_request r = {.header.type = htole32(cases[i].type),
					.out = (void *)&range,
					.out_len = i ? sizeof(range) : 0};
		assert_int_equal(blk_request_run(&r, &d, ALL & ~BIT(cases[i].feature), id),
				 VIRTIO_BLK_S_UNSUPP);
	}
	disk_is_as_it_should();
}

static struct virtio_blk_discard_write_zeroes range(uint64_t from, uint32_t sectors, uint32_t flags)
{
	return (struct virtio_blk_discard_write_zeroes){htole64(from), htole32(sectors),
							htole32(flags)};
}

static void ranges_become_zeroes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		bool discard = i == 0;
		struct virtio_blk_discard_write_zeroes r[3] = {range(i * 10, 3, i == 1),
							       range(i * 10 + 8, 1, 0),
							       range(100 + i * 8, 8, i == 1)};
		assert_int_equal(ask(discard ? VIRTIO_BLK_T_DISCARD : VIRTIO_BLK_T_WRITE_ZEROES, 0,
				     r, sizeof(r), NULL, 0),
				 VIRTIO_BLK_S_OK);
		memset(model + i * 5120, 0, 3 * 512);
		memset(model + i * 5120 + 4096, 0, 512);
		memset(model + 51200 + i * 4096, 0, 4096);
		disk_is_as_it_should();
	}
}

/* One bad range spoils the request: none of its ranges is zeroed. */
static void a_bad_range_spoils_all(void **state)
{
	static const struct {
		uint64_t from;
		uint32_t sectors, flags;
		uint8_t discard, zeroes;
	} bad[] = {{0, 0, 0, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR},
		   {SECTORS, 1, 0, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR},
		   {SECTORS - 1, 2, 0, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR},
		   {~0ull, 1, 0, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR},
		   {0, BLK_RANGE_SECTORS + 1, 0, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR},
		   {0, 0xffffffff, 0, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR},
		   {0, 1, 1, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_S_OK},
		   {0, 1, 2, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_S_UNSUPP},
		   {0, 1, 0x80000001, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_S_UNSUPP}};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct virtio_blk_discard_write_zeroes r[2] = {
		    range(20, 4, 0), range(bad[i].from, bad[i].sectors, bad[i].flags)};
		assert_int_equal(ask(VIRTIO_BLK_T_DISCARD, 0, r, sizeof(r), NULL, 0),
				 bad[i].discard);
		if (bad[i].zeroes)
			assert_int_equal(ask(VIRTIO_BLK_T_WRITE_ZEROES, 0, r, sizeof(r), NULL, 0),
					 bad[i].zeroes);
		disk_is_as_it_should();
	}
}

static void ranges_have_a_count(void **state)
{
	struct virtio_blk_discard_write_zeroes r[BLK_RANGES + 1];

	(void)state;
	for (unsigned i = 0; i <= BLK_RANGES; i++)
		r[i] = range(0, 0, 0);
	for (size_t len = 0; len <= sizeof(r); len++)
		assert_int_equal(ask(VIRTIO_BLK_T_DISCARD, 0, r, len, NULL, 0), VIRTIO_BLK_S_IOERR);
	for (unsigned i = 0; i < BLK_RANGES; i++)
		r[i] = range(i, 1, 0);
	assert_int_equal(ask(VIRTIO_BLK_T_DISCARD, 0, r, sizeof(r), NULL, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(ask(VIRTIO_BLK_T_DISCARD, 0, r, sizeof(r) - sizeof(r[0]), NULL, 0),
			 VIRTIO_BLK_S_OK);
	memset(model, 0, BLK_RANGES * 512);
	disk_is_as_it_should();
}

static void a_file_that_shrinks_is_an_error(void **state)
{
	uint8_t data[1024];

	(void)state;
	assert_int_equal(ftruncate(d.fd, 512), 0);
	assert_int_equal(ask(VIRTIO_BLK_T_IN, 0, NULL, 0, data, 1024), VIRTIO_BLK_S_IOERR);
	assert_int_equal(ask(VIRTIO_BLK_T_IN, 0, NULL, 0, data, 512), VIRTIO_BLK_S_OK);
}

static void files_that_are_no_disks(void **state)
{
	static const off_t sizes[] = {0, 1, 511, 513, 1023};
	struct disk other;

	(void)state;
	assert_int_not_equal(disk_open(&other, path, &e), 0); /* this one has it */
	assert_non_null(strstr(e.text, "another device"));
	disk_close(&d);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(truncate(path, sizes[i]), 0);
		e = (struct err){0};
		assert_int_not_equal(disk_open(&other, path, &e), 0);
		assert_non_null(strstr(e.text, path));
	}
	e = (struct err){0};
	assert_int_not_equal(disk_open(&other, "/dev/null", &e), 0);
	e = (struct err){0};
	assert_int_not_equal(disk_open(&other, "/nowhere", &e), 0);
	assert_int_equal(truncate(path, 512), 0);
	e = (struct err){0};
	assert_int_equal(disk_open(&d, path, &e), 0);
	assert_int_equal(d.sectors, 1);
}

/* ---- the VMM's judgement ---- */

static void a_feature_needs_its_fields(void **state)
{
	const struct virtio_blk_config good = {.capacity = 9,
					       .size_max = 4096,
					       .seg_max = 1,
					       .blk_size = 512,
					       .max_discard_sectors = 1,
					       .max_discard_seg = 1,
					       .max_write_zeroes_sectors = 1,
					       .max_write_zeroes_seg = 1};
	static const struct {
		size_t until; /* with fewer bytes of config space the feature goes */
		size_t field; /* and with a 0 here */
		unsigned feature;
	} cases[] = {
	    {12, offsetof(struct virtio_blk_config, size_max), VIRTIO_BLK_F_SIZE_MAX},
	    {16, offsetof(struct virtio_blk_config, seg_max), VIRTIO_BLK_F_SEG_MAX},
	    {24, offsetof(struct virtio_blk_config, blk_size), VIRTIO_BLK_F_BLK_SIZE},
	    {48, offsetof(struct virtio_blk_config, max_discard_sectors), VIRTIO_BLK_F_DISCARD},
	    {48, offsetof(struct virtio_blk_config, max_discard_seg), VIRTIO_BLK_F_DISCARD},
	    {60, offsetof(struct virtio_blk_config, max_write_zeroes_sectors),
	     VIRTIO_BLK_F_WRITE_ZEROES},
	    {60, offsetof(struct virtio_blk_config, max_write_zeroes_seg),
	     VIRTIO_BLK_F_WRITE_ZEROES}};

	(void)state;
	for (size_t len = 0; len <= 60; len++) {
		uint8_t *config = malloc(len + !len);
		memcpy(config, &good, len);
		uint64_t got = blk_features(BLK_FEATURES, config, len);
		assert_int_equal(blk_config_good(config, len), len >= 8);
		for (unsigned i = 0; i < 7; i++)
			assert_int_equal(got >> cases[i].feature & 1, len >= cases[i].until);
		assert_true(got & BIT(VIRTIO_BLK_F_FLUSH)); /* which has none */
		free(config);
	}
	for (unsigned i = 0; i < 7; i++) {
		struct virtio_blk_config c = good;
		memset((uint8_t *)&c + cases[i].field, 0, 4);
		assert_int_equal(blk_features(BLK_FEATURES, (void *)&c, 60),
				 BLK_FEATURES & ~BIT(cases[i].feature));
	}
}

static void blocks_are_powers_of_two(void **state)
{
	struct virtio_blk_config c = {0};

	(void)state;
	for (uint32_t size = 0; size < 20000; size++) {
		c.blk_size = size;
		bool good = size == 512 || size == 1024 || size == 2048 || size == 4096;
		assert_int_equal(blk_features(BIT(VIRTIO_BLK_F_BLK_SIZE), (void *)&c, 60) != 0,
				 good);
	}
	c.capacity = ~0ull / 512;
	assert_true(blk_config_good((void *)&c, 60));
	c.capacity++;
	assert_false(blk_config_good((void *)&c, 60));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_is_written_is_read),
	    TEST(nothing_beyond_the_disk_is_touched),
	    TEST(requests_have_a_shape),
	    TEST(other_types_are_not_supported),
	    TEST(what_was_not_negotiated_is_not_supported),
	    TEST(ranges_become_zeroes),
	    TEST(a_bad_range_spoils_all),
	    TEST(ranges_have_a_count),
	    TEST(a_file_that_shrinks_is_an_error),
	    TEST(files_that_are_no_disks),
	    cmocka_unit_test(a_feature_needs_its_fields),
	    cmocka_unit_test(blocks_are_powers_of_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
