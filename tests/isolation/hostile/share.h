/* SPDX-License-Identifier: MIT */
/*
 * What a daemon and its judge, two processes, share while one VMM runs. The judge must never
 * believe more of it than that a fault was carried out, and what came of that for the daemon: how
 * the VMM took it is seen from outside.
 */
#ifndef HOSTILE_SHARE_H
#define HOSTILE_SHARE_H

#include "fault.h"

#include <stdatomic.h>

#define SHARE_FAULTS 64

struct share_result {
	atomic_bool done;  /* it was carried out */
	atomic_bool broke; /* and something of it that must be refused was not: @what */
	char what[120];
};

struct share {
	/* Set before the daemon is started. */
	unsigned count;
	const struct fault *fault[SHARE_FAULTS];

	char node[64];	     /* /dev/vhost-vdpa-N, once ready */
	atomic_int ready;    /* 1; or -1 with why in @node */
	atomic_uint stops;   /* how often the daemon has stopped itself */
	atomic_uint asked;   /* how often the guest has asked for a fault, */
	atomic_bool no_more; /* until it was told that there is none */
	struct share_result result[SHARE_FAULTS];
};

#endif
