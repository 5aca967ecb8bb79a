/* SPDX-License-Identifier: MIT */
/* The device's side of a ring; see vring.h. What is packed is in vring_packed.c. It must never read
 * a value twice. */
#include "vring_impl.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdint.h>

/* Offsets into the available and the used ring: le16 flags, le16 idx, then the entries. */
#define FLAGS 0u
#define IDX 2u
#define ENTRIES 4u

int vring_stop(struct vring_queue *v, const char *why)
{
	v->stopped = why;
	return -EPIPE;
}

/* Of a packed ring any size will do (section 2.8.10.1), and its last place is one of its own. */
static bool size_ok(const struct vring_queue *v, uint32_t num, uint16_t num_max)
{
	if (num == 0 || num > num_max || num > VRING_NUM_MAX)
		return false;
	return v->packed ? VRING_PLACE(v->last_avail) < num : !(num & (num - 1));
}

void vring_start(struct vring_queue *v, unsigned index, uint64_t features, uint32_t num,
		 uint16_t num_max, iova_t desc, iova_t avail, iova_t used, uint16_t last_avail)
{
	*v = (struct vring_queue){.index = index,
				  .num = (uint16_t)num,
				  .desc = desc,
				  .avail = avail,
				  .used = used,
				  .last_avail = last_avail,
				  .used_idx = last_avail,
				  .packed = features >> VIRTIO_F_RING_PACKED & 1,
				  .indirect = features >> VIRTIO_RING_F_INDIRECT_DESC & 1,
				  .event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1};
	const unsigned align = v->packed ? VRING_EVENT_ALIGN : VRING_AVAIL_ALIGN_SIZE;

	if (!size_ok(v, num, num_max))
		vring_stop(v, "size");
	else if (desc.v % VRING_DESC_ALIGN_SIZE || avail.v % align ||
		 used.v % VRING_USED_ALIGN_SIZE)
		vring_stop(v, "alignment");
}

/* Add a descriptor to the chain; NULL or why it cannot be one. UNTRUSTED: driver */
const char *vring_add(struct vring_chain *c, uint64_t addr, uint32_t len, uint16_t flags)
{
	struct vring_seg seg = {iova(le64toh(addr)), le32toh(len)};

	if (flags & VRING_DESC_F_INDIRECT)
		return "indirect"; /* section 2.7.5.3.1: only if negotiated, and not nested */
	if (c->readable + c->writable == VRING_NUM_MAX)
		return "long"; /* a packed chain may have a table as long as this, and more */
	if (seg.len == 0)
		return "empty";
	if (c->readable_len + c->writable_len + seg.len > UINT32_MAX)
		return "length"; /* section 2.7.5.2: no chain is longer than 2^32 bytes */
	if (!(flags & VRING_DESC_F_WRITE) && c->writable)
		return "order"; /* section 2.7.4.2: readable descriptors come first */
	c->seg[c->readable + c->writable] = seg;
	if (flags & VRING_DESC_F_WRITE) {
		c->writable++;
		c->writable_len += seg.len;
	} else {
		c->readable++;
		c->readable_len += seg.len;
	}
	return NULL;
}

int vring_refuse(struct vring_chain *c, const char *why)
{
	c->bad = why;
	c->readable = c->writable = 0; /* nothing of a malformed chain is used */
	c->readable_len = c->writable_len = 0;
	return -EBADMSG;
}

/* Where descriptors are taken from: the ring's own table, or a chain's one indirect table. */
struct table {
	iova_t at;
	uint32_t num;
	bool indirect;
};

/*
 * Go on in the indirect table that @d refers to (section 2.7.5.3); NULL or why that cannot be. Its
 * write flag means nothing. That the table is memory of this queue's is seen entry by entry.
 * UNTRUSTED: driver
 */
static const char *enter_table(struct table *t, const struct vring_desc *d)
{
	uint32_t len = le32toh(d->len);

	if (le16toh(d->flags) & VRING_DESC_F_NEXT)
		return "indirect next";
	if (len == 0 || len % sizeof(*d))
		return "indirect length";
	*t = (struct table){iova(le64toh(d->addr)), len / (uint32_t)sizeof(*d), true};
	return NULL;
}

static int follow(struct vring_queue *v, struct as_table *t, struct vring_chain *c)
{
	struct table table = {v->desc, v->num, false};
	uint16_t i = c->head;

	/* One more with an indirect table: the descriptor that refers to it is no buffer. */
	for (unsigned n = 0; n < v->num + (table.indirect ? 1u : 0u); n++) {
		struct vring_desc d;
		if (as_read(t, v->index, vring_plus(table.at, sizeof(d) * i), &d, sizeof(d)))
			return table.indirect ? vring_refuse(c, "indirect table")
					      : vring_stop(v, "descriptor table");
		uint16_t flags = le16toh(d.flags);
		bool enter = v->indirect && !table.indirect && (flags & VRING_DESC_F_INDIRECT);
		const char *why =
		    enter ? enter_table(&table, &d) : vring_add(c, d.addr, d.len, flags);
		if (why)
			return vring_refuse(c, why);
		i = enter ? 0 : le16toh(d.next);
		if (!enter && !(flags & VRING_DESC_F_NEXT))
			return 1;
		if (i >= table.num)
			return vring_refuse(c, "next");
	}
	return vring_refuse(c, "loop");
}

