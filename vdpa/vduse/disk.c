/* SPDX-License-Identifier: MIT */
/* A disk in a file; see disk.h. It must never let a write change the file's size. */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOLE (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

/* Behind the end there is nothing to lose: this only asks whether it could. */
static bool can_punch(const struct disk *d)
{
	return !fallocate(d->fd, HOLE, (off_t)(d->sectors * DISK_SECTOR), DISK_SECTOR);
}

static int measure(struct disk *d)
{
	struct stat st;

	if (fstat(d->fd, &st))
		return errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)DISK_SECTOR || st.st_size % DISK_SECTOR)
		return EINVAL;
	/* By file and not by process, so that it goes with the last descriptor of a dead one. */
	if (flock(d->fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? EBUSY : errno;
	d->sectors = (uint64_t)st.st_size / DISK_SECTOR;
	d->punches = can_punch(d);
	return 0;
}

int disk_open(struct disk *d, const char *path, struct err *e)
{
	*d = (struct disk){.fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)};
	int code = d->fd < 0 ? errno : measure(d);

	if (!code)
		return 0;
	disk_close(d);
	return err_set(e, ERR_HOST, code, "open", path, "%s",
		       code == EBUSY ? "another device has it"
				     : "--file takes a regular file of whole sectors of 512 bytes, "
				       "to read and to write");
}

void disk_close(struct disk *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

int disk_read(const struct disk *d, void *to, size_t len, uint64_t offset)
{
	for (uint8_t *at = to; len > 0;) {
		ssize_t n = pread(d->fd, at, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		at += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int disk_write(const struct disk *d, const void *from, size_t len, uint64_t offset)
{
	for (const uint8_t *at = from; len > 0;) {
		ssize_t n = pwrite(d->fd, at, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		at += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int disk_flush(const struct disk *d)
{
	return fdatasync(d->fd) ? -errno : 0;
}

int disk_zero(const struct disk *d, uint64_t len, uint64_t offset, bool unmap)
{
	static const uint8_t zeroes[65536];
	int ret = 0;

	if (unmap && d->punches)
		return fallocate(d->fd, HOLE, (off_t)offset, (off_t)len) ? -errno : 0;
	while (!ret && len > 0) {
		size_t n = len < sizeof(zeroes) ? (size_t)len : sizeof(zeroes);
		ret = disk_write(d, zeroes, n, offset);
		offset += n;
		len -= n;
	}
	return ret;
}
