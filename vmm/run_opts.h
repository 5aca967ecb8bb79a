/* SPDX-License-Identifier: MIT */
/*
 * What `ringfence run` was asked to do. It must never open, probe or print anything.
 */
#ifndef VMM_RUN_OPTS_H
#define VMM_RUN_OPTS_H

#include "../vdpa/device.h"
#include "../vdpa/err.h"
#include "opts.h"

#include <stdbool.h>
#include <stdint.h>

struct run_opts {
	bool help, version;
	const char *vdpa;
	const char *kernel;	      /* NULL: the built-in guest */
	const char *initrd, *cmdline; /* NULL: none, and the default one */
	bool has_announce;	      /* else it goes by the command line */
	bool by_acpi, by_cmdline, by_fdt;
	bool has_memory, has_timeout; /* else Linux gets other defaults than these: */
	unsigned cpus;
	uint64_t memory;
	enum placement placement;
	uint32_t attack;
	uint32_t driver; /* set of DRIVER_* (guest/abi.h) */
	uint64_t scan_stride;
	bool expect_offered;
	uint8_t canary_key[16];
	uint64_t canary_magic;
	bool has_key, has_magic; /* else the caller draws random ones */
	bool private_cvq;
	uint32_t breaks;
	int skip_check;	     /* enum check_id that is left out, or CHECK_NONE */
	const char *state;   /* a file for the control state, or NULL */
	const char *trace;   /* a file for the trace, or NULL */
	int monitor_fd;	     /* -1: none */
	unsigned timeout_ms; /* 0: none */
	bool verbose, quiet;
	enum opts_color color;
};

extern const char run_usage[];

/** Parse @argv, whose [0] is the subcommand. ERR_USAGE names the option. Strings are @argv's own.
 */
int run_parse(struct run_opts *o, int argc, char **argv, struct err *e);

/** What was not said is to suit a Linux guest. */
void run_opts_for_linux(struct run_opts *o);

#endif
