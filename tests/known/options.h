/* SPDX-License-Identifier: MIT */
/* The command line of `ringfence known`, parsed. It must never act on what it reads, nor exit. */
#ifndef KNOWN_OPTIONS_H
#define KNOWN_OPTIONS_H

#include "../../vdpa/err.h"

#include <stdbool.h>

#define OPTIONS_FILTERS 16

enum format { FORMAT_HUMAN, FORMAT_TAP };

struct options {
	bool help, version, list, destructive;
	const char *filter[OPTIONS_FILTERS]; /* a finding is selected if any matches; none: all */
	unsigned filters;
	unsigned seconds; /* for each finding; 0: its own */
	enum format format;
};

/** Parse; ERR_USAGE names the option and what it takes. Strings stay argv's. */
int options_parse(struct options *o, int argc, char **argv, struct err *e);

bool options_select(const struct options *o, const char *name);

extern const char options_help[];

#endif
