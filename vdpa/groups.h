/* SPDX-License-Identifier: MIT */
/*
 * Which virtqueue group each queue is in, and which address space each group is put into. There may
 * be more groups than queues or address spaces. It must never leave a group that a queue can be in
 * where somebody else has put it.
 */
#ifndef VDPA_GROUPS_H
#define VDPA_GROUPS_H

#include "vhost.h"

#define GROUPS_QUEUES_MAX 17

struct groups {
	unsigned queues, cvq; /* @cvq == @queues: there is none */
	uint32_t count;	      /* of groups, by the kernel's word */
	uint32_t vqs;	      /* of queues, those that are not used included */
	/* By queue: where its buffers are, and where its rings are, which is the same group but on
	 * parents with VHOST_BACKEND_F_DESC_ASID. */
	uint32_t buffers[GROUPS_QUEUES_MAX], rings[GROUPS_QUEUES_MAX];
};

/**
 * Ask for the groups of the first @queues queues, of which @cvq is the CVQ. An error names a group
 * that the CVQ shares with a data queue, or one that cannot be.
 */
int groups_read(struct groups *g, const struct vhost *v, unsigned queues, unsigned cvq,
		struct err *e);

/** Put the CVQ's groups into @cvq_asid, and every other group there is into ASID 0, but for
 * what @breaks say. */
int groups_assign(const struct groups *g, const struct vhost *v, uint32_t cvq_asid, uint32_t breaks,
		  struct err *e);

/** An error if a queue is not in the group that it was in @before. */
int groups_same(const struct groups *before, const struct groups *now, const struct vhost *v,
		struct err *e);

#endif
