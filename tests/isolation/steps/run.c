/* SPDX-License-Identifier: MIT */
/* How a row runs; see run.h. It must never leave a device behind, whatever its steps do. */
#include "run.h"

#include "../child.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct steps *const rows[STEPS_ROWS] = {
    [STEPS_ROW_GROUPS] = &steps_groups,	    [STEPS_ROW_RINGS] = &steps_rings,
    [STEPS_ROW_UNMAPPED] = &steps_unmapped, [STEPS_ROW_BATCHES] = &steps_batches,
    [STEPS_ROW_BAD_MAPS] = &steps_bad_maps, [STEPS_ROW_MAPS] = &steps_maps,
    [STEPS_ROW_SUSPEND] = &steps_suspend,   [STEPS_ROW_RESIDUE] = &steps_residue,
};

/* vdpa_sim completes RX's chain right after TX's; our device, before. */
#define SIM_AFTER_MS 4

/* ---- counting ---- */

static void __attribute__((format(printf, 3, 0)))
violated(struct run *r, bool legal, const char *what, va_list args)
{
	struct tally *t = r->t;

	/* Where one thing does not work, others may not either: there is no waiting for them all.
	 */
	if (legal)
		r->client.patience_ms = BROKEN_MS * clock_patience();
	/* What got through says more than what did not work, which a break may well cause first. */
	if (legal ? t->failed++ || t->violations : t->violations++)
		return;
	int n = snprintf(t->first, sizeof(t->first), "%s, %s: %s",
			 r->place == ALIASED ? "aliased" : "hole", r->step,
			 legal ? "did not work: " : "");
	if (n > 0 && (size_t)n < sizeof(t->first))
		vsnprintf(t->first + n, sizeof(t->first) - (size_t)n, what, args);
}

bool run_legal(struct run *r, bool worked, const char *what, ...)
{
	va_list args;

	if (worked) {
		r->t->legal++;
		return true;
	}
	va_start(args, what);
	violated(r, true, what, args);
	va_end(args);
	return false;
}

bool run_legal_call(struct run *r, int ret, const struct err *e)
{
	return run_legal(r, ret == 0, "%.150s", e->text);
}

bool run_attempt(struct run *r, bool held, const char *what, ...)
{
	va_list args;

	r->t->attempts++;
	if (held)
		return true;
	va_start(args, what);
	violated(r, false, what, args);
	va_end(args);
	return false;
}

void run_leave_out(struct run *r, const char *what)
{
	struct tally *t = r->t;
	size_t used = strlen(t->note);

	r->excused = true;
	if (!strstr(t->note, what))
		snprintf(t->note + used, sizeof(t->note) - used, "; left out: %s", what);
}

/* ---- what must work ---- */

int run_region(struct run *r, uint32_t asid, uint64_t at, struct seen_region *out)
{
	int ret = parent_region(&r->parent, asid, at, out);

	run_attempt(r, out->agree || r->parent.lost,
		    "VDUSE_IOTLB_GET_INFO and GET_FD2 differ on 0x%" PRIx64 " in ASID %u", at,
		    asid);
	return ret;
}

bool run_start(struct run *r, const struct layout *l)
{
	struct err e = {0};

	return run_legal_call(r, client_start(&r->client, l, &e), &e);
}

bool run_frame(struct run *r)
{
	struct client *c = &r->client;
	const uint8_t *data = c->set->data.at;
	struct moved m;

	memset(c->set->data.at + BUFFER, 0, PAGE);
	m = dma_move(c, DATA_AT + SOURCE, DATA_AT + BUFFER, c->patience_ms, c->patience_ms);
	return run_legal(
	    r, m.sent && m.received && !memcmp(dma_payload(data + BUFFER), data + SOURCE, DMA_LEN),
	    "a frame between guest RAM and guest RAM (%s)",
	    !m.sent	  ? "TX stands still"
	    : !m.received ? "it does not come back"
			  : "other bytes come back");
}

bool run_command(struct run *r)
{
	struct client *c = &r->client;
	enum did did =
	    dma_command(c, dma_arena_command(c), dma_arena_ack(c), r->client.patience_ms);

	return run_legal(r, did == DID, "a control command (%s)",
			 did == DID_NOTHING  ? "the CVQ stands still"
			 : did == DID_REFUSE ? "it is refused"
					     : "the ack is not what was done");
}

