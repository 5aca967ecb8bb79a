/* SPDX-License-Identifier: MIT */
/* Which rows, and for each its isolated run and its controls. It must never leave a control of a
 * row out. */
#include "prove.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRIDE (UINT64_C(1) << 20)
#define STRIDE_FULL 4096
#define RUN_FULL_MS 900000
#define PROGRAM_MS 150000 /* six times what the slowest takes on an idle machine */
#define PROGRAM_FULL_MS 900000

/* Any break but one that only a program of the proof can do. */
static bool breaks_guests(const char *name)
{
	int id = break_by_name(name);

	return id < 0 || break_table[id].side != BREAK_IN_TEST;
}

/* What the options ask for, but for what this host lacks. */
static bool selected(const struct options *o, const struct row *row)
{
	if (!(o->parents >> row->parent & 1U) || !options_select(o, row->name))
		return false;
	if (o->enumerate && row->parent != PARENT_PROCESS)
		return false;
	/* A program is broken only where it knows how; a guest must see every break that it can. */
	return !o->brk || (!row->attack->program && breaks_guests(o->brk)) ||
	       matrix_row_has_control(row, o->brk);
}

/* The default set is cut down; who names rows gets them whole. */
static bool cut_down(const struct options *o)
{
	return !o->full && !o->filters && !o->brk && !o->no_controls;
}

/* With what only --full has behind the rest. */
static void list_row(const struct row *row, bool cut)
{
	struct row sample = *row;
	const char *name[CONTROLS_MAX];
	bool left_out = cut && !matrix_sample(&sample);
	unsigned sampled = matrix_controls(&sample, name), controls = matrix_controls(row, name);
	unsigned now = left_out ? controls : sampled;

	printf("%-33s  %2u  %s%s; controls:", row->name, row->attack->number, row->attack->claim,
	       left_out ? "; with --full" : "");
	for (unsigned c = 0; c < controls; c++)
		printf("%s %s", c == 0 ? "" : c == now ? "; with --full:" : ",", name[c]);
	putchar('\n');
}

int plan_list(const struct options *o, struct err *e)
{
	unsigned n = 0;

	for (unsigned i = 0; i < matrix_rows(); i++) {
		struct row row = matrix_row(i);

		if (!selected(o, &row))
			continue;
		n++;
		list_row(&row, cut_down(o));
	}
	if (!n)
		err_set(e, ERR_USAGE, 0, "prove", "--filter", "selects no row");
	return err_exit_code(e->kind);
}

bool plan_needs_kernel(const struct options *o)
{
	for (unsigned i = 0; i < matrix_rows(); i++) {
		struct row row = matrix_row(i);

		if (row.parent != PARENT_PROCESS && selected(o, &row))
			return true;
	}
	return false;
}

bool plan_needs(const struct options *o, enum parent parent)
{
	for (unsigned i = 0; i < matrix_rows(); i++) {
		struct row row = matrix_row(i);

		if (row.parent == parent && selected(o, &row))
			return true;
	}
	return false;
}

static const char *cannot(const struct prove *p, const struct row *row)
{
	if (row->parent != PARENT_SIM)
		return NULL;
	return p->env.sim_missing[0] ? p->env.sim_missing : row->attack->not_on_sim;
}

static const char *untraced(const struct prove *p, enum parent parent)
{
	if (parent == PARENT_GIVEN)
		return "nobody keeps a trace of a given device, and only that could show that its "
		       "queues tried";
	return parent == PARENT_SIM && p->env.sim_untraced[0] ? p->env.sim_untraced : NULL;
}

static unsigned run_ms(const struct prove *p, const struct row *row)
{
	if (row->attack->program)
		return p->o.full ? PROGRAM_FULL_MS : PROGRAM_MS;
	return p->o.full ? RUN_FULL_MS : EPISODE_RUN_MS;
}

