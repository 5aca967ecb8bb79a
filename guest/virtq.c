// SPDX-License-Identifier: MIT
/*
 * Owns the layout and order of accesses of a virtqueue's driver side (virtio 1.3
 * sections 2.7, 2.8).
 */
#include "virtq.h"

#include "virtio_mmio.h"

#include <stddef.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the rings are written as they are");
_Static_assert(sizeof(struct virtq_desc) == 16, "section 2.7.5");
_Static_assert(offsetof(struct virtq_avail, ring) == 4, "section 2.7.6");
_Static_assert(offsetof(struct virtq_used, ring) == 4, "section 2.7.8");

/* Section 2.8.1, 2.8.6, 2.8.10. */
#define PACKED_AVAIL 0x80u
#define PACKED_USED 0x8000u
#define EVENT_WRAP 0x8000u
#define EVENT_DISABLE 1u
#define EVENT_PLACE 2u

_Static_assert(sizeof(struct virtq_packed) == 16, "section 2.8.5");

/* Section 2.7.10, and 2.8.10: call when this one is used. */
static void want_call(struct virtq *q)
{
	if (!q->event_idx)
		return;
	if (q->packed) {
		q->driver->where = (uint16_t)(q->take.place | (q->take.wrap ? EVENT_WRAP : 0));
		__atomic_store_n(&q->driver->flags, EVENT_PLACE, __ATOMIC_RELEASE);
	} else {
		__atomic_store_n(&q->avail->ring[q->num], q->used_idx, __ATOMIC_RELEASE);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void virtq_init(struct virtq *q, uint16_t num, struct virtq_memory *memory, uint64_t features)
{
	const bool packed = features & VIRTIO_F_RING_PACKED;

	memset(memory, 0, sizeof(*memory));
	*q = (struct virtq){
	    .num = num,
	    .desc = memory->desc,
	    .avail = &memory->avail,
	    .used = &memory->used,
	    .at = {packed ? (uintptr_t)memory->ring : (uintptr_t)memory->desc,
		   packed ? (uintptr_t)&memory->driver : (uintptr_t)&memory->avail,
		   packed ? (uintptr_t)&memory->device : (uintptr_t)&memory->used},
	    .packed = packed,
	    .indirect = features & VIRTIO_F_INDIRECT_DESC,
	    .event_idx = features & VIRTIO_F_EVENT_IDX,
	    .table = memory->table,
	    .ring = memory->ring,
	    .driver = &memory->driver,
	    .device = &memory->device,
	    .put = {0, true},
	    .take = {0, true},
	};
	want_call(q);
}

uint32_t virtq_part_size(const struct virtq *q, enum virtq_part part)
{
	static const uint32_t fixed[2][VIRTQ_PARTS] = {{0, 6, 6}, {0, 4, 4}};
	static const uint32_t each[2][VIRTQ_PARTS] = {{16, 2, 8}, {16, 0, 0}};

	return fixed[q->packed][part] + each[q->packed][part] * q->num;
}

void virtq_aim(struct virtq *q, enum virtq_part part, uint64_t iova, bool ram)
{
	void *there = (void *)(uintptr_t)iova;

	q->at[part] = iova;
	if (!ram)
		return;
	memset(there, 0, virtq_part_size(q, part));
	if (q->packed && part == VIRTQ_DESC)
		q->ring = there;
	else if (q->packed && part == VIRTQ_AVAIL)
		q->driver = there;
	else if (q->packed)
		q->device = there;
	else if (part == VIRTQ_DESC)
		q->desc = there;
	else if (part == VIRTQ_AVAIL)
		q->avail = there;
	else
		q->used = there;
	want_call(q);
}

static void step(const struct virtq *q, struct virtq_at *at, unsigned by)
{
	unsigned place = at->place + by;

	at->wrap ^= place >= q->num;
	at->place = (uint16_t)(place % q->num);
}

/* Copy the chain at @head into the ring; the flags of its first descriptor, which make all of it
 * available, come last (section 2.8.19). */
static void offer_packed(struct virtq *q, uint16_t head)
{
	struct virtq_packed *first = &q->ring[q->put.place];
	uint16_t first_flags = 0, places = 0;
	const struct virtq_desc *d;

	for (uint16_t i = head;; i = d->next) {
		struct virtq_packed *to = &q->ring[q->put.place];
		d = &q->desc[i];
		uint16_t flags = (uint16_t)((d->flags & (VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE |
							 VIRTQ_DESC_INDIRECT)) |
					    (q->put.wrap ? PACKED_AVAIL : PACKED_USED));
		to->addr = d->addr;
		to->len = d->len;
		to->id = head;
		if (places++ == 0)
			first_flags = flags;
		else
			to->flags = flags;
		step(q, &q->put, 1);
		if (!(d->flags & VIRTQ_DESC_NEXT) || places == q->num)
			break;
	}
	q->places[head % VIRTQ_MAX] = places;
	q->unkicked = (uint16_t)(q->unkicked + places);
	q->avail_idx++;
	__atomic_store_n(&first->flags, first_flags, __ATOMIC_RELEASE);
}

void virtq_offer(struct virtq *q, uint16_t head)
{
	if (q->packed) {
		offer_packed(q, head);
		return;
	}
	q->avail->ring[q->avail_idx % q->num] = head;
	q->avail_idx++;
	q->unkicked++;
	/* Section 2.7.13.3: the chain is visible before the index that offers it. */
	__atomic_store_n(&q->avail->idx, q->avail_idx, __ATOMIC_RELEASE);
}

/* Sections 2.7.5.3 and 2.8.8: entries of a packed ring's table lie as its descriptors do. */
static void submit_table(struct virtq *q, uint16_t head, const struct virtq_buf *buf,
			 unsigned count)
{
	struct virtq_desc *table = q->table[head];

	for (unsigned i = 0; i < count; i++) {
		uint16_t flags = buf[i].writable ? VIRTQ_DESC_WRITE : 0;
		bool last = i + 1 == count;

		table[i] = (struct virtq_desc){.addr = buf[i].addr, .len = buf[i].len};
		if (q->packed) {
			((struct virtq_packed *)table)[i].flags = flags;
			continue;
		}
		table[i].flags = (uint16_t)(flags | (last ? 0 : VIRTQ_DESC_NEXT));
		table[i].next = last ? 0 : (uint16_t)(i + 1);
	}
	q->desc[head] = (struct virtq_desc){.addr = (uintptr_t)table,
					    .len = (uint32_t)(count * sizeof(*table)),
					    .flags = VIRTQ_DESC_INDIRECT};
	virtq_offer(q, head);
}

void virtq_submit(struct virtq *q, uint16_t head, const struct virtq_buf *buf, unsigned count)
{
	if (q->indirect && head < VIRTQ_TABLES && count <= VIRTQ_TABLE) {
		submit_table(q, head, buf, count);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		bool last = i + 1 == count;

		q->desc[head + i] = (struct virtq_desc){
		    .addr = buf[i].addr,
		    .len = buf[i].len,
		    .flags = (uint16_t)((buf[i].writable ? VIRTQ_DESC_WRITE : 0) |
					(last ? 0 : VIRTQ_DESC_NEXT)),
		    .next = last ? 0 : (uint16_t)(head + i + 1),
		};
	}
	virtq_offer(q, head);
}

bool virtq_wants_kick(struct virtq *q)
{
	uint16_t made = q->unkicked, event, now;

	q->unkicked = 0;
	if (!q->event_idx)
		return true;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->packed) {
		uint16_t flags = __atomic_load_n(&q->device->flags, __ATOMIC_ACQUIRE);
		uint16_t where = __atomic_load_n(&q->device->where, __ATOMIC_RELAXED);
		if (flags != EVENT_PLACE)
			return flags != EVENT_DISABLE;
		event = (uint16_t)(where & ~EVENT_WRAP);
		if (!!(where & EVENT_WRAP) != q->put.wrap)
			event = (uint16_t)(event - q->num);
		now = q->put.place;
	} else {
		const uint16_t *after = (const uint16_t *)(const void *)&q->used->ring[q->num];
		event = __atomic_load_n(after, __ATOMIC_RELAXED);
		now = q->avail_idx;
	}
	return (uint16_t)(now - event - 1) < made;
}

static bool packed_has_used(const struct virtq *q)
{
	uint16_t flags = __atomic_load_n(&q->ring[q->take.place].flags, __ATOMIC_ACQUIRE);

	return !!(flags & PACKED_AVAIL) == q->take.wrap && !!(flags & PACKED_USED) == q->take.wrap;
}

bool virtq_has_used(const struct virtq *q)
{
	if (q->packed)
		return packed_has_used(q);
	return __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) != q->used_idx;
}

bool virtq_pop(struct virtq *q, uint16_t *head, uint32_t *len)
{
	if (!virtq_has_used(q))
		return false;
	if (q->packed) {
		const struct virtq_packed *d = &q->ring[q->take.place];
		uint16_t places = q->places[d->id % VIRTQ_MAX]; /* UNTRUSTED: device */
		*head = d->id;
		*len = d->len;
		step(q, &q->take, places ? places : 1);
	} else {
		const struct virtq_used_elem *elem = &q->used->ring[q->used_idx % q->num];
		*head = (uint16_t)elem->id;
		*len = elem->len;
	}
	q->used_idx++;
	want_call(q);
	return true;
}
