/* SPDX-License-Identifier: MIT */
/* The options of `ringfence device`. It must never take a value that is only nearly right, nor one
 * that the parent asked for would ignore. */
#ifndef VDUSE_OPTS_H
#define VDUSE_OPTS_H

#include "backend.h"
#include "net.h"

enum device_class { CLASS_NET, CLASS_BLK };

struct opts {
	enum device_class class;
	struct net_options
	    net; /* but for the trace and the backend, which are still to be opened */
	enum backend_kind backend;
	const char *interface; /* a tap's name, or NULL: the kernel's choice */
	const char *pcap;      /* a path, or NULL */
	bool has_mac;
	const char *file; /* a block device's disk; of @net the name, API, breaks and trace count */
	bool sim;	  /* vdpa_sim_net in place of VDUSE; of @net the name and the MAC count */
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
