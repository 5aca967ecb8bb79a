/* SPDX-License-Identifier: MIT */
/*
 * A row's faults, shared out to VMMs of which several run at a time, each in a lane: a process that
 * runs one session after another. It must never count what a busy machine did as a fault: what was
 * only too slow is tried again, and at last alone.
 */
#ifndef HOSTILE_LANES_H
#define HOSTILE_LANES_H

#include "../../../vdpa/err.h"
#include "row.h"
#include "session.h"

#define SESSIONS_MAX 999 /* the names of their devices have three digits */

struct lanes_config {
	const char *ringfence, *device; /* devices are called by that and three digits */
	const char *brk;
	bool private_cvq, verbose;
	bool first;	/* one violation is enough */
	unsigned lanes; /* VMMs that wait at a time */
};

struct lanes_result {
	unsigned sessions; /* VMMs */
	struct session_report report[SESSIONS_MAX];
	struct finding finding[FAULTS_MAX]; /* as the faults */
};

/** Try them all; the caller frees *@out with lanes_free(). */
int lanes_run(const struct lanes_config *c, const struct faults *f, struct lanes_result **out,
	      struct err *e);
void lanes_free(struct lanes_result *r);

#endif
