// SPDX-License-Identifier: MIT
/*
 * Rows 3 to 5 of the catalogue: a data queue's descriptor table, available ring or used ring is
 * said to lie at the CVQ arena's IOVAs. What is at work then is an honest driver; only the address
 * is not.
 */
#include "attack.h"

#include "arch.h"

#define FRAME 256
#define PATIENCE_MS                                                                                \
	(2 * ATTEMPT_MS) /* its ring is new to the device, which has not been there yet */

/*
 * Make both queues work, and wait for the aimed one's answer. Where that is RX, the honest TX chain
 * comes back once the device is through with the frame, so that what RX makes of it cannot take
 * much longer.
 */
static bool work(struct net *n, enum net_queue aimed)
{
	uint64_t deadline = deadline_in(PATIENCE_MS);

	if (aimed == NET_RX && n->live)
		net_notify(n, NET_RX);
	if (net_send(n, FRAME) && aimed == NET_RX && net_wait(n, NET_TX, deadline))
		deadline = deadline_in(SETTLE_MS);
	return net_wait(n, aimed, deadline);
}

void attempt_aimed_ring(struct run *r, enum attempt_shape shape, const struct net_aim *aim)
{
	struct net *n = &r->net;
	/* A packed ring's used part says where the device rests: RX, where it finds no buffer. */
	bool rests = n->takes & VIRTIO_F_RING_PACKED && aim->part == VIRTQ_USED;
	bool back;

	attempt_start(r, aim, !(rests && aim->queue == NET_RX));
	attempt_begin_as(r, shape, aim->queue, aim->iova,
			 virtq_part_size(&n->q[aim->queue], aim->part));
	back = work(n, aim->queue);
	/* A packed ring's available part says whether the device is to interrupt: it looks there
	 * when it has given a chain back, and of that nothing shows. */
	if (back && n->takes & VIRTIO_F_RING_PACKED && aim->part == VIRTQ_AVAIL)
		rest(PATIENCE_MS);
	attempt_end(r, back ? OUTCOME_COMPLETED : OUTCOME_NO_ANSWER, n->live);
}

void attack_ring(struct run *r)
{
	static const enum virtq_part part[] = {
	    [ATTACK_DESC] = VIRTQ_DESC,
	    [ATTACK_AVAIL] = VIRTQ_AVAIL,
	    [ATTACK_USED] = VIRTQ_USED,
	};
	const struct machine *m = &r->machine;

	for (enum net_queue queue = NET_RX; queue <= NET_TX; queue++) {
		for (uint64_t page = m->arena - PAGE; page <= m->arena + m->arena_size;
		     page += PAGE) {
			attempt_aimed_ring(r, SHAPE_PLAIN,
					   &(struct net_aim){
					       .queue = queue,
					       .part = part[m->attack],
					       .iova = page,
					       .ram = machine_has_ram(m, page),
					   });
		}
	}
}
