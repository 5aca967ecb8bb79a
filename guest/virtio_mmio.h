/* SPDX-License-Identifier: MIT */
/*
 * A virtio device behind virtio-mmio registers, version 2 (virtio 1.3 section 4.2), as its driver
 * sees it. It knows nothing of what the device is for, and every write of a register costs a VMM
 * exit.
 */
#ifndef GUEST_VIRTIO_MMIO_H
#define GUEST_VIRTIO_MMIO_H

#include "virtq.h"

#define VIRTIO_F_INDIRECT_DESC (1ULL << 28)
#define VIRTIO_F_EVENT_IDX (1ULL << 29)
#define VIRTIO_F_VERSION_1 (1ULL << 32)
#define VIRTIO_F_RING_PACKED (1ULL << 34)

/* Section 4.2.2, table 4.1. */
#define VREG_MAGIC_VALUE 0x000
#define VREG_VERSION 0x004
#define VREG_DEVICE_ID 0x008
#define VREG_DEVICE_FEATURES 0x010
#define VREG_DEVICE_FEATURES_SEL 0x014
#define VREG_DRIVER_FEATURES 0x020
#define VREG_DRIVER_FEATURES_SEL 0x024
#define VREG_QUEUE_SEL 0x030
#define VREG_QUEUE_SIZE_MAX 0x034
#define VREG_QUEUE_SIZE 0x038
#define VREG_QUEUE_READY 0x044
#define VREG_QUEUE_NOTIFY 0x050
#define VREG_INTERRUPT_ACK 0x064
#define VREG_STATUS 0x070
#define VREG_QUEUE_DESC 0x080 /* low half; the high half is 4 bytes further */
#define VREG_QUEUE_DRIVER 0x090
#define VREG_QUEUE_DEVICE 0x0a0
#define VREG_CONFIG_GENERATION 0x0fc
#define VREG_CONFIG 0x100

/* Section 2.1. */
#define VSTATUS_ACKNOWLEDGE 1u
#define VSTATUS_DRIVER 2u
#define VSTATUS_DRIVER_OK 4u
#define VSTATUS_FEATURES_OK 8u
#define VSTATUS_NEEDS_RESET 64u

struct virtio {
	uint64_t base;
	uint32_t status;   /* as we wrote it last */
	uint64_t features; /* negotiated */
};

/** Whether a device of type @id is at @base (section 4.2.3.1.1). */
bool virtio_find(struct virtio *v, uint64_t base, uint32_t id);

/** Section 3.1.1 step 1: reset, and wait until the device says that it is done. */
bool virtio_reset(struct virtio *v);
/** The steps of virtio_negotiate(), for those who take them in another order or way. */
void virtio_begin(struct virtio *v);
uint64_t virtio_offered(const struct virtio *v);
void virtio_accept(const struct virtio *v, uint64_t features);
bool virtio_features_ok(struct virtio *v);
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

/** A register, read or written as it is. */
uint32_t virtio_read(const struct virtio *v, uint32_t reg);
void virtio_write(const struct virtio *v, uint32_t reg, uint32_t value);

void virtio_notify(struct virtio *v, uint32_t index);
/** Sleep until queue @q has something to take back; false if that did not happen by @deadline. */
bool virtio_wait(struct virtio *v, const struct virtq *q, uint64_t deadline);

#endif
