/* SPDX-License-Identifier: MIT */
/*
 * The device's side of a guest's virtqueue, split (virtio 1.3 section 2.7) or packed (section 2.8):
 * chains are popped, each snapshotted once and checked as a whole, and pushed back. It must never
 * read a descriptor twice, and never believe what it wrote into the rings: that memory is the
 * guest's.
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
	/* Packed: the descriptor ring, and the driver's and the device's event suppression. */
	gpa_t desc, avail, used;
	/* Where the next available entry is taken and the next used one written: ours, never read
	 * back. Split: a free-running index; packed: a place in the ring and its wrap counter. */
	uint16_t last_avail, used_idx;
	bool avail_wrap, used_wrap;
	uint16_t unsaid; /* used entries since the driver was last asked whether it wants to know */
	bool packed, indirect, event_idx; /* negotiated: section 6 */
};

struct queue_seg {
	gpa_t addr;
	uint32_t len;
};

/** One descriptor chain as it was when it was popped: device-readable segments first, then
 * writable. */
struct queue_chain {
	uint16_t head;		     /* packed: the buffer's id, which may be anything */
	uint16_t descs;		     /* packed: entries of the ring that it takes */
	unsigned readable, writable; /* numbers of segments */
	uint64_t readable_len, writable_len;
	struct queue_seg seg[QUEUE_CHAIN_MAX];
};

/**
 * Take the rings of a queue the driver has set up after it negotiated @features. -EINVAL: num is 0,
 * too large, or (split) no power of two, or an address is not aligned (section 2.7: 16, 2, 4; 2.8:
 * 16, 4, 4); -EFAULT: a part does not lie wholly in guest RAM.
 */
int queue_init(struct queue *q, const struct gmem *m, uint64_t features, uint32_t num, gpa_t desc,
	       gpa_t avail, gpa_t used) __attribute__((warn_unused_result));

/**
 * Take the next available chain. 1: @c holds it; 0: none there, and with EVENT_IDX the driver will
 * notify of the next; -EPROTO: the available index is more than a ring's length ahead, a head is
 * out of range, or a packed chain has no end: the ring cannot be trusted any more;
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

/** Return a chain that was popped, in the order of their popping, with @len bytes written into it.
 */
int queue_push(struct queue *q, const struct gmem *m, const struct queue_chain *c, uint32_t len)
    __attribute__((warn_unused_result));

/** Whether the driver wants to be interrupted for what was pushed since this was asked last
 * (sections 2.7.7 and 2.8.10). */
bool queue_wants_interrupt(struct queue *q, const struct gmem *m);

#endif
