/* SPDX-License-Identifier: MIT */
/*
 * The device's side of a guest's virtqueue; see queue.h. What is packed is in packed.c.
 *
 * Everything in the rings is UNTRUSTED: guest. A descriptor is copied out once and only the copy is
 * looked at; the number of descriptors followed is bounded by the ring's size, so a loop ends as an
 * over-long chain; every segment is checked against guest RAM before the chain is handed on.
 */
#include "queue.h"

#include "check.h"
#include "queue_impl.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

/* What the parts of a ring take, in bytes (sections 2.7 and 2.8). */
struct sizes {
	uint64_t desc, avail, used;
};

static struct sizes sizes_of(bool packed, uint64_t num)
{
	if (packed)
		return (struct sizes){sizeof(struct vring_packed_desc) * num,
				      sizeof(struct vring_packed_desc_event),
				      sizeof(struct vring_packed_desc_event)};
	return (struct sizes){sizeof(struct vring_desc) * num,
			      sizeof(struct vring_avail) + 2 * (num + 1),
			      sizeof(struct vring_used) + sizeof(struct vring_used_elem) * num + 2};
}

int queue_init(struct queue *q, const struct gmem *m, uint64_t features, uint32_t num, gpa_t desc,
	       gpa_t avail, gpa_t used)
{
	struct queue want = {.num = (uint16_t)num,
			     .desc = desc,
			     .avail = avail,
			     .used = used,
			     .packed = features >> VIRTIO_F_RING_PACKED & 1,
			     .indirect = features >> VIRTIO_RING_F_INDIRECT_DESC & 1,
			     .event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1,
			     .avail_wrap = true, /* section 2.8.1 */
			     .used_wrap = true};
	struct sizes size = sizes_of(want.packed, num);

	if (CHECK(QUEUE_NUM_ZERO, num == 0) || CHECK(QUEUE_NUM_MAX, num > QUEUE_NUM_MAX) ||
	    CHECK(QUEUE_NUM_POWER, !want.packed && num & (num - 1)))
		return -EINVAL;
	if (CHECK(QUEUE_DESC_ALIGN, desc.v % 16) ||
	    CHECK(QUEUE_AVAIL_ALIGN, avail.v % (want.packed ? 4 : 2)) ||
	    CHECK(QUEUE_USED_ALIGN, used.v % 4))
		return -EINVAL;
	if (CHECK(QUEUE_DESC_RAM, !gmem_contains(m, desc, size.desc)) ||
	    CHECK(QUEUE_AVAIL_RAM, !gmem_contains(m, avail, size.avail)) ||
	    CHECK(QUEUE_USED_RAM, !gmem_contains(m, used, size.used)))
		return -EFAULT;
	*q = want;
	return 0;
}

int queue_add_segment(struct queue_chain *c, const struct gmem *m, gpa_t at, uint32_t len,
		      uint16_t flags)
{
	if (CHECK(CHAIN_MAX, c->readable + c->writable == QUEUE_CHAIN_MAX) ||
	    CHECK(CHAIN_INDIRECT, flags & VRING_DESC_F_INDIRECT) ||
	    CHECK(CHAIN_RAM, !gmem_contains(m, at, len)))
		return -EBADMSG;
	c->seg[c->readable + c->writable] = (struct queue_seg){at, len};
	if (flags & VRING_DESC_F_WRITE) {
		c->writable++;
		c->writable_len += len;
	} else if (CHECK(CHAIN_ORDER, c->writable != 0)) {
		return -EBADMSG; /* section 2.7.4.2: readable descriptors come first */
	} else {
		c->readable++;
		c->readable_len += len;
	}
	return 0;
}

/* Where descriptors are taken from: the ring's own table, or the one indirect table of a chain. */
struct table {
	gpa_t at;
	uint32_t num;
	bool indirect;
};

/*
 * Go on in the indirect table that @d refers to (section 2.7.5.3). Its write flag means nothing.
 * UNTRUSTED: guest
 */
static int enter_table(struct table *t, const struct gmem *m, const struct vring_desc *d)
{
	gpa_t at = gpa(le64toh(d->addr));
	uint32_t len = le32toh(d->len);

	if (CHECK(INDIRECT_NESTED, t->indirect) ||
	    CHECK(INDIRECT_NEXT, le16toh(d->flags) & VRING_DESC_F_NEXT) ||
	    CHECK(INDIRECT_LEN, len % sizeof(*d)) ||
	    CHECK(INDIRECT_RAM, !gmem_contains(m, at, len)))
		return -EBADMSG;
	*t = (struct table){at, len / (uint32_t)sizeof(*d), true};
	return 0;
}

