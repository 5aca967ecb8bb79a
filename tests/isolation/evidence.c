/* SPDX-License-Identifier: MIT */
/* The evidence's memory; see evidence.h. It must never grow past what a guest may make it. */
#include "evidence.h"

#include <stdlib.h>

#define CHUNK 32

struct attempt *evidence_next(struct evidence *ev)
{
	if (ev->attempts == ATTEMPTS_MAX)
		return NULL;
	if (ev->attempts % CHUNK == 0) {
		size_t room = (ev->attempts / CHUNK + 1) * CHUNK;
		struct attempt *more = realloc(ev->attempt, room * sizeof(*more));

		if (!more)
			return NULL;
		ev->attempt = more;
	}
	ev->attempt[ev->attempts] = (struct attempt){0};
	return &ev->attempt[ev->attempts];
}

void evidence_free(struct evidence *ev)
{
	free(ev->attempt);
	ev->attempt = NULL;
	ev->attempts = 0;
}