static int count_pending(struct vring_queue *v, struct as_table *t, uint16_t *pending)
{
	uint16_t avail_idx;

	if (as_load16(t, v->index, vring_plus(v->avail, IDX), &avail_idx))
		return vring_stop(v, "available ring");
	*pending = (uint16_t)(avail_idx - v->last_avail);
	return 0;
}

/* Section 2.7.10: the driver kicks when its index passes this one; it may have before it saw this,
 * so that its index has to be looked at again. */
static int ask_for_kick(struct vring_queue *v, struct as_table *t)
{
	uint64_t event = ENTRIES + sizeof(struct vring_used_elem) * v->num;

	if (as_store16(t, v->index, vring_plus(v->used, event), v->last_avail))
		return vring_stop(v, "used ring");
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return 0;
}

static int pop_split(struct vring_queue *v, struct as_table *t, struct vring_chain *c)
{
	uint16_t pending, head;

	if (count_pending(v, t, &pending))
		return -EPIPE;
	if (pending == 0 && v->event_idx && (ask_for_kick(v, t) || count_pending(v, t, &pending)))
		return -EPIPE;
	if (pending == 0)
		return 0;
	if (pending > v->num)
		return vring_stop(v, "available index");
	uint64_t entry = ENTRIES + 2u * (v->last_avail % v->num);
	if (as_load16(t, v->index, vring_plus(v->avail, entry), &head))
		return vring_stop(v, "available ring");
	if (head >= v->num)
		return vring_stop(v, "head");

	c->head = head;
	int ret = follow(v, t, c);
	if (ret != -EPIPE)
		v->last_avail++; /* but a chain that the ring stopped at was not taken */
	return ret;
}

int vring_pop(struct vring_queue *v, struct as_table *t, struct vring_chain *c)
{
	if (v->stopped)
		return -EPIPE;
	c->bad = NULL;
	c->readable = c->writable = 0;
	c->readable_len = c->writable_len = 0;
	return v->packed ? vring_pop_packed(v, t, c) : pop_split(v, t, c);
}

int vring_read(const struct vring_queue *v, struct as_table *t, const struct vring_chain *c,
	       void *dst, size_t len)
{
	uint8_t *out = dst;

	if (len > c->readable_len)
		return -E2BIG;
	for (unsigned i = 0; i < c->readable && len > 0; i++) {
		size_t n = c->seg[i].len < len ? c->seg[i].len : len;
		if (as_read(t, v->index, c->seg[i].at, out, n))
			return -EFAULT;
		out += n;
		len -= n;
	}
	return 0;
}

int vring_write(const struct vring_queue *v, struct as_table *t, const struct vring_chain *c,
		const void *src, size_t len)
{
	const uint8_t *in = src;

	if (len > c->writable_len)
		return -E2BIG;
	for (unsigned i = c->readable; i < c->readable + c->writable && len > 0; i++) {
		size_t n = c->seg[i].len < len ? c->seg[i].len : len;
		if (as_write(t, v->index, c->seg[i].at, in, n))
			return -EFAULT;
		in += n;
		len -= n;
	}
	return 0;
}

static int push_split(struct vring_queue *v, struct as_table *t, uint16_t head, uint32_t len)
{
	struct vring_used_elem elem = {.id = htole32(head), .len = htole32(len)};
	uint64_t entry = ENTRIES + sizeof(elem) * (v->used_idx % v->num);

	if (as_write(t, v->index, vring_plus(v->used, entry), &elem, sizeof(elem)))
		return vring_stop(v, "used ring");
	v->used_idx++;
	v->uncalled++;
	if (as_store16(t, v->index, vring_plus(v->used, IDX), v->used_idx))
		return vring_stop(v, "used ring");
	return 0;
}

int vring_push(struct vring_queue *v, struct as_table *t, uint16_t head, uint32_t len)
{
	if (v->stopped)
		return -EPIPE;
	return v->packed ? vring_push_packed(v, t, head, len) : push_split(v, t, head, len);
}

static bool wants_call_split(struct vring_queue *v, struct as_table *t)
{
	uint64_t at = v->event_idx ? ENTRIES + 2u * v->num : FLAGS;
	uint16_t word, before = (uint16_t)(v->used_idx - v->uncalled);

	if (as_load16(t, v->index, vring_plus(v->avail, at), &word))
		return true;
	v->uncalled = 0;
	return v->event_idx ? vring_need_event(word, v->used_idx, before)
			    : !(word & VRING_AVAIL_F_NO_INTERRUPT);
}

bool vring_wants_call(struct vring_queue *v, struct as_table *t)
{
	/* What was used must be visible before the driver's wish is read (section 2.7.7.2). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (v->stopped)
		return true;
	return v->packed ? vring_wants_call_packed(v, t) : wants_call_split(v, t);
}
