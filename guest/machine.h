/* SPDX-License-Identifier: MIT */
/*
 * The machine as its FDT describes it, the attacker's knowledge included.
 * No other part of the guest may read the FDT or assume an address.
 */
#ifndef GUEST_MACHINE_H
#define GUEST_MACHINE_H

#include <stdint.h>

#define PAGE 4096u
#define PAGES_BESIDE 2u /* how far beside the arena attacks aim, at most */

struct machine {
	uint64_t ram, ram_size;
	unsigned cpus;
	uint64_t report; /* base of the report device */
	uint64_t virtio; /* base of the virtio-mmio registers */
	uint32_t virtio_gsi;

	/* From the ringfence-attack node, see abi.h. */
	uint32_t attack;
	uint64_t arena, arena_size, arena_readable;
	uint64_t magic_inverted;
	uint64_t scan_stride;
	uint32_t ctrl_classes;
	uint32_t driver;
};

/**
 * Read the FDT at GPA @fdt. Returns NULL, or what is missing or makes no sense; @m->report is set
 * whenever there is a report device to say it to.
 */
const char *machine_read(struct machine *m, uint64_t fdt);

/** Whether the run may take as long as it needs (--full): the scan's smallest step says so. */
static inline _Bool machine_wants_all(const struct machine *m)
{
	return m->scan_stride == PAGE;
}

/** Whether the page at @gpa is RAM. */
static inline _Bool machine_has_ram(const struct machine *m, uint64_t gpa)
{
	return gpa >= m->ram && gpa - m->ram < m->ram_size;
}

#endif
