/* SPDX-License-Identifier: MIT */
/*
 * The device's side of a guest's packed virtqueue (virtio 1.3 section 2.8); see queue.h. It must
 * never look for the end of a chain further than one round of the ring.
 *
 * There is one ring. A descriptor is available while its AVAIL flag equals the wrap counter of the
 * side that comes by and its USED flag does not; it is used when both do. A chain is as many
 * descriptors in a row as have NEXT, and one more, whose id is the buffer's. All of it is
 * UNTRUSTED: guest.
 */
#include "check.h"
#include "queue_impl.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ring.h>
#include <stddef.h>

#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED (1u << VRING_PACKED_DESC_F_USED)
#define WRAP (1u << VRING_PACKED_EVENT_F_WRAP_CTR)

static gpa_t entry(const struct queue *q, uint16_t i, size_t field)
{
	return gpa(q->desc.v + sizeof(struct vring_packed_desc) * i + field);
}

static void go_on(const struct queue *q, uint16_t *at, bool *wrap, uint16_t by)
{
	unsigned next = *at + (unsigned)by;

	bool over = next >= q->num; /* by no more than once round */

	*wrap ^= over;
	*at = (uint16_t)(over ? next - q->num : next);
}

/* The flags of the next descriptor, and whether they make it available. */
static int look(const struct queue *q, const struct gmem *m, uint16_t *flags, bool *there)
{
	int ret = gmem_load16(m, entry(q, q->last_avail, offsetof(struct vring_packed_desc, flags)),
			      flags);

	*there = !ret && !!(*flags & AVAIL) == q->avail_wrap && !!(*flags & USED) != q->avail_wrap;
	return ret;
}

/* Section 2.8.10: the driver notifies when it makes this descriptor available. */
static int ask_for_kick(const struct queue *q, const struct gmem *m)
{
	uint16_t where = (uint16_t)(q->last_avail | (q->avail_wrap ? WRAP : 0));
	int ret = gmem_store16(
	    m, gpa(q->used.v + offsetof(struct vring_packed_desc_event, off_wrap)), where);

	if (!ret)
		ret = gmem_store16(m,
				   gpa(q->used.v + offsetof(struct vring_packed_desc_event, flags)),
				   VRING_PACKED_EVENT_FLAG_DESC);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* and looked for once more */
	return ret;
}

/*
 * The buffers in an indirect table (section 2.8.8): all of its entries, in their order. In a list
 * with other descriptors it may not be.
 */
static int add_table(const struct queue *q, const struct gmem *m, struct queue_chain *c,
		     const struct vring_packed_desc *d, uint16_t flags)
{
	gpa_t at = gpa(le64toh(d->addr));
	uint32_t len = le32toh(d->len), count = len / (uint32_t)sizeof(*d);

	if (CHECK(INDIRECT_NEXT, c->descs != 1 || (flags & VRING_DESC_F_NEXT)) ||
	    CHECK(INDIRECT_LEN, len == 0 || len % sizeof(*d)) ||
	    CHECK(CHAIN_LOOP, count > q->num) || CHECK(INDIRECT_RAM, !gmem_contains(m, at, len)))
		return -EBADMSG;
	for (uint32_t i = 0; i < count; i++) {
		struct vring_packed_desc e;
		if (gmem_read(m, gpa(at.v + sizeof(e) * i), &e, sizeof(e)) ||
		    CHECK(INDIRECT_NESTED, le16toh(e.flags) & VRING_DESC_F_INDIRECT) ||
		    queue_add_segment(c, m, gpa(le64toh(e.addr)), le32toh(e.len),
				      le16toh(e.flags) & VRING_DESC_F_WRITE))
			return -EBADMSG;
	}
	return 0;
}

static int add(const struct queue *q, const struct gmem *m, struct queue_chain *c,
	       const struct vring_packed_desc *d, uint16_t flags)
{
	if (q->indirect && (flags & VRING_DESC_F_INDIRECT))
		return add_table(q, m, c, d, flags);
	return queue_add_segment(c, m, gpa(le64toh(d->addr)), le32toh(d->len), flags);
}

/* Follow the list whose first flags are @flags to its end, good or not: only there is its id. */
static int follow(const struct queue *q, const struct gmem *m, struct queue_chain *c,
		  uint16_t flags)
{
	bool wrap = q->avail_wrap;
	uint16_t at = q->last_avail;
	int ret = 1;

	for (;;) {
		struct vring_packed_desc d;
		/* Of the first, the flags that were seen already. */
		if (gmem_read(m, entry(q, at, 0), &d,
			      c->descs ? sizeof(d) : offsetof(struct vring_packed_desc, flags)))
			return -EFAULT;
		flags = c->descs ? le16toh(d.flags) : flags;
		c->descs++;
		c->head = le16toh(d.id);
		if (ret == 1 && add(q, m, c, &d, flags))
			ret = -EBADMSG;
		if (!(flags & VRING_DESC_F_NEXT))
			return ret;
		if (c->descs == q->num)
			return CHECK(PACKED_ENDLESS, true) ? -EPROTO : ret;
		go_on(q, &at, &wrap, 1);
	}
}

int packed_pop(struct queue *q, const struct gmem *m, struct queue_chain *c)
{
	uint16_t flags;
	bool there;
	int ret = look(q, m, &flags, &there);

	if (!ret && !there && q->event_idx) {
		ret = ask_for_kick(q, m);
		if (!ret)
			ret = look(q, m, &flags, &there);
	}
	if (ret || !there)
		return ret;
	*c = (struct queue_chain){0};
	ret = follow(q, m, c, flags);
	if (ret == 1 || ret == -EBADMSG)
		go_on(q, &q->last_avail, &q->avail_wrap, c->descs);
	if (ret < 0)
		*c = (struct queue_chain){.head = c->head, .descs = c->descs};
	return ret;
}

int packed_push(struct queue *q, const struct gmem *m, const struct queue_chain *c, uint32_t len)
{
	const struct vring_packed_desc d = {.len = htole32(len), .id = htole16(c->head)};
	const size_t from = offsetof(struct vring_packed_desc, len),
		     flags_at = offsetof(struct vring_packed_desc, flags);
	uint16_t flags = (uint16_t)((q->used_wrap ? AVAIL | USED : 0) |
				    (len ? VRING_DESC_F_WRITE : 0)); /* section 2.8.6 */
	uint16_t at = q->used_idx;
	int ret = gmem_write(m, entry(q, at, from), (const uint8_t *)&d + from, flags_at - from);

	if (ret)
		return ret;
	go_on(q, &q->used_idx, &q->used_wrap, c->descs);
	q->unsaid = (uint16_t)(q->unsaid + c->descs);
	return gmem_store16(m, entry(q, at, flags_at), flags);
}

bool packed_wants_interrupt(const struct queue *q, const struct gmem *m)
{
	uint16_t flags, where;

	if (gmem_load16(m, gpa(q->avail.v + offsetof(struct vring_packed_desc_event, flags)),
			&flags) ||
	    gmem_load16(m, gpa(q->avail.v + offsetof(struct vring_packed_desc_event, off_wrap)),
			&where))
		return true;
	if (!q->event_idx || flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	/* Section 2.8.10: a place of the other round lies a ring's length further back. */
	uint16_t event = (uint16_t)(where & ~WRAP);
	if (!!(where & WRAP) != q->used_wrap)
		event = (uint16_t)(event - q->num);
	return queue_passed(q, event);
}
