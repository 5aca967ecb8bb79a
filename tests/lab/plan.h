/* SPDX-License-Identifier: MIT */
/*
 * What the lab is to run for a command line: the job, the device it needs, a program to take along.
 * It must never decide anything about the machine.
 */
#ifndef LAB_PLAN_H
#define LAB_PLAN_H

#include "lab.h"

#define JOB_MAX 120

/** The command as the lab runs it; its strings are borrowed from the options or literals. */
struct plan {
	char *job[JOB_MAX + 8];
	unsigned count;
	char *const *companion;
	const char *extra; /* a program of the user's to take along, or NULL */
	bool terminal;
};

/** Make the plan for @o; fails where what it needs is missing on this host. */
int plan_make(struct plan *p, const struct lab_opts *o, struct err *e)
    __attribute__((warn_unused_result));

#endif
