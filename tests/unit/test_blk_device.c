/* SPDX-License-Identifier: MIT */
/*
 * The VDUSE block device with its threads, against a fake kernel: requests in any framing are
 * answered once, and a disk that takes its time holds up nothing but its own queue.
 */
#include "../../vdpa/vduse/blk.h"
#include "../../vdpa/vduse/blkreq.h"
#include "vduse_client.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define BASE 0x100000u
#define SECTORS 64u
#define HEADER 0x4000u /* where a request's parts lie in the ring's memory */
#define DATA 0x5000u
#define STATUS 0xf000u
#define FEATURES                                                                                   \
	(1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_ACCESS_PLATFORM | 1ull << VIRTIO_BLK_F_FLUSH)

static struct guest_ring ring;
static struct fake_memory mem;
static struct vduse_dev *dev;
static struct blk *blk;
static struct err e;
static char path[32];

/* In place of libc's: a disk that sleeps before it has written all. */
static atomic_int slow_ms, flushes;
int fdatasync(int fd)
{
	(void)fd;
	nanosleep(&(struct timespec){slow_ms / 1000, slow_ms % 1000 * 1000000l}, NULL);
	flushes++;
	return 0;
}

static void empty_ring(void)
{
	fake_vduse_lock();
	memset(ring.ram, 0, RING_RAM);
	ring.avail_idx = 0;
	fake_vduse.vq[0] = (struct vduse_vq_info){.num = RING_NUM,
						  .desc_addr = BASE + RING_DESC,
						  .driver_addr = BASE + RING_AVAIL,
						  .device_addr = BASE + RING_USED};
	fake_vduse_unlock();
}

static void start(uint64_t features)
{
	assert_int_equal(client_status(0), 0);
	client_features(features);
	assert_int_equal(client_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER), 0);
	assert_int_equal(client_status(CLIENT_STATUS), 0);
	assert_int_equal(client_ready(0, true), 0);
	assert_int_equal(client_status(CLIENT_STATUS | VIRTIO_CONFIG_S_DRIVER_OK), 0);
}

