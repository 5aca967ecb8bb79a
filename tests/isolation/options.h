/* SPDX-License-Identifier: MIT */
/* The command line of `ringfence prove`, parsed. It must never act on what it reads, nor exit. */
#ifndef ISOLATION_OPTIONS_H
#define ISOLATION_OPTIONS_H

#include "../../vdpa/err.h"
#include "../../vmm/opts.h"
#include "matrix.h"

#include <stdbool.h>

#define OPTIONS_FILTERS 16

enum format { FORMAT_AUTO, FORMAT_HUMAN, FORMAT_TAP, FORMAT_JSON };

struct options {
	bool help, version, list, differences, require, full, verbose, quiet;
	const char *filter[OPTIONS_FILTERS]; /* a row is selected if any matches; none: all rows */
	unsigned filters;
	const char *brk; /* a break's name, or NULL */
	bool no_controls;
	uint32_t parents;		    /* set of enum parent */
	const char *vdpa;		    /* the given device's node, or NULL */
	const char *enumerate, *enumerated; /* files, see ahead.h; or NULL */
	const char *gather, *gathered;	    /* files, see gather.h; or NULL */
	unsigned repeat;
	unsigned jobs; /* 0: not given */
	enum format format;
	const char *junit, *out; /* NULL: none */
	unsigned timeout_ms;
	enum opts_color color;
};

/** Parse; ERR_USAGE names the option and what it takes. Strings stay argv's. */
int options_parse(struct options *o, int argc, char **argv, struct err *e);

/** Whether the filters select the row of that name. */
bool options_select(const struct options *o, const char *row);

extern const char options_help[];

#endif
