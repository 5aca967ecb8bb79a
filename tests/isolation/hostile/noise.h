/* SPDX-License-Identifier: MIT */
/*
 * What the host itself made of the time of a VMM's vCPUs: looks at their run queues and at the
 * witness, again and again while an attempt runs, so that of any span of it can be said how much of
 * it was the machine's. Pure. It must never say less of a span than it could be: who was delayed is
 * not to be blamed.
 */
#ifndef HOSTILE_NOISE_H
#define HOSTILE_NOISE_H

#include "proc.h"
#include "witness.h"

#define NOISE_LOOKS 2048

struct noise_look {
	uint64_t ns;			 /* CLOCK_MONOTONIC */
	uint64_t waited_ns[PROC_VCPUS];	 /* by each vCPU, on a run queue, so far */
	uint64_t lost_ns[WITNESS_SLOTS]; /* by each of the host's CPUs, so far */
};

struct noise {
	unsigned count;
	struct noise_look
	    look[NOISE_LOOKS]; /* in order; if there are more, the last is the latest */
};

/** Another look. The first of an attempt follows a count of 0. */
void noise_add(struct noise *n, const struct noise_look *look);

/** The most that a vCPU can have been delayed by the host in [@from, @to]. */
uint64_t noise_between(const struct noise *n, uint64_t from, uint64_t to);

#endif
