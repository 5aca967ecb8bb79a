/* SPDX-License-Identifier: MIT */
/*
 * The judge's end of the VMM's monitor socket: takes messages, keeps count of what the guest did in
 * the evidence, has the arena looked at around each attempt, and answers. It must never believe a
 * length or a number that comes from the guest, nor wait.
 */
#ifndef ISOLATION_WATCH_H
#define ISOLATION_WATCH_H

#include "oracle.h"

#include <stdio.h>

struct watch {
	int fd;		 /* of the socket; borrowed */
	uint32_t attack; /* enum attack_id that the guest was told to run */
	struct canary_seed seed;
	struct evidence *ev;
	FILE *events; /* what happened, as JSON lines, for people; may be NULL */
	struct arena arena;
	bool in_attempt;
	bool owes_go; /* the VMM is waiting for an answer */
};

enum watch_result {
	WATCH_NOTHING, /* no message now */
	WATCH_CLOSED,  /* the VMM's end is closed */
	WATCH_HELLO,
	WATCH_RECORD,
	WATCH_BAD, /* the rules were broken: ev->detail says how */
};

/** Take one message if there is one; watch_go() has to be called before the next. */
enum watch_result watch_take(struct watch *w);

/** Answer the message just taken, if it wants an answer. */
void watch_go(struct watch *w);

/** Free everything; the evidence stays. */
void watch_end(struct watch *w);

#endif
