/* SPDX-License-Identifier: MIT */
/*
 * A bus: which device answers at which guest physical address, or, on x86's second bus, at which
 * port.
 * It must never fail an access: where nothing answers, reads give all ones and writes go nowhere.
 */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include "../virtio/addr.h"

#include <stdbool.h>
#include <stdint.h>

#define BUS_DEVICES 6

/** One access of a vCPU. UNTRUSTED: guest */
struct bus_access {
	uint64_t offset; /* into the device's range */
	unsigned len;	 /* 1 .. 8, wholly within the range */
	bool write;
	uint64_t value; /* written, or to be filled in; little-endian, its low @len bytes count */
};

struct bus_device {
	gpa_t start;
	uint64_t size;
	void (*access)(void *ctx, struct bus_access *a); /* on a vCPU's thread, several at once */
	void *ctx;
};

/** Devices in disjoint ranges; filled before the first vCPU runs, then only read. */
struct bus {
	struct bus_device device[BUS_DEVICES];
	unsigned count;
};

/** Add a copy of @d. -EINVAL: empty, wraps or overlaps another; -ENOSPC. */
int bus_add(struct bus *b, const struct bus_device *d) __attribute__((warn_unused_result));

/** An access of @len bytes at @at; @value is written from or read into. */
void bus_access(const struct bus *b, gpa_t at, unsigned len, bool write, uint64_t *value);

#endif
