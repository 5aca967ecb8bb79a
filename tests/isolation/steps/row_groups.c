/* SPDX-License-Identifier: MIT */
/*
 * Row 22, groups: SET_GROUP_ASID at every stage, for groups and ASIDs that are there and that are
 * not. What is refused must not be told to the device either. It must never leave a group
 * elsewhere.
 */
#include "run.h"

#include "../../../vdpa/vduse/as.h"

#include <errno.h>
#include <linux/vhost.h>
#include <sys/ioctl.h>

/* Numbers at which 32 bits, a sign, an array of queues, groups or ASIDs go wrong. */
static const uint32_t numbers[] = {
    0, 1, 2, 3, 4, 63, 255, 0xffff, 65536, 0x7fffffff, 0x80000000, 0xfffffffe, UINT32_MAX};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static int set_group(const struct run *r, uint32_t group, uint32_t asid)
{
	struct err e = {0};

	return client_answer(&r->client, vhost_set_group_asid(&r->client.vhost, group, asid, &e));
}

static uint64_t told(struct run *r)
{
	return run_can_ask(r) ? parent_heard(&r->parent).asid : 0;
}

/* Group @g, as the device has it, is in the ASID that the client believes. */
static void check_device(struct run *r, const char *when)
{
	struct client *c = &r->client;

	if (!run_can_ask(r))
		return;
	uint32_t cvq = parent_group_asid(&r->parent, c->group[CVQ]);
	uint32_t data = parent_group_asid(&r->parent, c->group[RX]);

	run_attempt(r,
		    cvq == client_asid(c, c->layout.cvq_asid) &&
			data == client_asid(c, c->layout.data_asid),
		    "%s, the device has the CVQ's group in ASID %u and the data's in %u", when, cvq,
		    data);
}

/* That the device can be asked about. */
static uint32_t groups_of(const struct run *r)
{
	uint32_t groups = r->client.facts.groups;

	if (!run_can_ask(r))
		return 0;
	return groups < AS_GROUPS_MAX ? groups : AS_GROUPS_MAX;
}

/* The device has moved @group to @asid, and no other. @had: where each was, and is now. */
static void check_move(struct run *r, uint32_t had[], uint32_t group, uint32_t asid)
{
	had[group] = asid;
	for (uint32_t g = 0; g < groups_of(r); g++) {
		uint32_t has = parent_group_asid(&r->parent, g);
		run_attempt(r, has == had[g],
			    "SET_GROUP_ASID(group %u, ASID %u): the device has group %u in %u",
			    group, asid, g, has);
		had[g] = has;
	}
}

/* Every pair of numbers. What is legal (and @live is not) moves a group; then all go to ASID 0. */
static void try_pairs(struct run *r, bool live)
{
	const struct facts *f = &r->client.facts;
	uint64_t before = told(r), accepted = 0;
	uint32_t had[AS_GROUPS_MAX] = {0};

	for (uint32_t g = 0; g < groups_of(r); g++)
		had[g] = parent_group_asid(&r->parent, g);
	for (unsigned i = 0; i < NUMBERS * NUMBERS; i++) {
		uint32_t group = numbers[i / NUMBERS], asid = numbers[i % NUMBERS];
		int ret = set_group(r, group, asid);
		accepted += ret == 0;
		if (ret == 0 && group < groups_of(r))
			check_move(r, had, group, asid);
		run_attempt(r, rule_group_asid(f, group, asid, live, ret),
			    "SET_GROUP_ASID(group %u, ASID %u)%s: %d", group, asid,
			    live ? " after DRIVER_OK" : "", ret);
	}
	/* The last legal pair has left each group where the arena may be. */
	for (uint32_t g = 0; g < f->groups && !live; g++)
		accepted +=
		    run_legal(r, set_group(r, g, 0) == 0, "SET_GROUP_ASID(group %u, ASID 0)", g);
	if (run_can_ask(r)) {
		uint64_t heard = told(r) - before;
		run_attempt(r, heard == accepted,
			    "%llu calls were accepted, and the device was told of %llu",
			    (unsigned long long)accepted, (unsigned long long)heard);
	}
}

/* ---- steps ---- */

