/* SPDX-License-Identifier: MIT */
/*
 * The canaries that fill CVQ memory: line n of the arena, 64 bytes, is the magic and 56 bytes
 * derived from a secret key and n. Used by the VMM to fill and by the judge to recognise; pure, no
 * I/O.
 */
#ifndef VDPA_CANARY_H
#define VDPA_CANARY_H

#include "../guest/abi.h"

#include <stdint.h>

/** Line number @n of the arena (byte offset / CANARY_LINE) under @key. */
struct canary_line canary_make(const uint8_t key[16], uint64_t magic, uint64_t n);

/** The number below @lines of the line that @line is a true copy of, or -1. */
int64_t canary_find(const uint8_t key[16], uint64_t magic, uint64_t lines,
		    const struct canary_line *line);

#endif
