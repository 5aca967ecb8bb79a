/* SPDX-License-Identifier: MIT */
/*
 * The driver's side of the shadow ring; see svq.h.
 *
 * Split: the readable file holds the descriptor table, the available ring and the command; the
 * writable file holds the used ring and the ack. The device cannot write the first at all, so what
 * it was told stays told. Packed: the one ring is the device's to write, so it is in the writable
 * file, and nothing of it is read back but whether, and how, a command was used.
 *
 * A command takes both descriptors, so that every command begins a round of the packed ring. The
 * device is kicked for each: it has nothing else to do, and so has asked for it.
 */
#include "svq.h"

#include "../virtio/check.h"
#include "../virtio/ctrl.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <stdatomic.h>
#include <string.h>

/* Offsets: each part begins a 64-byte line of its own, so that canaries surround it. */
#define DESC_AT 0u
#define AVAIL_AT 64u /* packed: the driver's event suppression */
#define COMMAND_AT ARENA_PAGE
#define USED_AT 0u   /* packed: the ring */
#define EVENT_AT 32u /* packed: the device's event suppression */
#define ACK_AT ARENA_PAGE

#define ACK_UNSET 0xffu
#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED (1u << VRING_PACKED_DESC_F_USED)

static_assert(sizeof(struct vring_desc) * SVQ_NUM <= AVAIL_AT - DESC_AT, "descriptor table fits");
static_assert(sizeof(struct vring_packed_desc) * SVQ_NUM <= EVENT_AT - USED_AT, "the ring fits");
static_assert(COMMAND_AT + CTRL_COMMAND_MAX <= ARENA_READABLE, "command fits");
static_assert(ACK_AT + CTRL_ANSWER_MAX <= ARENA_WRITABLE, "ack and result fit");

static void *readable(const struct svq *s, unsigned at)
{
	return s->arena->readable + at;
}

static void *writable(const struct svq *s, unsigned at)
{
	return s->arena->writable + at;
}

static iova_t readable_iova(const struct svq *s, unsigned at)
{
	return iova(s->arena->iova.v + at);
}

static iova_t writable_iova(const struct svq *s, unsigned at)
{
	return iova(s->arena->iova.v + ARENA_READABLE + at);
}

void svq_init(struct svq *s, struct arena *a, uint64_t features)
{
	*s = (struct svq){.arena = a,
			  .packed = features >> VIRTIO_F_RING_PACKED & 1,
			  .event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1};
	arena_fill(a);
	if (s->packed) {
		memset(readable(s, AVAIL_AT), 0, sizeof(struct vring_packed_desc_event));
		memset(writable(s, USED_AT), 0, sizeof(struct vring_packed_desc) * SVQ_NUM);
		memset(writable(s, EVENT_AT), 0, sizeof(struct vring_packed_desc_event));
	} else {
		memset(readable(s, DESC_AT), 0, sizeof(struct vring_desc) * SVQ_NUM);
		memset(readable(s, AVAIL_AT), 0, sizeof(struct vring_avail) + 2 * (SVQ_NUM + 1));
		memset(writable(s, USED_AT), 0,
		       sizeof(struct vring_used) + sizeof(struct vring_used_elem) * SVQ_NUM + 2);
	}
	/* A word, for that is what the arena is compared by: seven bytes of a canary and an answer
	 * would pass for the canary whenever its first byte is one that an answer can be. */
	memset(writable(s, ACK_AT), ACK_UNSET, sizeof(uint64_t));
}

iova_t svq_desc(const struct svq *s)
{
	return s->packed ? writable_iova(s, USED_AT) : readable_iova(s, DESC_AT);
}

iova_t svq_driver(const struct svq *s)
{
	return readable_iova(s, AVAIL_AT);
}

iova_t svq_device(const struct svq *s)
{
	return writable_iova(s, s->packed ? EVENT_AT : USED_AT);
}

/* Section 2.7: two descriptors in a chain, and with EVENT_IDX the wish to hear of the next one that
 * is used. */
static void submit_split(struct svq *s, uint32_t len)
{
	struct vring_desc *desc = readable(s, DESC_AT);
	struct vring_avail *avail = readable(s, AVAIL_AT);

	desc[0] = (struct vring_desc){.addr = htole64(readable_iova(s, COMMAND_AT).v),
				      .len = htole32(len),
				      .flags = htole16(VRING_DESC_F_NEXT),
				      .next = htole16(1)};
	desc[1] = (struct vring_desc){.addr = htole64(writable_iova(s, ACK_AT).v),
				      .len = htole32(1 + (uint32_t)s->room),
				      .flags = htole16(VRING_DESC_F_WRITE)};
	avail->ring[s->avail_idx % SVQ_NUM] = 0;
	if (s->event_idx)
		avail->ring[SVQ_NUM] = htole16(s->used_idx);
	s->avail_idx++;
	__atomic_store_n(&avail->idx, htole16(s->avail_idx), __ATOMIC_RELEASE);
}

