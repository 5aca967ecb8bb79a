/* SPDX-License-Identifier: MIT */
/*
 * The story of a control command: popped from the guest's ring, copied once, checked, forwarded
 * through the shadow ring, acknowledged, committed to the private state, completed to the guest.
 * Every popped chain is pushed exactly once, with VIRTIO_NET_ERR when anything failed. It must
 * never wait, nor read the guest's bytes twice, nor let the guest see the device's memory or the
 * device the guest's.
 */
#ifndef VDPA_CVQ_H
#define VDPA_CVQ_H

#include "../virtio/ctrl.h"
#include "../virtio/queue.h"
#include "svq.h"

#include <stdbool.h>
#include <stdint.h>

struct check_info;

struct cvq {
	const struct gmem *mem;
	struct queue guest; /* the guest's ring */
	struct svq shadow;  /* ours */
	struct ctrl_rules rules;
	uint32_t breaks; /* set of enum break_id; 0, which cvq_start() leaves, is isolated */
	struct ctrl_state state; /* what the device has acknowledged */
	/** Told of a command that was acknowledged and has changed @state, before the guest can see
	 * that it is done; may be NULL. */
	void (*committed)(void *ctx, const struct ctrl_state *state);
	/** Told of each command that has its answer, @ack, before @committed and before the guest
	 * can see it: @chain and @command are the command's, @why says why if it is no OK; may be
	 * NULL. */
	void (*answered)(void *ctx, const struct cvq *c, uint8_t ack);
	void *ctx;

	bool in_flight; /* @chain waits for the device */
	struct queue_chain chain;
	uint8_t answer[CTRL_ANSWER_MAX]; /* the ack, and the result behind it */
	uint8_t command[CTRL_COMMAND_MAX +
			1]; /* the private copy; one more, to see that a command is too long */
	size_t len;

	const struct check_info *why;	/* of the last command's ERR: a check, or the device */
	const struct check_info *broke; /* the same of CVQ_GUEST_BROKE and CVQ_DEVICE_BROKE */

	bool dead; /* the device has broken the rules or timed out: every command fails till the
		      next start */
};

/** What the caller has to do after a step; any combination. */
enum {
	CVQ_KICK = 1,	   /* kick the shadow ring and start the deadline */
	CVQ_INTERRUPT = 2, /* interrupt the guest */
	CVQ_MORE = 4,	   /* call cvq_guest_kick() again soon: the step's share of work is done */
	CVQ_GUEST_BROKE = 8,   /* the guest's ring cannot be followed any more: NEEDS_RESET */
	CVQ_DEVICE_BROKE = 16, /* the device's answer made no sense: NEEDS_RESET */
};

/** Take the guest's ring as it was set up and an empty shadow ring in @a. Errors: queue_init()'s.
 */
int cvq_start(struct cvq *c, const struct gmem *m, struct arena *a, const struct ctrl_rules *rules,
	      uint32_t num, gpa_t desc, gpa_t driver, gpa_t device)
    __attribute__((warn_unused_result));

/** The guest notified its ring: take what is there, until a command is in flight or nothing is
 * left. */
unsigned cvq_guest_kick(struct cvq *c);

/** The device called, or may have: complete the command in flight if it is answered, and go on. */
unsigned cvq_device_call(struct cvq *c);

/** The command in flight has run out of time: answer it with VIRTIO_NET_ERR and believe the device
 * no more. */
unsigned cvq_timeout(struct cvq *c);

#endif
