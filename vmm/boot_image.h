/* SPDX-License-Identifier: MIT */
/*
 * What a machine boots: the built-in guest, an ELF of that kind, or a Linux kernel with its initrd
 * and command line. It must never judge more of a file than which kind it is: the loaders do.
 */
#ifndef VMM_BOOT_IMAGE_H
#define VMM_BOOT_IMAGE_H

#include "../vdpa/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum boot_kind {
	BOOT_TINY,    /* an ELF, started as guest/abi.h says */
	BOOT_BZIMAGE, /* Linux, by the 64-bit boot protocol */
	BOOT_PVH,     /* an ELF with a PVH entry, which a Linux vmlinux is */
};

struct boot_image {
	enum boot_kind kind;
	const char *name;
	const void *elf; /* BOOT_TINY, BOOT_PVH: the whole file */
	uint64_t len;	 /* of the file, whichever kind */
	uint32_t entry;	 /* BOOT_PVH: where it starts */
	int fd;		 /* BOOT_BZIMAGE; else -1 */
	/* The following of Linux only. */
	const char *initrd; /* its name, or NULL */
	int initrd_fd;
	uint64_t initrd_len;
	const char *cmdline; /* as the user has it */
};

/** Which files to open; all but the built-in guest is optional. */
struct boot_files {
	const char *kernel; /* NULL: the built-in guest */
	const char *initrd, *cmdline;
};

/**
 * Open what @files names and tell its kind. An initrd or a command line for a guest that takes none
 * is ERR_USAGE. Strings are borrowed; what is opened is the process's until its end.
 */
int boot_image_open(struct boot_image *b, const struct boot_files *files, struct err *e);

static inline bool boot_is_linux(const struct boot_image *b)
{
	return b->kind != BOOT_TINY;
}

#endif
