/* SPDX-License-Identifier: MIT */
/*
 * The device's side of a split ring over translated memory (virtio 1.3 section 2.7). Every access,
 * to the ring's own parts and to buffers alike, is one of as.h's and names the queue: it must never
 * reach memory in any other way. Ring and buffers are UNTRUSTED: driver; each byte is copied once
 * and only the copy judged.
 *
 * A ring that cannot be followed (a part of it refused, an available index or a head out of range)
 * is stopped: @stopped says why, and every call on it fails until vring_start(). A chain that
 * cannot be followed is handed back with its head, to be pushed with length 0; the ring goes on.
 */
#ifndef VDUSE_VRING_H
#define VDUSE_VRING_H

#include "as.h"

/** Largest ring; also the longest chain, since a longer one than the ring is a loop. */
#define VRING_NUM_MAX 256

struct vring_queue {
	unsigned index; /* which queue this is, for as.h */
	uint16_t num;
	iova_t desc, avail, used;
	uint16_t last_avail; /* next available entry to take */
	uint16_t used_idx;   /* next used entry to write; ours, never read back */
	bool indirect;	     /* VIRTIO_F_INDIRECT_DESC was negotiated; vring_start() says no */
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
	uint16_t head;
	unsigned readable, writable;
	uint64_t readable_len, writable_len;
	const char *bad; /* why the chain was refused, with -EBADMSG */
	struct vring_seg seg[VRING_NUM_MAX];
};

/**
 * Take up a ring from @last_avail on, used entries included: this device completes in order, so
 * both indices are equal whenever it rests. A ring of a bad size or alignment (section 2.7) starts
 * stopped.
 */
void vring_start(struct vring_queue *v, unsigned index, uint32_t num, uint16_t num_max, iova_t desc,
		 iova_t avail, iova_t used, uint16_t last_avail);

/**
 * Take the next chain. 1: @c holds it; 0: none there; -EBADMSG: it is malformed, only @c->head and
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
 * Give the chain that began at @head back, with @len bytes written into it. -EPIPE: the ring is
 * stopped.
 */
int vring_push(struct vring_queue *v, struct as_table *t, uint16_t head, uint32_t len)
    __attribute__((warn_unused_result));

/**
 * Whether the driver wants a call for what was pushed (section 2.7.7; EVENT_IDX is not offered). A
 * ring that cannot be asked any more is called once too often rather than never.
 */
bool vring_wants_call(const struct vring_queue *v, struct as_table *t);

#endif
