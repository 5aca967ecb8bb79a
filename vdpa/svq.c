/* SPDX-License-Identifier: MIT */
/*
 * The driver's side of the shadow ring; see svq.h.
 *
 * The readable file holds the descriptor table, the available ring and the command; the writable
 * file holds the used ring and the ack. The device cannot write the first at all, so what it was
 * told stays told.
 */
#include "svq.h"

#include "../virtio/check.h"
#include "../virtio/ctrl.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <stdatomic.h>
#include <string.h>

/* Offsets: each part begins a 64-byte line of its own, so that canaries surround it. */
#define DESC_AT 0u
#define AVAIL_AT 64u
#define COMMAND_AT ARENA_PAGE
#define USED_AT 0u
#define ACK_AT ARENA_PAGE

#define ACK_UNSET 0xffu

static_assert(sizeof(struct vring_desc) * SVQ_NUM <= AVAIL_AT - DESC_AT, "descriptor table fits");
static_assert(COMMAND_AT + CTRL_COMMAND_MAX <= ARENA_READABLE, "command fits");
static_assert(ACK_AT + CTRL_ANSWER_MAX <= ARENA_WRITABLE, "ack and result fit");

static struct vring_desc *desc_table(const struct svq *s)
{
	return (struct vring_desc *)(void *)(s->arena->readable + DESC_AT);
}

static struct vring_avail *avail_ring(const struct svq *s)
{
	return (struct vring_avail *)(void *)(s->arena->readable + AVAIL_AT);
}

static struct vring_used *used_ring(const struct svq *s)
{
	return (struct vring_used *)(void *)(s->arena->writable + USED_AT);
}

void svq_init(struct svq *s, struct arena *a)
{
	*s = (struct svq){.arena = a};
	arena_fill(a);
	memset(desc_table(s), 0, sizeof(struct vring_desc) * SVQ_NUM);
	memset(avail_ring(s), 0, sizeof(struct vring_avail) + 2 * (SVQ_NUM + 1));
	memset(used_ring(s), 0,
	       sizeof(struct vring_used) + sizeof(struct vring_used_elem) * SVQ_NUM + 2);
	/* A word, for that is what the arena is compared by: seven bytes of a canary and an answer
	 * would pass for the canary whenever its first byte is one that an answer can be. */
	memset(s->arena->writable + ACK_AT, ACK_UNSET, sizeof(uint64_t));
}

iova_t svq_desc(const struct svq *s)
{
	return iova(s->arena->iova.v + DESC_AT);
}

iova_t svq_driver(const struct svq *s)
{
	return iova(s->arena->iova.v + AVAIL_AT);
}

iova_t svq_device(const struct svq *s)
{
	return iova(s->arena->iova.v + ARENA_READABLE + USED_AT);
}

void svq_submit(struct svq *s, const void *cmd, size_t len, size_t room)
{
	struct vring_desc *desc = desc_table(s);
	struct vring_avail *avail = avail_ring(s);

	assert(len <= CTRL_COMMAND_MAX && room <= CTRL_RESULT_MAX && s->avail_idx == s->used_idx);
	s->room = room;
	memcpy(s->arena->readable + COMMAND_AT, cmd, len);
	/* All of the room: what the device leaves unwritten of it must tell the guest nothing. */
	memset(s->arena->writable + ACK_AT, ACK_UNSET, 1 + room);

	desc[0] = (struct vring_desc){.addr = htole64(s->arena->iova.v + COMMAND_AT),
				      .len = htole32((uint32_t)len),
				      .flags = htole16(VRING_DESC_F_NEXT),
				      .next = htole16(1)};
	desc[1] = (struct vring_desc){.addr = htole64(s->arena->iova.v + ARENA_READABLE + ACK_AT),
				      .len = htole32(1 + (uint32_t)room),
				      .flags = htole16(VRING_DESC_F_WRITE)};
	avail->ring[s->avail_idx % SVQ_NUM] = 0;
	s->avail_idx++;
	__atomic_store_n(&avail->idx, htole16(s->avail_idx), __ATOMIC_RELEASE);
}

int svq_poll(struct svq *s, uint8_t *answer, size_t *result)
{
	const struct vring_used *used = used_ring(s);
	/* UNTRUSTED: device. Each field is loaded once. */
	uint16_t idx = le16toh(__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE));

	if (idx == s->used_idx)
		return 0;
	if (CHECK(SVQ_UNASKED, s->avail_idx == s->used_idx) ||
	    CHECK(SVQ_INDEX, idx != (uint16_t)(s->used_idx + 1)))
		return -EPROTO;

	const volatile struct vring_used_elem *elem = &used->ring[s->used_idx % SVQ_NUM];
	uint32_t id = le32toh(elem->id), len = le32toh(elem->len);

	if (CHECK(SVQ_ID, id != 0) || CHECK(SVQ_LEN, len < 1 || len > 1 + s->room))
		return -EPROTO;
	size_t n = len < 1 ? 1 : len > 1 + s->room ? 1 + s->room : len; /* if left out above */
	memcpy(answer, s->arena->writable + ACK_AT, n);
	atomic_signal_fence(memory_order_seq_cst); /* from here on the copy only */
	if (CHECK(SVQ_ACK, answer[0] != VIRTIO_NET_OK && answer[0] != VIRTIO_NET_ERR))
		return -EPROTO;
	s->used_idx = idx;
	*result = n - 1;
	return 1;
}
