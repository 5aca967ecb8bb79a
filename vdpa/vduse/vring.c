/* SPDX-License-Identifier: MIT */
/* The device's side of a split ring; see vring.h. It must never read a value twice. */
#include "vring.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ring.h>
#include <stdint.h>

/* Offsets into the available and the used ring: le16 flags, le16 idx, then the entries. */
#define FLAGS 0u
#define IDX 2u
#define ENTRIES 4u

static iova_t plus(iova_t at, uint64_t offset)
{
	return iova(at.v + offset); /* a sum that wraps is just another address: as.h judges it */
}

static int stop(struct vring_queue *v, const char *why)
{
	v->stopped = why;
	return -EPIPE;
}

void vring_start(struct vring_queue *v, unsigned index, uint32_t num, uint16_t num_max, iova_t desc,
		 iova_t avail, iova_t used, uint16_t last_avail)
{
	*v = (struct vring_queue){.index = index,
				  .num = (uint16_t)num,
				  .desc = desc,
				  .avail = avail,
				  .used = used,
				  .last_avail = last_avail,
				  .used_idx = last_avail};
	if (num == 0 || num > num_max || num > VRING_NUM_MAX || (num & (num - 1)))
		stop(v, "size");
	else if (desc.v % VRING_DESC_ALIGN_SIZE || avail.v % VRING_AVAIL_ALIGN_SIZE ||
		 used.v % VRING_USED_ALIGN_SIZE)
		stop(v, "alignment");
}

/* Add a descriptor to the chain; NULL or why it cannot be one. UNTRUSTED: driver */
static const char *add_segment(struct vring_chain *c, const struct vring_desc *d, uint16_t flags)
{
	struct vring_seg seg = {iova(le64toh(d->addr)), le32toh(d->len)};

	if (flags & VRING_DESC_F_INDIRECT)
		return "indirect"; /* section 2.7.5.3.1: only if negotiated, and not nested */
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

static int refuse_chain(struct vring_chain *c, const char *why)
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
		if (as_read(t, v->index, plus(table.at, sizeof(d) * i), &d, sizeof(d)))
			return table.indirect ? refuse_chain(c, "indirect table")
					      : stop(v, "descriptor table");
		uint16_t flags = le16toh(d.flags);
		bool enter = v->indirect && !table.indirect && (flags & VRING_DESC_F_INDIRECT);
		const char *why = enter ? enter_table(&table, &d) : add_segment(c, &d, flags);
		if (why)
			return refuse_chain(c, why);
		i = enter ? 0 : le16toh(d.next);
		if (!enter && !(flags & VRING_DESC_F_NEXT))
			return 1;
		if (i >= table.num)
			return refuse_chain(c, "next");
	}
	return refuse_chain(c, "loop");
}

int vring_pop(struct vring_queue *v, struct as_table *t, struct vring_chain *c)
{
	uint16_t avail_idx, head;

	if (v->stopped)
		return -EPIPE;
	if (as_load16(t, v->index, plus(v->avail, IDX), &avail_idx))
		return stop(v, "available ring");
	uint16_t pending = (uint16_t)(avail_idx - v->last_avail);
	if (pending == 0)
		return 0;
	if (pending > v->num)
		return stop(v, "available index");
	uint64_t entry = ENTRIES + 2u * (v->last_avail % v->num);
	if (as_load16(t, v->index, plus(v->avail, entry), &head))
		return stop(v, "available ring");
	if (head >= v->num)
		return stop(v, "head");

	c->head = head;
	c->bad = NULL;
	c->readable = c->writable = 0;
	c->readable_len = c->writable_len = 0;
	int ret = follow(v, t, c);
	if (ret != -EPIPE)
		v->last_avail++; /* but a chain that the ring stopped at was not taken */
	return ret;
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

int vring_push(struct vring_queue *v, struct as_table *t, uint16_t head, uint32_t len)
{
	struct vring_used_elem elem = {.id = htole32(head), .len = htole32(len)};

	if (v->stopped)
		return -EPIPE;
	uint64_t entry = ENTRIES + sizeof(elem) * (v->used_idx % v->num);
	if (as_write(t, v->index, plus(v->used, entry), &elem, sizeof(elem)))
		return stop(v, "used ring");
	v->used_idx++;
	if (as_store16(t, v->index, plus(v->used, IDX), v->used_idx))
		return stop(v, "used ring");
	return 0;
}

bool vring_wants_call(const struct vring_queue *v, struct as_table *t)
{
	uint16_t flags;

	/* The used index must be visible before the flag is read (section 2.7.7.2). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return v->stopped || as_load16(t, v->index, plus(v->avail, FLAGS), &flags) ||
	       !(flags & VRING_AVAIL_F_NO_INTERRUPT);
}
