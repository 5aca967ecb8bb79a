/* SPDX-License-Identifier: MIT */
/*
 * The driver's side of the shadow ring: a split (virtio 1.3 section 2.7) or packed (section 2.8)
 * virtqueue in the arena, with one command in flight. What the device can write (used ring or
 * packed ring, ack) is read once and judged; the state of this side is kept in private memory. It
 * must never wait: its caller owns the deadline.
 */
#ifndef VDPA_SVQ_H
#define VDPA_SVQ_H

#include "arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One command is two descriptors, and there is one command at a time. */
#define SVQ_NUM 2u

struct svq {
	struct arena *arena;
	bool packed, event_idx; /* negotiated */
	uint16_t avail_idx;	/* next value of the available index */
	uint16_t used_idx;	/* the used index that was last accepted */
	size_t room;		/* for the result of the command in flight */
};

/** Fill the arena with canaries and lay empty rings, of the kind that @features say, into it. The
 * device must not be running. */
void svq_init(struct svq *s, struct arena *a, uint64_t features);

/** Where the device finds the three parts of the ring. */
iova_t svq_desc(const struct svq *s);
iova_t svq_driver(const struct svq *s);
iova_t svq_device(const struct svq *s);

/** Copy a command into the arena and make it available, with room for an ack and @room bytes of
 * result. At most CTRL_COMMAND_MAX and CTRL_RESULT_MAX bytes, and none in flight. */
void svq_submit(struct svq *s, const void *cmd, size_t len, size_t room);

/**
 * Look for the completion of the command in flight. 1: @answer, of CTRL_ANSWER_MAX bytes, holds the
 * ack and *@result bytes behind it; 0: not yet; -EPROTO: the device completed something else, or
 * wrote less than the ack, or more than there was room for.
 */
int svq_poll(struct svq *s, uint8_t *answer, size_t *result) __attribute__((warn_unused_result));

#endif
