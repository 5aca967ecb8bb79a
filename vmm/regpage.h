/* SPDX-License-Identifier: MIT */
/*
 * The page that a guest reads a device's registers from without an exit: memory to its CPUs, which
 * they can only read (KVM_MEM_READONLY), so that a write still comes to the VMM. It must never hold
 * anything that a read of the registers would not tell.
 */
#ifndef VMM_REGPAGE_H
#define VMM_REGPAGE_H

#include "../vdpa/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGPAGE_SIZE 0x1000

struct regpage {
	int fd;		      /* two pages, of which the guest sees one */
	unsigned shown;	      /* which */
	const uint8_t *guest; /* that one, where KVM finds it */
	uint8_t *both;	      /* all of it, ours */
	bool broken;	      /* it could not be shown anew, and what is shown changes no more */
};

/** Zeros. On failure nothing is left behind. */
int regpage_open(struct regpage *p, struct err *e);
/** The VM must be gone. */
void regpage_close(struct regpage *p);

/** Show @value in the 32-bit register at @offset, a multiple of 4, from now on. */
void regpage_set(struct regpage *p, uint32_t offset, uint32_t value);

/** What is shown. */
const uint8_t *regpage_shown(const struct regpage *p);

/**
 * Change @len bytes from @offset on in one step: a guest that reads meanwhile sees what was or what
 * is, never some of both. -errno: it sees what was, or nothing and ends when it reads; and neither
 * this nor regpage_set() does anything from then on. Not from a vCPU's thread: this can wait for
 * the process's memory map.
 */
int regpage_change(struct regpage *p, uint32_t offset, const void *bytes, size_t len);

#endif
