/* SPDX-License-Identifier: MIT */
/*
 * The device's side of a packed ring (virtio 1.3 section 2.8); see vring.h. It must never take more
 * descriptors than there are, however the driver sets their flags.
 */
#include "vring_impl.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ring.h>
#include <stddef.h>

#define DESC sizeof(struct vring_packed_desc)
#define LEN offsetof(struct vring_packed_desc, len)
#define FLAGS offsetof(struct vring_packed_desc, flags)
#define EVENT_WHERE offsetof(struct vring_packed_desc_event, off_wrap)
#define EVENT_FLAGS offsetof(struct vring_packed_desc_event, flags)

#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED (1u << VRING_PACKED_DESC_F_USED)

/* Both flags as a descriptor has them that is available, or used, in the round of @at. */
static uint16_t available_in(uint16_t at)
{
	return at & VRING_WRAP ? AVAIL : USED;
}

static uint16_t used_in(uint16_t at)
{
	return at & VRING_WRAP ? AVAIL | USED : 0;
}

static uint16_t advance(const struct vring_queue *v, uint16_t at, unsigned by)
{
	unsigned place = VRING_PLACE(at) + by;

	if (place < v->num)
		return (uint16_t)(at + by);
	return (uint16_t)((place - v->num) | (~at & VRING_WRAP));
}

static iova_t descriptor(const struct vring_queue *v, uint16_t at, size_t field)
{
	return vring_plus(v->desc, DESC * VRING_PLACE(at) + field);
}

/* Section 2.8.10: the driver kicks when it makes this one available; it may have before it saw
 * this, so that there has to be looked again. */
static int ask_for_kick(struct vring_queue *v, struct as_table *t)
{
	if (as_store16(t, v->index, vring_plus(v->used, EVENT_WHERE), v->last_avail) ||
	    as_store16(t, v->index, vring_plus(v->used, EVENT_FLAGS), VRING_PACKED_EVENT_FLAG_DESC))
		return vring_stop(v, "event suppression");
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return 0;
}

/* 1: the next descriptor is available, and these are its flags; 0: it is not. */
static int look(struct vring_queue *v, struct as_table *t, uint16_t *flags)
{
	if (as_load16(t, v->index, descriptor(v, v->last_avail, FLAGS), flags))
		return vring_stop(v, "descriptor ring");
	return (*flags & (AVAIL | USED)) == available_in(v->last_avail);
}

/* Section 2.8.8: every entry of the table is a buffer, and none of its other flags counts. */
static const char *add_table(struct vring_queue *v, struct as_table *t, struct vring_chain *c,
			     const struct vring_packed_desc *d)
{
	uint32_t len = le32toh(d->len);

	if (len == 0 || len % DESC)
		return "indirect length";
	if (len / DESC > v->num)
		return "loop"; /* no chain is longer than its ring (section 2.8.17) */
	for (uint32_t at = 0; at < len; at += (uint32_t)DESC) {
		struct vring_packed_desc e;
		if (as_read(t, v->index, vring_plus(iova(le64toh(d->addr)), at), &e, DESC))
			return "indirect table";
		const char *why =
		    vring_add(c, e.addr, e.len,
			      le16toh(e.flags) & (VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT));
		if (why)
			return why;
	}
	return NULL;
}

static const char *add(struct vring_queue *v, struct as_table *t, struct vring_chain *c,
		       const struct vring_packed_desc *d, uint16_t flags, bool first)
{
	if (!v->indirect || !(flags & VRING_DESC_F_INDIRECT))
		return vring_add(c, d->addr, d->len, flags);
	if (!first || (flags & VRING_DESC_F_NEXT))
		return "indirect next";
	return add_table(v, t, c, d);
}

/* To the end of the list, where its id is, be it good or not; 0 or -EPIPE. UNTRUSTED: driver */
static int follow(struct vring_queue *v, struct as_table *t, struct vring_chain *c, uint16_t flags,
		  unsigned *count)
{
	uint16_t at = v->last_avail;

	for (*count = 1;; ++*count) {
		const bool first = *count == 1;
		struct vring_packed_desc d;
		if (as_read(t, v->index, descriptor(v, at, 0), &d, first ? FLAGS : DESC))
			return vring_stop(v, "descriptor ring");
		flags = first ? flags : le16toh(d.flags); /* as they were when it was available */
		c->head = le16toh(d.id);
		if (!c->bad)
			c->bad = add(v, t, c, &d, flags, first);
		if (!(flags & VRING_DESC_F_NEXT))
			return 0;
		if (v->out + *count == v->num)
			return vring_stop(v, "endless chain");
		at = advance(v, at, 1);
	}
}

int vring_pop_packed(struct vring_queue *v, struct as_table *t, struct vring_chain *c)
{
	unsigned count;
	uint16_t flags;

	if (v->out == v->num)
		return 0; /* what it has, it has not given back */
	int ret = look(v, t, &flags);
	if (ret == 0 && v->event_idx)
		ret = ask_for_kick(v, t) ? -EPIPE : look(v, t, &flags);
	if (ret != 1)
		return ret;
	if (follow(v, t, c, flags, &count))
		return -EPIPE;
	v->last_avail = advance(v, v->last_avail, count);
	v->taken[(v->oldest + v->chains++) % VRING_NUM_MAX] = (uint16_t)count;
	v->out += count;
	return c->bad ? vring_refuse(c, c->bad) : 1;
}

int vring_push_packed(struct vring_queue *v, struct as_table *t, uint16_t id, uint32_t len)
{
	const struct vring_packed_desc d = {.len = htole32(len), .id = htole16(id)};
	const uint16_t at = v->used_idx;
	/* Section 2.8.6: a length counts only with WRITE. */
	uint16_t flags = (uint16_t)(used_in(at) | (len ? VRING_DESC_F_WRITE : 0));

	if (v->chains == 0)
		return vring_stop(v, "nothing to give back");
	uint16_t count = v->taken[v->oldest++ % VRING_NUM_MAX];
	v->chains--;
	v->out -= count;
	if (as_write(t, v->index, descriptor(v, at, LEN), (const uint8_t *)&d + LEN, FLAGS - LEN))
		return vring_stop(v, "descriptor ring");
	v->used_idx = advance(v, at, count);
	v->uncalled = (uint16_t)(v->uncalled + count);
	if (as_store16(t, v->index, descriptor(v, at, FLAGS), flags))
		return vring_stop(v, "descriptor ring");
	return 0;
}

bool vring_wants_call_packed(struct vring_queue *v, struct as_table *t)
{
	uint16_t flags, where, now = (uint16_t)VRING_PLACE(v->used_idx), used = v->uncalled;

	if (as_load16(t, v->index, vring_plus(v->avail, EVENT_FLAGS), &flags) ||
	    as_load16(t, v->index, vring_plus(v->avail, EVENT_WHERE), &where))
		return true;
	v->uncalled = 0;
	if (!v->event_idx || flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	/* Section 2.8.10: how far back from here it lies, in this round or the one before. */
	uint16_t event = (uint16_t)VRING_PLACE(where);
	if ((where ^ v->used_idx) & VRING_WRAP)
		event = (uint16_t)(event - v->num);
	return (uint16_t)(now - event - 1) < used;
}
