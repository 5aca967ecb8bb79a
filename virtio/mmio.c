/* SPDX-License-Identifier: MIT */
/*
 * The virtio-mmio registers; see mmio.h. One switch per direction, in the order of the spec's table
 * (virtio 1.3 section 4.2.2). What the driver may not write in the present state is dropped, so
 * that a queue in use never changes under the device's feet.
 */
#include "mmio.h"

#include "check.h"

#include <assert.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#define MAGIC 0x74726976u /* "virt" */
#define VERSION 2u
#define VENDOR 0x46474e52u /* "RNGF" */

/* The status bits a driver may set; the device's own is VIRTIO_CONFIG_S_NEEDS_RESET. */
#define DRIVER_STATUS                                                                              \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK |        \
	 VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_FAILED)

static void reset(struct mmio *m)
{
	m->driver = 0;
	m->features_sel = m->driver_sel = m->queue_sel = 0;
	m->status = 0;
	m->config_changed = false;
	memset(m->queue, 0, sizeof(m->queue));
}

void mmio_init(struct mmio *m, uint32_t device_id, uint64_t offered, unsigned queues,
	       uint16_t queue_max, const void *config, size_t config_len)
{
	*m = (struct mmio){.device_id = device_id, .offered = offered, .queue_max = queue_max};
	m->queues = CHECK(MMIO_INIT_QUEUES, queues > MMIO_QUEUES_MAX) ? MMIO_QUEUES_MAX : queues;
	m->config_len =
	    CHECK(MMIO_INIT_CONFIG, config_len > MMIO_CONFIG_MAX) ? MMIO_CONFIG_MAX : config_len;
	memcpy(m->config, config, m->config_len);
}

/* The queue QueueSel names, or NULL. UNTRUSTED: guest */
static struct mmio_queue *selected(struct mmio *m)
{
	return CHECK(MMIO_QUEUE_SEL, m->queue_sel >= m->queues) ? NULL : &m->queue[m->queue_sel];
}

static uint32_t half(uint64_t v, uint32_t sel)
{
	return sel == 0 ? (uint32_t)v : sel == 1 ? (uint32_t)(v >> 32) : 0;
}

static void set_half(uint64_t *v, uint32_t sel, uint32_t value)
{
	if (CHECK(MMIO_WORD_SEL, sel > 1))
		return;
	if (sel == 0)
		*v = (*v & ~0xffffffffull) | value;
	else
		*v = (*v & 0xffffffffull) | (uint64_t)value << 32;
}

static uint64_t read_config(const struct mmio *m, uint64_t offset, unsigned len)
{
	uint64_t v = 0;

	if (CHECK(MMIO_CONFIG_WIDTH, len != 1 && len != 2 && len != 4 && len != 8) ||
	    CHECK(MMIO_CONFIG_START, offset > m->config_len) ||
	    CHECK(MMIO_CONFIG_END, len > m->config_len - offset))
		return 0;
	memcpy(&v, m->config + offset, len);
	return v;
}

uint64_t mmio_read(struct mmio *m, uint64_t offset, unsigned len)
{
	const struct mmio_queue *q;

	if (offset >= VIRTIO_MMIO_CONFIG)
		return read_config(m, offset - VIRTIO_MMIO_CONFIG, len);
	if (CHECK(MMIO_READ_WIDTH, len != 4))
		return 0;
	switch (offset) { /* at an offset that is not aligned there is no register */
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return m->device_id;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return half(m->offered, m->features_sel);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return selected(m) ? m->queue_max : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		q = selected(m);
		return q ? q->ready : 0;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		/*
		 * A data queue's interrupt goes from the kernel straight to the guest and sets
		 * nothing here, so "a buffer was used" is always claimed; a driver looks and finds
		 * none.
		 */
		return VIRTIO_MMIO_INT_VRING | (m->config_changed ? VIRTIO_MMIO_INT_CONFIG : 0u);
	case VIRTIO_MMIO_STATUS:
		return m->status;
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return 0xffffffffu; /* there is no shared memory region (section 4.2.2) */
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return m->config_generation;
	default:
		return 0;
	}
}

/* Section 3.1.1: bits are added in order; FEATURES_OK stays only for features that were offered. */
static enum mmio_action write_status(struct mmio *m, uint32_t value)
{
	if (value == 0) {
		reset(m);
		return MMIO_RESET;
	}
	uint32_t added = value & ~m->status;

