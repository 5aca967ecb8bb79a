/* SPDX-License-Identifier: MIT */
/* The driver's side of a ring; see ring.h. It must never touch what a descriptor points to. */
#include "ring.h"

#include <endian.h>
#include <string.h>

void ring_init(struct ring *r, void *driver, iova_t driver_at, void *device, iova_t device_at)
{
	memset(driver, 0, RING_DRIVER_LEN);
	memset(device, 0, RING_DEVICE_LEN);
	*r = (struct ring){.desc = driver,
			   .avail =
			       (struct vring_avail *)(void *)((uint8_t *)driver + RING_AVAIL_AT),
			   .used = device,
			   .desc_at = driver_at,
			   .avail_at = iova(driver_at.v + RING_AVAIL_AT),
			   .used_at = device_at};
}

void ring_describe(struct ring *r, unsigned i, uint64_t at, uint32_t len, bool writable, int next)
{
	uint16_t flags =
	    (uint16_t)((writable ? VRING_DESC_F_WRITE : 0) | (next >= 0 ? VRING_DESC_F_NEXT : 0));

	r->desc[i] = (struct vring_desc){.addr = htole64(at),
					 .len = htole32(len),
					 .flags = htole16(flags),
					 .next = htole16((uint16_t)(next >= 0 ? next : 0))};
}

void ring_offer(struct ring *r, unsigned head)
{
	r->avail->ring[r->offered % RING_NUM] = htole16((uint16_t)head);
	r->offered++;
	__atomic_store_n(&r->avail->idx, htole16(r->offered), __ATOMIC_RELEASE);
}

unsigned ring_in_flight(const struct ring *r)
{
	return (uint16_t)(r->offered - r->taken);
}

bool ring_take(struct ring *r, uint32_t *head, uint32_t *len)
{
	uint16_t idx = le16toh(__atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE));

	if (idx == r->taken)
		return false;
	const volatile struct vring_used_elem *elem = &r->used->ring[r->taken % RING_NUM];
	*head = le32toh(elem->id);
	*len = le32toh(elem->len);
	r->taken++;
	return true;
}
