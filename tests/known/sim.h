/* SPDX-License-Identifier: MIT */
/*
 * Queues of a vdpa_sim_net device. Addresses in rings are the client's own pointers: the memory is
 * mapped at IOVAs equal to them (K21), or nothing is mapped and they work all the same, which is
 * finding K7.
 */
#ifndef KNOWN_SIM_H
#define KNOWN_SIM_H

#include "world.h"

#include <linux/virtio_ring.h>

#define SIM_NUM 8
#define SIM_FEATURES                                                                               \
	(1ull << 32 | 1ull << 33 | 1ull << 17) /* VERSION_1, ACCESS_PLATFORM, CTRL_VQ */

struct sim_queue {
	struct vring_desc desc[SIM_NUM];
	struct {
		uint16_t flags, idx, ring[SIM_NUM];
	} avail;
	struct {
		uint16_t flags, idx;
		vring_used_elem_t ring[SIM_NUM];
	} used;
	int kick_fd;
};

/** Tell the device of the queue and enable it; after FEATURES_OK. */
int sim_queue_open(const struct world *w, unsigned q, struct sim_queue *s, struct err *e);

/** Write descriptor @n: @next is the following one, or -1. */
void sim_describe(struct sim_queue *s, unsigned n, const void *at, uint32_t len, bool writable,
		  int next);

/** Make the chain at @head available; sim_kick() tells the device. */
void sim_offer(struct sim_queue *s, uint16_t head);
void sim_kick(const struct sim_queue *s);

/** Wait until @count chains have been used in all. */
bool sim_wait(const struct sim_queue *s, uint16_t count, unsigned ms);

#endif
