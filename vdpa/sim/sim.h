/* SPDX-License-Identifier: MIT */
/*
 * A vdpa_sim_net device: made, kept, traced, deleted. The kernel serves it; nothing here does. It
 * must never leave one behind without saying so.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "../trace.h"

#include <stddef.h>
#include <stdint.h>

/** The longest name whose worker's thread can be told from others by its name. */
#define SIM_NAME_MAX 46

struct sim_options {
	const char *name;
	uint8_t mac[6];
	struct trace *trace; /* borrowed; NULL: none */
	unsigned timeout_s;  /* 0: none */
	bool verbose;
};

/**
 * Make simulator @name, bind it to vhost_vdpa and write the path of its node to @path. @mac may be
 * NULL: it is all zeroes then. ERR_HOST with code ENODEV: this kernel has no vdpa_sim_net.
 */
int sim_create(const char *name, const uint8_t mac[6], char *path, size_t len, struct err *e);

/** Whether the running kernel has it; ERR_HOST with what it takes if not. */
int sim_possible(struct err *e);

/** Delete simulator @name if its process is gone; 0 as well if there is none. */
int sim_cleanup(const char *name, struct err *e);

/** Make one, print "ready PATH", and delete it when @signals is readable or the time is over. */
int sim_serve(const struct sim_options *o, int signals, struct err *e);

#endif
