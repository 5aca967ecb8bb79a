// SPDX-License-Identifier: MIT
/*
 * Owns the virtio-mmio registers. It must never wait without a deadline or by spinning.
 */
#include "virtio_mmio.h"

#include "arch.h"

#define MAGIC_VIRT 0x74726976u
#define INTERRUPT_USED 1u /* section 4.2.2, InterruptACK */

#define RESET_MS 500

uint32_t virtio_read(const struct virtio *v, uint32_t reg)
{
	return mmio_read32(v->base + reg);
}

void virtio_write(const struct virtio *v, uint32_t reg, uint32_t value)
{
	mmio_write32(v->base + reg, value);
}

static void write64(const struct virtio *v, uint32_t reg, uint64_t value)
{
	virtio_write(v, reg, (uint32_t)value);
	virtio_write(v, reg + 4, (uint32_t)(value >> 32));
}

/* Section 3.1.1: bits are added to the status one step at a time. */
static void status_add(struct virtio *v, uint32_t bit)
{
	v->status |= bit;
	virtio_write(v, VREG_STATUS, v->status);
}

bool virtio_find(struct virtio *v, uint64_t base, uint32_t id)
{
	*v = (struct virtio){.base = base};
	return virtio_read(v, VREG_MAGIC_VALUE) == MAGIC_VIRT &&
	       virtio_read(v, VREG_VERSION) == 2 && virtio_read(v, VREG_DEVICE_ID) == id;
}

bool virtio_reset(struct virtio *v)
{
	uint64_t deadline = deadline_in(RESET_MS);

	v->status = 0;
	virtio_write(v, VREG_STATUS, 0);
	/* Section 4.2.3.1.1: it may take a while until it reads back as 0. */
	while (virtio_read(v, VREG_STATUS)) {
		if (deadline_passed(deadline))
			return false;
		arch_sleep();
	}
	return true;
}

void virtio_begin(struct virtio *v)
{
	status_add(v, VSTATUS_ACKNOWLEDGE);
	status_add(v, VSTATUS_DRIVER);
}

uint64_t virtio_offered(const struct virtio *v)
{
	uint64_t high;

	virtio_write(v, VREG_DEVICE_FEATURES_SEL, 1);
	high = virtio_read(v, VREG_DEVICE_FEATURES);
	virtio_write(v, VREG_DEVICE_FEATURES_SEL, 0);
	return high << 32 | virtio_read(v, VREG_DEVICE_FEATURES);
}

void virtio_accept(const struct virtio *v, uint64_t features)
{
	virtio_write(v, VREG_DRIVER_FEATURES_SEL, 1);
	virtio_write(v, VREG_DRIVER_FEATURES, (uint32_t)(features >> 32));
	virtio_write(v, VREG_DRIVER_FEATURES_SEL, 0);
	virtio_write(v, VREG_DRIVER_FEATURES, (uint32_t)features);
}

bool virtio_features_ok(struct virtio *v)
{
	status_add(v, VSTATUS_FEATURES_OK);
	return virtio_read(v, VREG_STATUS) & VSTATUS_FEATURES_OK;
}

bool virtio_negotiate(struct virtio *v, uint64_t wanted)
{
	virtio_begin(v);
	v->features = virtio_offered(v) & wanted;
	virtio_accept(v, v->features);
	return virtio_features_ok(v) && (v->features & VIRTIO_F_VERSION_1);
}

uint8_t virtio_config8(const struct virtio *v, uint32_t offset)
{
	return mmio_read8(v->base + VREG_CONFIG + offset);
}

uint32_t virtio_queue_select(struct virtio *v, uint32_t index)
{
	virtio_write(v, VREG_QUEUE_SEL, index);
	if (virtio_read(v, VREG_QUEUE_READY))
		return 0;
	return virtio_read(v, VREG_QUEUE_SIZE_MAX);
}

void virtio_queue_enable(struct virtio *v, const struct virtq *q)
{
	virtio_write(v, VREG_QUEUE_SIZE, q->num);
	write64(v, VREG_QUEUE_DESC, q->at[VIRTQ_DESC]);
	write64(v, VREG_QUEUE_DRIVER, q->at[VIRTQ_AVAIL]);
	write64(v, VREG_QUEUE_DEVICE, q->at[VIRTQ_USED]);
	virtio_write(v, VREG_QUEUE_READY, 1);
}

void virtio_driver_ok(struct virtio *v)
{
	status_add(v, VSTATUS_DRIVER_OK);
}

void virtio_notify(struct virtio *v, uint32_t index)
{
	virtio_write(v, VREG_QUEUE_NOTIFY, index);
}

/*
 * The only events we handle are used buffers, so the interrupt is acknowledged as such
 * (section 4.2.3.4.1) without a look at InterruptStatus. It is an edge:
 * nothing depends on the acknowledgement, and the rings are looked at again after it.
 */
bool virtio_wait(struct virtio *v, const struct virtq *q, uint64_t deadline)
{
	while (!virtq_has_used(q)) {
		if (deadline_passed(deadline))
			return false;
		arch_sleep();
		if (arch_device_irq())
			virtio_write(v, VREG_INTERRUPT_ACK, INTERRUPT_USED);
	}
	return true;
}
