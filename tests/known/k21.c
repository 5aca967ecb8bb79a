/* SPDX-License-Identifier: MIT */
/*
 * K21: vdpa_sim_net acks a command it does not know with OK, if one it knows came before it in the
 * same run of its worker; and a command without a whole header is never completed.
 */
#include "known.h"
#include "sim.h"

#include "../../vdpa/vduse/wait.h"

#include <errno.h>
#include <linux/vhost.h>
#include <linux/virtio_net.h>

/* All that the device touches, in one mapping. */
struct shared {
	struct sim_queue cvq;
	uint8_t set_mac[8], unknown[2], ack[4];
};

static int start(struct known_run *r, const struct memory *m, struct sim_queue *cvq)
{
	int ret = world_open_sim(&r->world, &r->e);

	if (!ret)
		ret = world_client(&r->world, &r->e);
	if (!ret)
		ret = world_map(&r->world, 0, (uintptr_t)m->at, m, VHOST_ACCESS_RW, &r->e);
	if (!ret)
		ret = world_negotiate(&r->world, SIM_FEATURES, &r->e);
	if (!ret)
		ret = sim_queue_open(&r->world, WORLD_CVQ, cvq, &r->e);
	return ret ? ret : world_driver_ok(&r->world, &r->e);
}

static void add_command(struct sim_queue *cvq, unsigned n, const void *bytes, uint32_t len,
			uint8_t *ack)
{
	sim_describe(cvq, 2 * n, bytes, len, false, (int)(2 * n + 1));
	sim_describe(cvq, 2 * n + 1, ack, 1, true, -1);
	sim_offer(cvq, (uint16_t)(2 * n));
}

static enum known_verdict run(struct known_run *r)
{
	struct memory m;

	if (memory_make(&m, 8192, &r->e))
		return known_failed(r);
	struct shared *s = (struct shared *)(void *)m.at;
	if (start(r, &m, &s->cvq)) {
		if (r->e.code == ENODEV)
			return known_skip(r, "needs CONFIG_VDPA_SIM_NET (modprobe vdpa_sim_net)");
		return known_failed(r);
	}
	*s = (struct shared){.cvq = s->cvq,
			     .set_mac = {VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, 0x52,
					 0x54, 0, 0, 0, 0x21},
			     .unknown = {0x77, 0},
			     .ack = {9, 9, 9, 9}};
	add_command(&s->cvq, 0, s->unknown, sizeof(s->unknown), &s->ack[0]);
	sim_kick(&s->cvq);
	bool alone = sim_wait(&s->cvq, 1, 2000);
	add_command(&s->cvq, 1, s->set_mac, sizeof(s->set_mac), &s->ack[1]);
	add_command(&s->cvq, 2, s->unknown, sizeof(s->unknown), &s->ack[2]);
	sim_kick(&s->cvq);
	bool both = sim_wait(&s->cvq, 3, 2000);
	add_command(&s->cvq, 3, s->unknown, 1, &s->ack[3]);
	sim_kick(&s->cvq);
	bool shorter = sim_wait(&s->cvq, 4, 1000);
	if (!alone || !both || s->ack[0] != VIRTIO_NET_ERR) {
		err_set(&r->e, ERR_INTERNAL, 0, "control queue", r->world.path,
			"used %u, acks %u %u %u", s->cvq.used.idx, s->ack[0], s->ack[1], s->ack[2]);
		return known_failed(r);
	}
	if (s->ack[2] == VIRTIO_NET_OK || !shorter)
		return known_shows(r,
				   "class 0x77 is ERR when alone and %s behind a good command; a "
				   "command of 1 byte is %s",
				   s->ack[2] == VIRTIO_NET_OK ? "OK" : "ERR",
				   shorter ? "completed" : "never completed");
	return known_gone(r,
			  "unknown commands are ERR wherever they stand, and short ones completed");
}

const struct known k21 = {
    .name = "k21",
    .title = "vdpa_sim_net acks an unknown command OK behind a good one, and never completes a "
	     "short one",
    .run = run,
};
