/* SPDX-License-Identifier: MIT */
/*
 * A device's data thread, whatever its class: it waits for kicks, has the class serve chains, calls
 * the driver. It must never serve one chain after another without letting the message thread in
 * between, nor let one busy queue keep another waiting.
 */
#ifndef VDUSE_LOOP_H
#define VDUSE_LOOP_H

#include "dev.h"

/** What a class of device does with its queues; @ctx is the class's own. */
struct loop_class {
	/**
	 * Serve one chain of queue @q, which may be served. Under the device's lock, which it may
	 * let go of in between. False: there is nothing more to do on @q until the next kick.
	 */
	bool (*serve)(void *ctx, unsigned q);
	/** Under the lock, before all else: if a reset has come in between, forget what was. */
	void (*session)(void *ctx);
	/** How many chains of @q are served in a row. Queues are looked at from the last one on. */
	unsigned (*burst)(void *ctx, unsigned q);
	/** Bits of queues that have completed chains and not been called; cleared by the loop. */
	unsigned *(*calls)(void *ctx);
};

struct loop;

/**
 * Start serving @d, which is borrowed, as @ctx, until loop_stop(). @source is an fd of the class's
 * own, or -1: when it becomes readable, that is a kick for each of @source_queues, a bit per queue.
 */
int loop_start(struct loop **out, struct vduse_dev *d, const struct loop_class *class, void *ctx,
	       int source, unsigned source_queues, struct err *e);

/**
 * Stop serving. -ETIMEDOUT: the thread is stuck in a client's memory; @l, its context and its
 * device must be left alone. NULL is fine.
 */
int loop_stop(struct loop *l, struct err *e);

#endif
