// SPDX-License-Identifier: MIT
/*
 * Owns the virtio-mmio registers. It must never wait without a deadline or by spinning.
 */
#include "virtio_mmio.h"

#include "arch.h"

/* Section 4.2.2, table 4.1. */
#define MAGIC_VALUE 0x000
#define VERSION 0x004
#define DEVICE_ID 0x008
#define DEVICE_FEATURES 0x010
#define DEVICE_FEATURES_SEL 0x014
#define DRIVER_FEATURES 0x020
#define DRIVER_FEATURES_SEL 0x024
#define QUEUE_SEL 0x030
#define QUEUE_SIZE_MAX 0x034
#define QUEUE_SIZE 0x038
#define QUEUE_READY 0x044
#define QUEUE_NOTIFY 0x050
#define INTERRUPT_ACK 0x064
#define STATUS 0x070
#define QUEUE_DESC 0x080 /* low half; the high half is 4 bytes further */
#define QUEUE_DRIVER 0x090
#define QUEUE_DEVICE 0x0a0
#define CONFIG 0x100

#define MAGIC_VIRT 0x74726976u
#define INTERRUPT_USED 1u /* section 4.2.2, InterruptACK */

/* Section 2.1. */
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER 2u
#define STATUS_DRIVER_OK 4u
#define STATUS_FEATURES_OK 8u

#define RESET_MS 500

static uint32_t reg_read(const struct virtio *v, uint32_t reg)
{
	return mmio_read32(v->base + reg);
}

static void reg_write(const struct virtio *v, uint32_t reg, uint32_t value)
{
	mmio_write32(v->base + reg, value);
}

static void reg_write64(const struct virtio *v, uint32_t reg, uint64_t value)
{
	reg_write(v, reg, (uint32_t)value);
	reg_write(v, reg + 4, (uint32_t)(value >> 32));
}

/* Section 3.1.1: bits are added to the status one step at a time. */
static void status_add(struct virtio *v, uint32_t bit)
{
	v->status |= bit;
	reg_write(v, STATUS, v->status);
}

bool virtio_find(struct virtio *v, uint64_t base, uint32_t id)
{
	*v = (struct virtio){.base = base};
	return reg_read(v, MAGIC_VALUE) == MAGIC_VIRT && reg_read(v, VERSION) == 2 &&
	       reg_read(v, DEVICE_ID) == id;
}

bool virtio_reset(struct virtio *v)
{
	uint64_t deadline = deadline_in(RESET_MS);

	v->status = 0;
	reg_write(v, STATUS, 0);
	/* Section 4.2.3.1.1: it may take a while until it reads back as 0. */
	while (reg_read(v, STATUS)) {
		if (deadline_passed(deadline))
			return false;
		arch_sleep();
	}
	return true;
}

bool virtio_negotiate(struct virtio *v, uint64_t wanted)
{
	uint64_t offered;

	status_add(v, STATUS_ACKNOWLEDGE);
	status_add(v, STATUS_DRIVER);

	reg_write(v, DEVICE_FEATURES_SEL, 1);
	offered = (uint64_t)reg_read(v, DEVICE_FEATURES) << 32;
	reg_write(v, DEVICE_FEATURES_SEL, 0);
	offered |= reg_read(v, DEVICE_FEATURES);
	v->features = offered & wanted;
	reg_write(v, DRIVER_FEATURES_SEL, 1);
	reg_write(v, DRIVER_FEATURES, (uint32_t)(v->features >> 32));
	reg_write(v, DRIVER_FEATURES_SEL, 0);
	reg_write(v, DRIVER_FEATURES, (uint32_t)v->features);

	status_add(v, STATUS_FEATURES_OK);
	return (v->features & VIRTIO_F_VERSION_1) && (reg_read(v, STATUS) & STATUS_FEATURES_OK);
}

uint8_t virtio_config8(const struct virtio *v, uint32_t offset)
{
	return mmio_read8(v->base + CONFIG + offset);
}

uint32_t virtio_queue_select(struct virtio *v, uint32_t index)
{
	reg_write(v, QUEUE_SEL, index);
	if (reg_read(v, QUEUE_READY))
		return 0;
	return reg_read(v, QUEUE_SIZE_MAX);
}

void virtio_queue_enable(struct virtio *v, const struct virtq *q)
{
	reg_write(v, QUEUE_SIZE, q->num);
	reg_write64(v, QUEUE_DESC, q->at[VIRTQ_DESC]);
	reg_write64(v, QUEUE_DRIVER, q->at[VIRTQ_AVAIL]);
	reg_write64(v, QUEUE_DEVICE, q->at[VIRTQ_USED]);
	reg_write(v, QUEUE_READY, 1);
}

void virtio_driver_ok(struct virtio *v)
{
	status_add(v, STATUS_DRIVER_OK);
}

void virtio_notify(struct virtio *v, uint32_t index)
{
	reg_write(v, QUEUE_NOTIFY, index);
}

/*
 * The only events we handle are used buffers, so the interrupt is acknowledged as such
 * (section 4.2.3.4.1) without the exit that reading InterruptStatus would cost. It is an edge:
 * nothing depends on the acknowledgement, and the rings are looked at again after it.
 */
bool virtio_wait(struct virtio *v, const struct virtq *q, uint64_t deadline)
{
	while (!virtq_has_used(q)) {
		if (deadline_passed(deadline))
			return false;
		arch_sleep();
		if (arch_device_irq())
			reg_write(v, INTERRUPT_ACK, INTERRUPT_USED);
	}
	return true;
}
