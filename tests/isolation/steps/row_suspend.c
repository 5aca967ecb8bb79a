/* SPDX-License-Identifier: MIT */
/*
 * Row 26: the device is suspended, resumed where the parent can, reset, and started again, with
 * other memory too. It must never start vdpa_sim without maps, unless it was told to keep them
 * (K7).
 */
#include "run.h"

#include "../../../vdpa/vduse/wait.h"

#include <errno.h>
#include <linux/vhost.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define ROUNDS 2
#define ROUNDS_FULL 30

static bool can(const struct run *r, unsigned feature)
{
	return r->client.backend >> feature & 1;
}

static bool can_suspend(struct run *r)
{
	if (!can(r, VHOST_BACKEND_F_SUSPEND))
		run_leave_out(r, "SUSPEND is not offered");
	return can(r, VHOST_BACKEND_F_SUSPEND);
}

static int suspend(struct run *r)
{
	return ioctl(r->client.vhost.fd, VHOST_VDPA_SUSPEND) ? -errno : 0;
}

static int resume(struct run *r)
{
	return ioctl(r->client.vhost.fd, VHOST_VDPA_RESUME) ? -errno : 0;
}

/* Everything that a device could have written. */
static uint8_t *copy_of(const struct set *s)
{
	uint8_t *copy = malloc(DATA_LEN + ARENA_SIZE);

	if (!copy)
		abort();
	memcpy(copy, s->data.at, DATA_LEN);
	memcpy(copy + DATA_LEN, s->arena.readable, ARENA_READABLE);
	memcpy(copy + DATA_LEN + ARENA_READABLE, s->arena.writable, ARENA_WRITABLE);
	return copy;
}

/* Frees it. */
static bool same_as(const struct set *s, uint8_t *copy)
{
	bool same = !memcmp(copy, s->data.at, DATA_LEN) &&
		    !memcmp(copy + DATA_LEN, s->arena.readable, ARENA_READABLE) &&
		    !memcmp(copy + DATA_LEN + ARENA_READABLE, s->arena.writable, ARENA_WRITABLE);

	free(copy);
	return same;
}

/* A frame from the arena and a command are offered to a device that must not look at them. */
static void offer(struct run *r)
{
	struct client *c = &r->client;
	uint8_t *head = c->set->data.at + HEAD;

	memset(head + 12, 0xff, 6);
	memset(c->set->data.at + BUFFER, 0, PAGE);
	ring_describe(&c->ring[RX], 0, DATA_AT + BUFFER, DMA_HEADERS + DMA_LEN, true, -1);
	if (!ring_in_flight(&c->ring[RX]))
		ring_offer(&c->ring[RX], 0);
	ring_describe(&c->ring[TX], 0, DATA_AT + HEAD, DMA_HEADERS, false, 1);
	ring_describe(&c->ring[TX], 1, c->set->arena.iova.v, DMA_LEN, false, -1);
	ring_offer(&c->ring[TX], 0);
	ring_describe(&c->ring[CVQ], 0, dma_arena_command(c).at, 8, false, 1);
	ring_describe(&c->ring[CVQ], 1, dma_arena_ack(c).at, 1, true, -1);
	ring_offer(&c->ring[CVQ], 0);
}

static void nothing_moves(struct run *r, const char *when)
{
	struct client *c = &r->client;

	offer(r);
	uint8_t *before = copy_of(c->set);
	for (unsigned q = 0; q < QUEUES; q++)
		client_kick(c, q);
	wait_ms(NOTHING_MS);
	run_attempt(r, same_as(c->set, before), "%s the device wrote into our memory", when);
	for (unsigned q = 0; q < QUEUES; q++)
		c->stuck[q] = true;
}

static void nothing_regroups(struct run *r)
{
	uint64_t before = run_can_ask(r) ? parent_heard(&r->parent).asid : 0;

	for (uint32_t group = 0; group < 2; group++)
		for (uint32_t asid = 0; asid < 2; asid++) {
			struct err e = {0};
			int ret = vhost_set_group_asid(&r->client.vhost, group, asid, &e);
			run_attempt(r, ret == -EBUSY,
				    "SET_GROUP_ASID(group %u, ASID %u) while suspended: %d", group,
				    asid, ret);
		}
	if (run_can_ask(r))
		run_attempt(r, parent_heard(&r->parent).asid == before,
			    "the device was told of a group while suspended");
}

/* ---- steps ---- */

static void suspended(struct run *r)
{
	int ret;

	if (!can_suspend(r))
		return;
	ret = suspend(r);
	if (!run_legal(r, !ret, "VHOST_VDPA_SUSPEND: %d", ret))
		return;
	nothing_regroups(r);
	nothing_moves(r, "suspended,");
	if (can(r, VHOST_BACKEND_F_RESUME))
		return;
	ret = resume(r);
	run_attempt(r, ret == -EOPNOTSUPP, "VHOST_VDPA_RESUME, which is not offered: %d", ret);
	nothing_moves(r, "suspended, and not resumed,");
}

