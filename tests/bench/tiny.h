/* SPDX-License-Identifier: MIT */
/* One run of our VMM with the guest of load.h, from exec to its last words. */
#ifndef BENCH_TINY_H
#define BENCH_TINY_H

#include "bench.h"
#include "load.h"

struct tiny_run {
	/* What to run. */
	enum load_work work;
	uint32_t count;
	const char *memory; /* --memory, or NULL */

	/* What came of it. */
	double first_ms;		/* exec to the guest's first words */
	double seconds;			/* of the work */
	double p50_us, p99_us;		/* of its waits */
	double part_s[LOAD_TENTHS];	/* when each tenth was done */
	double longest_us[LOAD_TENTHS]; /* wait in it */
	unsigned parts;
	long memory_before, memory_after; /* KiB beside guest RAM */
	long exits; /* during the work, the guest's reports among them; < 0: nobody counts */
};

int tiny_run(struct tiny_run *r, struct err *e);

#endif
