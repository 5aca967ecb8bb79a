/* SPDX-License-Identifier: MIT */
/*
 * What a program that runs rows by itself (ringfence-enum, -steps, -hostile) says of one of them: a
 * line of JSON, the last of its standard output. It must never be taken for a verdict: what was not
 * attempted, or has nothing legal beside it, did not hold.
 *
 * Such a program is called as
 *   ringfence-X --tally --row NAME [--parent vduse|vduse-mlx5|vdpa_sim] [--device NAME]
 *               [--private-cvq] [--break NAME] [--full]
 * where --device names the one device it may make. It ends with 0 (no violations, nothing failed),
 * 1 (some), 4 (it cannot run here: tally.skip says why), 70 (own failure; the reason is on stderr).
 */
#ifndef ISOLATION_TALLY_H
#define ISOLATION_TALLY_H

#include <stdint.h>
#include <stdio.h>

struct tally {
	uint64_t legal;	     /* operations beside the attempts that had to work, and did */
	uint64_t attempts;   /* what must not get through, or be answered as the rule says */
	uint64_t violations; /* attempts that did, or were not, and what a rule forbids besides */
	uint64_t failed;     /* legal operations that did not work, which a busy host may do */
	char unit[32];	     /* what an attempt is: "chains" */
	char first[200];     /* the first violation, else the first failure, or "" */
	char note[160];	     /* how it held, or what else is worth a line, or "" */
	char skip[200];	     /* why it cannot run here, or "" */
};

/** Print it as one line. */
void tally_print(FILE *f, const struct tally *t);

/** "1,234,567" */
const char *tally_grouped(uint64_t v, char buf[32]);

/** Read such a line. -EINVAL: it is none. */
int tally_read(struct tally *t, const char *line);

#endif