/* What was offered meanwhile is done after: a frame from the arena's IOVA, and it is refused. */
static void resumed(struct run *r)
{
	struct client *c = &r->client;
	const uint8_t *buffer = c->set->data.at + BUFFER;
	uint32_t len = 0;

	if (!can_suspend(r))
		return;
	if (!can(r, VHOST_BACKEND_F_RESUME)) {
		run_leave_out(r, "RESUME is not offered");
		return;
	}
	int ret = suspend(r);
	if (!run_legal(r, !ret, "VHOST_VDPA_SUSPEND: %d", ret))
		return;
	nothing_moves(r, "suspended,");
	ret = resume(r);
	run_legal(r, !ret, "VHOST_VDPA_RESUME: %d", ret);
	memset(c->stuck, 0, sizeof(c->stuck));
	run_legal(r, dma_take(c, TX, &len, r->client.patience_ms), "TX after a resume");
	bool hole = r->place == IN_HOLE;
	bool came = dma_take(c, RX, &len, hole ? c->after_ms : c->patience_ms);
	if (hole)
		run_attempt(r, !came,
			    "what was offered while suspended: TX read the arena after a resume");
	/* That nothing comes at all is no breach. */
	else if (run_legal(r, came, "RX of a frame from over the arena after a resume"))
		run_attempt(
		    r,
		    !memcmp(dma_payload(buffer), c->set->data.at + (ALIAS_AT - DATA_AT), DMA_LEN),
		    "what was offered while suspended: TX read something else than the guest "
		    "RAM under the arena after a resume");
	run_legal(r, dma_take(c, CVQ, &len, r->client.patience_ms), "the CVQ after a resume");
	run_traffic(r);
}

static void suspend_reset(struct run *r)
{
	unsigned rounds = r->how->full ? ROUNDS_FULL : ROUNDS;

	for (unsigned i = 0; i < rounds && can_suspend(r); i++) {
		int ret = suspend(r);
		run_legal(r, !ret, "VHOST_VDPA_SUSPEND: %d", ret);
		if (!run_start(r, &isolated))
			return;
		run_traffic(r);
	}
}

/* Its rings are known to nobody any more. */
static void reset(struct run *r)
{
	struct client *c = &r->client;
	unsigned rounds = r->how->full ? ROUNDS_FULL : ROUNDS;
	struct err e = {0};

	for (unsigned i = 0; i < rounds; i++) {
		if (!run_legal_call(r, client_reset(c, &e), &e))
			return;
		nothing_moves(r, "after a reset");
		if (!run_start(r, &isolated))
			return;
		run_traffic(r);
	}
}

/* All stages but groups and maps: as the reset left them. */
static bool start_bare(struct run *r)
{
	struct client *c = &r->client;
	struct err e = {0};
	int ret = client_negotiate(c, &e);

	if (!ret)
		ret = client_rings(c, &e);
	return run_legal_call(r, ret ? ret : client_driver_ok(c, &e), &e);
}

/*
 * What the parents keep over a reset. VDUSE: groups (K3) and maps, so the CVQ works. vdpa_sim, with
 * IOTLB_PERSIST: maps, and all groups are in ASID 0, so that the CVQ has no ring; where guest RAM
 * has the arena's IOVAs that ring would be guest RAM, which shows nothing.
 */
static void kept(struct run *r)
{
	struct client *c = &r->client;

	if (r->how->parent == PARENT_SIM) {
		c->persist = r->place == IN_HOLE && can(r, VHOST_BACKEND_F_IOTLB_PERSIST);
		if (!c->persist) {
			/* Aliased it shows nothing, and needs no excuse but that one. */
			r->excused = r->place != IN_HOLE;
			if (!r->excused)
				run_leave_out(r, "IOTLB_PERSIST is not offered");
			return;
		}
	}
	if (run_start(r, &isolated) && start_bare(r)) {
		run_frame(r);
		if (run_can_ask(r) && parent_group_asid(&r->parent, c->group[CVQ]) == 1)
			run_command(r);
		run_reach(r);
	}
	c->persist = false;
	c->running = false;
}

/* The same IOVAs, other memory: the first is out of reach, from the first frame on. */
static void other_memory(struct run *r)
{
	struct client *c = &r->client;
	struct set *const sets[2] = {&r->set, &r->other};
	unsigned rounds = r->how->full ? ROUNDS_FULL : ROUNDS;

	for (unsigned i = 0; i < 2 * rounds; i++) {
		struct set *first = sets[i & 1];
		c->set = sets[~i & 1];
		set_scrub(first);
		uint8_t *before = copy_of(first);
		bool works = run_start(r, &isolated) && run_traffic(r);
		if (works && i < 2)
			run_reach(r);
		run_attempt(r, same_as(first, before), "memory of before the reset was written");
	}
}

static const struct step steps[] = {
    {"other memory", ON_BOTH, false, other_memory},
    {"suspended", ON_BOTH, false, suspended},
    {"resumed", ON_SIM, false, resumed},
    {"suspend and reset", ON_BOTH, false, suspend_reset},
    {"reset", ON_BOTH, false, reset},
    {"kept", ON_BOTH, false, kept},
    {0},
};

const struct steps steps_suspend = {
    .step = steps,
    .note = {"VDUSE cannot resume: reset and started again; groups and maps are kept, and set anew",
	     "suspended, resumed, reset; started without maps only with IOTLB_PERSIST (K7)"}};
