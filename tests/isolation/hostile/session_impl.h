/* SPDX-License-Identifier: MIT */
/*
 * What session.c (a session's beginning and end) and attend.c (what lies between) share. It must
 * never be included by anything else.
 */
#ifndef HOSTILE_SESSION_IMPL_H
#define HOSTILE_SESSION_IMPL_H

#include "../child.h"
#include "../watch.h"
#include "noise.h"
#include "session.h"

#define SESSION_MS UINT64_C(1000000)
#define SESSION_PATIENCE_S 2 /* the kernel's with a daemon, but where the fault says another */

struct session {
	const struct session_config *c;
	struct finding *findings;
	struct session_report *report;
	const struct fault *alone; /* or NULL */
	struct share *share;
	unsigned msg_timeout_s;
	pid_t daemon, usurper;
	struct child vmm;
	int sock, log;
	struct canary_seed seed;
	struct evidence ev;
	struct watch watch;

	uint64_t heard_ns;  /* the last record, or the start */
	uint64_t stop_ns;   /* when the VMM had to end, 0: not yet */
	uint64_t left_ns;   /* when it was on its way out */
	uint64_t resume_ns; /* when a daemon that stopped itself is to go on, 0: there is none */
	uint64_t done_ns;   /* a scribble was over */
	uint64_t seen_ns;   /* when it was last looked whether the VMM is on its way out */
	bool over, killed;  /* by us */
	bool tried;	    /* an attempt has begun, */
	bool failed_before; /* and before that a legal operation had failed */
	struct proc base, last;
	int waits[PROC_VCPUS]; /* proc_open_waits(), once an attempt has begun */
	struct noise noise;
	/* Of the guest's counter (CONTAIN_CYCLES): the least that was seen. */
	double ns_per_unit;
};

/** Something is wrong; the first thing counts, but for one that is grave. */
void session_violated(struct session *s, bool grave, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** What a guest says whose memory is noise is worth nothing. */
static inline bool session_guest_is_noise(const struct session *s)
{
	return s->alone && s->alone->kind == FAULT_SCRIBBLE;
}

/** Attend to VMM, guest and daemon until the VMM has ended, or has left what is its own to leave.
 */
void session_attend(struct session *s);

#endif
