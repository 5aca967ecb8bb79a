/* SPDX-License-Identifier: MIT */
/* The options of `ringfence device`. It must never take a value that is only nearly right, nor one
 * that the parent asked for would ignore. */
#ifndef VDUSE_OPTS_H
#define VDUSE_OPTS_H

#include "net.h"

struct opts {
	struct net_options net; /* but for the trace, which is still to be opened */
	bool sim;	    /* vdpa_sim_net in place of VDUSE; of @net the name and the MAC count */
	const char *trace;  /* a path, or NULL */
	unsigned timeout_s; /* 0: none */
	bool verbose, quiet, help;
};

extern const char opts_usage[];

/**
 * Parse; what @o points at stays @argv's. ERR_USAGE names the option, its value and what it takes.
 */
int opts_parse(struct opts *o, int argc, char **argv, struct err *e);

#endif
