// SPDX-License-Identifier: MIT
/*
 * Rows 6 and 7 of the catalogue: a chain on a data queue has a device-readable or device-writable
 * buffer at the CVQ arena's IOVAs, in the direction that the queue works in and in the wrong one.
 * All rings and all other buffers are legal.
 */
#include "attack.h"

#include "arch.h"
#include "report.h"
#include "scan.h"

#include <stddef.h>

/* The last 24 lines of a page: no ring structure or command of the arena reaches them, and the
 * longest frame fits. */
#define AIM_OFFSET (PAGE - 24 * CANARY_LINE)
#define AIM_HEAD NET_OWN_DESCS /* the first descriptor that is ours to use */
#define CHAIN_MAX 3

struct aim {
	enum net_queue queue;
	bool writable;
	bool other_shape; /* see build_chain() */
	uint64_t iova;
	uint32_t len;
};

static uint8_t header[NET_HEADER];
static uint8_t spare[2048];

static struct virtq_buf buffer(void *at, uint32_t len, bool writable)
{
	return (struct virtq_buf){(uintptr_t)at, len, writable};
}

/*
 *                  first shape              other shape
 * RX, writable     header, aimed            aimed alone, for header and frame
 * TX, readable     header, aimed
 * RX, readable     aimed, spare writable    aimed alone
 * TX, writable     header, aimed            header, spare readable, aimed
 */
static unsigned build_chain(const struct aim *a, struct virtq_buf chain[CHAIN_MAX])
{
	bool rx = a->queue == NET_RX;
	unsigned n = 0;

	if (!rx || (a->writable && !a->other_shape))
		chain[n++] = buffer(header, sizeof(header), rx);
	if (!rx && a->writable && a->other_shape)
		chain[n++] = buffer(spare, NET_FRAME_MIN, false);
	chain[n++] = (struct virtq_buf){a->iova, a->len, a->writable};
	if (rx && !a->writable && !a->other_shape)
		chain[n++] = buffer(spare, sizeof(spare), true);
	return n;
}

/* A frame came in whose payload the device read at @iova: whole lines of it that are canaries
 * leaked. */
static void report_leaks(struct run *r, const struct net_frame *f, uint64_t iova)
{
	unsigned leaks = 0;

	for (uint32_t at = 0; at + CANARY_LINE <= f->len && leaks < LEAKS_MAX; at += CANARY_LINE) {
		uint64_t gpa = (uintptr_t)f->data + at, inverted;

		if (probe_read(gpa, &inverted) && inverted == r->machine.magic_inverted) {
			report_leak(iova + at, gpa);
			leaks++;
		}
	}
}

/* Whether the chain came back. Its frame may come in a little later, or not at all. */
static bool work_tx(struct run *r, const struct aim *a)
{
	struct net *n = &r->net;
	bool back = net_wait(n, NET_TX, deadline_in(ATTEMPT_MS)) && net_tx_idle(n);
	uint64_t deadline = deadline_in(SETTLE_MS);
	struct net_frame f;

	if (net_receive(n, &f, deadline)) {
		report_leaks(r, &f, a->iova);
		net_rx_return(n, &f);
	}
	return back;
}

/* A legal frame that fills the aimed buffer, with its header where that has no buffer of its own.
 */
static bool work_rx(struct run *r, const struct aim *a)
{
	struct net *n = &r->net;
	uint64_t deadline = deadline_in(ATTEMPT_MS);
	bool back = net_send(n, a->other_shape ? a->len - NET_HEADER : a->len);
	uint16_t head;
	uint32_t len;

	back = net_wait(n, NET_RX, deadline) && virtq_pop(&n->q[NET_RX], &head, &len) && back;
	return net_wait(n, NET_TX, deadline) && net_tx_idle(n) && back;
}

/* Returns whether all chains came back, so that the next attempt needs no reset. */
static bool attempt_buffer(struct run *r, const struct aim *a)
{
	struct net *n = &r->net;
	struct virtq_buf chain[CHAIN_MAX];
	bool back = false;

	if (machine_has_ram(&r->machine, a->iova))
		net_copy_frame((void *)(uintptr_t)a->iova, a->len);
	attempt_begin(r, a->queue, a->iova, a->len);
	if (n->live) {
		virtq_submit(&n->q[a->queue], AIM_HEAD, chain, build_chain(a, chain));
		virtio_notify(&n->dev, a->queue);
		back = a->queue == NET_TX ? work_tx(r, a) : work_rx(r, a);
	}
	attempt_end(r, back ? OUTCOME_COMPLETED : OUTCOME_NO_ANSWER,
		    n->live ? a->len / CANARY_LINE : 0);
	return back;
}

void attack_buffer(struct run *r)
{
	static const uint32_t len[] = {NET_FRAME_MAX, CANARY_LINE, 1024, 256};
	const struct machine *m = &r->machine;

	for (enum net_queue queue = NET_RX; queue <= NET_TX; queue++) {
		bool ready = false;
		unsigned i = 0;

		for (uint64_t page = m->arena - PAGE; page <= m->arena + m->arena_size;
		     page += PAGE) {
			const struct aim aim = {
			    .queue = queue,
			    .writable = m->attack == ATTACK_WRITABLE,
			    .other_shape = i & 1,
			    .iova = page + AIM_OFFSET,
			    .len = len[i % (sizeof(len) / sizeof(*len))],
			};

			i++;
			/* On TX there are buffers for what comes back; on RX the aimed one is to be
			 * alone. */
			if (!ready)
				attempt_start(r, NULL, queue == NET_TX);
			ready = attempt_buffer(r, &aim);
		}
	}
}