static int follow(const struct queue *q, const struct gmem *m, struct queue_chain *c)
{
	struct table t = {q->desc, q->num, false};
	uint16_t i = c->head;

	/* One more with an indirect table: the descriptor that refers to it is no buffer. */
	for (unsigned n = 0; !CHECK(CHAIN_LOOP, n == q->num + (t.indirect ? 1u : 0u)); n++) {
		struct vring_desc d;
		if (CHECK(CHAIN_NEXT, i >= t.num) ||
		    gmem_read(m, gpa(t.at.v + sizeof(d) * i), &d, sizeof(d)))
			return -EBADMSG;
		if (q->indirect && (le16toh(d.flags) & VRING_DESC_F_INDIRECT)) {
			if (enter_table(&t, m, &d))
				return -EBADMSG;
			i = 0;
			continue;
		}
		if (queue_add_segment(c, m, gpa(le64toh(d.addr)), le32toh(d.len), le16toh(d.flags)))
			return -EBADMSG;
		if (!(le16toh(d.flags) & VRING_DESC_F_NEXT))
			return 1;
		i = le16toh(d.next);
	}
	return -EBADMSG; /* more descriptors than the ring has: a loop */
}

/* How many entries are available. */
static int count_available(const struct queue *q, const struct gmem *m, uint16_t *pending)
{
	uint16_t avail_idx;
	int ret = gmem_load16(m, gpa(q->avail.v + 2), &avail_idx);

	*pending = (uint16_t)(avail_idx - q->last_avail);
	return ret;
}

/* Section 2.7.10: the driver notifies when its index passes this one. It may have done so before it
 * could see this, so that its index has to be looked at again. */
static int ask_for_kick(const struct queue *q, const struct gmem *m)
{
	int ret = gmem_store16(m, gpa(q->used.v + 4 + sizeof(struct vring_used_elem) * q->num),
			       q->last_avail);

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return ret;
}

static int split_pop(struct queue *q, const struct gmem *m, struct queue_chain *c)
{
	uint16_t pending, head;
	int ret = count_available(q, m, &pending);

	if (!ret && pending == 0 && q->event_idx) {
		ret = ask_for_kick(q, m);
		if (!ret)
			ret = count_available(q, m, &pending);
	}
	if (ret || pending == 0)
		return ret;
	if (CHECK(QUEUE_AHEAD, pending > q->num))
		return -EPROTO;
	ret = gmem_load16(m, gpa(q->avail.v + 4 + 2ull * (q->last_avail % q->num)), &head);
	if (ret)
		return ret;
	if (CHECK(QUEUE_HEAD, head >= q->num))
		return -EPROTO;
	q->last_avail++;
	*c = (struct queue_chain){.head = head};
	ret = follow(q, m, c);
	if (ret < 0)
		*c = (struct queue_chain){.head = head}; /* nothing of a malformed chain is used */
	return ret;
}

int queue_pop(struct queue *q, const struct gmem *m, struct queue_chain *c)
{
	return q->packed ? packed_pop(q, m, c) : split_pop(q, m, c);
}

int64_t queue_read(const struct queue_chain *c, const struct gmem *m, void *dst, size_t len)
{
	uint8_t *out = dst;
	size_t done = 0;

	for (unsigned i = 0; i < c->readable && done < len; i++) {
		size_t n =
		    CHECK(QUEUE_READ_FIT, c->seg[i].len > len - done) ? len - done : c->seg[i].len;
		if (gmem_read(m, c->seg[i].addr, out + done, n))
			return -EFAULT;
		done += n;
	}
	return (int64_t)done;
}

int queue_write(const struct queue_chain *c, const struct gmem *m, const void *src, size_t len)
{
	const uint8_t *in = src;

	if (CHECK(QUEUE_WRITE_ROOM, len > c->writable_len))
		return -E2BIG;
	for (unsigned i = c->readable; i < c->readable + c->writable && len > 0; i++) {
		size_t n = CHECK(QUEUE_WRITE_FIT, c->seg[i].len > len) ? len : c->seg[i].len;
		if (gmem_write(m, c->seg[i].addr, in, n))
			return -EFAULT;
		in += n;
		len -= n;
	}
	return 0;
}

static int split_push(struct queue *q, const struct gmem *m, uint16_t head, uint32_t len)
{
	struct vring_used_elem elem = {.id = htole32(head), .len = htole32(len)};
	gpa_t at = gpa(q->used.v + 4 + sizeof(elem) * (q->used_idx % q->num));
	int ret = gmem_write(m, at, &elem, sizeof(elem));

	if (ret)
		return ret;
	q->used_idx++;
	q->unsaid++;
	return gmem_store16(m, gpa(q->used.v + 2), q->used_idx);
}

int queue_push(struct queue *q, const struct gmem *m, const struct queue_chain *c, uint32_t len)
{
	return q->packed ? packed_push(q, m, c, len) : split_push(q, m, c->head, len);
}

bool queue_passed(const struct queue *q, uint16_t event)
{
	return vring_need_event(event, q->used_idx, (uint16_t)(q->used_idx - q->unsaid));
}

static bool split_wants_interrupt(const struct queue *q, const struct gmem *m)
{
	uint16_t word;

	if (gmem_load16(m, q->event_idx ? gpa(q->avail.v + 4 + 2ull * q->num) : q->avail, &word))
		return true;
	return q->event_idx ? queue_passed(q, word) : !(word & VRING_AVAIL_F_NO_INTERRUPT);
}

bool queue_wants_interrupt(struct queue *q, const struct gmem *m)
{
	/* What was pushed must be visible before the driver's wish is read (section 2.7.7.2). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	bool wants = q->packed ? packed_wants_interrupt(q, m) : split_wants_interrupt(q, m);
	q->unsaid = 0;
	return wants;
}
