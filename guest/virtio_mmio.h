/* SPDX-License-Identifier: MIT */
/*
 * A virtio device behind virtio-mmio registers, version 2 (virtio 1.3 section 4.2), as its driver
 * sees it. It knows nothing of what the device is for, and every register access costs a VMM exit.
 */
#ifndef GUEST_VIRTIO_MMIO_H
#define GUEST_VIRTIO_MMIO_H

#include "virtq.h"

#define VIRTIO_F_VERSION_1 (1ULL << 32)

struct virtio {
	uint64_t base;
	uint32_t status;   /* as we wrote it last */
	uint64_t features; /* negotiated */
};

/** Whether a device of type @id is at @base (section 4.2.3.1.1). */
bool virtio_find(struct virtio *v, uint64_t base, uint32_t id);

/** Section 3.1.1 step 1: reset, and wait until the device says that it is done. */
bool virtio_reset(struct virtio *v);
/** Steps 2 to 6: acknowledge, accept those of @wanted that are offered; false if the device says
 * no. */
bool virtio_negotiate(struct virtio *v, uint64_t wanted);
/** A byte of device-specific configuration. */
uint8_t virtio_config8(const struct virtio *v, uint32_t offset);
/** The largest size of queue @index, or 0 if it is not there or already in use; it stays selected.
 */
uint32_t virtio_queue_select(struct virtio *v, uint32_t index);
/** Step 7: tell the device where the selected queue is (section 4.2.3.2). */
void virtio_queue_enable(struct virtio *v, const struct virtq *q);
/** Step 8: the device is live. */
void virtio_driver_ok(struct virtio *v);

void virtio_notify(struct virtio *v, uint32_t index);
/** Sleep until queue @q has something to take back; false if that did not happen by @deadline. */
bool virtio_wait(struct virtio *v, const struct virtq *q, uint64_t deadline);

#endif
