/* SPDX-License-Identifier: MIT */
/*
 * A child process in a group of its own: started, watched by a pidfd, waited for with a deadline,
 * killed with all its group. It must never outlive the thread that started it (PR_SET_PDEATHSIG),
 * nor be waited for without end.
 */
#ifndef ISOLATION_CHILD_H
#define ISOLATION_CHILD_H

#include "../../vdpa/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
	pid_t pid; /* 0: none */
	int pidfd; /* readable when it has ended; valid while pid != 0 */
	bool ended;
	int status; /* as waitpid() gives it, once ended */
};

/**
 * Start argv[0] with its stdout on @out and stderr on @err; @keep (or -1) is the one other
 * descriptor that it inherits, under the same number. Borrows all three.
 */
int child_start(struct child *c, char *const argv[], int out, int err, int keep, struct err *e);

/** Wait until it has ended or @deadline_ns (clock_ns()) is reached; whether it has. */
bool child_wait(struct child *c, uint64_t deadline_ns);

/** Kill it and its group and wait for it a bounded time; whether all of it is gone. */
bool child_kill(struct child *c);

/** Close what is left of it; it must have ended or never have been started. */
void child_drop(struct child *c);

/** "ended with 3", "was killed by signal 9". */
void child_how(const struct child *c, char *buf, size_t len);
/** Its exit code, or -1 if a signal ended it. */
int child_code(const struct child *c);

/** CLOCK_MONOTONIC in nanoseconds, and what poll() wants for a deadline on it. */
uint64_t clock_ns(void);
int clock_poll_ms(uint64_t deadline_ns);

/** How many times longer than usual to wait: RINGFENCE_PATIENCE, which the lab sets for a slow
 * kernel, or 1. */
unsigned clock_patience(void);
/** The point in time so far from now, with patience. */
uint64_t clock_deadline(uint64_t ns);

#endif
