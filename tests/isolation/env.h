/* SPDX-License-Identifier: MIT */
/*
 * Where the proof runs, as every form of output says in its header, and whether it can run here at
 * all. It must never leave out what makes a result weaker: an emulator, a patched kernel, a private
 * agreement.
 */
#ifndef ISOLATION_ENV_H
#define ISOLATION_ENV_H

#include "../../vdpa/err.h"

#include <stdbool.h>
#include <stddef.h>

struct env {
	bool lab;   /* RINGFENCE_LAB=1: in a kernel that `ringfence lab` booted, which tells more in
		       RINGFENCE_ENV_* */
	bool stock; /* this kernel does not let VDUSE offer CTRL_VQ, and so VMM and device agree
		       privately */
	char kernel[160]; /* "linux 7.3.4 + ctrl-vq patch": the lab's words, or uname's */
	char release[80]; /* uname's */
	char accel[64];	  /* "TCG"; empty: nothing between KVM and the CPU that we know of */
	char kvm[32];	  /* "kvm_amd" */
	char machine[65];
	char out[256]; /* what --out's directory is called by who reads it; empty: as given */
	int vduse_api; /* -1: unknown */
	char sim_missing[200];	/* why there are no simulators here; empty: there are */
	char sim_untraced[200]; /* why simulators cannot be traced here; empty: they can */
	char header[400];	/* all of it in one line */
};

/** Gather what the environment, uname and /proc tell; unknown facts say "unknown". */
void env_gather(struct env *env);

/** Set env->header from the rest. */
void env_header(struct env *env);

/** The `ringfence` beside this program: `ringfence` itself finds the likes of this one in the same
 * way. */
int env_ringfence(char *path, size_t len, struct err *e);

/** Which parents the rows to be run have. */
struct env_wants {
	bool vduse, sim;
	const char *given; /* the node, or NULL */
};

/** What is missing for any row to run, as an ERR_HOST; 0: nothing that can be seen beforehand.
 * Fills in what VDUSE, and tracing, can do here. */
int env_missing_for(struct env *env, const struct env_wants *wants, struct err *e);
/** The same for rows on VDUSE alone. */
int env_missing(struct env *env, struct err *e);

#endif
