/* SPDX-License-Identifier: MIT */
/*
 * What a row needs while it runs: to count its attempts and to tell what the code did other than
 * the model. It must never judge: the models do.
 */
#ifndef ISOLATION_ENUM_RUN_H
#define ISOLATION_ENUM_RUN_H

#include "enum.h"

#include <stddef.h>

struct enum_run {
	const struct enum_how *how;
	struct enum_result *result;
};

/** Tell of something that must not be; returns only if the row is to go on. */
void enum_violated(struct enum_run *r, const char *what, ...)
    __attribute__((format(printf, 2, 3), cold));

/** Count an attempt by what the code said; true if the model says otherwise, which is for
 * enum_violated(). */
static inline bool enum_differs(struct enum_run *r, bool accepted, bool model)
{
	r->result->attempts++;
	if (accepted)
		r->result->accepted++;
	else
		r->result->refused++;
	r->result->too_lenient += accepted && !model;
	r->result->too_strict += !accepted && model;
	return accepted != model;
}

/* The words for a verdict that differs. */
static inline const char *enum_verdict(bool accepted)
{
	return accepted ? "accepted, the model refuses" : "refused, the model accepts";
}

/** SplitMix64: the same numbers on every run, from a seed that the row names. */
static inline uint64_t enum_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/** Values at which arithmetic on 64 bits goes wrong: 0, and each power of two and its neighbours;
 * fills @out. */
#define ENUM_EDGES 192
unsigned enum_edges(uint64_t out[ENUM_EDGES]);

/** What runs each row of table.h. */
extern void (*const enum_code[ENUM_ROWS])(struct enum_run *r);

/* The rows: row_NAME.c, but for the four of the registers, which are row_mmio.c. */
void row_edges(struct enum_run *r);
void row_games(struct enum_run *r);
void row_chains(struct enum_run *r);
void row_headers(struct enum_run *r);
void row_races(struct enum_run *r);
void row_stale(struct enum_run *r);
void row_counts(struct enum_run *r);
void row_sizes(struct enum_run *r);
void row_live(struct enum_run *r);
void row_registers(struct enum_run *r);
void row_status(struct enum_run *r);
void row_images(struct enum_run *r);
void row_answers(struct enum_run *r);

#endif
