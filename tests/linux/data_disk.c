/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of the data tests on a disk: it is filled and read back past every cache,
 * discarded and zeroed, and written until it is taken away. It must never compare what its own
 * cache says.
 */
#include "data.h"
#include "linux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DISK "/dev/vda"
#define CHUNK 65536u

static _Alignas(4096) uint8_t buffer[CHUNK];

static void say(const char *what, int code)
{
	printf(TEST_SAYS "%s %s%s\n", what, code ? "FAILED: " : "ok", code ? strerror(code) : "");
	fflush(stdout);
}

static int fill(int fd)
{
	for (uint64_t at = 0; at < DATA_DISK_LEN; at += CHUNK) {
		data_fill(buffer, CHUNK, DATA_DISK_SEED, at);
		if (pwrite(fd, buffer, CHUNK, (off_t)at) != CHUNK)
			return errno ? errno : EIO;
	}
	return fsync(fd) ? errno : 0;
}

static bool zeroed(uint64_t at)
{
	return (at >= DATA_DISCARD_AT && at < DATA_DISCARD_AT + DATA_HOLE_LEN) ||
	       (at >= DATA_ZERO_AT && at < DATA_ZERO_AT + DATA_HOLE_LEN);
}

/* All of it; @holes: two ranges of it are zeroes. */
static int verify(int fd, bool holes)
{
	static uint8_t want[CHUNK];

	for (uint64_t at = 0; at < DATA_DISK_LEN; at += CHUNK) {
		if (pread(fd, buffer, CHUNK, (off_t)at) != CHUNK)
			return errno ? errno : EIO;
		data_fill(want, CHUNK, DATA_DISK_SEED, at);
		if (holes && zeroed(at))
			memset(want, 0, CHUNK);
		if (memcmp(buffer, want, CHUNK))
			return EBADMSG;
	}
	return 0;
}

static int size_is_right(int fd)
{
	uint64_t size = 0;

	if (ioctl(fd, BLKGETSIZE64, &size))
		return errno;
	return size == DATA_DISK_LEN ? 0 : ERANGE;
}

static int range(int fd, unsigned long request, uint64_t at)
{
	uint64_t r[2] = {at, DATA_HOLE_LEN};

	return ioctl(fd, request, r) ? errno : 0;
}

static int serial_is(const char *want)
{
	char got[32] = "";
	FILE *f = fopen("/sys/block/vda/serial", "re");
	bool same = f && fgets(got, sizeof(got), f) && !strncmp(got, want, strlen(want));

	if (f)
		fclose(f);
	return same ? 0 : EBADMSG;
}

static void whole_disk(int fd)
{
	say("size", size_is_right(fd));
	say("serial", serial_is(DATA_DISK_NAME));
	say("write", fill(fd));
	say("read", verify(fd, false));
	say("discard", range(fd, BLKDISCARD, DATA_DISCARD_AT));
	say("write zeroes", range(fd, BLKZEROOUT, DATA_ZERO_AT));
	say("flush", fsync(fd) ? errno : 0);
	say("read again", verify(fd, true));
}

/* Block after block, each told of once it has been flushed; there is no end. */
static void work(int fd)
{
	for (uint64_t n = 0;; n = (n + 1) % (DATA_DISK_LEN / DATA_BLOCK)) {
		data_fill(buffer, DATA_BLOCK, DATA_DISK_SEED, n * DATA_BLOCK);
		if (pwrite(fd, buffer, DATA_BLOCK, (off_t)(n * DATA_BLOCK)) != DATA_BLOCK ||
		    fsync(fd)) {
			say("work", errno);
			return;
		}
		printf(TEST_SAYS DATA_FLUSHED "%llu\n", (unsigned long long)n);
		fflush(stdout);
	}
}

/* What was flushed before is there. */
static int check(int fd)
{
	char line[1024] = "";
	FILE *f = fopen("/proc/cmdline", "re");
	const char *at = f && fgets(line, sizeof(line), f) ? strstr(line, DATA_COUNT) : NULL;
	uint64_t blocks = at ? strtoull(at + strlen(DATA_COUNT), NULL, 10) : 0;
	static uint8_t want[DATA_BLOCK];

	if (f)
		fclose(f);
	for (uint64_t n = 0; n < blocks; n++) {
		data_fill(want, DATA_BLOCK, DATA_DISK_SEED, n * DATA_BLOCK);
		if (pread(fd, buffer, DATA_BLOCK, (off_t)(n * DATA_BLOCK)) != DATA_BLOCK)
			return errno;
		if (memcmp(buffer, want, DATA_BLOCK))
			return EBADMSG;
	}
	printf(TEST_SAYS "checked %llu blocks\n", (unsigned long long)blocks);
	return blocks ? 0 : EINVAL;
}

bool data_disk(const char *mode)
{
	if (strncmp(mode, "disk", 4))
		return false;
	int fd = open(DISK, O_RDWR | O_DIRECT | O_CLOEXEC);
	say("disk", fd < 0 ? errno : 0);
	if (fd < 0)
		return true;
	if (!strcmp(mode, "disk-work"))
		work(fd);
	else if (!strcmp(mode, "disk-check"))
		say("check", check(fd));
	else
		whole_disk(fd);
	close(fd);
	return true;
}
