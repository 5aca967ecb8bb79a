// SPDX-License-Identifier: MIT
/*
 * Owns the layout and order of accesses of a split virtqueue's driver side (virtio 1.3
 * section 2.7).
 */
#include "virtq.h"

#include <stddef.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the rings are written as they are");
_Static_assert(sizeof(struct virtq_desc) == 16, "section 2.7.5");
_Static_assert(offsetof(struct virtq_avail, ring) == 4, "section 2.7.6");
_Static_assert(offsetof(struct virtq_used, ring) == 4, "section 2.7.8");

void virtq_init(struct virtq *q, uint16_t num, struct virtq_memory *memory)
{
	memset(memory, 0, sizeof(*memory));
	*q = (struct virtq){
	    .num = num,
	    .desc = memory->desc,
	    .avail = &memory->avail,
	    .used = &memory->used,
	    .at = {(uintptr_t)memory->desc, (uintptr_t)&memory->avail, (uintptr_t)&memory->used},
	};
}

uint32_t virtq_part_size(const struct virtq *q, enum virtq_part part)
{
	static const uint32_t fixed[VIRTQ_PARTS] = {0, 6, 6};
	static const uint32_t each[VIRTQ_PARTS] = {16, 2, 8};

	return fixed[part] + each[part] * q->num;
}

void virtq_aim(struct virtq *q, enum virtq_part part, uint64_t iova, bool ram)
{
	void *there = (void *)(uintptr_t)iova;

	q->at[part] = iova;
	if (!ram)
		return;
	memset(there, 0, virtq_part_size(q, part));
	if (part == VIRTQ_DESC)
		q->desc = there;
	else if (part == VIRTQ_AVAIL)
		q->avail = there;
	else
		q->used = there;
}

void virtq_offer(struct virtq *q, uint16_t head)
{
	q->avail->ring[q->avail_idx % q->num] = head;
	q->avail_idx++;
	/* Section 2.7.13.3: the chain is visible before the index that offers it. */
	__atomic_store_n(&q->avail->idx, q->avail_idx, __ATOMIC_RELEASE);
}

void virtq_submit(struct virtq *q, uint16_t head, const struct virtq_buf *buf, unsigned count)
{
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

bool virtq_has_used(const struct virtq *q)
{
	return __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) != q->used_idx;
}

bool virtq_pop(struct virtq *q, uint16_t *head, uint32_t *len)
{
	const struct virtq_used_elem *elem = &q->used->ring[q->used_idx % q->num];

	if (!virtq_has_used(q))
		return false;
	*head = (uint16_t)elem->id;
	*len = elem->len;
	q->used_idx++;
	return true;
}
