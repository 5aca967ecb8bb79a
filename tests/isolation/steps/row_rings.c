/* SPDX-License-Identifier: MIT */
/*
 * Row 22, rings: addresses, indices and sizes of rings, and the groups of queues, changed while the
 * device runs, or to what is none. It must never set a size while it runs: that is taken (K18).
 */
#include "run.h"

#include <errno.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <sys/ioctl.h>

#define LIVE                                                                                       \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |      \
	 VIRTIO_CONFIG_S_DRIVER_OK)

/* The device has the ring that the client has laid out. */
static void check_ring(struct run *r, uint32_t q, const char *when)
{
	const struct ring *mine = &r->client.ring[q];
	struct seen_ring seen;

	if (!run_can_ask(r))
		return;
	int ret = parent_ring(&r->parent, q, &seen);
	run_attempt(r,
		    !ret && seen.desc == mine->desc_at.v && seen.driver == mine->avail_at.v &&
			seen.device == mine->used_at.v && seen.num == RING_NUM && seen.avail == 0,
		    "%s, the device has another ring for queue %u (desc 0x%llx, num %u, avail %u)",
		    when, q, (unsigned long long)seen.desc, seen.num, seen.avail);
}

/* Onto the arena, onto our own memory, onto nothing. */
static void addresses_live(struct run *r)
{
	struct client *c = &r->client;
	const uint64_t to[] = {c->set->arena.iova.v, DATA_AT + SOURCE, EXTRA_AT, 0};

	for (uint32_t q = 0; q < QUEUES; q++) {
		for (unsigned i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
			struct err e = {0};
			int ret =
			    client_answer(c, vhost_set_vring_addr(&c->vhost, q, iova(to[i]),
								  iova(to[i]), iova(to[i]), &e));
			run_attempt(r, ret == -EINVAL,
				    "SET_VRING_ADDR(queue %u, 0x%llx) after DRIVER_OK: %d", q,
				    (unsigned long long)to[i], ret);
		}
		check_ring(r, q, "after SET_VRING_ADDR");
	}
}

static void indices_live(struct run *r)
{
	static const uint16_t to[] = {0, 1, RING_NUM, 0x7fff, 0xffff};

	for (uint32_t q = 0; q < QUEUES; q++) {
		for (unsigned i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
			struct err e = {0};
			int ret = client_answer(
			    &r->client, vhost_set_vring_base(&r->client.vhost, q, to[i], &e));
			run_attempt(r, ret == -EINVAL,
				    "SET_VRING_BASE(queue %u, %u) after DRIVER_OK: %d", q, to[i],
				    ret);
		}
		check_ring(r, q, "after SET_VRING_BASE");
	}
}

/* Features are settled, and status bits are not taken back but by a reset. */
static void status_live(struct run *r)
{
	struct client *c = &r->client;
	uint8_t now = 0;
	struct err e = {0};

	int ret = vhost_set_features(&c->vhost, c->features, &e);
	run_attempt(r, ret == -EBUSY, "SET_FEATURES after DRIVER_OK: %d", ret);
	for (unsigned bits = 1; bits < LIVE; bits++) {
		struct err one = {0};
		ret = vhost_set_status(&c->vhost, (uint8_t)bits, &one);
		run_attempt(r, ret == -EINVAL, "SET_STATUS(0x%02x) after DRIVER_OK: %d", bits, ret);
	}
	ret = vhost_get_status(&c->vhost, &now, &e);
	run_attempt(r, !ret && now == LIVE, "the status is 0x%02x, not 0x%02x", now, LIVE);
}

static int set_num(const struct client *c, uint32_t q, uint32_t num)
{
	struct vhost_vring_state s = {.index = q, .num = num};

	return ioctl(c->vhost.fd, VHOST_SET_VRING_NUM, &s) ? -errno : 0;
}

