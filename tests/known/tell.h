/* SPDX-License-Identifier: MIT */
/* What `ringfence known` says, for people and as TAP 13. It must never let a text break a line's
 * form. */
#ifndef KNOWN_TELL_H
#define KNOWN_TELL_H

#include "known.h"
#include "options.h"

struct tally {
	unsigned count[4]; /* by enum known_verdict */
	unsigned told;
	int64_t begin;
};

void tell_listed(const struct known *k);
void tell_begin(enum format f, unsigned planned);
void tell_one(enum format f, const struct known *k, const struct known_report *r, struct tally *t);
void tell_end(enum format f, const struct tally *t, bool interrupted);
/** Nothing can run at all, and why. */
void tell_nothing(enum format f, const char *why);

#endif