static int add_task(struct prove *p, unsigned row, struct run *run, const char *brk,
		    bool as_isolated, struct err *e)
{
	struct pool_task *t = &p->task[p->tasks++];
	struct row_result *r = &p->row[row];
	/* A control has to show that the row can see a breach, and no more than that. */
	bool full = p->o.full && as_isolated;
	char name[100];

	run->brk = brk;
	run->as_isolated = as_isolated;
	*t = (struct pool_task){.run = run, .row = row};
	gather_name(t->name, r, run);
	if (r->row.parent == PARENT_PROCESS) {
		t->ahead = p->ahead;
		t->left_out = p->o.gather; /* what needs no kernel is for whoever asked for this */
	}
	t->config =
	    (struct episode_config){.ringfence = p->ringfence,
				    .row = &r->row,
				    .brk = brk,
				    .private_cvq = p->env.stock,
				    .given = r->row.parent == PARENT_GIVEN ? p->o.vdpa : NULL,
				    .cannot = cannot(p, &r->row),
				    .untraced = untraced(p, r->row.parent),
				    .scan_stride = full ? STRIDE_FULL : STRIDE,
				    .full = full,
				    .ready_ms = EPISODE_READY_MS,
				    .run_ms = run_ms(p, &r->row)};
	p->left[row]++;
	snprintf(name, sizeof(name), p->o.repeat > 1 ? "%s.%u" : "%s", r->row.name, r->repeat);
	return out_episode(&p->out, name, brk ? brk : "isolated", t->dir, sizeof(t->dir), e);
}

static bool wants_controls(const struct options *o)
{
	return !o->brk && !o->no_controls;
}

static int add_row(struct prove *p, const struct row *row, unsigned repeat, struct err *e)
{
	unsigned i = p->rows++;
	struct row_result *r = &p->row[i];
	const char *name[CONTROLS_MAX] = {0};
	int ret;

	*r = (struct row_result){.row = *row, .repeat = repeat};
	if (wants_controls(&p->o))
		r->controls = matrix_controls(row, name);
	r->control = calloc(r->controls + 1, sizeof(*r->control));
	if (!r->control)
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", row->name, "%s", "");
	ret = add_task(p, i, &r->isolated, p->o.brk, true, e);
	for (unsigned c = 0; !ret && c < r->controls; c++)
		ret = add_task(p, i, &r->control[c], name[c], false, e);
	return ret;
}

int plan_check(const struct options *o, struct err *e)
{
	if (!o->brk || matrix_has_control(o->brk))
		return 0;
	return err_set(e, ERR_USAGE, 0, "prove --break", o->brk,
		       "no row has it for a control, so none would notice");
}

/* How many rows and runs the options ask for, or would if nothing was cut down. */
static void count(const struct options *o, bool cut, size_t *rows, size_t *runs)
{
	*rows = *runs = 0;
	for (unsigned i = 0; i < matrix_rows(); i++) {
		struct row row = matrix_row(i);
		const char *name[CONTROLS_MAX];

		if (!selected(o, &row) || (cut && !matrix_sample(&row)))
			continue;
		*rows += 1;
		*runs += 1 + (wants_controls(o) ? matrix_controls(&row, name) : 0);
	}
	*rows *= o->repeat;
	*runs *= o->repeat;
}

int plan_make(struct prove *p, struct err *e)
{
	size_t rows, runs, all_rows, all_runs;
	bool cut = cut_down(&p->o);
	int ret = 0;

	count(&p->o, cut, &rows, &runs);
	count(&p->o, false, &all_rows, &all_runs);
	p->row = calloc(rows + 1, sizeof(*p->row));
	p->left = calloc(rows + 1, sizeof(*p->left));
	p->task = calloc(runs + 1, sizeof(*p->task));
	if (!p->row || !p->left || !p->task)
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", "rows", "%s", "");
	if (p->o.enumerated)
		ret = ahead_read(&p->ahead, p->o.enumerated, e);
	for (unsigned repeat = 1; repeat <= p->o.repeat; repeat++) {
		for (unsigned i = 0; !ret && i < matrix_rows(); i++) {
			struct row row = matrix_row(i);

			if (selected(&p->o, &row) && (!cut || matrix_sample(&row)))
				ret = add_row(p, &row, repeat, e);
		}
	}
	p->ses =
	    (struct session){.env = &p->env,
			     .brk = p->o.brk,
			     .no_controls = p->o.no_controls,
			     .more_rows = (unsigned)(all_rows - rows),
			     .more_controls = (unsigned)((all_runs - all_rows) - (runs - rows)),
			     .planned = p->rows,
			     .repeats = p->o.repeat,
			     .full = p->o.full};
	return ret;
}

void plan_free(struct prove *p)
{
	for (unsigned i = 0; i < p->tasks; i++)
		evidence_free(&p->task[i].run->ev);
	for (unsigned i = 0; i < p->rows; i++)
		free(p->row[i].control);
	ahead_free(p->ahead);
	free(p->row);
	free(p->left);
	free(p->task);
}
