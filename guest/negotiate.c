// SPDX-License-Identifier: MIT
/*
 * Row 21 of the catalogue: features that leave the CVQ out, that were not offered, or that come too
 * late, and a start without any; and after each of them a read of CVQ memory by a data queue. It
 * must never take for granted that what was written is what was taken: it looks.
 */
#include "attack.h"

#include <stddef.h>

#define FRAME 256u
#define NEXT VIRTQ_DESC_NEXT
#define WRITE VIRTQ_DESC_WRITE

static unsigned page; /* the next one to probe */

/* A good start, and a data queue aimed at the arena. */
static void probe_again(struct run *r)
{
	attempt_start(r, NULL, true);
	attempt_probe(r, page++);
}

/* Set up queue 2 as a driver does that has negotiated it, with a command on it. */
static void force_cvq(struct run *r)
{
	static struct virtq_memory memory __attribute__((aligned(64)));
	struct net *n = &r->net;
	struct virtq *q = &n->q[NET_CVQ];

	virtq_init(q, VIRTQ_MAX, &memory, 0);
	command_fill(r);
	q->desc[0] = desc((uintptr_t)cvq_memory.mac, sizeof(cvq_memory.mac), NEXT, 0);
	q->desc[0].next = 1;
	q->desc[1] = desc((uintptr_t)&cvq_memory.ack, 1, WRITE, 0);
	virtq_offer(q, 0);
	virtio_write(&n->dev, VREG_QUEUE_SEL, NET_CVQ);
	virtio_queue_enable(&n->dev, q);
}

/* Section 5.1.2: without CTRL_VQ there is no queue 2, however it is set up. */
static void without_cvq(struct run *r, uint64_t features)
{
	struct net *n = &r->net;
	bool exists, loops;

	attempt_begin_as(r, SHAPE_NO_CVQ, NET_CVQ, features, 0);
	if (!net_negotiate(n, features) || !net_lay_out(n)) {
		run_step(r, "no CTRL_VQ", false);
		attempt_end(r, OUTCOME_NO_ANSWER, 0);
		return;
	}
	exists = virtio_queue_select(&n->dev, NET_CVQ);
	net_enable(n);
	force_cvq(r);
	net_rx_fill(n);
	net_go(n);
	for (unsigned i = 0; i < 2; i++)
		net_notify(n, NET_CVQ);
	loops = run_loopback(n, FRAME);
	run_step(r, "loopback without CTRL_VQ", loops);
	net_notify(n, NET_CVQ);
	rest(SETTLE_MS);
	exists |= virtq_has_used(&n->q[NET_CVQ]) || cvq_memory.ack != 0xff;
	attempt_end(r, exists ? OUTCOME_ALLOWED : OUTCOME_REFUSED, loops);
	attempt_probe(r, page++);
}

/* Whether a device that is asked for @features takes them, or starts all the same. */
static bool takes(struct net *n, uint64_t features)
{
	struct virtio *v = &n->dev;
	bool ok;

	if (!virtio_reset(v))
		return false;
	virtio_begin(v);
	virtio_accept(v, features);
	ok = virtio_features_ok(v);
	virtio_driver_ok(v);
	return ok || (virtio_read(v, VREG_STATUS) & VSTATUS_DRIVER_OK);
}

/* Section 2.2.2: no feature is taken that was not offered. MQ is one of them: it moves the CVQ. */
static void not_offered(struct run *r, uint64_t offered)
{
	unsigned tried = 0;
	bool taken = false;

	r->net.live = false;
	attempt_begin_as(r, SHAPE_NOT_OFFERED, NET_CVQ, ~offered, 0);
	taken = takes(&r->net, NET_FEATURES | NET_F_MQ);
	for (unsigned bit = 0; bit < 64 && !taken; bit++) {
		if (offered >> bit & 1)
			continue;
		taken = takes(&r->net, NET_FEATURES | 1ULL << bit);
		tried++;
	}
	attempt_end(r, taken ? OUTCOME_ALLOWED : OUTCOME_REFUSED, tried);
}

/* Features after FEATURES_OK: what was agreed on holds, and a command of another feature does not.
 */
static void too_late(struct run *r)
{
	const uint64_t agreed = NET_FEATURES & ~NET_F_CTRL_MAC_ADDR;
	struct net *n = &r->net;
	int answer;

	attempt_begin_as(r, SHAPE_LATE, NET_CVQ, NET_F_CTRL_MAC_ADDR, 0);
	if (!net_negotiate(n, agreed)) {
		run_step(r, "reset in an attempt", false);
		attempt_end(r, OUTCOME_NO_ANSWER, 0);
		return;
	}
	virtio_accept(&n->dev, NET_FEATURES);
	if (net_lay_out(n)) {
		net_enable(n);
		net_rx_fill(n);
		net_go(n);
	}
	virtio_accept(&n->dev, NET_FEATURES | NET_F_MQ);
	answer = net_command(n, NET_CTRL_MAC, NET_CTRL_MAC_ADDR_SET, n->mac, sizeof(n->mac));
	run_step(r, "cvq after late features", answer != NET_NO_ANSWER);
	attempt_end(r, answer == NET_OK ? OUTCOME_ALLOWED : OUTCOME_REFUSED,
		    answer != NET_NO_ANSWER);
}

/* Section 3.1.1: no DRIVER_OK without FEATURES_OK, whether before it or without any features. */
static void too_early(struct run *r)
{
	struct virtio *v = &r->net.dev;
	bool started;

	r->net.live = false;
	attempt_begin_as(r, SHAPE_EARLY, NET_CVQ, 0, 0);
	virtio_reset(v);
	virtio_driver_ok(v);
	started = virtio_read(v, VREG_STATUS) & VSTATUS_DRIVER_OK;
	virtio_begin(v);
	virtio_accept(v, NET_FEATURES);
	virtio_write(v, VREG_STATUS, v->status | VSTATUS_FEATURES_OK); /* both at once */
	started |= virtio_read(v, VREG_STATUS) & VSTATUS_DRIVER_OK;
	attempt_end(r, started ? OUTCOME_ALLOWED : OUTCOME_REFUSED, 1);
}

void attack_renegotiate(struct run *r)
{
	uint64_t offered = virtio_offered(&r->net.dev);

	attempt_start(r, NULL, true);
	without_cvq(r, NET_FEATURES & ~(NET_F_CTRL_VQ | NET_F_CTRL_RX | NET_F_CTRL_MAC_ADDR));
	/* Those that need it, without it. */
	without_cvq(r, NET_FEATURES & ~NET_F_CTRL_VQ);
	probe_again(r);
	not_offered(r, offered);
	probe_again(r);
	too_late(r);
	probe_again(r);
	too_early(r);
	probe_again(r);
}
