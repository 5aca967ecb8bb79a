/* SPDX-License-Identifier: MIT */
/*
 * The driver's side of a split ring (virtio 1.3 section 2.7), with every address in it for the
 * caller to choose: no address is checked, since a refusal is what is looked for. Descriptors are
 * written in place, and at most a ring's worth is in flight. It must never wait.
 */
#ifndef ISOLATION_STEPS_RING_H
#define ISOLATION_STEPS_RING_H

#include "../../../virtio/addr.h"

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

#define RING_NUM 16u
/** Where the driver's two parts lie in the memory they are given, and how much of it they take. */
#define RING_AVAIL_AT 0x400u
#define RING_DRIVER_LEN 0x800u
/** How much memory the device's part takes. */
#define RING_DEVICE_LEN 0x100u

struct ring {
	struct vring_desc *desc;
	struct vring_avail *avail;
	const struct vring_used *used;
	iova_t desc_at, avail_at, used_at;
	uint16_t offered; /* the available index as it was last written */
	uint16_t taken;	  /* used entries that the caller has had */
};

/**
 * An empty ring: descriptors and available ring in @driver, which the device sees at @driver_at;
 * the used ring in @device. Both are zeroed as far as the ring needs.
 */
void ring_init(struct ring *r, void *driver, iova_t driver_at, void *device, iova_t device_at);

/** Write descriptor @i; @next < 0: the chain's last. */
void ring_describe(struct ring *r, unsigned i, uint64_t at, uint32_t len, bool writable, int next);

/** Make the chain at @head available. */
void ring_offer(struct ring *r, unsigned head);

/** Chains that are offered and not taken back. */
unsigned ring_in_flight(const struct ring *r);

/** The next used entry, if there is one; true then. */
bool ring_take(struct ring *r, uint32_t *head, uint32_t *len);

#endif
