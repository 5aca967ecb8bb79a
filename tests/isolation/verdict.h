/* SPDX-License-Identifier: MIT */
/*
 * From evidence to a verdict: pure, no I/O, nothing remembered. It must never take the absence of
 * bad news for good news: what did not demonstrably run is not held.
 */
#ifndef ISOLATION_VERDICT_H
#define ISOLATION_VERDICT_H

#include "evidence.h"
#include "matrix.h"

/** Fewest true canary lines that each page of the arena must hold, for its oracle not to be blind
 * there. */
#define CANARY_PAGE_LEAST 16

enum verdict {
	VERDICT_HELD,
	VERDICT_BREACHED,   /* an oracle saw isolation broken; for a control: as it should be */
	VERDICT_NOT_TESTED, /* nothing bad was seen, but too little was done or shown */
	VERDICT_FAILED,	    /* it did not run to its end, or an oracle cannot be trusted */
	VERDICT_SKIPPED,    /* it cannot run here: reason says what is missing */
};

const char *verdict_name(enum verdict v);

struct finding {
	enum verdict verdict;
	bool legal_failed; /* that is why: a legal operation, which a busy host may fail */
	uint32_t saw;	   /* set of enum sight */
	char reason[280];
};

/** Judge a run that is said to be isolated. */
struct finding verdict_isolated(const struct row *row, const struct evidence *ev);

/** Judge the control @brk of @row: VERDICT_BREACHED if it showed all that it must. */
struct finding verdict_control(const struct row *row, const char *brk, const struct evidence *ev);

/** The row's verdict, from its isolated run and its @n controls, which must be all of
 * matrix_controls(). */
struct finding verdict_row(const struct row *row, const struct finding *isolated,
			   const struct finding *controls, unsigned n);

/**
 * Whether the run may be made once more: it came to its end and nothing bad was seen, but nor was
 * enough, or a legal operation failed. A guest gives an attempt some tens of milliseconds and a
 * legal operation a second, which a busy machine may let pass. Never for a run that was breached,
 * failed in another way or had no guest; and reports say of a run that it was not the first.
 */
bool verdict_try_again(const struct finding *f, const struct evidence *ev);

/** "secret read", "arena overwritten", ...: @saw's strongest part, for people. */
const char *sight_text(uint32_t saw);

#endif
