/* SPDX-License-Identifier: MIT */
/*
 * From the simulator's calls to the trace of a device: which queue, through which address space,
 * reached what. It must never fill a gap with what should have been: a call that does not fit ends
 * the trace's worth ("overflow").
 */
#ifndef SIM_FOLLOW_H
#define SIM_FOLLOW_H

#include "../trace.h"
#include "events.h"

#define SIM_QUEUES 3
#define SIM_CVQ 2 /* vdpasim_net_work(): the queue after its one pair */
#define SIM_SPACES 2

/**
 * Who is who: the device's own objects, by their addresses in the kernel. All of it is told while
 * the device is made, in the order of its indices.
 */
struct sim_identity {
	uint64_t vring[SIM_QUEUES], space[SIM_SPACES], lock, device;
	unsigned vrings, spaces;
	bool odd; /* something was made that a device of this kind does not have */
};

/** Take one event of the device's making. */
void sim_learn(struct sim_identity *id, const struct sim_event *ev);
/** Whether that was all, and nothing else. */
bool sim_known(const struct sim_identity *id);

struct follow {
	const struct sim_identity *id;
	uint32_t group[SIM_QUEUES];
	struct trace *trace; /* what is told goes there */
	/** The inode at an address of the client's, or 0. @fresh: something may have changed. */
	uint64_t (*inode)(void *ctx, uint64_t at, uint64_t len, bool fresh);
	void *ctx;

	enum sim_event_kind op; /* what the worker is doing, 0: nothing yet */
	unsigned queue;		/* with which queue */
	bool refused;		/* and an address of it was refused */
	bool fresh;		/* the client has (re)started since the last inode was asked for */
	int client;		/* the thread that last set the device up */
};

/** Write down what @ev means. */
void follow_event(struct follow *f, const struct sim_event *ev);

#endif
