/* SPDX-License-Identifier: MIT */
/*
 * The flattened device tree that tells the guest what machine it is in, and the attacker what to
 * aim at; to Linux it tells the former only. It must never hold a secret: no canary key, no host
 * address.
 */
#ifndef VMM_FDT_H
#define VMM_FDT_H

#include "../vdpa/err.h"
#include "../virtio/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fdt_config {
	uint64_t ram_size; /* from GPA 0 */
	unsigned cpus;
	gpa_t mmio, report; /* 4 KiB each */
	uint32_t gsi;
	/* The attacker's knowledge, as guest/abi.h has it. */
	uint32_t attack;
	uint32_t driver;
	iova_t arena;
	uint64_t arena_size, arena_readable;
	uint64_t canary_magic; /* as it is; the tree gets it inverted */
	uint64_t scan_stride;
	uint32_t ctrl_classes;
	bool for_linux; /* what follows the first five is not looked at */
};

/** Write the tree of @cfg to @buf; all of @len bytes are its to use. */
int fdt_build(const struct fdt_config *cfg, void *buf, size_t len, struct err *e);

#endif
