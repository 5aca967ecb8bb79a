/* SPDX-License-Identifier: MIT */
/*
 * What a run of rows 8 to 29 leaves behind that has covered all it must, and not an attempt more:
 * written from what the rows are said to do, not from what judges them.
 */
#ifndef GOOD_EXTENT_H
#define GOOD_EXTENT_H

#include "../isolation/evidence.h"
#include "../isolation/matrix.h"
#include "test.h"

#define GOOD_PAGE UINT64_C(4096)
#define GOOD_PAGES 6 /* of the arena */

/** How the attempt shows that it was made. */
enum good_proof {
	GOOD_DEVICE,  /* the device tried the address */
	GOOD_UNREAD,  /* the device refused the chain unread */
	GOOD_GUEST,   /* the guest saw it refused */
	GOOD_NUMBERS, /* it is what it counts */
};

struct good_attempts {
	enum extent extent;
	enum attempt_shape shape;
	uint32_t queue;
	enum good_proof proof;
	unsigned count; /* 0: one in each page of the arena */
	uint64_t touched;
	uint32_t hits; /* of the first; of the others too if all of them count */
};

static const struct good_attempts good_attempts[] = {
    {EXTENT_INDIRECT, SHAPE_TABLE, 0, GOOD_DEVICE, 0, 1, 0},
    {EXTENT_INDIRECT, SHAPE_TABLE, 1, GOOD_DEVICE, 0, 1, 0},
    {EXTENT_INDIRECT, SHAPE_ENTRY, 0, GOOD_DEVICE, 0, 1, 0},
    {EXTENT_INDIRECT, SHAPE_ENTRY, 1, GOOD_DEVICE, 0, 1, 0},
    {EXTENT_INDIRECT, SHAPE_NESTED, 0, GOOD_UNREAD, 1, 0, 0},
    {EXTENT_INDIRECT, SHAPE_NESTED, 1, GOOD_UNREAD, 1, 0, 0},
    {EXTENT_INDIRECT, SHAPE_LENGTH, 0, GOOD_UNREAD, 4, 0, 0},
    {EXTENT_INDIRECT, SHAPE_LENGTH, 1, GOOD_UNREAD, 4, 0, 0},
    {EXTENT_INDIRECT, SHAPE_NEXT, 0, GOOD_UNREAD, 1, 0, 0},
    {EXTENT_INDIRECT, SHAPE_NEXT, 1, GOOD_UNREAD, 1, 0, 0},
    {EXTENT_INDIRECT, SHAPE_UNAGREED, 0, GOOD_UNREAD, 1, 0, 0},
    {EXTENT_INDIRECT, SHAPE_UNAGREED, 1, GOOD_UNREAD, 1, 0, 0},
    {EXTENT_INDIRECT, SHAPE_NESTED, 2, GOOD_GUEST, 2, 1, 0},
    {EXTENT_INDIRECT, SHAPE_LENGTH, 2, GOOD_GUEST, 1, 1, 0},
    {EXTENT_INDIRECT, SHAPE_NEXT, 2, GOOD_GUEST, 1, 1, 0},
    {EXTENT_INDIRECT, SHAPE_TABLE_END, 2, GOOD_GUEST, 1, 1, 0},
    {EXTENT_INDIRECT, SHAPE_UNAGREED, 2, GOOD_GUEST, 1, 1, 0},

    {EXTENT_STRADDLE, SHAPE_OVER, 0, GOOD_DEVICE, 5, 0, 0},
    {EXTENT_STRADDLE, SHAPE_OVER, 1, GOOD_DEVICE, 5, 0, 0},
    {EXTENT_STRADDLE, SHAPE_ONE, 0, GOOD_DEVICE, 4, 0, 0},
    {EXTENT_STRADDLE, SHAPE_ONE, 1, GOOD_DEVICE, 4, 0, 0},
    {EXTENT_STRADDLE, SHAPE_EMPTY, 0, GOOD_UNREAD, 2, 0, 0},
    {EXTENT_STRADDLE, SHAPE_EMPTY, 1, GOOD_UNREAD, 2, 0, 0},
    {EXTENT_STRADDLE, SHAPE_LONGEST, 0, GOOD_DEVICE, 2, 0, 0},
    {EXTENT_STRADDLE, SHAPE_LONGEST, 1, GOOD_UNREAD, 2, 0, 0},
    {EXTENT_STRADDLE, SHAPE_RING_DESC, 0, GOOD_DEVICE, 1, 0, 0},
    {EXTENT_STRADDLE, SHAPE_RING_DESC, 1, GOOD_DEVICE, 1, 0, 0},
    {EXTENT_STRADDLE, SHAPE_RING_AVAIL, 0, GOOD_DEVICE, 1, 0, 0},
    {EXTENT_STRADDLE, SHAPE_RING_AVAIL, 1, GOOD_DEVICE, 1, 0, 0},
    {EXTENT_STRADDLE, SHAPE_RING_USED, 0, GOOD_DEVICE, 1, 0, 0},
    {EXTENT_STRADDLE, SHAPE_RING_USED, 1, GOOD_DEVICE, 1, 0, 0},
    {EXTENT_STRADDLE, SHAPE_OVER, 2, GOOD_GUEST, 2, 1, 0},
    {EXTENT_STRADDLE, SHAPE_ONE, 2, GOOD_GUEST, 1, 1, 0},
    {EXTENT_STRADDLE, SHAPE_LONGEST, 2, GOOD_GUEST, 2, 1, 0},
    {EXTENT_STRADDLE, SHAPE_RING_DESC, 2, GOOD_GUEST, 1, 1, 0},
    {EXTENT_STRADDLE, SHAPE_RING_AVAIL, 2, GOOD_GUEST, 1, 1, 0},
    {EXTENT_STRADDLE, SHAPE_RING_USED, 2, GOOD_GUEST, 1, 1, 0},

    {EXTENT_SWEEP, SHAPE_SWEEP, 0, GOOD_NUMBERS, 1, 128, 0},
    {EXTENT_SWEEP, SHAPE_SWEEP, 1, GOOD_NUMBERS, 1, 256, 0},

    {EXTENT_TOCTOU, SHAPE_FLIPS, 2, GOOD_NUMBERS, 1, 10000, 20},

    {EXTENT_RESET, SHAPE_IN_FLIGHT, 2, GOOD_NUMBERS, 8, 0, 1},
    {EXTENT_RESET, SHAPE_STORM, 2, GOOD_NUMBERS, 2, 5, 0},
    {EXTENT_RESET, SHAPE_PROBE, 1, GOOD_DEVICE, 3, 0, 0},

    {EXTENT_SWAP, SHAPE_SAME_RING, 0, GOOD_DEVICE, 1, 0, 0},
    {EXTENT_SWAP, SHAPE_SAME_RING, 1, GOOD_DEVICE, 1, 0, 0},
    {EXTENT_SWAP, SHAPE_CROSSED, 1, GOOD_DEVICE, 1, 0, 0},
    {EXTENT_SWAP, SHAPE_SHADOW_RING, 0, GOOD_DEVICE, 1, 0, 0},
    {EXTENT_SWAP, SHAPE_SHADOW_RING, 1, GOOD_DEVICE, 1, 0, 0},
    {EXTENT_SWAP, SHAPE_CVQ_RING, 2, GOOD_GUEST, 3, 1, 0},
    {EXTENT_SWAP, SHAPE_SELECT, 2, GOOD_GUEST, 1, 8, 0},
    {EXTENT_SWAP, SHAPE_PROBE, 1, GOOD_DEVICE, 2, 0, 0},

    {EXTENT_RENEGOTIATE, SHAPE_NO_CVQ, 2, GOOD_GUEST, 2, 1, 0},
    {EXTENT_RENEGOTIATE, SHAPE_NOT_OFFERED, 2, GOOD_GUEST, 1, 32, 0},
    {EXTENT_RENEGOTIATE, SHAPE_LATE, 2, GOOD_GUEST, 1, 1, 0},
    {EXTENT_RENEGOTIATE, SHAPE_EARLY, 2, GOOD_GUEST, 1, 1, 0},
    {EXTENT_RENEGOTIATE, SHAPE_PROBE, 1, GOOD_DEVICE, 6, 0, 0},

    {EXTENT_MOVES, SHAPE_RING_DESC, 0, GOOD_DEVICE, 1, 1, 0},
    {EXTENT_MOVES, SHAPE_RING_DESC, 1, GOOD_DEVICE, 1, 1, 0},
    {EXTENT_MOVES, SHAPE_RING_DESC, 2, GOOD_DEVICE, 1, 1, 0},
    {EXTENT_MOVES, SHAPE_RING_DESC, 3, GOOD_DEVICE, 1, 1, 0},
    {EXTENT_MOVES, SHAPE_RING_AVAIL, 0, GOOD_DEVICE, 1, 1, 0},
    {EXTENT_MOVES, SHAPE_RING_AVAIL, 1, GOOD_DEVICE, 1, 1, 0},
    {EXTENT_MOVES, SHAPE_RING_AVAIL, 2, GOOD_DEVICE, 1, 1, 0},
    {EXTENT_MOVES, SHAPE_RING_AVAIL, 3, GOOD_DEVICE, 1, 1, 0},
    {EXTENT_MOVES, SHAPE_RING_USED, 0, GOOD_DEVICE, 1, 1, 0},
    {EXTENT_MOVES, SHAPE_RING_USED, 1, GOOD_DEVICE, 1, 1, 0},
    {EXTENT_MOVES, SHAPE_RING_USED, 2, GOOD_DEVICE, 1, 1, 0},
    {EXTENT_MOVES, SHAPE_RING_USED, 3, GOOD_DEVICE, 1, 1, 0},
    {EXTENT_MOVES, SHAPE_PROBE, 0, GOOD_DEVICE, 0, 1, 0},
    {EXTENT_MOVES, SHAPE_PROBE, 1, GOOD_DEVICE, 0, 1, 0},
    {EXTENT_MOVES, SHAPE_PROBE, 2, GOOD_DEVICE, 0, 1, 0},
    {EXTENT_MOVES, SHAPE_PROBE, 3, GOOD_DEVICE, 0, 1, 0},

    {EXTENT_NOTIFY, SHAPE_NOTIFY, 2, GOOD_GUEST, 1, 1024, 0},
    {EXTENT_NOTIFY, SHAPE_NOTIFY_OTHERS, 2, GOOD_GUEST, 1, 32, 1},
    {EXTENT_NOTIFY, SHAPE_EARLY, 2, GOOD_GUEST, 1, 1, 1},
    {EXTENT_NOTIFY, SHAPE_PROBE, 1, GOOD_DEVICE, 1, 0, 0},

    {EXTENT_FLOOD, SHAPE_KICKS, 2, GOOD_NUMBERS, 1, 500, 1},
    {EXTENT_FLOOD, SHAPE_COMMANDS, 2, GOOD_NUMBERS, 2, 64, 64},
    {EXTENT_FLOOD, SHAPE_RESETS, 2, GOOD_NUMBERS, 1, 10, 1},
    {EXTENT_FLOOD, SHAPE_PROBE, 1, GOOD_DEVICE, 2, 0, 0},

    {EXTENT_CONFIG, SHAPE_WRITES, 2, GOOD_GUEST, 1, 256, 0},
    {EXTENT_CONFIG, SHAPE_WIDTHS, 2, GOOD_GUEST, 1, 300, 0},
    {EXTENT_CONFIG, SHAPE_READS, 2, GOOD_NUMBERS, 1, 10, 1},
    {EXTENT_CONFIG, SHAPE_PROBE, 1, GOOD_DEVICE, 1, 0, 0},
};

