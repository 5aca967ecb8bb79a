/* SPDX-License-Identifier: MIT */
/*
 * The driver's side of a split ring in a buffer that stands for guest RAM: what a test writes there
 * is exactly what a hostile guest could. Table at 0x1000, available ring at 0x2000, used ring at
 * 0x3000.
 */
#ifndef GUEST_RING_H
#define GUEST_RING_H

#include "../../virtio/gmem.h"
#include "test.h"

#include <linux/virtio_ring.h>

#define RING_RAM 0x10000u
#define RING_NUM 8u
#define RING_DESC 0x1000u
#define RING_AVAIL 0x2000u
#define RING_USED 0x3000u

struct guest_ring {
	_Alignas(4096) uint8_t ram[RING_RAM];
	struct gmem mem;
	uint16_t avail_idx;
};

static inline void ring_init(struct guest_ring *r)
{
	memset(r, 0, sizeof(*r));
	assert_int_equal(gmem_add(&r->mem, gpa(0), RING_RAM, r->ram), 0);
}

static inline struct vring_desc *ring_desc(struct guest_ring *r, unsigned i)
{
	return (struct vring_desc *)(void *)(r->ram + RING_DESC) + i;
}

static inline struct vring_avail *ring_avail(struct guest_ring *r)
{
	return (struct vring_avail *)(void *)(r->ram + RING_AVAIL);
}

static inline struct vring_used *ring_used(struct guest_ring *r)
{
	return (struct vring_used *)(void *)(r->ram + RING_USED);
}

static inline void ring_set(struct guest_ring *r, unsigned i, uint64_t addr, uint32_t len,
			    unsigned flags, unsigned next)
{
	*ring_desc(r, i) = (struct vring_desc){addr, len, (uint16_t)flags, (uint16_t)next};
}

static inline void ring_offer(struct guest_ring *r, unsigned head)
{
	ring_avail(r)->ring[r->avail_idx % RING_NUM] = (uint16_t)head;
	ring_avail(r)->idx = ++r->avail_idx;
}

/** A control command at GPA 0x4000 with its ack byte at 0x5000, offered from descriptors @head and
 * @head + 1. */
static inline void ring_command(struct guest_ring *r, unsigned head, const void *cmd, unsigned len)
{
	memcpy(r->ram + 0x4000, cmd, len);
	r->ram[0x5000] = 0xee;
	ring_set(r, head, 0x4000, len, VRING_DESC_F_NEXT, head + 1);
	ring_set(r, head + 1, 0x5000, 1, VRING_DESC_F_WRITE, 0);
	ring_offer(r, head);
}

#endif
