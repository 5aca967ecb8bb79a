/* SPDX-License-Identifier: MIT */
/*
 * One run of the guest, and what the attacks of it share: each attempt lies between a BEGIN and an
 * END. An attack must leave the device in any state it likes: the legal steps after it start with a
 * reset.
 */
#ifndef GUEST_ATTACK_H
#define GUEST_ATTACK_H

#include "abi.h"
#include "machine.h"
#include "net.h"

#define ATTEMPT_MS 60 /* how long an attempt may take before it counts as unanswered */
#define SETTLE_MS 10  /* for what comes a little later than the answer */

struct run {
	struct machine machine;
	struct net net;
	unsigned cpus;	   /* that answer */
	uint32_t phase;	   /* 0: before the attack, 1: after it */
	uint32_t failed;   /* legal operations that failed */
	uint32_t attempts; /* begun so far */
	struct report_mark mark;
};

/** A legal operation has been made: report it, and count it if it failed. */
void run_step(struct run *r, const char *name, bool ok);

/** A legal command on the CVQ, whatever comes of it. */
void run_command(struct run *r);

/**
 * Reset the device and start it for an attempt, with a queue aimed (@aim may be NULL) and RX
 * buffers posted or not. The device may look at its rings at any time after DRIVER_OK; a command on
 * the CVQ says that it has started, and if the CVQ is dead, net_command()'s patience has passed.
 */
void attempt_start(struct run *r, const struct net_aim *aim, bool rx_buffers);
/** The next attempt starts; the host has looked at the arena when this returns. */
void attempt_begin(struct run *r, uint32_t queue, uint64_t address, uint64_t length);
void attempt_end(struct run *r, enum attempt_outcome outcome, uint64_t touched);

/** Make the legal operations of the current phase, all of them (steps.c). */
void steps(struct run *r);

void attack_cpu(struct run *r);	   /* cpu.c: row 1 */
void attack_canary(struct run *r); /* canary.c: row 2 */
void attack_ring(struct run *r);   /* ring.c: rows 3 to 5 */
void attack_buffer(struct run *r); /* buffer.c: rows 6 and 7 */

#endif