/* Before DRIVER_OK: what is no size of a ring, and what is no queue. */
static void sizes(struct run *r)
{
	static const uint32_t others[] = {3,	 48,	0x100,	    0x7fff,	0x8000,	   0xffff,
					  65536, 65537, 0x7fffffff, 0x80000000, UINT32_MAX};
	struct client *c = &r->client;
	struct err e = {0};

	if (!run_legal_call(r, client_negotiate(c, &e), &e) ||
	    !run_legal_call(r, client_groups(c, &isolated, &e), &e))
		return;
	for (uint32_t q = 0; q < QUEUES; q++) {
		for (uint32_t num = 0; num <= 2u * c->facts.num_max; num += num < 32 ? 1 : num / 2)
			run_attempt(r, (set_num(c, q, num) == 0) == rule_num(&c->facts, num),
				    "SET_VRING_NUM(queue %u, %u)", q, num);
		for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			run_attempt(
			    r, (set_num(c, q, others[i]) == 0) == rule_num(&c->facts, others[i]),
			    "SET_VRING_NUM(queue %u, %u)", q, others[i]);
	}
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		run_attempt(r, set_num(c, others[i], RING_NUM) == -ENOBUFS,
			    "SET_VRING_NUM of queue %u", others[i]);
	run_legal_call(r, client_maps(c, &isolated, &e), &e);
	if (run_legal_call(r, client_rings(c, &e), &e) &&
	    run_legal_call(r, client_driver_ok(c, &e), &e))
		for (uint32_t q = 0; q < QUEUES; q++)
			check_ring(r, q, "after odd sizes");
}

/* ---- the device's side: VQ_SETUP ---- */

static void check_groups(struct run *r, const char *when)
{
	for (uint32_t q = 0; q < QUEUES; q++) {
		uint32_t group = UINT32_MAX, want = r->client.group[q];
		struct err e = {0};
		int ret = vhost_get_vring_group(&r->client.vhost, q, &group, &e);
		run_attempt(r, !ret && group == want, "%s, queue %u is in group %u, not %u (%d)",
			    when, q, group, want, ret);
	}
}

static void setup_live(struct run *r)
{
	for (uint32_t q = 0; q <= QUEUES; q++)
		for (uint32_t group = 0; group <= r->client.facts.groups; group++) {
			int ret = parent_vq_setup(&r->parent, q, group);
			run_attempt(r, ret == -EINVAL,
				    "VQ_SETUP(queue %u, group %u) after DRIVER_OK: %d", q, group,
				    ret);
		}
	check_groups(r, "after VQ_SETUP");
}

/* Groups that the device was not made with, before anybody starts it; its own again after. */
static void setup_range(struct run *r)
{
	struct client *c = &r->client;
	const uint32_t beyond[] = {c->facts.groups, c->facts.groups + 1, 0xffff,
				   65536,	    0x80000000,		 UINT32_MAX};
	struct err e = {0};

	if (!run_legal_call(r, client_reset(c, &e), &e))
		return;
	for (uint32_t q = 0; q < QUEUES; q++) {
		for (unsigned i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
			int ret = parent_vq_setup(&r->parent, q, beyond[i]);
			run_attempt(r, ret == -EINVAL, "VQ_SETUP(queue %u, group %u): %d", q,
				    beyond[i], ret);
		}
		int ret = parent_vq_setup(&r->parent, q, c->group[q]);
		run_legal(r, !ret, "VQ_SETUP(queue %u, group %u), as it was: %d", q, c->group[q],
			  ret);
	}
	check_groups(r, "after VQ_SETUP");
}

static const struct step steps[] = {
    {"addresses live", ON_BOTH, false, addresses_live},
    {"indices live", ON_BOTH, false, indices_live},
    {"status live", ON_BOTH, false, status_live},
    {"sizes", ON_BOTH, false, sizes},
    {"VQ_SETUP live", ON_VDUSE, false, setup_live},
    {"VQ_SETUP range", ON_VDUSE, false, setup_range},
    {0},
};

const struct steps steps_rings = {
    .step = steps,
    .note = {"left out: SET_VRING_NUM after DRIVER_OK (K18), VQ_SETUP while DRIVER_OK is on its "
	     "way (K16)",
	     "left out: SET_VRING_NUM after DRIVER_OK (K18)"}};
