/* SPDX-License-Identifier: MIT */
/*
 * What a reproducer of a kernel finding is, and what it may ask of the program around it. A
 * reproducer shows a finding on the running kernel, in a process of its own that may hang. It must
 * never judge by a version string, nor call a finding gone when it could not look.
 */
#ifndef KNOWN_H
#define KNOWN_H

#include "world.h"

#include <stdbool.h>

enum known_verdict {
	KNOWN_ERROR, /* the reproducer itself failed, or ended without a word */
	KNOWN_SHOWS, /* as expected: the finding is there */
	KNOWN_GONE,  /* it is not there any more */
	KNOWN_SKIP,  /* this kernel or machine cannot show it, and the text says why */
};

/** Between the program and a reproducer's process, in shared memory. */
struct known_report {
	enum known_verdict verdict;
	atomic_bool judged; /* what follows is tidying up, which may hang */
	char text[400];
};

struct known_run {
	struct known_report *report;
	struct world world; /* closed for the reproducer when it returns */
	struct err e;
	int kmsg; /* the kernel's log from the reproducer's start on */
};

/** What must be there: looked at before the reproducer is started. */
enum known_need { NEED_VDUSE = 1 };

struct known {
	const char *name, *title;
	unsigned needs;
	bool destructive;  /* may leave the kernel wedged: runs only alone and when asked to */
	unsigned seconds;  /* its deadline, or 0 for the default */
	const char *warns; /* the kernel's function that WARNs when it shows, or NULL */
	enum known_verdict (*run)(struct known_run *r);
};

extern const struct known k1, k2, k3, k4, k5, k6, k7, k8, k9, k10, k11, k12, k13, k14, k15, k16,
    k17, k18, k19, k20, k21, k22, k23;

/** Verdicts, each with what was seen. known_failed(): the reason is in r->e. */
enum known_verdict known_shows(struct known_run *r, const char *text, ...)
    __attribute__((format(printf, 2, 3)));
enum known_verdict known_gone(struct known_run *r, const char *text, ...)
    __attribute__((format(printf, 2, 3)));
enum known_verdict known_skip(struct known_run *r, const char *text, ...)
    __attribute__((format(printf, 2, 3)));
enum known_verdict known_failed(struct known_run *r);

/** The first new line of the kernel's log that holds @needle, in @line; false if there is none. */
bool known_logged(struct known_run *r, const char *needle, char *line, size_t len);

#endif
