/* SPDX-License-Identifier: MIT */
/*
 * The two kinds of address that are not pointers: where the guest's CPUs see memory (GPA) and where
 * the device sees it (IOVA). Each is a struct of its own, so that the compiler refuses to mix them
 * with one another or with a host pointer.
 */
#ifndef VIRTIO_ADDR_H
#define VIRTIO_ADDR_H

#include <stdint.h>

/** A guest physical address: what a guest CPU, or a ring that the guest wrote, names. */
typedef struct {
	uint64_t v;
} gpa_t;

/** An I/O virtual address: what a device names; it means something only within one ASID. */
typedef struct {
	uint64_t v;
} iova_t;

static inline gpa_t gpa(uint64_t v)
{
	return (gpa_t){v};
}

static inline iova_t iova(uint64_t v)
{
	return (iova_t){v};
}

#endif
