/* SPDX-License-Identifier: MIT */
/*
 * A mutant: a patch that breaks the kernel's promise, and what a proof that ran on such a kernel
 * saw of it. It must never count as seen what the lab, rather than the proof or the kernel,
 * stumbled over.
 */
#ifndef LAB_MUTANT_H
#define LAB_MUTANT_H

#include "../../vdpa/err.h"

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>

/** From the patch's head: "Parent: vduse", "Mutant: what it breaks", perhaps "Equivalent: why". */
struct mutant {
	char name[64], patch[PATH_MAX];
	char parent[16]; /* vduse, vdpa_sim, or vhost, which is below both */
	char what[256];
	char equivalent[256]; /* why nothing can see it, or "" */
};

/** Those in @dir whose names match @filter (NULL: all), by name; free() the list. */
int mutants_find(const char *dir, const char *filter, struct mutant **list, unsigned *count,
		 struct err *e) __attribute__((warn_unused_result));

enum mutant_seen {
	SEEN_NOTHING,	/* the proof ran to its end, and all that holds otherwise held */
	SEEN_BY_ROWS,	/* a row was breached, or an oracle or a legal operation told */
	SEEN_BY_VMM,	/* the VMM would not start, and said which fact is missing */
	SEEN_BY_KERNEL, /* it complained or panicked */
	SEEN_UNCLEAR, /* the run says nothing: it did not end, or a row failed for another reason */
};

struct sight {
	enum mutant_seen seen;
	json_t *by;    /* array of {row, verdict, reason}, the heaviest kind only */
	unsigned rows; /* that ran to their end */
	char why[512]; /* of SEEN_BY_KERNEL and SEEN_UNCLEAR */
};

/**
 * What the run that left @results and @env (results.json and env.json, or NULL if there is none)
 * saw beside @base, the results on the unmutated kernel. Only rows that held there count. With
 * @base NULL it is that run itself, in which any row that neither held nor was skipped is something
 * seen. sight_free() in any case.
 */
void mutant_judge(struct sight *s, const json_t *base, const json_t *results, const json_t *env);
void sight_free(struct sight *s);
/** Whether a row was breached. */
bool sight_breach(const struct sight *s);

#endif
