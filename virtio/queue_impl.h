/* SPDX-License-Identifier: MIT */
/*
 * What queue.c and packed.c share: how a chain grows by a segment, and when an event was passed. It
 * must never be included by anything else.
 */
#ifndef VIRTIO_QUEUE_IMPL_H
#define VIRTIO_QUEUE_IMPL_H

#include "queue.h"

/** Add a segment to the chain; -EBADMSG if it cannot be one. Its values are the caller's private
 * copy. */
int queue_add_segment(struct queue_chain *c, const struct gmem *m, gpa_t at, uint32_t len,
		      uint16_t flags) __attribute__((warn_unused_result));

/** Whether the used index went past @event since this was asked last (section 2.7.10). */
bool queue_passed(const struct queue *q, uint16_t event);

/** The packed counterparts of queue.h's. */
int packed_pop(struct queue *q, const struct gmem *m, struct queue_chain *c)
    __attribute__((warn_unused_result));
int packed_push(struct queue *q, const struct gmem *m, const struct queue_chain *c, uint32_t len)
    __attribute__((warn_unused_result));
bool packed_wants_interrupt(const struct queue *q, const struct gmem *m);

#endif