#define GOOD_ATTEMPTS (sizeof(good_attempts) / sizeof(good_attempts[0]))

static inline void good_attempt(struct evidence *ev, const struct good_attempts *g,
				uint64_t address)
{
	struct attempt *at = evidence_next(ev);
	bool ram = address < ev->hello.ram_size;

	assert_non_null(at);
	at->mark = (struct report_mark){.attempt = ev->attempts,
					.shape = g->shape,
					.queue = g->queue,
					.address = address,
					.length = 64,
					.outcome = g->proof == GOOD_GUEST ? OUTCOME_REFUSED
									  : OUTCOME_COMPLETED,
					.touched = g->touched,
					.hits = g->hits};
	at->aimed_ram = g->proof == GOOD_DEVICE && ram;
	at->aimed_refused = g->proof == GOOD_DEVICE && !ram;
	at->chains_refused = g->proof == GOOD_UNREAD;
	at->resets =
	    g->shape == SHAPE_RESETS ? 2 : g->shape == SHAPE_IN_FLIGHT || g->shape == SHAPE_STORM;
	at->commands = g->shape == SHAPE_FLIPS	    ? 19
		       : g->shape == SHAPE_COMMANDS ? (uint32_t)g->hits
		       : g->shape == SHAPE_STORM    ? 2
						    : g->shape == SHAPE_KICKS;
	at->busy = g->shape == SHAPE_KICKS;
	if (g->extent == EXTENT_MOVES) { /* four pairs, and MQ only for the second's attempts */
		at->cvq = g->queue < 2 ? 2 : 8;
		at->cvq_before = g->queue < 2 ? 8 : 2;
	}
	ev->attempts++;
}

