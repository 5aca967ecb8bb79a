/* SPDX-License-Identifier: MIT */
/*
 * What `ringfence bench` and its guest agree on: what the guest is asked for by --attack, and the
 * lines it says. Freestanding, as guest/abi.h.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

/* --attack (WORK << LOAD_SHIFT | COUNT) */
#define LOAD_SHIFT 28
#define LOAD_COUNT ((1u << LOAD_SHIFT) - 1)
enum load_work {
	LOAD_ALONE = 1, /* control commands, one at a time */
	LOAD_FULL = 2,	/* as many at once as the ring holds */
	LOAD_FRAMES = 3 /* frames through the loopback, LOAD_WINDOW under way */
};
#define LOAD_WINDOW 32
#define LOAD_TENTHS 10

/*
 * Lines, each with its values in hexadecimal behind it; a time is in cycles of the guest's counter.
 * LOAD_FIRST comes before the guest has looked at its device. LOAD_PART comes after each tenth:
 * done so far, cycles since LOAD_BEGIN, the longest wait of this tenth. LOAD_END: done, cycles, and
 * of the waits the median and the 99th percentile. Then the guest rests, so that its VMM can be
 * looked at, and is done.
 */
#define LOAD_FIRST "load: first words"
#define LOAD_BEGIN "load begins"
#define LOAD_PART "load goes on"
#define LOAD_END "load ends"
#define LOAD_REST_MS 400

#endif
