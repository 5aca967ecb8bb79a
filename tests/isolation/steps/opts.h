/* SPDX-License-Identifier: MIT */
/* Options of `ringfence-steps`. It must never print: main does. */
#ifndef ISOLATION_STEPS_OPTS_H
#define ISOLATION_STEPS_OPTS_H

#include "parent.h"
#include "table.h"

struct opts {
	uint32_t rows;	  /* set of enum steps_index; all if none was named */
	uint32_t parents; /* set of enum parent_kind; the same */
	const char *device;
	const char *brk; /* a break's name, or NULL */
	uint32_t breaks;
	bool tally, controls, private_cvq, full, list, help;
};

extern const char opts_usage[];

/** ERR_USAGE names the option, its value and what it takes. What @o points at stays @argv's. */
int opts_parse(struct opts *o, int argc, char **argv, struct err *e);

/** Whether that break can be put in here, and means something on such a parent. */
bool opts_break_fits(const char *name, enum parent_kind parent);

#endif
