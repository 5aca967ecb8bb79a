/* SPDX-License-Identifier: MIT */
/*
 * One VMM, the real one, with one hostile daemon: started, watched, judged, taken down. It must
 * never return with one of them left over, nor later than its deadlines, whatever the daemon does.
 */
#ifndef HOSTILE_SESSION_H
#define HOSTILE_SESSION_H

#include "share.h"
#include "witness.h"

#include <stddef.h>

/** What is measured goes before what is hostile: the VMM, and who runs a session, but no daemon. */
#define SESSION_NICE (-5)
#define STALL_NS UINT64_C(10000000) /* what no vCPU may be kept waiting for */

struct session_config {
	const char *ringfence; /* the binary */
	const char *device;    /* the name of the one device it may make */
	const char *brk;       /* --break of the VMM, or NULL */
	bool private_cvq, verbose;
	bool stalls; /* what @brk does shows by how long a vCPU is kept waiting */
	const struct witness *witness;
	unsigned count;
	const struct fault
	    *fault[SHARE_FAULTS]; /* tried in turn; one that is alone is the only one */
};

/** What came of one fault. */
struct finding {
	bool attempted;
	bool violated;
	bool grave; /* by what no machine is too slow for */
	bool slow;  /* by what a busy machine does too: to be tried again before it counts */
	char what[200];
	uint32_t outcome; /* as guest/abi.h has it */
	uint64_t took_ns;
	uint64_t seen_ns;    /* the longest that a vCPU was kept waiting, */
	uint64_t longest_ns; /* but for what the host itself made of it */
};

/** What came of all of it. */
struct session_report {
	bool violated, grave; /* as above */
	bool ran, noisy;      /* the machine stood still for much of the time */
	char what[200];
	uint64_t legal;
	uint64_t end_ns; /* from the word to end until the VMM had ended */
};

/** Run it; fills findings[0 .. count) and the report. */
void session_run(const struct session_config *c, struct finding *findings,
		 struct session_report *report);

#endif
