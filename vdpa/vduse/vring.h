/* SPDX-License-Identifier: MIT */
/*
 * The device's side of a ring, split or packed (virtio 1.3 sections 2.7, 2.8), over translated
 * memory. Every access,
 * to the ring's own parts and to buffers alike, is one of as.h's and names the queue: it must never
 * reach memory in any other way. Ring and buffers are UNTRUSTED: driver; each byte is copied once
 * and only the copy judged.
 *
 * A ring that cannot be followed (a part of it refused, an available index or a head out of range,
 * a packed chain that does not end) is stopped: @stopped says why, and every call on it fails until
 * vring_start(). A chain that cannot be followed is handed back with its head, to be pushed with
 * length 0; the ring goes on.
 */
#ifndef VDUSE_VRING_H
#define VDUSE_VRING_H

#include "as.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

/** Largest ring; also the longest chain, since a longer one than the ring is a loop. */
#define VRING_NUM_MAX 256

/** What such a ring can be, for a device to offer. */
#define VRING_FEATURES                                                                             \
	(1ull << VIRTIO_RING_F_INDIRECT_DESC | 1ull << VIRTIO_RING_F_EVENT_IDX |                   \
	 1ull << VIRTIO_F_RING_PACKED)

struct vring_queue {
	unsigned index; /* which queue this is, for as.h */
	uint16_t num;
	/* Packed: the ring, and the driver's and the device's event suppression. */
	iova_t desc, avail, used;
	/* The next entry to take and the next used one to write, which is never read back. Packed:
	 * a place in the ring, and the wrap counter in bit 15. */
	uint16_t last_avail, used_idx;
	uint16_t uncalled; /* used since the driver was last asked whether it wants a call */
	bool packed, indirect, event_idx; /* negotiated */
	/* Packed: how many descriptors each chain takes that was popped and not pushed, the oldest
	 * at [oldest % VRING_NUM_MAX], and how many those are in all. */
	uint16_t taken[VRING_NUM_MAX];
	unsigned oldest, chains;
	unsigned out;
	const char *stopped; /* NULL while the ring can be followed */
};

struct vring_seg {
	iova_t at;
	uint32_t len;
};

/**
 * A chain as it was when it was popped: @readable segments, then @writable ones, not translated
 * yet.
 */
struct vring_chain {
	uint16_t head; /* packed: the buffer's id */
	unsigned readable, writable;
	uint64_t readable_len, writable_len;
	const char *bad; /* why the chain was refused, with -EBADMSG */
	struct vring_seg seg[VRING_NUM_MAX];
};

/**
 * Take up a ring, as the negotiated @features say that it is, from @last_avail on, used entries
 * included: this device completes in order, so both are equal whenever it rests. A ring of a bad
 * size or alignment (sections 2.7, 2.8) starts stopped.
 */
void vring_start(struct vring_queue *v, unsigned index, uint64_t features, uint32_t num,
		 uint16_t num_max, iova_t desc, iova_t avail, iova_t used, uint16_t last_avail);

/**
 * Take the next chain. 1: @c holds it; 0: none there, and with EVENT_IDX the driver will kick for
 * the next; -EBADMSG: it is malformed, only @c->head and
 * @c->bad are valid and the head must be pushed; -EPIPE: the ring is stopped.
 */
int vring_pop(struct vring_queue *v, struct as_table *t, struct vring_chain *c)
    __attribute__((warn_unused_result));

/**
 * Copy the first @len readable (writable) bytes of the chain. -EFAULT: refused; -E2BIG: it has
 * fewer.
 */
int vring_read(const struct vring_queue *v, struct as_table *t, const struct vring_chain *c,
	       void *dst, size_t len) __attribute__((warn_unused_result));
int vring_write(const struct vring_queue *v, struct as_table *t, const struct vring_chain *c,
		const void *src, size_t len) __attribute__((warn_unused_result));

/**
 * Give the chain that began at @head back, which is the oldest that was popped and not given back,
 * with @len bytes written into it. -EPIPE: the ring is stopped.
 */
int vring_push(struct vring_queue *v, struct as_table *t, uint16_t head, uint32_t len)
    __attribute__((warn_unused_result));

/**
 * Whether the driver wants a call for what was pushed since this was asked last (sections 2.7.7,
 * 2.8.10). A ring that cannot be asked any more is called once too often rather than never.
 */
bool vring_wants_call(struct vring_queue *v, struct as_table *t);

#endif
