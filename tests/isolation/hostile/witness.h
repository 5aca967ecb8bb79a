/* SPDX-License-Identifier: MIT */
/*
 * How long this machine itself stood still: under an emulator, or beside other work, its CPUs do
 * not run at times, and every process on it waits for that. On each CPU somebody who goes before
 * all others sleeps for a moment again and again, and what is added to that is lost time. It must
 * never be taken for what a process waited for another.
 */
#ifndef HOSTILE_WITNESS_H
#define HOSTILE_WITNESS_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#define WITNESS_CPUS 64
#define WITNESS_SLOTS 8 /* CPUs beyond share a slot with another */

/** In memory that is shared with those who ask. */
struct witness {
	_Atomic uint64_t lost_ns[WITNESS_SLOTS]; /* so far */
};

/** Start the process that watches; -errno. It ends when it is killed, or with its parent. */
pid_t witness_start(struct witness *w);

/** What each has lost so far. */
void witness_lost(const struct witness *w, uint64_t lost_ns[WITNESS_SLOTS]);

#endif
