/* SPDX-License-Identifier: MIT */
/*
 * Following the simulator; see follow.h. It does its work in one thread, a queue's chain at a time
 * (vdpasim_net_work), so that an address is looked up for the vringh function entered last; which
 * space that was in, and what was found there, tells the lookup itself. It must never take a
 * queue's space from how the queue was set up: that is what is in question.
 */
#include "follow.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define PERM_READ 1u /* VHOST_MAP_RO, VHOST_MAP_WO */
#define PERM_WRITE 2u

/* ---- who is who ---- */

static int index_of(const uint64_t *list, unsigned n, uint64_t what)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i] == what)
			return (int)i;
	return -1;
}

static void learn(uint64_t *list, unsigned *n, unsigned max, uint64_t what, bool *odd)
{
	if (*n < max)
		list[(*n)++] = what;
	else
		*odd = true;
}

void sim_learn(struct sim_identity *id, const struct sim_event *ev)
{
	switch (ev->kind) {
	case SIM_SPACE:
		learn(id->space, &id->spaces, SIM_SPACES, ev->arg[0], &id->odd);
		return;
	case SIM_ASSIGN:
		learn(id->vring, &id->vrings, SIM_QUEUES, ev->arg[0], &id->odd);
		id->odd |= (id->lock && id->lock != ev->arg[2]) || ev->arg[1] != id->space[0];
		id->lock = ev->arg[2];
		return;
	case SIM_DEVICE:
		id->odd |= id->device != 0;
		id->device = ev->arg[0];
		return;
	default:
		id->odd = true;
	}
}

bool sim_known(const struct sim_identity *id)
{
	return !id->odd && id->vrings == SIM_QUEUES && id->spaces == SIM_SPACES && id->device;
}

/* ---- what it does ---- */

static void gap(struct follow *f, uint64_t t, const char *why)
{
	trace_event_at(f->trace, t, "overflow", ",\"why\":\"%s\"", why);
}

/* The queue of a vring, or -1, which is noted. */
static int queue_of(struct follow *f, const struct sim_event *ev)
{
	int q = index_of(f->id->vring, SIM_QUEUES, ev->arg[0]);

	if (q < 0)
		gap(f, ev->t, "a vring of another device");
	return q;
}

static bool writes(enum sim_event_kind op)
{
	return op == SIM_PUSH || op == SIM_COMPLETE;
}

/* Why the lookup led nowhere, as iotlb_translate() judges it; NULL: it did not. */
static const char *refusal(const struct follow *f, const struct sim_event *ev)
{
	/* It publishes a used index with the permission to read only (putu16_iotlb): two bytes. */
	uint64_t len = ev->arg[FIND_LAST] - ev->arg[FIND_FIRST] + 1;
	bool index = f->op == SIM_COMPLETE && len == 2;
	uint64_t wants = writes(f->op) && !index ? PERM_WRITE : PERM_READ;

	if (!ev->arg[FIND_MAP] || ev->arg[FIND_MAP_FIRST] > ev->arg[FIND_FIRST])
		return "no map";
	return ev->arg[FIND_MAP_PERM] & wants ? NULL : "perm";
}

/* A map's fields must agree with each other and with what was asked, or they are none. */
static bool map_makes_sense(const struct sim_event *ev)
{
	return ev->arg[FIND_MAP_FIRST] <= ev->arg[FIND_LAST] &&
	       ev->arg[FIND_MAP_LAST] >= ev->arg[FIND_FIRST] &&
	       ev->arg[FIND_MAP_SIZE] == ev->arg[FIND_MAP_LAST] - ev->arg[FIND_MAP_FIRST] + 1 &&
	       ev->arg[FIND_MAP_PERM] && ev->arg[FIND_MAP_PERM] <= (PERM_READ | PERM_WRITE);
}

static void found(struct follow *f, const struct sim_event *ev)
{
	int asid = index_of(f->id->space, SIM_SPACES, ev->arg[FIND_SPACE]);
	uint64_t first = ev->arg[FIND_FIRST], last = ev->arg[FIND_LAST];

	if (!f->op)
		return gap(f, ev->t, "an address looked up for no queue");
	if (asid < 0)
		return gap(f, ev->t, "an address space of another device");
	if (ev->arg[FIND_MAP] && !map_makes_sense(ev))
		return gap(f, ev->t, "struct vhost_iotlb_map is not as it was");

	struct trace_translation x = {.t = ev->t,
				      .queue = f->queue,
				      .group = f->group[f->queue],
				      .asid = (unsigned)asid,
				      .iova = first,
				      .write = writes(f->op),
				      .why = refusal(f, ev)};
	/* The rest of a range that one map does not hold is looked up next. */
	if (!x.why && last > ev->arg[FIND_MAP_LAST])
		last = ev->arg[FIND_MAP_LAST];
	x.len = last - first + 1;
	if (!x.why)
		x.ino = f->inode(f->ctx, ev->arg[FIND_MAP_ADDR] + (first - ev->arg[FIND_MAP_FIRST]),
				 x.len, f->fresh);
	f->fresh = false;
	f->refused |= x.why != NULL;
	trace_translate(f->trace, &x);
}

static void begin(struct follow *f, const struct sim_event *ev)
{
	int q = queue_of(f, ev);

	f->op = SIM_LOST;
	if (q < 0)
		return;
	f->op = ev->kind;
	f->queue = (unsigned)q;
	f->refused = false;
}

/* A chain that could not be had, though every address of it could: its shape is at fault. Of those
 * that were had, the CVQ's are told: each is a command, whatever is in it. */
static void got(struct follow *f, const struct sim_event *ev)
{
	int error = -(int32_t)(uint32_t)ev->arg[1];

	if (error < 0 && f->op == SIM_GET && f->queue == SIM_CVQ)
		trace_event_at(f->trace, ev->t, "taken", ",\"q\":%u", f->queue);

	if (error > 0 && !f->refused)
		trace_event_at(f->trace, ev->t, "bad", ",\"q\":%u,\"why\":\"errno %d\"", f->queue,
			       error);
}

static void assigned(struct follow *f, const struct sim_event *ev)
{
	int q = queue_of(f, ev), asid = index_of(f->id->space, SIM_SPACES, ev->arg[1]);

	f->client = ev->pid;
	if (q >= 0 && asid < 0)
		return gap(f, ev->t, "an address space of another device");
	if (q >= 0)
		trace_event_at(f->trace, ev->t, "asid", ",\"q\":%d,\"asid\":%d", q, asid);
}

void follow_event(struct follow *f, const struct sim_event *ev)
{
	switch (ev->kind) {
	case SIM_GET:
	case SIM_PULL:
	case SIM_PUSH:
	case SIM_COMPLETE:
	case SIM_NOTIFY:
		return begin(f, ev);
	case SIM_FIND:
		return found(f, ev);
	case SIM_GOT:
		return got(f, ev);
	case SIM_ASSIGN:
		return assigned(f, ev);
	case SIM_RESET: /* of each queue in turn; one tells */
		f->fresh = true;
		if (queue_of(f, ev) == 0)
			trace_event_at(f->trace, ev->t, "reset", "%s", "");
		return;
	case SIM_READY:
		f->fresh = true;
		trace_event_at(f->trace, ev->t, "ready", ",\"q\":%d,\"ready\":1", queue_of(f, ev));
		return;
	case SIM_STATUS:
		trace_event_at(f->trace, ev->t, "status", ",\"status\":%" PRIu64, ev->arg[1]);
		return;
	default:
		f->op = SIM_LOST; /* what is looked up next may be for any queue */
		gap(f, ev->t, "events lost by the kernel");
	}
}
