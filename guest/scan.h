/* SPDX-License-Identifier: MIT */
/*
 * A search for canaries, of which each CPU does a share. It must never keep what it found but as
 * addresses: the magic itself has no business in the guest's memory.
 */
#ifndef GUEST_SCAN_H
#define GUEST_SCAN_H

#include "arch.h"
#include "attack.h"

#define LEAKS_MAX 4 /* reported for each CPU and attempt; one is enough to convict */

/** What one CPU found; cache lines of its own. */
struct finding {
	uint64_t touched; /* addresses tried */
	uint64_t faults;
	uint64_t leak[LEAKS_MAX];
	unsigned leaks;
} __attribute__((aligned(128)));

struct scan {
	const struct machine *machine;
	unsigned cpus;
	struct finding found[CPUS_MAX];
};

/** Note that a canary's magic was read at @at. */
void scan_found(struct finding *f, uint64_t at);
/** Of @count things, the number that @cpu's share starts with; the next CPU's share ends it. */
uint64_t scan_share(const struct scan *s, uint64_t count, unsigned cpu);
/** Let each CPU do @work on one struct scan, then report what they found and end the attempt. */
void scan_run(struct run *r, void (*work)(unsigned cpu, void *scan));
/** Report what is in the first @count of @found and end the attempt. */
void scan_end(struct run *r, const struct finding *found, unsigned count);

#endif
