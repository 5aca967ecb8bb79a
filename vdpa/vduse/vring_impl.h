/* SPDX-License-Identifier: MIT */
/* What vring.c and vring_packed.c share. It must never be included by anything else. */
#ifndef VDUSE_VRING_IMPL_H
#define VDUSE_VRING_IMPL_H

#include "vring.h"

/* A place in a packed ring and the wrap counter there, as last_avail and used_idx hold them. */
#define VRING_WRAP 0x8000u
#define VRING_PLACE(at) ((at) & ~VRING_WRAP)
#define VRING_EVENT_ALIGN 4u

static inline iova_t vring_plus(iova_t at, uint64_t offset)
{
	return iova(at.v + offset); /* a sum that wraps is just another address: as.h judges it */
}

/** Stop the ring; -EPIPE. */
int vring_stop(struct vring_queue *v, const char *why);

/** Refuse the chain, of which nothing is used then; -EBADMSG. */
int vring_refuse(struct vring_chain *c, const char *why);

/** Add a descriptor, as it lies in memory, to the chain; NULL or why it cannot be one. */
const char *vring_add(struct vring_chain *c, uint64_t addr, uint32_t len, uint16_t flags);

/** The packed counterparts of vring.h's; the ring is not stopped. */
int vring_pop_packed(struct vring_queue *v, struct as_table *t, struct vring_chain *c);
int vring_push_packed(struct vring_queue *v, struct as_table *t, uint16_t id, uint32_t len);
bool vring_wants_call_packed(struct vring_queue *v, struct as_table *t);

#endif
