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

#define ATTEMPT_MS 60	   /* how long an attempt may take before it counts as unanswered */
#define SETTLE_MS 10	   /* for what comes a little later than the answer */
#define LEGAL_MS 1000	   /* for what must be answered: a busy host must not decide */
#define OTHER_STOP_MS 2000 /* for another CPU to see that it is to stop; likewise */

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

/** Sleep for @ms, whatever interrupts. */
void rest(unsigned ms);

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
void attempt_begin_as(struct run *r, enum attempt_shape shape, uint32_t queue, uint64_t address,
		      uint64_t length);
void attempt_end(struct run *r, enum attempt_outcome outcome, uint64_t touched);
void attempt_end_with(struct run *r, enum attempt_outcome outcome, uint64_t touched, uint32_t hits);

/* Descriptors: an attack's chains begin here, behind the driver's own. */
#define AIM_HEAD NET_OWN_DESCS
/* The last 24 lines of a page: no ring structure or command of the arena reaches them, and the
 * longest frame fits. */
#define AIM_OFFSET (PAGE - 24 * CANARY_LINE)

/** A chain for a data queue, aimed somewhere (chain.c). */
struct aim {
	enum net_queue queue;
	enum attempt_shape shape;
	uint64_t iova; /* what is told of it: where it aims, and how far from there */
	uint32_t len;
	uint32_t frame;		       /* RX: bytes of a legal frame that is sent to fill it */
	const struct virtq_desc *desc; /* @descs of them, linked as if the first were AIM_HEAD */
	unsigned descs;
};

/**
 * An attempt with that chain. The device is started, on TX with RX buffers posted; a frame that
 * comes in then is searched for canaries. Returns whether all chains came back, so that the next
 * attempt needs no reset.
 */
bool attempt_chain(struct run *r, const struct aim *a);

/** A descriptor; @next counts from AIM_HEAD on. */
static inline struct virtq_desc desc(uint64_t addr, uint32_t len, unsigned flags, unsigned next)
{
	return (struct virtq_desc){addr, len, (uint16_t)flags,
				   (uint16_t)(flags & VIRTQ_DESC_NEXT ? AIM_HEAD + next : 0)};
}

/** Memory for the parts of an aimed chain that are not aimed: a header, and more than a frame. */
struct chain_memory {
	uint8_t header[NET_HEADER];
	uint8_t spare[2048];
};
extern struct chain_memory chain_memory;

/**
 * TX reads at a canary of page @page of the arena: what an attack must not have made possible. The
 * device is started, with RX buffers posted.
 */
void attempt_probe(struct run *r, unsigned page);

/** Rows 3 to 5's: a start with a ring's part aimed, and an honest driver at work. */
void attempt_aimed_ring(struct run *r, enum attempt_shape shape, const struct net_aim *aim);

/** Wait until the device has been round all its queues, as far as that can be seen; the CVQ is used
 * for it. */
void device_settle(struct run *r);

/** A chain on the CVQ from AIM_HEAD on, which the caller has laid out there; an answer goes to
 * cvq_memory.ack. */
enum cvq_outcome {
	CVQ_SILENT,  /* it did not come back */
	CVQ_REFUSED, /* it came back without an answer */
	CVQ_ERR,
	CVQ_OK,
};
enum cvq_outcome cvq_chain(struct run *r);

/** A command that the device must take, for chains on the CVQ. */
struct cvq_memory {
	uint8_t mac[8]; /* class, command, address */
	uint8_t ack;
};
extern struct cvq_memory cvq_memory;
/** Fill it, with another address each time. */
void command_fill(struct run *r);

/** Make the legal operations of the current phase, all of them (steps.c). */
void steps(struct run *r);
/** One of them: a frame goes out and the same one comes in; others may come before it. */
bool run_loopback(struct net *n, uint32_t len);

void attack_cpu(struct run *r);		/* cpu.c: row 1 */
void attack_canary(struct run *r);	/* canary.c: row 2 */
void attack_ring(struct run *r);	/* ring.c: rows 3 to 5 */
void attack_indirect(struct run *r);	/* indirect.c: row 8 */
void attack_straddle(struct run *r);	/* straddle.c: row 9 */
void attack_sweep(struct run *r);	/* sweep.c: row 10 */
void attack_toctou(struct run *r);	/* toctou.c: row 14 */
void attack_reset(struct run *r);	/* reset.c: row 19 */
void attack_swap(struct run *r);	/* swap.c: row 20 */
void attack_renegotiate(struct run *r); /* negotiate.c: row 21 */
void attack_moves(struct run *r);	/* moves.c: row 21 where MQ is taken */
void attack_notify(struct run *r);	/* notify.c: row 27 */
void attack_flood(struct run *r);	/* flood.c: row 28 */
void attack_config(struct run *r);	/* config.c: row 29 */
void attack_buffer(struct run *r);	/* buffer.c: rows 6 and 7 */
void attack_contain(struct run *r);	/* contain.c: rows 33 to 35 */

#endif
