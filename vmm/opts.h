/* SPDX-License-Identifier: MIT */
/*
 * Small pure parsers that every subcommand's options share: sizes, numbers, keys, when to colour.
 * It must never read the command line, the environment or a terminal by itself, so that tests can
 * call it.
 */
#ifndef VMM_OPTS_H
#define VMM_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A decimal or 0x-prefixed number, nothing before or after it. -EINVAL, or -ERANGE beyond @max. */
int opts_u64(const char *text, uint64_t max, uint64_t *out) __attribute__((warn_unused_result));

/** A number of bytes, with an optional K, M or G (powers of 1024). -EINVAL, -ERANGE beyond 2^64
 * - 1. */
int opts_size(const char *text, uint64_t *out) __attribute__((warn_unused_result));

/** Exactly 2 * @len hex digits into @len bytes, first digits first. -EINVAL and @out untouched
 * otherwise. */
int opts_hex(const char *text, uint8_t *out, size_t len) __attribute__((warn_unused_result));

/** Seconds, a fraction allowed ("0.5"), as milliseconds; at least 1 ms and at most a day. -EINVAL.
 */
int opts_seconds(const char *text, unsigned *ms) __attribute__((warn_unused_result));

enum opts_color { OPTS_COLOR_AUTO, OPTS_COLOR_ALWAYS, OPTS_COLOR_NEVER };

/** "auto", "always" or "never". -EINVAL. */
int opts_color_mode(const char *text, enum opts_color *out) __attribute__((warn_unused_result));

/** Whether to colour, given what NO_COLOR is set to (NULL: unset) and whether the output is a
 * terminal. */
bool opts_color(enum opts_color mode, const char *no_color, bool is_terminal);

#endif
