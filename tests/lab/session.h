/* SPDX-License-Identifier: MIT */
/*
 * One run of the lab from QEMU's start to its end: the job handed in, its output and files handed
 * out, the console read, signals and deadlines kept. It must never wait without one.
 */
#ifndef LAB_SESSION_H
#define LAB_SESSION_H

#include "lab.h"
#include "qemu.h"

struct session_config {
	const struct lab_opts *opts;
	const struct lab_kernel *kernel;
	struct out *out;
	char *const *job;	/* NULL-terminated */
	char *const *companion; /* NULL-terminated, or NULL */
	bool terminal, known;	/* known: ringfence-known is the job */
	/* A file that may come, and grow while the session runs: it is sent on. Or "". */
	const char *gathered;
};

/** Block the signals that a session takes by file descriptor; call before any child or thread. */
void session_block_signals(void);

/** Run @q until it is over one way or another, and stop it. */
void session_run(struct qemu *q, const struct session_config *cfg, struct lab_result *result);

#endif
