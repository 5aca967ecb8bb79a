/* SPDX-License-Identifier: MIT */
/*
 * A disk: a regular file of whole sectors. Offsets and lengths are bytes, and its caller has seen
 * to it that they lie in the disk. It must never serve two devices at once.
 */
#ifndef VDUSE_DISK_H
#define VDUSE_DISK_H

#include "../err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_SECTOR 512u

struct disk {
	int fd; /* -1: none */
	uint64_t sectors;
	bool punches; /* its file system can make holes */
};

/**
 * Open @path, which keeps its size from then on, and lock it for as long as this process holds it.
 * EBUSY: another has it. EINVAL: not a regular file, or not of whole sectors.
 */
int disk_open(struct disk *d, const char *path, struct err *e);
void disk_close(struct disk *d);

/** All of it or -errno; a file that has shrunk is -EIO. */
int disk_read(const struct disk *d, void *to, size_t len, uint64_t offset);
int disk_write(const struct disk *d, const void *from, size_t len, uint64_t offset);

/** What was written is on the medium when this returns 0. */
int disk_flush(const struct disk *d);

/** Make zeroes of it, and with @unmap a hole if that can be. */
int disk_zero(const struct disk *d, uint64_t len, uint64_t offset, bool unmap);

#endif
