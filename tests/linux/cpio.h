/* SPDX-License-Identifier: MIT */
/*
 * An initramfs made of one program, for a Linux guest: cpio's "newc" format. It must never hold
 * anything that was not asked for by name.
 */
#ifndef TESTS_LINUX_CPIO_H
#define TESTS_LINUX_CPIO_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/** Append @len bytes of @from, beginning at @at, to @to. 0 or an errno value. */
int cpio_copy(int from, off_t at, uint64_t len, FILE *to);

/** Write an initramfs to @to whose /init is the first @len bytes of @program. 0 or an errno value.
 */
int cpio_init_only(FILE *to, int program, uint64_t len);

/** Add an archive to the initramfs in @to, which the kernel unpacks after the first: the files of
 * @dir, as programs, in a directory @name. 0 or an errno value. */
int cpio_add_directory(FILE *to, const char *dir, const char *name);

#endif