	if (CHECK(MMIO_STATUS_BITS, (added & DRIVER_STATUS) != added))
		added &= DRIVER_STATUS;
	if ((added & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    (CHECK(MMIO_OK_OFFERED, m->driver & ~m->offered) ||
	     CHECK(MMIO_OK_VERSION, !(m->driver & 1ull << VIRTIO_F_VERSION_1)) ||
	     CHECK(MMIO_OK_DRIVER, !((m->status | added) & VIRTIO_CONFIG_S_DRIVER))))
		added &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
	if ((added & VIRTIO_CONFIG_S_DRIVER_OK) &&
	    CHECK(MMIO_OK_FIRST, !(m->status & VIRTIO_CONFIG_S_FEATURES_OK)))
		added &= ~(uint32_t)VIRTIO_CONFIG_S_DRIVER_OK;
	m->status |= added;
	return added & VIRTIO_CONFIG_S_DRIVER_OK ? MMIO_START : MMIO_NOTHING;
}

/* Section 4.2.2.2: a queue's registers belong to the driver only until it is ready, or in use. */
static void write_queue(struct mmio *m, uint64_t offset, uint32_t value)
{
	struct mmio_queue *q = selected(m);

	/* So it is already: Linux takes its queues back once it has reset the device. */
	if (q && offset == VIRTIO_MMIO_QUEUE_READY && !(value & 1) && !q->ready)
		return;
	if (!q || CHECK(MMIO_QUEUE_EARLY, !(m->status & VIRTIO_CONFIG_S_FEATURES_OK)) ||
	    CHECK(MMIO_QUEUE_LIVE, m->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	if (offset == VIRTIO_MMIO_QUEUE_READY) {
		q->ready = (value & 1) && !CHECK(MMIO_READY_NUM, q->num == 0);
		return;
	}
	if (CHECK(MMIO_QUEUE_READY, q->ready))
		return;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		q->num = value; /* 0 is no size, and what another refusal leaves */
		if (CHECK(MMIO_NUM_MAX, value > m->queue_max) ||
		    CHECK(MMIO_NUM_POWER, value & (value - 1)))
			q->num = 0;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&q->desc, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_half(&q->driver, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_half(&q->device, offset == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
		break;
	default:
		break;
	}
}

static void write_features(struct mmio *m, uint32_t value)
{
	if (CHECK(MMIO_FEATURES_EARLY, !(m->status & VIRTIO_CONFIG_S_DRIVER)) ||
	    CHECK(MMIO_FEATURES_LATE, m->status & VIRTIO_CONFIG_S_FEATURES_OK))
		return;
	set_half(&m->driver, m->driver_sel, value);
}

static struct mmio_result write_register(struct mmio *m, uint64_t offset, unsigned len,
					 uint64_t value)
{
	struct mmio_result result = {.action = MMIO_NOTHING};
	uint32_t v = (uint32_t)value;

	/* The config space of the devices behind this is read-only, so offsets past it end here
	 * too. */
	if (CHECK(MMIO_WRITE_WIDTH, len != 4))
		return result;
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		m->features_sel = v;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		write_features(m, v);
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		m->driver_sel = v;
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		m->queue_sel = v;
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		if (CHECK(MMIO_NOTIFY_QUEUE, v >= m->queues) ||
		    CHECK(MMIO_NOTIFY_EARLY, !(m->status & VIRTIO_CONFIG_S_DRIVER_OK)))
			break;
		result = (struct mmio_result){.action = MMIO_NOTIFY, .notify = v};
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		if (v & VIRTIO_MMIO_INT_CONFIG)
			m->config_changed = false;
		break;
	case VIRTIO_MMIO_STATUS:
		result.action = write_status(m, v);
		break;
	default:
		write_queue(m, offset, v);
		break;
	}
	return result;
}

struct mmio_result mmio_write(struct mmio *m, uint64_t offset, unsigned len, uint64_t value)
{
	check_forget();
	struct mmio_result result = write_register(m, offset, len, value);
	result.why = check_why();
	return result;
}

void mmio_set_config(struct mmio *m, size_t offset, const void *data, size_t len)
{
	assert(offset <= m->config_len && len <= m->config_len - offset);
	if (!memcmp(m->config + offset, data, len))
		return;
	memcpy(m->config + offset, data, len);
	if (CHECK(MMIO_GENERATION, true))
		m->config_generation++;
}

/* Section 2.1.2: no notification before DRIVER_OK. */
bool mmio_config_interrupt(struct mmio *m)
{
	if (CHECK(MMIO_CONFIG_EARLY, !(m->status & VIRTIO_CONFIG_S_DRIVER_OK)))
		return false;
	m->config_changed = true;
	return true;
}

void mmio_needs_reset(struct mmio *m)
{
	m->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	m->config_generation++;
	if (m->status & VIRTIO_CONFIG_S_DRIVER_OK)
		m->config_changed = true; /* section 2.1.2 */
}
