/* SPDX-License-Identifier: MIT */
/*
 * One run of `ringfence prove`: what is to be run (plan.c), running it (prove.c), telling of it
 * (tell.c). It must never be reachable from anything but main().
 */
#ifndef ISOLATION_PROVE_H
#define ISOLATION_PROVE_H

#include "env.h"
#include "options.h"
#include "out.h"
#include "pool.h"
#include "report.h"

struct prove {
	struct options o;
	struct env env;
	struct session ses;
	struct summary sum;
	struct out out;
	char ringfence[400];
	struct row_result *row;
	unsigned rows, told; /* rows are told in order */
	unsigned *left;	     /* by row: episodes not done */
	struct pool_task *task;
	unsigned tasks, done;
	struct pool pool;
	FILE *tap; /* results.tap, with --out */
	bool tty;
	uint64_t from;
	char skip[512]; /* nothing can run, and why */
	struct ahead *ahead;
	struct gather gathered;
	FILE *gather; /* --gather's */
};

/** --list: the selected rows, their claims and controls, on stdout. The exit code. */
int plan_list(const struct options *o, struct err *e);

/** Whether the options can be carried out: a break that no row can notice says nothing. */
int plan_check(const struct options *o, struct err *e);

/** Whether any selected row needs more than this process; whether any needs this parent. */
bool plan_needs_kernel(const struct options *o);
bool plan_needs(const struct options *o, enum parent parent);

/** Make the rows and their episodes from the options; none may be selected. */
int plan_make(struct prove *p, struct err *e);
void plan_free(struct prove *p);

/** Choose how to tell, open results.tap if there is an --out, and tell where this runs. */
int tell_open(struct prove *p, struct err *e);
/** An episode is done: a line for those who watch. */
void tell_progress(const struct prove *p, const struct pool_task *t);
/** Row number @p->told is done. */
void tell_row(struct prove *p, const struct row_result *r);
/** All is done, or nothing could run (@p->skip): the ends of the streams, and the documents. */
int tell_end(struct prove *p, bool keep, int exit_code, int argc, char **argv, struct err *e);

#endif
