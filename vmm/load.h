/* SPDX-License-Identifier: MIT */
/*
 * The loader of guest images: ELF64 executables, segment by segment into guest RAM; and the files
 * that all images come from.
 * An image is as hostile as the guest in it: it must never make the loader read past the file,
 * write past guest RAM or work longer than both are big.
 */
#ifndef VMM_LOAD_H
#define VMM_LOAD_H

#include "../vdpa/err.h"
#include "../virtio/gmem.h"

#include <stddef.h>
#include <stdint.h>

#define LOAD_FILE_MAX (64u << 20)

/**
 * Open the regular file @path, of at most LOAD_FILE_MAX bytes, and tell its length. An fd, or the
 * error that @e holds.
 */
int load_open(const char *path, uint64_t *len, struct err *e);

/**
 * Copy @len bytes of @fd from @offset on to guest RAM at @at, some at a time: what is opaque to us
 * needs no copy of our own. A file that ends early, or has shrunk since, is ERR_USAGE.
 */
int load_stream(const char *name, int fd, uint64_t offset, uint64_t len, const struct gmem *mem,
		gpa_t at, struct err *e);

/**
 * Read all of @path (at most LOAD_FILE_MAX) into memory of our own, so that nobody changes it
 * between check and use; the caller frees it. NULL and @e filled on failure.
 */
void *load_file(const char *path, size_t *len, struct err *e);

/**
 * Put the PT_LOAD segments of the ELF @file, built for @machine (EM_*), at their physical addresses
 * and give its entry. @name is for errors, which are ERR_USAGE and name the field at fault.
 * Segments must be in ascending order without overlap, at or above GUEST_LOAD_MIN; the entry must
 * lie in one. After a failure guest RAM may hold part of the image.
 */
int load_elf(const char *name, const void *file, size_t len, uint16_t machine,
	     const struct gmem *mem, gpa_t *entry, struct err *e);

/** The same, and the GPA after the highest segment. */
int load_elf_end(const char *name, const void *file, size_t len, uint16_t machine,
		 const struct gmem *mem, gpa_t *entry, uint64_t *end, struct err *e);

/**
 * The PVH entry that a note of the ELF @file names (XEN_ELFNOTE_PHYS32_ENTRY), which must lie in a
 * PT_LOAD segment. 1: there is one, 0: there is none, or the error that @e holds.
 */
int load_pvh_entry(const char *name, const void *file, size_t len, uint16_t machine,
		   uint32_t *entry, struct err *e);

#endif
