/* SPDX-License-Identifier: MIT */
/*
 * The three oracles. Each sees the run from another side (the guest's claims, the host's view of
 * the arena, the daemon's account) and shares no code with what it watches but the canaries'
 * recipe. They must never excuse anything: they find, verdict.c judges.
 */
#ifndef ISOLATION_ORACLE_H
#define ISOLATION_ORACLE_H

#include "../../vdpa/err.h"
#include "evidence.h"

#include <stddef.h>
#include <stdio.h>

/** What canaries are made from; random for every episode. */
struct canary_seed {
	uint8_t key[16];
	uint64_t magic;
};

/** Oracle 1: the guest claims to have read @leak out of an arena of @lines lines. */
void oracle_leak(struct canary_finding *f, const struct canary_seed *seed, uint64_t lines,
		 const struct report_leak *leak);

/** Oracle 2's state: the arena's files mapped read-only, the canaries it should hold, the last
 * snapshot. */
struct arena {
	const uint8_t *part[2]; /* readable, writable */
	size_t part_len[2];
	size_t len;
	uint8_t *want, *before, *now; /* @len bytes each */
};

/**
 * Check the three files of a hello (guest RAM, arena readable, arena writable; borrowed) and map
 * the arena read-only. Files that break the rules are noted in f->files_bad; they are mapped only
 * if they cannot shrink. An error means that the arena could not be looked at. arena_close()
 * afterwards in either case; *a must be zero before.
 */
int arena_open(struct arena *a, struct arena_finding *f, const struct monitor_hello *hello,
	       const int fds[3], const struct canary_seed *seed, struct err *e);
void arena_close(struct arena *a);

/** An attempt begins: take the snapshot; the first time count the canaries too. */
void arena_begin(struct arena *a, struct arena_finding *f);
/** It is over: compare. */
struct arena_diff arena_end(struct arena *a, const struct arena_finding *f);

/** The pure halves of the above, on @len bytes (a multiple of 4096) and the canaries @want of that
 * arena. */
void arena_fill_want(uint8_t *want, size_t len, const struct canary_seed *seed);
void arena_count(struct arena_finding *f, const uint8_t *now, const uint8_t *want, size_t len);
struct arena_diff arena_compare(const uint8_t *before, const uint8_t *now, const uint8_t *want,
				size_t len);

/** Oracle 3: read the daemon's trace (JSON lines) into ev->trace and what it tells of each attempt
 * into ev->attempt[]; uses ev->hello and the inodes in ev->arena. */
void oracle_trace(struct evidence *ev, FILE *trace);

#endif
