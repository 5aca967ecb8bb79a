/* SPDX-License-Identifier: MIT */
/*
 * What the kernel must answer, stated without it: by the rules of drivers/vhost/vdpa.c as they are
 * meant. Pure. It must never be changed to fit an answer that was seen.
 */
#ifndef ISOLATION_STEPS_RULE_H
#define ISOLATION_STEPS_RULE_H

#include <stdbool.h>
#include <stdint.h>

/** What a device has. */
struct facts {
	uint32_t queues, groups, spaces;
	uint16_t num_max;
};

/** Whether @answer (0 or -errno) is right for SET_GROUP_ASID; @live: after DRIVER_OK. */
bool rule_group_asid(const struct facts *f, uint32_t group, uint32_t asid, bool live, int answer);

/** Whether SET_VRING_NUM may take @num before DRIVER_OK. */
bool rule_num(const struct facts *f, uint32_t num);

/** A mapping: @size bytes, not 0, that don't wrap. */
struct extent {
	uint64_t at, size;
};

/** Whether IOTLB UPDATE may map [at, at + size) beside the @n that are there. */
bool rule_map(const struct extent *there, unsigned n, uint64_t at, uint64_t size);

#endif