/* Before FEATURES_OK and after it: what is out of range is refused, the rest moves its group. */
static void before_driver_ok(struct run *r)
{
	struct client *c = &r->client;
	struct err e = {0};

	if (!run_legal_call(r, client_reset(c, &e), &e))
		return;
	try_pairs(r, false);
	if (!run_legal_call(r, client_negotiate(c, &e), &e))
		return;
	try_pairs(r, false);
	if (run_legal_call(r, client_groups(c, &isolated, &e), &e))
		check_device(r, "set before DRIVER_OK");
}

static void after_driver_ok(struct run *r)
{
	try_pairs(r, true);
	check_device(r, "after DRIVER_OK");
}

/* Each of the four ways two groups can lie in two ASIDs is one the device must follow. */
static void each_way(struct run *r)
{
	struct client *c = &r->client;
	struct err e = {0};

	if (!run_legal_call(r, client_negotiate(c, &e), &e))
		return;
	for (uint32_t way = 0; way < 4; way++) {
		const struct layout l = {.data_asid = way & 1, .cvq_asid = way >> 1};
		if (!run_legal_call(r, client_groups(c, &l, &e), &e))
			return;
		check_device(r, "set one way");
	}
}

/* GET_VRING_GROUP says what the device was made with; queues that are not there have no group. */
static void check_groups(struct run *r)
{
	struct client *c = &r->client;

	for (uint32_t q = 0; q < QUEUES; q++) {
		struct vhost_vring_state s = {.index = q, .num = UINT32_MAX};
		int ret = ioctl(c->vhost.fd, VHOST_VDPA_GET_VRING_GROUP, &s);
		uint32_t want = q == CVQ ? 1 : 0; /* vdpasim_get_vq_group() */
		if (run_can_ask(r))
			want = parent_queue_group(&r->parent, q);
		run_attempt(r, !ret && s.num == want, "queue %u is said to be in group %u, not %u",
			    q, s.num, want);
	}
	for (unsigned i = 0; i < NUMBERS; i++) {
		struct vhost_vring_state s = {.index = numbers[i]};
		int ret = ioctl(c->vhost.fd, VHOST_VDPA_GET_VRING_GROUP, &s) ? -errno : 0;
		run_attempt(r, ret == (numbers[i] < c->facts.queues ? 0 : -ENOBUFS),
			    "GET_VRING_GROUP of queue %u: %d", numbers[i], ret);
	}
}

static void groups_told(struct run *r)
{
	check_groups(r);
	if (run_start(r, &isolated))
		check_groups(r);
}

/* Whoever has opened the node but is not its owner can change nothing. */
static void without_owner(struct run *r)
{
	struct client *c = &r->client;
	struct err e = {0};

	client_close(c);
	if (!run_legal_call(r, vhost_open(&c->vhost, c->path, &e), &e))
		return;
	uint64_t before = told(r);
	for (uint32_t group = 0; group < c->facts.groups; group++)
		for (uint32_t asid = 0; asid < c->facts.spaces; asid++)
			run_attempt(r, set_group(r, group, asid) == -EPERM,
				    "SET_GROUP_ASID(group %u, ASID %u) by nobody", group, asid);
	for (uint32_t asid = 0; asid < 2; asid++)
		run_attempt(r,
			    client_map(c, asid, EXTRA_AT, r->other.data.at, PAGE,
				       VHOST_ACCESS_RW) == -EFAULT,
			    "IOTLB UPDATE in ASID %u by nobody", asid);
	run_attempt(r, told(r) == before, "the device was told of a group by nobody");
	client_close(c);
	run_legal_call(r, client_open(c, &e), &e);
}

static const struct step steps[] = {
    {"groups told", ON_BOTH, true, groups_told},
    {"each way", ON_BOTH, true, each_way},
    {"before DRIVER_OK", ON_BOTH, true, before_driver_ok},
    {"after DRIVER_OK", ON_BOTH, false, after_driver_ok},
    {"without owner", ON_BOTH, false, without_owner},
    {0},
};

const struct steps steps_groups = {
    .step = steps,
    .note = {"every pair of 13 numbers, at 3 stages; refused ones are not told to the device",
	     "every pair of 13 numbers, at 3 stages"}};
