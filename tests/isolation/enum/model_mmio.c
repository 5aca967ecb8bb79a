/* SPDX-License-Identifier: MIT */
/*
 * The model's virtio-mmio registers, from virtio 1.3 sections 2.1, 3.1.1 and 4.2.2. Where the
 * specification only forbids something to the driver, the answer is the one mmio.h documents: reads
 * as 0, ignored on write.
 */
#include "model.h"

#include <string.h>

#define ACKNOWLEDGE 1u
#define DRIVER 2u
#define DRIVER_OK 4u
#define FEATURES_OK 8u
#define NEEDS_RESET 64u
#define FAILED 128u

static bool in_list(uint64_t v, const uint16_t *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i] == v)
			return true;
	return false;
}

static uint64_t config_bytes(const struct model_mmio *m, uint64_t from, unsigned width)
{
	uint64_t v = 0;

	if (__builtin_popcount(width) != 1 || width > 8)
		return 0;
	for (unsigned i = width; i-- > 0;) {
		if (from > UINT64_MAX - 8 || from + i >= m->config_len)
			return 0;
		v = v << 8 | m->config[from + i];
	}
	return v;
}

uint64_t model_mmio_read(const struct model_mmio *m, uint64_t offset, unsigned width)
{
	static const uint16_t all_ones[] = {0xb0, 0xb4, 0xb8, 0xbc}; /* no shared memory */
	const struct model_mmio_queue *q =
	    m->queue_sel < m->queues ? &m->queue[m->queue_sel] : NULL;

	if (offset >= 0x100)
		return config_bytes(m, offset - 0x100, width);
	if (width != 4)
		return 0;
	if (in_list(offset, all_ones, 4))
		return UINT32_MAX;
	if (offset == 0x000)
		return 0x74726976;
	if (offset == 0x004)
		return 2;
	if (offset == 0x008)
		return m->device_id;
	if (offset == 0x00c)
		return 0x46474e52; /* ours: "RNGF" */
	if (offset == 0x010)
		return m->offered_sel < 2 ? m->offered >> 32 * m->offered_sel & UINT32_MAX : 0;
	if (offset == 0x034)
		return q ? m->max : 0;
	if (offset == 0x044)
		return q && q->ready;
	if (offset == 0x060)
		return 1u + 2u * m->config_changed; /* bit 0 always: see mmio.c on data queues */
	if (offset == 0x070)
		return m->status;
	if (offset == 0x0fc)
		return m->generation;
	return 0;
}

/* Section 2.1: bits only accumulate, and 0 resets; section 3.1.1: in order. */
static enum model_act set_status(struct model_mmio *m, uint32_t value)
{
	uint32_t before = m->status;

	if (value == 0) {
		m->accepted = 0;
		m->offered_sel = m->accepted_sel = m->queue_sel = m->status = 0;
		m->config_changed = false;
		memset(m->queue, 0, sizeof(m->queue));
		return MODEL_ACT_RESET;
	}
	m->status |= value & (ACKNOWLEDGE | DRIVER | FAILED);
	bool subset = (m->accepted | m->offered) == m->offered;
	if ((value & FEATURES_OK) && (m->status & DRIVER) && subset && (m->accepted >> 32 & 1))
		m->status |= FEATURES_OK; /* section 2.2.2, and section 6.1 for VERSION_1 */
	if ((value & DRIVER_OK) && (before & FEATURES_OK))
		m->status |= DRIVER_OK;
	return (m->status & DRIVER_OK) && !(before & DRIVER_OK) ? MODEL_ACT_START
								: MODEL_ACT_NOTHING;
}

static void set_word(uint64_t *v, bool high, uint32_t word)
{
	*v = high ? (*v & UINT32_MAX) + ((uint64_t)word << 32) : (*v >> 32 << 32) + word;
}

/* Sections 3.1.1 step 7 and 4.2.2.2: between FEATURES_OK and DRIVER_OK, while the queue is not
 * ready. */
static void set_queue(struct model_mmio *m, uint64_t offset, uint32_t value)
{
	struct model_mmio_queue *q = &m->queue[m->queue_sel < m->queues ? m->queue_sel : 0];

	if (m->queue_sel >= m->queues || (m->status & (FEATURES_OK | DRIVER_OK)) != FEATURES_OK)
		return;
	if (offset == 0x044)
		q->ready = value % 2 == 1 && q->num != 0;
	else if (q->ready)
		return;
	else if (offset == 0x038)
		q->num = value <= m->max && __builtin_popcount(value) == 1 ? value : 0;
	else if (offset == 0x080 || offset == 0x084)
		set_word(&q->desc, offset & 4, value);
	else if (offset == 0x090 || offset == 0x094)
		set_word(&q->driver, offset & 4, value);
	else if (offset == 0x0a0 || offset == 0x0a4)
		set_word(&q->device, offset & 4, value);
}

enum model_act model_mmio_write(struct model_mmio *m, uint64_t offset, unsigned width,
				uint64_t value, unsigned *queue)
{
	uint32_t v = (uint32_t)value;

	if (width != 4)
		return MODEL_ACT_NOTHING;
	if (offset == 0x070)
		return set_status(m, v);
	if (offset == 0x050) {
		*queue = v;
		return v < m->queues && (m->status & DRIVER_OK) ? MODEL_ACT_NOTIFY
								: MODEL_ACT_NOTHING;
	}
	if (offset == 0x014)
		m->offered_sel = v;
	else if (offset == 0x024)
		m->accepted_sel = v;
	else if (offset == 0x030)
		m->queue_sel = v;
	else if (offset == 0x064)
		m->config_changed &= !(v & 2);
	else if (offset == 0x020 && m->accepted_sel < 2 &&
		 (m->status & (DRIVER | FEATURES_OK)) == DRIVER)
		set_word(&m->accepted, m->accepted_sel, v);
	else
		set_queue(m, offset, v);
	return MODEL_ACT_NOTHING;
}

void model_mmio_failed(struct model_mmio *m)
{
	m->status |= NEEDS_RESET;
	m->generation++;
	m->config_changed |= (m->status & DRIVER_OK) != 0;
}

void model_mmio_set_config(struct model_mmio *m, unsigned offset, const void *bytes, unsigned len)
{
	const uint8_t *b = bytes;
	bool changed = false;

	for (unsigned i = 0; i < len; i++) {
		changed |= m->config[offset + i] != b[i];
		m->config[offset + i] = b[i];
	}
	m->generation += changed;
}

void model_mmio_interrupt(struct model_mmio *m)
{
	m->config_changed |= (m->status & DRIVER_OK) != 0;
}