/* The wrap counter of the round that a command takes: the first one's is 1 (section 2.8.1). */
static bool wrap_of(uint16_t command)
{
	return command % 2 == 0;
}

/* Section 2.8: the list becomes available with the flags of its first descriptor, written last. */
static void submit_packed(struct svq *s, uint32_t len)
{
	const bool wrap = wrap_of(s->avail_idx);
	const uint16_t there = (uint16_t)(wrap ? AVAIL : USED);
	struct vring_packed_desc *ring = writable(s, USED_AT);
	struct vring_packed_desc_event *event = readable(s, AVAIL_AT);

	ring[1] = (struct vring_packed_desc){.addr = htole64(writable_iova(s, ACK_AT).v),
					     .len = htole32(1 + (uint32_t)s->room),
					     .flags = htole16(there | VRING_DESC_F_WRITE)};
	ring[0].addr = htole64(readable_iova(s, COMMAND_AT).v);
	ring[0].len = htole32(len);
	ring[0].id = 0;
	if (s->event_idx) {
		event->off_wrap = htole16((uint16_t)(wrap << VRING_PACKED_EVENT_F_WRAP_CTR));
		event->flags = htole16(VRING_PACKED_EVENT_FLAG_DESC);
	}
	s->avail_idx++;
	__atomic_store_n(&ring[0].flags, htole16(there | VRING_DESC_F_NEXT), __ATOMIC_RELEASE);
}

void svq_submit(struct svq *s, const void *cmd, size_t len, size_t room)
{
	assert(len <= CTRL_COMMAND_MAX && room <= CTRL_RESULT_MAX && s->avail_idx == s->used_idx);
	s->room = room;
	memcpy(readable(s, COMMAND_AT), cmd, len);
	/* All of the room: what the device leaves unwritten of it must tell the guest nothing. */
	memset(writable(s, ACK_AT), ACK_UNSET, 1 + room);
	if (s->packed)
		submit_packed(s, (uint32_t)len);
	else
		submit_split(s, (uint32_t)len);
}

/* A used element as the device wrote it. Its fields are loaded once. */
struct used {
	uint32_t id, len;
};

/* 1: the command in flight was used; 0: not yet; -EPROTO. UNTRUSTED: device, as the next. */
static int look_split(const struct svq *s, struct used *u)
{
	const struct vring_used *ring = writable(s, USED_AT);
	uint16_t idx = le16toh(__atomic_load_n(&ring->idx, __ATOMIC_ACQUIRE));

	if (idx == s->used_idx)
		return 0;
	if (CHECK(SVQ_UNASKED, s->avail_idx == s->used_idx) ||
	    CHECK(SVQ_INDEX, idx != (uint16_t)(s->used_idx + 1)))
		return -EPROTO;
	const volatile struct vring_used_elem *elem = &ring->ring[s->used_idx % SVQ_NUM];
	*u = (struct used){le32toh(elem->id), le32toh(elem->len)};
	return 1;
}

static int look_packed(const struct svq *s, struct used *u)
{
	const volatile struct vring_packed_desc *d = writable(s, USED_AT);
	uint16_t flags = le16toh(__atomic_load_n(&d->flags, __ATOMIC_ACQUIRE));
	bool wrap = wrap_of(s->used_idx);

	if (!!(flags & AVAIL) != wrap || !!(flags & USED) != wrap)
		return 0;
	if (CHECK(SVQ_UNASKED, s->avail_idx == s->used_idx))
		return -EPROTO;
	*u = (struct used){le16toh(d->id), le32toh(d->len)};
	return 1;
}

int svq_poll(struct svq *s, uint8_t *answer, size_t *result)
{
	struct used u;
	int ret = s->packed ? look_packed(s, &u) : look_split(s, &u);

	if (ret <= 0)
		return ret;
	if (CHECK(SVQ_ID, u.id != 0) || CHECK(SVQ_LEN, u.len < 1 || u.len > 1 + s->room))
		return -EPROTO;
	size_t n = u.len < 1		 ? 1
		   : u.len > 1 + s->room ? 1 + s->room
					 : u.len; /* if left out above */
	memcpy(answer, writable(s, ACK_AT), n);
	atomic_signal_fence(memory_order_seq_cst); /* from here on the copy only */
	if (CHECK(SVQ_ACK, answer[0] != VIRTIO_NET_OK && answer[0] != VIRTIO_NET_ERR))
		return -EPROTO;
	s->used_idx++;
	*result = n - 1;
	return 1;
}
