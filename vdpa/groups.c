/* SPDX-License-Identifier: MIT */
/* Groups and their address spaces; see groups.h. It must never take a group's ASID for granted. */
#include "groups.h"

#include "breaks.h"

#include <assert.h>
#include <errno.h>

#define MISSING(e, v, ...) err_set(e, ERR_HOST, ENOTSUP, "virtqueue groups", (v)->path, __VA_ARGS__)

static int ask(struct groups *g, const struct vhost *v, bool apart, struct err *e)
{
	int ret = 0;

	for (unsigned q = 0; !ret && q < g->queues; q++) {
		ret = vhost_get_vring_group(v, q, &g->buffers[q], e);
		g->rings[q] = g->buffers[q];
		if (!ret && apart)
			ret = vhost_get_vring_desc_group(v, q, &g->rings[q], e);
	}
	return ret;
}

static bool is_cvqs(const struct groups *g, uint32_t group)
{
	return g->cvq < g->queues && (group == g->buffers[g->cvq] || group == g->rings[g->cvq]);
}

/* The CVQ must be alone in its groups, or no ASID can keep the others out. */
static int check(const struct groups *g, const struct vhost *v, struct err *e)
{
	for (unsigned q = 0; q < g->queues; q++) {
		bool rings = is_cvqs(g, g->rings[q]);

		if (g->buffers[q] >= g->count || g->rings[q] >= g->count)
			return MISSING(e, v, "queue %u is in groups %u and %u of %u", q,
				       g->buffers[q], g->rings[q], g->count);
		if (q != g->cvq && (rings || is_cvqs(g, g->buffers[q])))
			return MISSING(e, v,
				       "the CVQ (queue %u) shares group %u with queue %u: the "
				       "parent must put its CVQ into a group of its own",
				       g->cvq, rings ? g->rings[q] : g->buffers[q], q);
	}
	return 0;
}

int groups_read(struct groups *g, const struct vhost *v, unsigned queues, unsigned cvq,
		struct err *e)
{
	uint64_t backend;

	assert(queues <= GROUPS_QUEUES_MAX);
	*g = (struct groups){.queues = queues, .cvq = cvq};
	int ret = vhost_get_group_num(v, &g->count, e);
	if (!ret)
		ret = vhost_get_vqs_count(v, &g->vqs, e);
	if (!ret)
		ret = vhost_get_backend_features(v, &backend, e);
	if (!ret)
		ret = ask(g, v, backend & VHOST_F_DESC_ASID, e);
	return ret ? ret : check(g, v, e);
}

static bool is_used(const struct groups *g, uint32_t group)
{
	for (unsigned q = 0; q < g->queues; q++)
		if (group == g->buffers[q] || group == g->rings[q])
			return true;
	return false;
}

/*
 * The kernel takes a group for a queue's index (finding K19), so those from the number of queues on
 * cannot be put anywhere. That is an error where a queue is in one, and else reaches nothing.
 */
static bool is_put(const struct groups *g, uint32_t group, uint32_t breaks)
{
	if (broken(breaks, BREAK_KEEP_GROUPS))
		return is_cvqs(g, group);
	return group < g->vqs || is_used(g, group);
}

int groups_assign(const struct groups *g, const struct vhost *v, uint32_t cvq_asid, uint32_t breaks,
		  struct err *e)
{
	int ret = 0;

	for (uint32_t group = 0; !ret && group < g->count; group++)
		if (is_put(g, group, breaks))
			ret = vhost_set_group_asid(v, group, is_cvqs(g, group) ? cvq_asid : 0, e);
	return ret;
}

int groups_same(const struct groups *before, const struct groups *now, const struct vhost *v,
		struct err *e)
{
	for (unsigned q = 0; q < now->queues; q++) {
		bool rings = now->rings[q] != before->rings[q];

		if (rings || now->buffers[q] != before->buffers[q])
			return MISSING(e, v, "queue %u moved from group %u to %u during the start",
				       q, rings ? before->rings[q] : before->buffers[q],
				       rings ? now->rings[q] : now->buffers[q]);
	}
	return 0;
}