/** All that a row of this extent must have; ev->hello is filled. */
static inline void good_extent(struct evidence *ev, enum extent extent)
{
	uint64_t arena = ev->hello.arena_iova;

	if (extent == EXTENT_MOVES)
		ev->hello.cvq_index = 8;
	for (size_t i = 0; i < GOOD_ATTEMPTS; i++) {
		const struct good_attempts *g = &good_attempts[i];

		for (unsigned n = 0; g->extent == extent && n < (g->count ? g->count : GOOD_PAGES);
		     n++)
			good_attempt(ev, g, arena + n * GOOD_PAGE);
	}
	for (uint32_t i = 0; i < ev->attempts; i++)
		if (ev->attempt[i].mark.shape == SHAPE_IN_FLIGHT) {
			/* Answers, an unanswered one, and one after the reset; and once less. */
			ev->attempt[i].mark.touched = 3 + i;
			ev->attempt[i].commands = 5 + i - (i > 0);
		}
	if (extent == EXTENT_SWEEP) {
		ev->trace.swept_pages[0] = ev->trace.swept_pages[1] = 0x3f;
		for (unsigned d = 0; d < 3; d++) {
			ev->trace.swept[0][d] = ~UINT64_C(0) << (d == 0 ? 26 : 25); /* not in RAM */
			ev->trace.swept[1][d] = ~UINT64_C(0);
		}
	}
	ev->memory = (struct memory_finding){true, {1000, 1000}, {2000, 2000}};
}

#endif
