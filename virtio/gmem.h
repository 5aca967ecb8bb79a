/* SPDX-License-Identifier: MIT */
/*
 * The only door to guest memory: every access names a guest physical address and a length, and is
 * checked as a whole before a byte moves.
 * It must never hand out a host pointer into guest memory: what was checked through a pointer could
 * be changed by a vCPU before it is used.
 */
#ifndef VIRTIO_GMEM_H
#define VIRTIO_GMEM_H

#include "addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GMEM_REGIONS 4

/** One run of guest RAM; @host is borrowed and stays mapped for as long as the gmem is used. */
struct gmem_region {
	gpa_t start;
	uint64_t size;
	uint8_t *host;
};

/** All of guest RAM, as disjoint regions in any order. Zero-initialise before gmem_add(). */
struct gmem {
	struct gmem_region region[GMEM_REGIONS];
	unsigned count;
};

/** Add a region. -EINVAL: empty, wraps past 2^64 or overlaps another; -ENOSPC: no slot left. */
int gmem_add(struct gmem *m, gpa_t start, uint64_t size, void *host)
    __attribute__((warn_unused_result));

/** Whether [at, at + len) lies wholly within one region; a length of 0 does so where its address
 * does. */
bool gmem_contains(const struct gmem *m, gpa_t at, uint64_t len);

/**
 * Copy @len bytes out of (in to) guest RAM. -EFAULT if the range is not wholly RAM: nothing was
 * copied then. The copy is not atomic: the guest may write while it runs, so read once, judge the
 * copy.
 */
int gmem_read(const struct gmem *m, gpa_t at, void *dst, size_t len)
    __attribute__((warn_unused_result));
int gmem_write(const struct gmem *m, gpa_t at, const void *src, size_t len)
    __attribute__((warn_unused_result));

/**
 * A 16-bit little-endian ring index, loaded with acquire and stored with release ordering, as
 * virtio 1.3 sections 2.7.13 and 2.7.14 ask of available and used indices.
 * -EFAULT as above, -EINVAL if @at is odd.
 */
int gmem_load16(const struct gmem *m, gpa_t at, uint16_t *v) __attribute__((warn_unused_result));
int gmem_store16(const struct gmem *m, gpa_t at, uint16_t v) __attribute__((warn_unused_result));

#endif
