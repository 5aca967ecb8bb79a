/* SPDX-License-Identifier: MIT */
/*
 * The rows of the catalogue that need no kernel: what a guest or a device can say to our own
 * process, enumerated against the very code that takes it and judged by a model of its own
 * (model.h). Beside each row stand its controls: every check of virtio/check.h, left out, must be
 * noticed. It must never need a privilege, touch another process, or let a row that crashes take
 * its caller along.
 */
#ifndef ISOLATION_ENUM_ENUM_H
#define ISOLATION_ENUM_ENUM_H

#include "table.h"

#include <stdbool.h>
#include <stdint.h>

/** How a row is run. Zero-initialised is not isolated: say CHECK_NONE. */
struct enum_how {
	int skip;	 /* enum check_id that is left out, or CHECK_NONE */
	uint32_t breaks; /* set of enum break_id; BREAK_DOUBLE_FETCH is the one that means anything
			    here */
	bool full;	 /* all of it, in minutes; else a part that ends in about a second */
	bool first; /* end at the first violation, which is enough to show that something is noticed
		     */
};

struct enum_result {
	uint64_t attempts;	    /* accepted + refused */
	uint64_t accepted, refused; /* by the code */
	uint64_t too_lenient,
	    too_strict;	     /* accepted that the model refuses, refused that it accepts */
	uint64_t violations; /* these, and whatever else the code did other than the model */
	char first[200];     /* the first violation, one line, or "" */
	char note[120];	     /* what else is worth a line, or "" */
	uint64_t ns;
};

/**
 * Run a row in a process of its own. 0: it ran, and @result tells whether it held (no violations);
 * a crash or an endless loop is a violation. -errno: it could not be run.
 */
int enum_run_row(const struct enum_row *row, const struct enum_how *how,
		 struct enum_result *result);

#endif
