/* SPDX-License-Identifier: MIT */
/*
 * The device's side of a guest's split virtqueue (virtio 1.3 section 2.7): chains are popped, each
 * snapshotted once and checked as a whole, and pushed back. It must never read a descriptor twice,
 * and never believe what it wrote into the used ring: that memory is the guest's.
 */
#ifndef VIRTIO_QUEUE_H
#define VIRTIO_QUEUE_H

#include "gmem.h"

#include <stdbool.h>
#include <stdint.h>

/** The longest chain taken. A longer one is the guest's error, as is one longer than the ring. */
#define QUEUE_CHAIN_MAX 64
/** The largest ring; what mmio.h offers as QueueNumMax may be less. */
#define QUEUE_NUM_MAX 256

struct queue {
	uint16_t num;
	gpa_t desc, avail, used;
	uint16_t last_avail; /* next available entry to take */
	uint16_t used_idx;   /* next used entry to write; ours, never read back */
	bool indirect; /* VIRTIO_F_INDIRECT_DESC was negotiated; queue_init() leaves it false */
};

struct queue_seg {
	gpa_t addr;
	uint32_t len;
};

/** One descriptor chain as it was when it was popped: device-readable segments first, then
 * writable. */
struct queue_chain {
	uint16_t head;
	unsigned readable, writable; /* numbers of segments */
	uint64_t readable_len, writable_len;
	struct queue_seg seg[QUEUE_CHAIN_MAX];
};

/**
 * Take the rings of a queue the driver has set up. -EINVAL: num is 0, no power of two or too large,
 * or an address is not aligned (section 2.7: 16, 2, 4); -EFAULT: a ring does not lie wholly in
 * guest RAM.
 */
int queue_init(struct queue *q, const struct gmem *m, uint32_t num, gpa_t desc, gpa_t avail,
	       gpa_t used) __attribute__((warn_unused_result));

/**
 * Take the next available chain. 1: @c holds it; 0: none there; -EPROTO: the available index is
 * more than a ring's length ahead, or a head is out of range: the ring cannot be trusted any more;
 * -EFAULT cannot happen after queue_init(). -EBADMSG: this chain is malformed (loop, too long,
 * writable before readable, outside RAM, an indirect table that is not negotiated or malformed
 * itself): @c->head is valid and must still be pushed, with length 0.
 */
int queue_pop(struct queue *q, const struct gmem *m, struct queue_chain *c)
    __attribute__((warn_unused_result));

/** Copy the chain's readable bytes into @dst, at most @len; returns how many, or -EFAULT. */
int64_t queue_read(const struct queue_chain *c, const struct gmem *m, void *dst, size_t len);

/** Copy @len bytes into the chain's writable segments from their start. -EFAULT, -E2BIG: nothing
 * sensible was written. */
int queue_write(const struct queue_chain *c, const struct gmem *m, const void *src, size_t len)
    __attribute__((warn_unused_result));

/** Return the chain that began at @head, with @len bytes written into it. */
int queue_push(struct queue *q, const struct gmem *m, uint16_t head, uint32_t len)
    __attribute__((warn_unused_result));

/** Whether the driver wants to be interrupted (section 2.7.7.2; without VIRTIO_F_EVENT_IDX). */
bool queue_wants_interrupt(const struct queue *q, const struct gmem *m);

#endif
