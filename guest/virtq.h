/* SPDX-License-Identifier: MIT */
/*
 * The driver's side of a virtqueue, split (virtio 1.3 section 2.7) or packed (section 2.8), with
 * one addition that no honest driver has: each of its three parts can be said to lie where the
 * driver cannot reach it. It must never free or choose descriptors: its few users each have theirs.
 *
 * Users lay chains out in @desc either way. Where the ring is packed, that table is the driver's
 * own, and a chain is copied from it into the ring when it is offered; its head is the buffer's id.
 */
#ifndef GUEST_VIRTQ_H
#define GUEST_VIRTQ_H

#include <stdbool.h>
#include <stdint.h>

#define VIRTQ_MAX 64
#define VIRTQ_TABLES 8 /* indirect ones, of the heads below this, ... */
#define VIRTQ_TABLE 4  /* ... with so many entries */

#define VIRTQ_DESC_NEXT 1u
#define VIRTQ_DESC_WRITE 2u
#define VIRTQ_DESC_INDIRECT 4u

struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct virtq_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[VIRTQ_MAX];
	uint16_t used_event;
};

struct virtq_used_elem {
	uint32_t id;
	uint32_t len;
};

struct virtq_used {
	uint16_t flags;
	uint16_t idx;
	struct virtq_used_elem ring[VIRTQ_MAX];
	uint16_t avail_event;
};

/* Section 2.8: a packed ring's descriptor, and event suppression. */
struct virtq_packed {
	uint64_t addr;
	uint32_t len;
	uint16_t id;
	uint16_t flags;
};

struct virtq_event {
	uint16_t where;
	uint16_t flags;
};

/* Where a packed ring is at: a place, and the wrap counter there. */
struct virtq_at {
	uint16_t place;
	bool wrap;
};

/* Of a packed ring: the ring, and the driver's and the device's event suppression. */
enum virtq_part { VIRTQ_DESC, VIRTQ_AVAIL, VIRTQ_USED, VIRTQ_PARTS };

/** Memory for one queue's rings. */
struct virtq_memory {
	struct virtq_desc desc[VIRTQ_MAX] __attribute__((aligned(64)));
	struct virtq_avail avail __attribute__((aligned(64)));
	struct virtq_used used __attribute__((aligned(64)));
	struct virtq_packed ring[VIRTQ_MAX] __attribute__((aligned(64)));
	struct virtq_event driver __attribute__((aligned(64)));
	struct virtq_event device __attribute__((aligned(64)));
	struct virtq_desc table[VIRTQ_TABLES][VIRTQ_TABLE];
};

struct virtq {
	uint16_t num;
	uint16_t avail_idx; /* our own count of what was made available */
	uint16_t used_idx;  /* and of what was taken back */
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	struct virtq_used *used;
	uint64_t at[VIRTQ_PARTS];	  /* what the device is told */
	bool packed, indirect, event_idx; /* negotiated */
	uint16_t unkicked;		  /* entries made available since the last kick */
	struct virtq_desc (*table)[VIRTQ_TABLE];
	/* Packed: the parts, where the next is put and taken, and what each id took of the ring. */
	struct virtq_packed *ring;
	struct virtq_event *driver, *device;
	struct virtq_at put, take;
	uint16_t places[VIRTQ_MAX];
};

/** One buffer of a chain; @writable as the device sees it. */
struct virtq_buf {
	uint64_t addr;
	uint32_t len;
	bool writable;
};

/** Lay out empty rings of @num entries in @memory, of the kind that @features say. The device must
 * not be using the queue. */
void virtq_init(struct virtq *q, uint16_t num, struct virtq_memory *memory, uint64_t features);
/**
 * Say that @part lies at @iova. Where that is @ram of ours, the part is laid out and used there;
 * where it is not, it stays in the queue's memory, which the device then does not know.
 */
void virtq_aim(struct virtq *q, enum virtq_part part, uint64_t iova, bool ram);
/** How many bytes @part has. */
uint32_t virtq_part_size(const struct virtq *q, enum virtq_part part);

/** Make what begins at descriptor @head available, whatever it is. The caller notifies. */
void virtq_offer(struct virtq *q, uint16_t head);
/** Make a chain of @count buffers available, in the descriptors from @head on. The caller notifies.
 */
void virtq_submit(struct virtq *q, uint16_t head, const struct virtq_buf *buf, unsigned count);
/** Whether the device wants to be notified of what was made available since this was asked last. */
bool virtq_wants_kick(struct virtq *q);
/** Whether the device has given back a chain that was not taken yet. */
bool virtq_has_used(const struct virtq *q);
/** Take back one chain: its head and how much was written; false if there is none. */
bool virtq_pop(struct virtq *q, uint16_t *head, uint32_t *len);

#endif
