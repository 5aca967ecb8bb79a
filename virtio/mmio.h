/* SPDX-License-Identifier: MIT */
/*
 * The virtio-mmio register block, version 2 (virtio 1.3 section 4.2.2), as a pure state machine: a
 * write changes registers and says what its caller has to do. It must never call into a device or
 * wait.
 */
#ifndef VIRTIO_MMIO_H
#define VIRTIO_MMIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MMIO_QUEUES_MAX 17 /* eight pairs of data queues and a CVQ */
#define MMIO_CONFIG_MAX 64
#define MMIO_SIZE 0x1000
#define MMIO_QUEUE_NOTIFY                                                                          \
	0x050 /* where an ioeventfd goes; the value written is the queue's index */

/** One queue's registers. @desc, @driver and @device are guest physical addresses, unchecked. */
struct mmio_queue {
	uint32_t num;
	bool ready;
	uint64_t desc, driver, device;
};

struct mmio {
	uint32_t device_id;
	uint64_t offered; /* device features, VIRTIO_F_VERSION_1 included */
	uint64_t driver;  /* features the driver has accepted */
	uint32_t features_sel, driver_sel, queue_sel;
	uint32_t status; /* as the driver sees it */
	uint32_t config_generation;
	uint16_t queue_max;
	unsigned queues;
	struct mmio_queue queue[MMIO_QUEUES_MAX];
	bool config_changed; /* interrupt status bit 1 */
	uint8_t config[MMIO_CONFIG_MAX];
	size_t config_len;
};

/** What the caller of mmio_write() has to do. */
enum mmio_action {
	MMIO_NOTHING,
	MMIO_START,  /* DRIVER_OK was set: queue[] and driver hold what was negotiated */
	MMIO_RESET,  /* 0 was written to status; the registers are at their reset values already */
	MMIO_NOTIFY, /* QueueNotify was written and no ioeventfd took it: kick queue @notify */
};

struct check_info;

struct mmio_result {
	enum mmio_action action;
	unsigned notify;
	const struct check_info *why; /* what refused the write, or a part of it; NULL: nothing */
};

/** Set up for a device of @device_id with @queues queues of at most @queue_max entries. */
void mmio_init(struct mmio *m, uint32_t device_id, uint64_t offered, unsigned queues,
	       uint16_t queue_max, const void *config, size_t config_len);

/**
 * A driver's read (write) of @len bytes at @offset. Registers below 0x100 take aligned 32-bit
 * accesses only; anything else reads as 0 and is ignored on write, as is every write that the spec
 * forbids in this state.
 */
uint64_t mmio_read(struct mmio *m, uint64_t offset, unsigned len);
struct mmio_result mmio_write(struct mmio *m, uint64_t offset, unsigned len, uint64_t value);

/**
 * The device changes @len bytes of its config space, from @offset on, which must lie in it; a
 * driver that reads while this comes in between can tell by ConfigGeneration (section 4.2.2).
 */
void mmio_set_config(struct mmio *m, size_t offset, const void *data, size_t len);

/** The device interrupts for its config space, if there is a driver to hear it: true (and the bit
 * of InterruptStatus is set) if an interrupt is to be made. */
bool mmio_config_interrupt(struct mmio *m);

/** The device has failed: set DEVICE_NEEDS_RESET and the config-change bit (section 2.1.2). */
void mmio_needs_reset(struct mmio *m);

#endif
