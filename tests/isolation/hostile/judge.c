/* SPDX-License-Identifier: MIT */
/* The rules, see judge.h. It must never look at anything but its arguments. */
#include "judge.h"

#include "../../../guest/abi.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* A process's own bookkeeping; memory that leaks does so at every fault. */
#define SIZE_SLACK_KB 64
#define ANON_SLACK_KB 256
#define SURELY 10

/* The first thing that is wrong is told. */
static void __attribute__((format(printf, 3, 4)))
violated(struct finding *f, bool grave, const char *fmt, ...)
{
	va_list args;

	if (f->violated)
		return;
	f->violated = true;
	f->grave = grave;
	va_start(args, fmt);
	vsnprintf(f->what, sizeof(f->what), fmt, args);
	va_end(args);
}

static void judge_answer(struct finding *f, uint32_t may)
{
	uint32_t ack = CONTAIN_TRY_ACK(f->outcome), after = CONTAIN_AFTER_ACK(f->outcome);
	bool told = f->outcome & CONTAIN_NEEDS_RESET;

	if (f->outcome & CONTAIN_UNASKED)
		violated(f, true, "a chain was completed that was not made available");
	if (ack == CONTAIN_SILENT && !told)
		violated(f, false, "the command was never completed, nor the guest told to reset");
	else if (ack == CONTAIN_SILENT && !(may & MAY_SILENT))
		violated(f, false, "the command was not completed");
	else if (ack == 0 && !(may & MAY_OK))
		violated(f, false, "the command was completed with OK");
	else if (ack == 1 && !(may & MAY_ERR))
		violated(f, false, "the command was completed with ERR");
	else if (ack > 1 && ack != CONTAIN_SILENT)
		violated(f, true, "the command was completed with 0x%02x", ack);
	if ((may & MUST_RESET) && !told)
		violated(f, false, "the guest was not told to reset");
	if (ack != CONTAIN_SILENT && after == CONTAIN_SILENT)
		violated(f, false, "the command after it was not completed");
}

/* Times last: if they are all that is wrong, it is tried again. */
static void judge_times(struct finding *f, const struct sighting *s)
{
	uint64_t bound = s->fault->bound_ms * UINT64_C(1000000) * s->patience;

	if (f->violated)
		return;
	if (f->longest_ns > STALL_NS * s->patience * (s->stalls ? SURELY : 1))
		violated(f, false, "a vCPU was stalled for %" PRIu64 " us", f->longest_ns / 1000);
	if (!s->broken && f->took_ns > bound)
		violated(f, false, "it took %" PRIu64 " ms", f->took_ns / 1000000);
	f->slow = f->violated;
}

static uint64_t field(const struct sighting *s, unsigned shift)
{
	uint64_t units = s->attempt->mark.touched >> shift & CONTAIN_FIELD;

	return (uint64_t)((double)units * s->ns_per_unit);
}

/*
 * The longest wait, but for what the host made of it. The guest's time begins some time after the
 * attempt's and ends before it, so that the wait lies between two points that are as far apart.
 */
static void measure(struct finding *f, const struct sighting *s)
{
	const struct attempt *a = s->attempt;
	uint64_t whole = field(s, 0), end = field(s, CONTAIN_WHEN_SHIFT);
	uint64_t longest = field(s, CONTAIN_LONGEST_SHIFT);
	uint64_t begin = end > longest ? end - longest : 0, rest = whole > end ? whole - end : 0;
	uint64_t noise = noise_between(s->noise, a->from_ns + begin, a->to_ns - rest);

	f->took_ns = a->to_ns - a->from_ns;
	f->seen_ns = longest;
	f->longest_ns = longest > noise ? longest - noise : 0;
}

void judge_attempt(struct finding *f, const struct sighting *s)
{
	const struct attempt *a = s->attempt;

	*f = (struct finding){.attempted = true, .outcome = a->mark.outcome};
	measure(f, s);
	if (atomic_load(&s->result->broke))
		violated(f, true, "%.100s", s->result->what);
	if (a->diff.canary_words && a->diff.first < s->readable)
		violated(f, true, "the readable arena has changed at 0x%" PRIx64, a->diff.first);
	judge_answer(f, s->fault->may);
	if (!atomic_load(&s->result->done) && !s->broken && s->fault->kind != FAULT_CHANGE)
		violated(f, false, "it was not carried out");
	/* A VMM that is only slow has not shown what a break is for: the host is as likely why.
	 * Unless that is what is broken, and by far. */
	if (!s->broken || s->stalls)
		judge_times(f, s);
}

bool judge_end(int code, uint32_t ends)
{
	static const int codes[VMM_ENDS] = {
	    [END_0] = 0, [END_1] = 1, [END_4] = 4, [END_70] = 70, [END_124] = 124, [END_130] = 130};

	for (unsigned i = 0; i < VMM_ENDS; i++)
		if (codes[i] == code)
			return ends >> i & 1;
	return false;
}

bool judge_leak(const struct proc *before, const struct proc *after, char *what, size_t len)
{
	int n = 0;

	if (after->fds != before->fds)
		n = snprintf(what, len, "the VMM has %u files open, and had %u", after->fds,
			     before->fds);
	else if (after->threads != before->threads)
		n = snprintf(what, len, "the VMM has %u threads, and had %u", after->threads,
			     before->threads);
	else if (after->size_kb > before->size_kb + SIZE_SLACK_KB)
		n = snprintf(what, len, "the VMM's address space has grown by %" PRIu64 " KiB",
			     after->size_kb - before->size_kb);
	else if (after->anon_kb > before->anon_kb + ANON_SLACK_KB)
		n = snprintf(what, len, "the VMM's memory has grown by %" PRIu64 " KiB",
			     after->anon_kb - before->anon_kb);
	return n > 0;
}
