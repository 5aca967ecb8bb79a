/* SPDX-License-Identifier: MIT */
/*
 * Between the client's process and the device's (parent.c and keeper.c): one question, one answer,
 * each a datagram. It must never hold a pointer.
 */
#ifndef ISOLATION_STEPS_WIRE_H
#define ISOLATION_STEPS_WIRE_H

#include "parent.h"

enum ask { ASK_END, ASK_HEARD, ASK_GROUP, ASK_QUEUE, ASK_REGION, ASK_RING, ASK_SETUP };

struct question {
	uint32_t ask; /* enum ask */
	uint32_t a, b;
	uint64_t at;
};

struct answer {
	int ret;
	uint32_t value;
	struct heard heard;
	struct seen_region region;
	struct seen_ring ring;
};

/** The first datagram, unasked: the device is there, or why not. */
struct hello {
	int ret;
	struct err e;
	char path[64];
};

/** Keep a device until @sock says so or is closed by its other end. The device's process. */
void keeper_run(const struct parent_setup *s, int sock) __attribute__((noreturn));

#endif
