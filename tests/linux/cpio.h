/* SPDX-License-Identifier: MIT */
/*
 * An initramfs made of one program, for a Linux guest: cpio's "newc" format. It must never hold
 * anything else.
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

#endif
