// SPDX-License-Identifier: MIT
/*
 * Owns an attempt that is one chain: put on a data queue, waited for, and what comes in because of
 * it searched; and chains on the CVQ that no honest driver would make. It must never write to where
 * a chain is aimed.
 */
#include "attack.h"

#include "arch.h"
#include "report.h"
#include "scan.h"

#include <string.h>

#define SHORT_SETTLE_MS 4 /* for rows of so many chains that time matters */

struct chain_memory chain_memory __attribute__((aligned(64)));
struct cvq_memory cvq_memory __attribute__((aligned(64)));

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
	bool few = r->machine.attack <= ATTACK_WRITABLE;
	uint64_t deadline = deadline_in(few ? SETTLE_MS : SHORT_SETTLE_MS);
	struct net_frame f;

	if (net_receive(n, &f, deadline)) {
		report_leaks(r, &f, a->iova);
		net_rx_return(n, &f);
	}
	return back;
}

/* A legal frame that fills the aimed buffer. It comes back once the device is through with it, so
 * what RX makes of it cannot take much longer. */
static bool work_rx(struct run *r, const struct aim *a)
{
	struct net *n = &r->net;
	uint64_t deadline = deadline_in(ATTEMPT_MS);
	bool back = net_send(n, a->frame) && net_wait(n, NET_TX, deadline) && net_tx_idle(n);
	uint16_t head;
	uint32_t len;

	if (back)
		deadline = deadline_in(SETTLE_MS);
	return net_wait(n, NET_RX, deadline) && virtq_pop(&n->q[NET_RX], &head, &len) && back;
}

static uint64_t lines(uint32_t len)
{
	return len < CANARY_LINE ? 1 : len / CANARY_LINE;
}

bool attempt_chain(struct run *r, const struct aim *a)
{
	struct net *n = &r->net;
	struct virtq *q = &n->q[a->queue];
	bool back = false;

	attempt_begin_as(r, a->shape, a->queue, a->iova, a->len);
	if (n->live) {
		memcpy(&q->desc[AIM_HEAD], a->desc, a->descs * sizeof(*a->desc));
		virtq_offer(q, AIM_HEAD);
		net_notify(n, a->queue);
		back = a->queue == NET_TX ? work_tx(r, a) : work_rx(r, a);
	}
	attempt_end(r, back ? OUTCOME_COMPLETED : OUTCOME_NO_ANSWER, n->live ? lines(a->len) : 0);
	return back;
}

/* Two commands on the CVQ: the device looks at it first in each of its turns, so that when the
 * second is answered it has been round all queues since the first. */
void device_settle(struct run *r)
{
	uint64_t deadline = deadline_in(SETTLE_MS);

	run_command(r);
	run_command(r);
	while (r->net.cvq_dead && !deadline_passed(deadline))
		arch_sleep();
}

void attempt_probe(struct run *r, unsigned page)
{
	const struct machine *m = &r->machine;
	uint64_t at = m->arena + (page * PAGE) % m->arena_size + AIM_OFFSET;
	const uint32_t len = 4 * CANARY_LINE;
	const struct virtq_desc d[] = {
	    desc((uintptr_t)chain_memory.header, NET_HEADER, VIRTQ_DESC_NEXT, 1),
	    desc(at, len, 0, 0),
	};

	attempt_chain(r, &(struct aim){.queue = NET_TX,
				       .shape = SHAPE_PROBE,
				       .iova = at,
				       .len = len,
				       .desc = d,
				       .descs = 2});
}

void command_fill(struct run *r)
{
	const uint8_t mac[8] = {NET_CTRL_MAC,
				NET_CTRL_MAC_ADDR_SET,
				0x02,
				0x52,
				0x46,
				1,
				(uint8_t)(r->attempts >> 8),
				(uint8_t)r->attempts};

	memcpy(cvq_memory.mac, mac, sizeof(mac));
	cvq_memory.ack = 0xff;
}

enum cvq_outcome cvq_chain(struct run *r)
{
	struct net *n = &r->net;
	struct virtq *q = &n->q[NET_CVQ];
	uint8_t ack;
	uint16_t head;
	uint32_t len;

	if (!n->live || n->cvq_dead)
		return CVQ_SILENT;
	virtq_offer(q, AIM_HEAD);
	net_notify(n, NET_CVQ);
	if (!net_await_command(n) || !virtq_pop(q, &head, &len))
		return CVQ_SILENT;
	ack = __atomic_load_n(&cvq_memory.ack, __ATOMIC_RELAXED);
	return head != AIM_HEAD || !len || ack > NET_ERR ? CVQ_REFUSED
	       : ack == NET_OK				 ? CVQ_OK
							 : CVQ_ERR;
}
