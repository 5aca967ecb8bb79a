/* SPDX-License-Identifier: MIT */
/*
 * The device's address spaces: the only door to its clients' memory. An access names a queue and an
 * IOVA; the queue's group, and the group's ASID, decide what memory that is, and nothing else does.
 * This is the step that isolates a control virtqueue on VDUSE: the kernel offers every ASID to the
 * device alike. It must never hand out a pointer to that memory, nor touch a byte that the access's
 * own ASID does not hold.
 *
 * Memory is mapped, not read and written by its file descriptor: ring indices want atomic loads and
 * stores with acquire and release ordering, which pread() and pwrite() don't promise, and a file
 * sealed against future writes refuses pwrite(). What mmap() costs is SIGBUS, when a client
 * truncates a file or its memory cannot be had: guard.h turns that into a refused access.
 *
 * Nothing here locks: its caller holds the device's lock throughout an access and throughout a
 * drop, so a mapping is never taken away under a copy, and an UPDATE_IOTLB is answered only when
 * none is left.
 */
#ifndef VDUSE_AS_H
#define VDUSE_AS_H

#include "../../virtio/addr.h"
#include "../trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AS_QUEUES_MAX 17
#define AS_GROUPS_MAX 4
#define AS_SPACES_MAX 2

/** A mapped region, as the kernel described it: [start, last] of one ASID. */
struct as_region {
	uint64_t start, last;
	bool readable, writable; /* by the device */
	uint64_t ino;
	uint64_t behind; /* bytes of the file mapped past @last: 0, but see breaks.h */
	void *map;	 /* page-aligned; @host is where @start is in it */
	size_t map_len;
	uint8_t *host;
};

/** The regions of one ASID that have been asked for since its last change. */
struct as_space {
	struct as_region *region;
	unsigned count, room;
};

struct as_table {
	int fd;	      /* the VDUSE device, borrowed */
	uint64_t api; /* VDUSE API version: 0 knows no ASIDs */
	unsigned queues, groups, spaces;
	uint32_t queue_group[AS_QUEUES_MAX];
	uint32_t group_asid[AS_GROUPS_MAX];
	struct as_space space[AS_SPACES_MAX];
	uint32_t breaks;     /* set of enum break_id */
	struct trace *trace; /* borrowed; may be NULL */
};

/**
 * Copy @len bytes between private memory and [@at, @at + @len) as queue @q sees it; "read" and
 * "write" are the device's. The range may straddle regions. It is translated, and traced, as a
 * whole before a byte moves. -EFAULT: some of it is unmapped, lacks the permission or wraps past
 * 2^64 and nothing was copied, or (traced as "fault") the client took the memory away during the
 * copy.
 */
int as_read(struct as_table *t, unsigned q, iova_t at, void *dst, size_t len)
    __attribute__((warn_unused_result));
int as_write(struct as_table *t, unsigned q, iova_t at, const void *src, size_t len)
    __attribute__((warn_unused_result));

/**
 * A 16-bit little-endian ring field, in one access: loaded with acquire, stored with release
 * ordering. -EINVAL: not aligned in memory, or not within one region. -EFAULT as above.
 */
int as_load16(struct as_table *t, unsigned q, iova_t at, uint16_t *v)
    __attribute__((warn_unused_result));
int as_store16(struct as_table *t, unsigned q, iova_t at, uint16_t v)
    __attribute__((warn_unused_result));

/** Forget every mapping of @asid, or of all. The kernel is asked again at the next access. */
void as_drop(struct as_table *t, uint32_t asid);
void as_drop_all(struct as_table *t);

#endif
