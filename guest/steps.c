// SPDX-License-Identifier: MIT
/*
 * Owns the legal operations that stand before and after each attack, so that an attack that was
 * blocked differs from a guest that never did anything. It must make the same ones in both phases.
 */
#include "attack.h"

#include "arch.h"
#include "report.h"

#include <stddef.h>

#define LOOPBACK_FRAMES 2
#define CTRL_CLASS_UNKNOWN 0x7f

/* That nothing was taken of less, whatever the rings do then. */
static void step_takes(struct run *r)
{
	const struct net *n = &r->net;

	report_line(&(struct line){
	    .text = "negotiated: features, pairs",
	    .value = {n->dev.features, n->pairs},
	    .values = 2,
	});
	run_step(r, "driver-takes", (n->dev.features & n->takes) == n->takes);
}

static bool step_reset(struct run *r)
{
	return net_start(&r->net);
}

bool run_loopback(struct net *n, uint32_t len)
{
	uint64_t deadline = deadline_in(LEGAL_MS);
	struct net_frame f;
	bool same = false;

	if (!net_send(n, len))
		return false;
	while (!same && net_receive(n, &f, deadline)) {
		same = net_is_sent(n, &f);
		net_rx_return(n, &f);
	}
	while (same && !net_tx_idle(n)) {
		if (!net_wait(n, NET_TX, deadline))
			return false;
	}
	return same;
}

static bool step_tx_loopback(struct run *r)
{
	static const uint32_t len[LOOPBACK_FRAMES] = {64, NET_FRAME_MAX};

	for (unsigned i = 0; i < LOOPBACK_FRAMES; i++) {
		if (!run_loopback(&r->net, len[i]))
			return false;
	}
	return true;
}

/* What a command of @class is to be answered with: a device need not have them all. */
static int answer_to(const struct run *r, unsigned class)
{
	return r->machine.ctrl_classes >> class & 1 ? NET_OK : NET_ERR;
}

static bool step_cvq_mac(struct run *r)
{
	/* Locally administered, and another one each time. */
	const uint8_t mac[6] = {0x02, 0x52, 0x46, 0, (uint8_t)r->phase, (uint8_t)r->net.frames};

	return net_command(&r->net, NET_CTRL_MAC, NET_CTRL_MAC_ADDR_SET, mac, sizeof(mac)) ==
	       answer_to(r, NET_CTRL_MAC);
}

static bool step_cvq_rx(struct run *r)
{
	const uint8_t on = 1;

	return net_command(&r->net, NET_CTRL_RX, NET_CTRL_RX_PROMISC, &on, sizeof(on)) ==
	       answer_to(r, NET_CTRL_RX);
}

static bool step_cvq_unknown(struct run *r)
{
	return net_command(&r->net, CTRL_CLASS_UNKNOWN, 0, NULL, 0) == NET_ERR;
}

void steps(struct run *r)
{
	static const struct {
		const char *name;
		bool (*make)(struct run *r);
	} step[] = {
	    {.name = "reset", .make = step_reset},
	    {.name = "tx-loopback", .make = step_tx_loopback},
	    {.name = "cvq-mac", .make = step_cvq_mac},
	    {.name = "cvq-rx", .make = step_cvq_rx},
	    {.name = "cvq-unknown", .make = step_cvq_unknown},
	};

	for (unsigned i = 0; i < sizeof(step) / sizeof(*step); i++)
		run_step(r, step[i].name, step[i].make(r));
	if (r->net.takes)
		step_takes(r);
}
