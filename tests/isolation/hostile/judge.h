/* SPDX-License-Identifier: MIT */
/*
 * The rules of claim B, applied to what was seen of an attempt and of a VMM. Pure: no clock, no
 * process. It must never excuse anything for who did it.
 */
#ifndef HOSTILE_JUDGE_H
#define HOSTILE_JUDGE_H

#include "../evidence.h"
#include "noise.h"
#include "session.h"

/** What was seen of one attempt. */
struct sighting {
	const struct fault *fault;
	const struct attempt *attempt;
	const struct share_result *result;
	uint64_t readable;  /* bytes of the arena's readable part */
	double ns_per_unit; /* of the guest's counter, see CONTAIN_CYCLES */
	const struct noise *noise;
	bool broken;	   /* the VMM is, on purpose */
	bool stalls;	   /* so that it keeps a vCPU waiting, by far */
	unsigned patience; /* how many times as slow the host may be: clock_patience() */
};

/** Judge it; @f is filled. What is only too slow is slow, so that it is tried again. */
void judge_attempt(struct finding *f, const struct sighting *s);

/** Whether a VMM's exit code, or -1, is one of @ends. */
bool judge_end(int code, uint32_t ends);

/** What a VMM has more of than before, in words; false: nothing. */
bool judge_leak(const struct proc *before, const struct proc *after, char *what, size_t len);

#endif
