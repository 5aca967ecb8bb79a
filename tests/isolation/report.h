/* SPDX-License-Identifier: MIT */
/*
 * Results, and the forms in which they are told: for people, TAP 13, JSON, JUnit. The writers take
 * a FILE and print nothing else anywhere. None may leave out the header, what is not claimed, or a
 * break.
 */
#ifndef ISOLATION_REPORT_H
#define ISOLATION_REPORT_H

#include "env.h"
#include "evidence.h"
#include "matrix.h"
#include "verdict.h"

#include <stdbool.h>
#include <stdio.h>

/** One episode of a row, judged. */
struct run {
	const char *brk;  /* a break's name, or NULL: isolated */
	bool as_isolated; /* judged as what should be isolated: the row itself, with or without a
			     break */
	unsigned tries;	  /* the last one is what counts, and what is here; but for */
	char first[100];  /* ... why there was another, "" where that is not known */
	struct finding finding;
	struct evidence ev;
};

struct row_result {
	struct row row;
	unsigned repeat; /* which time, from 1 */
	struct run isolated;
	struct run *control;
	unsigned controls; /* 0 under --break and --no-controls */
	struct finding finding;
	uint64_t ns; /* the sum of its episodes */
};

/** What a stock kernel's run rests on, one line; and what is not claimed, a list. */
extern const char report_stock_note[];
extern const char report_not_claimed[];

/** How the whole run ended, beside its rows. */
enum stopped { STOPPED_NOT, STOPPED_BY_SIGNAL, STOPPED_BY_TIME };

struct session {
	const struct env *env;
	const char *brk; /* applied to what should be isolated, or NULL */
	bool no_controls;
	unsigned more_rows, more_controls; /* that --full has */
	unsigned planned, repeats;
	bool full, color;
};

struct summary {
	unsigned rows, held, breached, not_tested, failed, skipped;
	unsigned held_in_process; /* of those held: what says nothing of this kernel */
	unsigned controls, controls_shown;
	uint64_t attempts; /* of isolated runs */
	uint64_t ns;	   /* wall clock */
	enum stopped stopped;
};

/** Judge @r from the findings of its runs; @alone: it has no controls on purpose. */
void result_judge(struct row_result *r, bool alone);

/** Count @r in. */
void summary_add(struct summary *s, const struct row_result *r);

/** What the break of that name does, one line. */
const char *break_effect(const char *name);

/** The documented exit code of a run that could run; @require: what cannot run here counts as not
 * held. */
int summary_exit(const struct summary *s, const struct session *ses, bool require);

/** "47 rows, 45 held, 0 breached, 2 skipped; 31,234,567 attempts; 160 of 160 controls
 * succeeded; 70.1 s" */
void summary_text(const struct summary *s, const struct session *ses, char *buf, size_t len);

/** "control merge-asid: secret read", or of several: "controls a, b: secret read; control c: NOT
 * shown: ...". */
void result_controls(const struct row_result *r, char *buf, size_t len);

/** The row's name, with " (2 of 3)" when it is repeated. */
void result_name(const struct row_result *r, const struct session *ses, char *buf, size_t len);

/* Streams: a beginning, then each row as it is done and an end, or that nothing could run, and why.
 */
void human_begin(FILE *f, const struct session *ses);
void human_row(FILE *f, const struct session *ses, const struct row_result *r);
/** @bad: the first row that did not hold, or NULL; @out: where the logs are, or NULL. */
void human_end(FILE *f, const struct session *ses, const struct summary *s,
	       const struct row_result *bad, const char *out);
void human_skip(FILE *f, const char *why);

void tap_begin(FILE *f, const struct session *ses);
void tap_plan(FILE *f,
	      const struct session *ses); /* before the first row, or tap_skip() in its place */
void tap_row(FILE *f, const struct session *ses, unsigned number, const struct row_result *r);
void tap_end(FILE *f, const struct session *ses, const struct summary *s);
/** @require: that nothing can run is a failure. */
void tap_skip(FILE *f, const char *why, bool require);

/* Whole documents; @skip: nothing could run, and why, or NULL. */
void json_write(FILE *f, const struct session *ses, const struct row_result *const *rows,
		unsigned n, const struct summary *s, const char *skip, int exit_code);
void json_env(FILE *f, const struct session *ses, int argc, char **argv);
void junit_write(FILE *f, const struct session *ses, const struct row_result *const *rows,
		 unsigned n, const struct summary *s, const char *skip);

#endif
