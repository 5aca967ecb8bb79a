/* SPDX-License-Identifier: MIT */
/*
 * What happens in the running kernel, seen through tracefs: one tracing instance, of this process's
 * own, and the probes it needs, which all processes share. It must never touch an instance or a
 * probe of a living process, nor lose an event without saying so.
 */
#ifndef SIM_PROBES_H
#define SIM_PROBES_H

#include "../err.h"

#include <stddef.h>

/** A probe: an event's name, the function whose entry (or return) it is, and what it fetches there,
 * in the words of Documentation/trace/kprobetrace.rst. */
struct probe {
	const char *event, *function, *fetch;
	int returns; /* not 0: at the return, and so many calls may be in it at once */
};

#define PROBES_MAX 16
#define PROBES_LINE 512

struct probes;

/**
 * Make an instance with @n probes, all off. What processes that are gone have left behind goes
 * first. ERR_HOST: this kernel has no such tracing, or not these functions.
 */
int probes_open(struct probes **out, const struct probe *table, unsigned n, struct err *e);

/** Whether the running kernel can; -errno with @e if not. Nothing stays. */
int probes_possible(struct err *e);

/** Let @event through only where @filter (Documentation/trace/events.rst) holds, and turn it on. */
int probes_on(struct probes *p, const char *event, const char *filter, struct err *e);

/**
 * The next line of the instance's trace, without its newline, into @line. 1: there was one; 0: none
 * just now; -errno.
 */
int probes_line(struct probes *p, char line[PROBES_LINE]);

/** How many times a probe could not see what it should have; -errno: nobody knows. */
long probes_missed(const struct probes *p);

/** Turn all off and remove all; NULL is fine. */
void probes_close(struct probes *p);

#endif