static int setup(void **state)
{
	const struct blk_options o = {.name = "unit", .api = 1};
	struct vduse_setup s;
	struct disk disk;

	(void)state;
	slow_ms = flushes = 0;
	e = (struct err){0};
	strcpy(path, "/tmp/test_blk.XXXXXX");
	int fd = mkstemp(path);
	if (fd < 0 || ftruncate(fd, SECTORS * 512) || close(fd) || disk_open(&disk, path, &e))
		return -1;
	fake_vduse_reset();
	if (fake_memory_make(&mem, RING_RAM, 0, ring.ram))
		return -1;
	fake_vduse_map(0, BASE, RING_RAM, VDUSE_ACCESS_RW, mem.fd, 0);
	empty_ring();
	blk_describe(&s, &o, &disk);
	if (vduse_create(&dev, &s, &e) || blk_start(&blk, dev, &disk, &e))
		return -1;
	start(FEATURES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	int ret = blk_stop(blk, &e);
	if (!ret)
		ret = vduse_destroy(dev, &e);
	fake_memory_drop(&mem);
	return unlink(path) || ret;
}

static void used_is(uint16_t want)
{
	volatile uint16_t *idx = &ring_used(&ring)->idx;

	for (unsigned i = 0; i < 15000 && *idx != want; i++)
		client_pause();
	client_pause();
	assert_int_equal(*idx, want);
}

static void header(uint32_t type, uint64_t sector)
{
	const struct virtio_blk_outhdr h = {.type = htole32(type), .sector = htole64(sector)};

	memcpy(ring.ram + HEADER, &h, sizeof(h));
	ring.ram[STATUS] = 0xee;
}

/* Offer a request whose data are @len bytes at DATA, written by the driver or (@in) the device. */
static void offer(uint32_t type, uint64_t sector, uint32_t len, bool in)
{
	unsigned data = in ? VRING_DESC_F_WRITE : 0;

	header(type, sector);
	ring_set(&ring, 0, BASE + HEADER, 16, VRING_DESC_F_NEXT, len ? 1 : 2);
	ring_set(&ring, 1, BASE + DATA, len, VRING_DESC_F_NEXT | data, 2);
	ring_set(&ring, 2, BASE + STATUS, 1, VRING_DESC_F_WRITE, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ring_offer(&ring, 0);
	client_kick(0);
}

/* Its status; @used bytes are said to have been written. */
static uint8_t ask(uint32_t type, uint64_t sector, uint32_t len, bool in, uint32_t used)
{
	uint16_t before = ring_used(&ring)->idx;

	offer(type, sector, len, in);
	used_is((uint16_t)(before + 1));
	assert_int_equal(ring_used(&ring)->ring[before % RING_NUM].len, used);
	return ring.ram[STATUS];
}

static void what_is_written_is_read(void **state)
{
	uint8_t byte;

	(void)state;
	for (unsigned n = 1; n <= 20; n++) {
		memset(ring.ram + DATA, (int)n, 0x2000);
		assert_int_equal(ask(VIRTIO_BLK_T_OUT, n, 0x2000, false, 1), VIRTIO_BLK_S_OK);
		memset(ring.ram + DATA, 0, 0x2000);
		assert_int_equal(ask(VIRTIO_BLK_T_IN, n, 0x2000, true, 0x2001), VIRTIO_BLK_S_OK);
		for (unsigned i = 0; i < 0x2000; i++)
			assert_int_equal(ring.ram[DATA + i], n);
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	for (unsigned n = 1; n <= 20; n++) {
		assert_int_equal(pread(fd, &byte, 1, 512 * (off_t)n), 1);
		assert_int_equal(byte, n);
	}
	close(fd);
	assert_int_equal(flushes, 0);
	assert_int_equal(ask(VIRTIO_BLK_T_FLUSH, 0, 0, false, 1), VIRTIO_BLK_S_OK);
	assert_int_equal(flushes, 1);
}

static void the_config_space_tells_of_the_disk(void **state)
{
	struct virtio_blk_config c;

	(void)state;
	fake_vduse_lock();
	memcpy(&c, fake_vduse.config, sizeof(c));
	assert_int_equal(fake_vduse.made.device_id, 2);
	fake_vduse_unlock();
	assert_int_equal(le64toh(c.capacity), SECTORS);
	assert_int_equal(le32toh(c.blk_size), 512);
	assert_int_equal(le32toh(c.seg_max) * (size_t)le32toh(c.size_max), BLK_DATA_MAX);
}

/* Section 2.7.4: a device makes no assumption on how a request is spread over descriptors. */
static void framing_means_nothing(void **state)
{
	(void)state;
	memset(ring.ram + DATA, 0x5a, 1024);
	header(VIRTIO_BLK_T_OUT, 3);
	ring_set(&ring, 0, BASE + HEADER, 5, VRING_DESC_F_NEXT, 1);
	ring_set(&ring, 1, BASE + HEADER + 5, 11, VRING_DESC_F_NEXT, 2);
	ring_set(&ring, 2, BASE + DATA, 1, VRING_DESC_F_NEXT, 3);
	ring_set(&ring, 3, BASE + DATA + 1, 511, VRING_DESC_F_NEXT, 4);
	ring_set(&ring, 4, BASE + STATUS, 1, VRING_DESC_F_WRITE, 0);
	ring_offer(&ring, 0);
	client_kick(0);
	used_is(1);
	assert_int_equal(ring.ram[STATUS], VIRTIO_BLK_S_OK);
	/* The status behind the data, in one descriptor with their end. */
	header(VIRTIO_BLK_T_IN, 3);
	memset(ring.ram + DATA, 0xee, 1024);
	ring_set(&ring, 0, BASE + HEADER, 16, VRING_DESC_F_NEXT, 1);
	ring_set(&ring, 1, BASE + DATA, 3, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 2);
	ring_set(&ring, 2, BASE + DATA + 3, 510, VRING_DESC_F_WRITE, 0);
	ring_offer(&ring, 0);
	client_kick(0);
	used_is(2);
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(ring.ram[DATA + i], 0x5a);
	assert_int_equal(ring.ram[DATA + 512], VIRTIO_BLK_S_OK);
	assert_int_equal(ring.ram[DATA + 513], 0xee);
}

static void bad_requests_get_their_status(void **state)
{
	(void)state;
	assert_int_equal(ask(VIRTIO_BLK_T_IN, SECTORS, 512, true, 1), VIRTIO_BLK_S_IOERR);
	assert_int_equal(ask(VIRTIO_BLK_T_IN, 0, 100, true, 1), VIRTIO_BLK_S_IOERR);
	assert_int_equal(ask(77, 0, 512, false, 1), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(ask(VIRTIO_BLK_T_DISCARD, 0, 16, false, 1), VIRTIO_BLK_S_UNSUPP);
	/* An error leaves what the driver has lent for data as it was. */
	memset(ring.ram + DATA, 0x77, 512);
	assert_int_equal(ask(VIRTIO_BLK_T_IN, SECTORS, 512, true, 1), VIRTIO_BLK_S_IOERR);
	assert_int_equal(ring.ram[DATA], 0x77);
	assert_int_equal(ask(VIRTIO_BLK_T_IN, 0, 512, true, 513), VIRTIO_BLK_S_OK);
}

/* Wherever the data end: the status is the last byte. */
static void an_error_is_told_in_the_last_byte(void **state)
{
	(void)state;
	header(VIRTIO_BLK_T_IN, SECTORS);
	memset(ring.ram + DATA, 0x77, 1024);
	ring_set(&ring, 0, BASE + HEADER, 16, VRING_DESC_F_NEXT, 1);
	ring_set(&ring, 1, BASE + DATA, 513, VRING_DESC_F_WRITE, 0);
	ring_offer(&ring, 0);
	client_kick(0);
	used_is(1);
	for (unsigned i = 0; i < 1024; i++)
		assert_int_equal(ring.ram[DATA + i], i == 512 ? VIRTIO_BLK_S_IOERR : 0x77);
}

static void what_is_no_request_comes_back_empty(void **state)
{
	(void)state;
	header(VIRTIO_BLK_T_FLUSH, 0);
	ring_set(&ring, 0, BASE + HEADER, 16, 0, 0); /* no status */
	ring_offer(&ring, 0);
	client_kick(0);
	used_is(1);
	assert_int_equal(ring_used(&ring)->ring[0].len, 0);
	ring_set(&ring, 0, BASE + HEADER, 15, VRING_DESC_F_NEXT, 1); /* half a header */
	ring_set(&ring, 1, BASE + STATUS, 1, VRING_DESC_F_WRITE, 0);
	ring_offer(&ring, 0);
	client_kick(0);
	used_is(2);
	assert_int_equal(ring.ram[STATUS], VIRTIO_BLK_S_IOERR);
	ring_set(&ring, 0, BASE + HEADER, 16, VRING_DESC_F_NEXT, 1); /* more than is ever taken */
	ring_set(&ring, 1, BASE + DATA, BLK_DATA_MAX + 1, VRING_DESC_F_NEXT, 2);
	ring_set(&ring, 2, BASE + STATUS, 1, VRING_DESC_F_WRITE, 0);
	ring.ram[STATUS] = 0xee;
	ring_offer(&ring, 0);
	client_kick(0);
	used_is(3);
	assert_int_equal(ring.ram[STATUS], VIRTIO_BLK_S_IOERR);
	ring_set(&ring, 1, 0x900000, 512, VRING_DESC_F_NEXT, 2); /* nobody's memory */
	ring.ram[STATUS] = 0xee;
	ring_offer(&ring, 0);
	client_kick(0);
	used_is(4);
	assert_int_equal(ring.ram[STATUS], VIRTIO_BLK_S_IOERR);
	ring_set(&ring, 2, 0x900000, 1, VRING_DESC_F_WRITE, 0); /* nor is the status */
	ring_offer(&ring, 0);
	client_kick(0);
	used_is(5);
	assert_int_equal(ring_used(&ring)->ring[4].len, 0);
	assert_int_equal(ask(VIRTIO_BLK_T_FLUSH, 0, 0, false, 1), VIRTIO_BLK_S_OK);
}

static void without_flush_each_write_is_on_the_medium(void **state)
{
	(void)state;
	empty_ring();
	start(FEATURES & ~(1ull << VIRTIO_BLK_F_FLUSH));
	assert_int_equal(ask(VIRTIO_BLK_T_OUT, 0, 512, false, 1), VIRTIO_BLK_S_OK);
	assert_int_equal(flushes, 1);
	assert_int_equal(ask(VIRTIO_BLK_T_FLUSH, 0, 0, false, 1), VIRTIO_BLK_S_UNSUPP);
}

static void wait_for_work(void)
{
	client_pause();
	nanosleep(&(struct timespec){0, 50000000}, NULL);
}

/* The kernel is answered while the disk works, and what is being worked on is still to come. */
static void a_slow_disk_holds_up_no_answer(void **state)
{
	struct timespec from, to;

	(void)state;
	assert_int_equal(ask(VIRTIO_BLK_T_FLUSH, 0, 0, false, 1), VIRTIO_BLK_S_OK);
	slow_ms = 600;
	offer(VIRTIO_BLK_T_FLUSH, 0, 0, false);
	wait_for_work();
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(client_state(0), 1);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_int_equal(flushes, 1); /* it is not done yet */
	assert_true((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 < 400);
	used_is(2);
	assert_int_equal(client_state(0), 2);
}

static void a_reset_takes_the_ring_back(void **state)
{
	(void)state;
	slow_ms = 400;
	offer(VIRTIO_BLK_T_FLUSH, 0, 0, false);
	wait_for_work();
	assert_int_equal(client_status(0), 0);
	while (flushes == 0)
		client_pause();
	wait_for_work();
	assert_int_equal(ring_used(&ring)->idx, 0);
	assert_int_equal(ring.ram[STATUS], 0xee);
	slow_ms = 0;
	start(FEATURES); /* and the next session finds it there */
	used_is(1);
	assert_int_equal(ring.ram[STATUS], VIRTIO_BLK_S_OK);
}

/* The next session's ring gets no answer to the last one's request. */
static void an_answer_is_not_for_the_next_session(void **state)
{
	(void)state;
	slow_ms = 400;
	offer(VIRTIO_BLK_T_FLUSH, 0, 0, false);
	wait_for_work();
	assert_int_equal(client_status(0), 0);
	empty_ring();
	start(FEATURES);
	while (flushes == 0)
		client_pause();
	wait_for_work();
	assert_int_equal(ring_used(&ring)->idx, 0);
	assert_int_equal(client_state(0), 0);
	slow_ms = 0;
	assert_int_equal(ask(VIRTIO_BLK_T_FLUSH, 0, 0, false, 1), VIRTIO_BLK_S_OK);
}

static void what_was_suspended_is_done_later(void **state)
{
	struct vduse_dev_request req = {.type = VDUSE_SUSPEND};
	struct vduse_dev_response resp;

	(void)state;
	slow_ms = 400;
	offer(VIRTIO_BLK_T_FLUSH, 0, 0, false);
	wait_for_work();
	assert_int_equal(fake_vduse_ask(&req, &resp), 0);
	while (flushes == 0)
		client_pause();
	wait_for_work();
	assert_int_equal(ring_used(&ring)->idx, 0);
	assert_int_equal(client_state(0), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_is_written_is_read),
	    TEST(the_config_space_tells_of_the_disk),
	    TEST(framing_means_nothing),
	    TEST(bad_requests_get_their_status),
	    TEST(an_error_is_told_in_the_last_byte),
	    TEST(what_is_no_request_comes_back_empty),
	    TEST(without_flush_each_write_is_on_the_medium),
	    TEST(a_slow_disk_holds_up_no_answer),
	    TEST(a_reset_takes_the_ring_back),
	    TEST(an_answer_is_not_for_the_next_session),
	    TEST(what_was_suspended_is_done_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
