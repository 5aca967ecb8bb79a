// SPDX-License-Identifier: MIT
/*
 * Row 27 of the catalogue: notifications of queues that there are not, of data queues in place of
 * the CVQ, and before the device runs. Whether the device was moved to anything is for its trace to
 * say; here it is seen whether the VMM was. It must never notify for what it then claims to be
 * unasked.
 */
#include "attack.h"

#include "arch.h"

#include <stddef.h>

#define NEXT VIRTQ_DESC_NEXT
#define WRITE VIRTQ_DESC_WRITE
#define SOME 1024u /* numbers of no queue that are always tried, from the first on */
#define ALL 0x10000u

/* ---- what must stay as it is ---- */

struct state {
	uint32_t status;
	uint16_t used[NET_QUEUES];
};

static struct state look(const struct net *n)
{
	struct state s = {.status = virtio_read(&n->dev, VREG_STATUS)};

	for (unsigned q = 0; q < NET_QUEUES; q++)
		s.used[q] = __atomic_load_n(&n->q[q].used->idx, __ATOMIC_ACQUIRE);
	return s;
}

/* Whether nothing moved since @before, and nothing interrupted us. */
static bool same(const struct net *n, const struct state *before)
{
	struct state now = look(n);
	bool moved = arch_device_irq() || now.status != before->status;

	for (unsigned q = 0; q < NET_QUEUES; q++)
		moved |= now.used[q] != before->used[q];
	return !moved;
}

/* ---- numbers of no queue ---- */

static unsigned notify_none(struct net *n, bool all)
{
	unsigned tried = 0;

	for (uint32_t v = NET_QUEUES; v < (all ? ALL : SOME); v++, tried++)
		virtio_notify(&n->dev, v);
	for (unsigned bit = 10; bit < 32; bit++) {
		for (uint32_t d = 0; d < 4; d++, tried++)
			virtio_notify(&n->dev, (1u << bit) + d);
	}
	virtio_notify(&n->dev, 0xffffffffu);
	return tried + 1;
}

static void none(struct run *r, bool all)
{
	struct net *n = &r->net;
	struct state before;
	unsigned tried;

	attempt_begin_as(r, SHAPE_NOTIFY, NET_CVQ, 0, 0);
	rest(SETTLE_MS);
	arch_device_irq();
	before = look(n);
	tried = notify_none(n, all);
	rest(SETTLE_MS);
	attempt_end(r, same(n, &before) ? OUTCOME_REFUSED : OUTCOME_ALLOWED, tried);
}

/* ---- the CVQ has a command, others are notified ---- */

static void offer_command(struct run *r)
{
	struct virtq *q = &r->net.q[NET_CVQ];

	command_fill(r);
	q->desc[AIM_HEAD] = desc((uintptr_t)cvq_memory.mac, sizeof(cvq_memory.mac), NEXT, 1);
	q->desc[AIM_HEAD + 1] = desc((uintptr_t)&cvq_memory.ack, 1, WRITE, 0);
	virtq_offer(q, AIM_HEAD);
}

/* Now the notification that was due: the command must be carried out. */
static uint32_t due(struct run *r)
{
	struct net *n = &r->net;
	uint16_t head;
	uint32_t len;
	bool back;

	virtio_notify(&n->dev, NET_CVQ);
	back =
	    net_wait(n, NET_CVQ, deadline_in(LEGAL_MS)) && virtq_pop(&n->q[NET_CVQ], &head, &len);
	run_step(r, "cvq once it is notified", back && cvq_memory.ack == NET_OK);
	return back;
}

static void others(struct run *r)
{
	struct net *n = &r->net;
	struct state before;
	unsigned tried = 0;
	bool still;

	attempt_begin_as(r, SHAPE_NOTIFY_OTHERS, NET_CVQ, 0, 0);
	rest(SETTLE_MS);
	arch_device_irq();
	before = look(n);
	offer_command(r);
	for (uint32_t v = 0; v < 64; v++, tried++) {
		/* 0 and 1 are the data queues', the rest is nobody's. */
		if (v != NET_CVQ)
			virtio_notify(&n->dev, v);
	}
	virtio_notify(&n->dev, 0x10000 + NET_CVQ);
	rest(SETTLE_MS);
	still = same(n, &before);
	attempt_end_with(r, still ? OUTCOME_REFUSED : OUTCOME_ALLOWED, tried, due(r));
}

/* ---- before DRIVER_OK ---- */

static void early(struct run *r)
{
	struct net *n = &r->net;
	struct state before;
	bool still;

	attempt_begin_as(r, SHAPE_EARLY, NET_CVQ, 0, 0);
	if (!net_negotiate(n, NET_FEATURES) || !net_lay_out(n)) {
		run_step(r, "reset in an attempt", false);
		attempt_end(r, OUTCOME_NO_ANSWER, 0);
		return;
	}
	net_enable(n);
	net_rx_fill(n);
	rest(SETTLE_MS);
	arch_device_irq();
	before = look(n);
	offer_command(r);
	for (uint32_t v = 0; v < NET_QUEUES; v++)
		virtio_notify(&n->dev, v);
	rest(SETTLE_MS);
	still = same(n, &before);
	net_go(n);
	attempt_end_with(r, still ? OUTCOME_REFUSED : OUTCOME_ALLOWED, NET_QUEUES, due(r));
}

void attack_notify(struct run *r)
{
	attempt_start(r, NULL, true);
	none(r, machine_wants_all(&r->machine));
	others(r);
	early(r);
	attempt_probe(r, 1);
}