bool run_traffic(struct run *r)
{
	bool frame = run_frame(r);

	return run_command(r) && frame;
}

/* ---- a placement ---- */

static bool runs_here(const struct run *r, const struct step *s)
{
	return s->parents >> r->how->parent & 1;
}

/* Under a break one breach is all that is asked. */
static bool enough(const struct run *r)
{
	return r->how->breaks && r->t->violations;
}

/*
 * Bread, a step, bread, and what it is all about. False: there is no more to be had here. Where not
 * even the first legal operations work it is tried whether it is worse than that, and under a break
 * (which may well be the reason) the step as well.
 */
static bool run_step(struct run *r, const struct step *s)
{
	bool lax = broken(r->how->breaks, BREAK_LAX_KERNEL); /* for the steps alone to notice */

	r->step = s->name;
	bool works = s->cold || (run_start(r, &isolated) && run_traffic(r));
	if (!works) {
		if (!lax && (r->client.running || run_start(r, &isolated)))
			run_reach(r);
		if (!r->how->breaks || enough(r))
			return false;
	}
	uint64_t done = r->t->attempts + r->t->legal;
	r->excused = false;
	r->client.lax = lax;
	s->run(r);
	r->client.lax = false;
	if (r->t->attempts + r->t->legal == done && !r->excused)
		run_legal(r, false, "the step, which tried nothing");
	if (enough(r) || r->parent.lost || (!client_live(&r->client) && !run_start(r, &isolated)))
		return false;
	run_traffic(r);
	if (!lax)
		run_reach(r);
	run_traffic(r);
	return !enough(r);
}

static int open_place(struct run *r, struct err *e)
{
	const struct run_how *h = r->how;
	const struct parent_setup setup = {.kind = h->parent,
					   .device = h->device,
					   .private_cvq = h->private_cvq,
					   .breaks = h->breaks};
	int ret = parent_start(&r->parent, &setup, e);

	if (ret)
		return ret;
	ret = set_make(&r->set, r->place, 1, true, e);
	if (!ret)
		ret = set_make(&r->other, r->place, 2, false, e);
	if (!ret)
		ret =
		    client_make(&r->client, r->parent.path, r->place, h->breaks, h->private_cvq, e);
	r->client.set = &r->set;
	r->client.patience_ms = (h->breaks ? BROKEN_MS : LEGAL_MS) * clock_patience();
	r->client.after_ms = h->parent == PARENT_SIM ? SIM_AFTER_MS : 0;
	return ret ? ret : client_open(&r->client, e);
}

static int close_place(struct run *r, struct err *e)
{
	client_drop(&r->client);
	set_drop(&r->set);
	set_drop(&r->other);
	int ret = parent_stop(&r->parent, e);

	if (!ret && r->parent.lost)
		ret = err_set(e, ERR_INTERNAL, 0, "device's process", r->how->device,
			      "it did not answer a question");
	return ret;
}

static int run_place(struct run *r, struct err *e)
{
	const struct steps *row = rows[r->how->row];
	struct err late = {0};

	r->set = r->other =
	    (struct set){.data = {.fd = -1}, .arena = {.readable_fd = -1, .writable_fd = -1}};
	r->client = (struct client){.vhost = {.fd = -1}};
	for (unsigned q = 0; q < QUEUES; q++)
		r->client.kick_fd[q] = r->client.call_fd[q] = -1;
	int ret = open_place(r, e);
	for (const struct step *s = row->step; !ret && s->name; s++)
		if (runs_here(r, s) && !run_step(r, s))
			break;
	int closed = close_place(r, &late);
	if (!ret && closed)
		*e = late;
	return ret ? ret : closed;
}

int run_row(const struct run_how *how, struct tally *t, struct err *e)
{
	struct run r = {.how = how, .t = t};
	int ret = 0;

	*t = (struct tally){.unit = "attempts"};
	snprintf(t->note, sizeof(t->note), "%s", rows[how->row]->note[how->parent == PARENT_SIM]);
	for (r.place = IN_HOLE; !ret && r.place < PLACES && !enough(&r); r.place++) {
		r.step = "start";
		ret = run_place(&r, e);
	}
	/* A break that only keeps things from working has not shown what the row would see. */
	if (how->breaks && !t->violations)
		t->failed = 0;
	return ret;
}
