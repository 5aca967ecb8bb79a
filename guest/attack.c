// SPDX-License-Identifier: MIT
/*
 * Owns the count of a run's operations and attempts, and how the device is started for an attempt.
 * It must never begin an attempt before the last one was ended.
 */
#include "attack.h"

#include "arch.h"
#include "report.h"

#include <stddef.h>

void rest(unsigned ms)
{
	uint64_t deadline = deadline_in(ms);

	while (!deadline_passed(deadline))
		arch_sleep();
}

void run_step(struct run *r, const char *name, bool ok)
{
	if (!ok)
		r->failed++;
	report_step(r->phase, name, ok);
}

void run_command(struct run *r)
{
	const uint8_t on = 1;
	struct net *n = &r->net;

	if (r->machine.ctrl_classes >> NET_CTRL_RX & 1)
		net_command(n, NET_CTRL_RX, NET_CTRL_RX_PROMISC, &on, sizeof(on));
	else
		net_command(n, NET_CTRL_MAC, NET_CTRL_MAC_ADDR_SET, n->mac, sizeof(n->mac));
}

void attempt_start(struct run *r, const struct net_aim *aim, bool rx_buffers)
{
	struct net *n = &r->net;

	if (!net_setup(n, aim)) {
		run_step(r, "reset in an attempt", false);
		return;
	}
	if (rx_buffers)
		net_rx_fill(n);
	net_go(n);
	run_command(r);
	if (n->pairs > 1) /* so that it has been round all of them (see device_settle()) */
		run_command(r);
}

void attempt_begin_as(struct run *r, enum attempt_shape shape, uint32_t queue, uint64_t address,
		      uint64_t length)
{
	r->mark = (struct report_mark){
	    .attack = r->machine.attack,
	    .attempt = r->attempts++,
	    .queue = queue < NET_QUEUES ? r->net.index[queue] : queue,
	    .address = address,
	    .length = length,
	    .shape = shape,
	};
	report_mark(REPORT_BEGIN, &r->mark);
}

void attempt_begin(struct run *r, uint32_t queue, uint64_t address, uint64_t length)
{
	attempt_begin_as(r, SHAPE_PLAIN, queue, address, length);
}

void attempt_end_with(struct run *r, enum attempt_outcome outcome, uint64_t touched, uint32_t hits)
{
	r->mark.outcome = outcome;
	r->mark.touched = touched;
	r->mark.hits = hits;
	report_mark(REPORT_END, &r->mark);
}

void attempt_end(struct run *r, enum attempt_outcome outcome, uint64_t touched)
{
	attempt_end_with(r, outcome, touched, 0);
}
