/* SPDX-License-Identifier: MIT */
/*
 * A bzImage: its setup header judged, a place found for it, its bytes loaded, as
 * Documentation/arch/x86/boot.rst of Linux asks of a boot loader that uses the 64-bit entry.
 * A kernel is as hostile as the guest in it: it must never make us read past the file, write past
 * guest RAM or below GUEST_LOAD_MIN.
 */
#ifndef VMM_BZIMAGE_X86_H
#define VMM_BZIMAGE_X86_H

#include "../vdpa/err.h"
#include "../virtio/gmem.h"

#include <stddef.h>
#include <stdint.h>

#define BZ_HEADER_AT 0x1f1u  /* where the setup header is, in the file and in boot_params */
#define BZ_HEADER_END 0x290u /* where boot_params has other things */

struct bzimage {
	uint8_t header[BZ_HEADER_END - BZ_HEADER_AT]; /* as in the file, then zeros; UNTRUSTED */
	uint64_t offset, size; /* of the protected-mode kernel, in the file */
	gpa_t load, entry;
	uint64_t end;	     /* the GPA after all that the kernel wants to itself at the start */
	uint64_t initrd_max; /* the highest GPA an initrd's byte may have */
	uint32_t cmdline_max;
};

/**
 * Read the setup header of @fd, a file of @len bytes, and find the kernel's place in @mem: where it
 * prefers to be, else, if it is relocatable, as low as may be. Errors are ERR_USAGE and name the
 * field at fault.
 */
int bzimage_read(const char *name, int fd, uint64_t len, const struct gmem *mem,
		 struct bzimage *out, struct err *e);

/** Copy the kernel to its place. */
int bzimage_load(const char *name, int fd, const struct bzimage *bz, const struct gmem *mem,
		 struct err *e);

/**
 * A place for an initrd of @len bytes: as high as may be at or below @max in RAM that ends at
 * @ram_end, and not below @lowest, which is the end of what the kernel has.
 */
int initrd_place(const char *name, uint64_t len, uint64_t lowest, uint64_t max, uint64_t ram_end,
		 gpa_t *at, struct err *e);

/** Whether a command line of @len characters suits a kernel that takes @max. */
int cmdline_fit(const char *name, size_t len, size_t max, struct err *e);

#endif
