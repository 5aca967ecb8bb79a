/* SPDX-License-Identifier: MIT */
/* Which rows, and for each its isolated run and its controls. It must never leave a control of a
 * row out. */
#include "prove.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define STRIDE (UINT64_C(1) << 20)
#define STRIDE_FULL 4096
#define RUN_FULL_MS 600000

int plan_list(const struct options *o, struct err *e)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MATRIX_ROWS; i++) {
		struct row row = matrix_row(i);
		enum break_id id[BREAK_COUNT];
		unsigned controls = matrix_controls(row.attack, id);

		if (!options_select(o, row.name))
			continue;
		n++;
		printf("%-30s  %s; controls:", row.name, row.attack->claim);
		for (unsigned c = 0; c < controls; c++)
			printf("%s %s", c ? "," : "", break_table[id[c]].name);
		putchar('\n');
	}
	if (!n)
		err_set(e, ERR_USAGE, 0, "prove", "--filter", "selects no row");
	return err_exit_code(e->kind);
}

static int add_task(struct prove *p, unsigned row, struct run *run, int brk, bool as_isolated,
		    struct err *e)
{
	struct pool_task *t = &p->task[p->tasks++];
	struct row_result *r = &p->row[row];
	char name[80];

	run->brk = brk;
	run->as_isolated = as_isolated;
	*t = (struct pool_task){.run = run, .row = row};
	t->config = (struct episode_config){.ringfence = p->ringfence,
					    .row = &r->row,
					    .brk = brk,
					    .private_cvq = p->env.stock,
					    .scan_stride = p->o.full ? STRIDE_FULL : STRIDE,
					    .ready_ms = EPISODE_READY_MS,
					    .run_ms = p->o.full ? RUN_FULL_MS : EPISODE_RUN_MS};
	p->left[row]++;
	snprintf(name, sizeof(name), p->o.repeat > 1 ? "%s.%u" : "%s", r->row.name, r->repeat);
	return out_episode(&p->out, name,
			   brk == EPISODE_ISOLATED ? "isolated" : break_table[brk].name, t->dir,
			   sizeof(t->dir), e);
}

static int add_row(struct prove *p, const struct row *row, unsigned repeat, struct err *e)
{
	unsigned i = p->rows++;
	struct row_result *r = &p->row[i];
	enum break_id id[BREAK_COUNT] = {0};
	int ret;

	*r = (struct row_result){.row = *row, .repeat = repeat};
	ret = add_task(p, i, &r->isolated, p->o.brk, true, e);
	if (p->o.brk == EPISODE_ISOLATED)
		r->controls = matrix_controls(row->attack, id);
	for (unsigned c = 0; !ret && c < r->controls; c++)
		ret = add_task(p, i, &r->control[c], (int)id[c], false, e);
	return ret;
}

int plan_check(const struct options *o, struct err *e)
{
	if (o->brk == EPISODE_ISOLATED || matrix_has_control((enum break_id)o->brk))
		return 0;
	return err_set(e, ERR_USAGE, 0, "prove --break", break_table[o->brk].name,
		       "no row has it for a control, so none would notice");
}

int plan_make(struct prove *p, struct err *e)
{
	size_t rows = (size_t)MATRIX_ROWS * p->o.repeat;
	int ret = 0;

	p->row = calloc(rows, sizeof(*p->row));
	p->left = calloc(rows, sizeof(*p->left));
	p->task = calloc(rows * (1 + BREAK_COUNT), sizeof(*p->task));
	if (!p->row || !p->left || !p->task)
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", "rows", "%s", "");
	for (unsigned repeat = 1; repeat <= p->o.repeat; repeat++) {
		for (unsigned i = 0; !ret && i < MATRIX_ROWS; i++) {
			struct row row = matrix_row(i);

			if (options_select(&p->o, row.name))
				ret = add_row(p, &row, repeat, e);
		}
	}
	p->ses = (struct session){.env = &p->env,
				  .brk = p->o.brk,
				  .planned = p->rows,
				  .repeats = p->o.repeat,
				  .full = p->o.full};
	return ret;
}

void plan_free(struct prove *p)
{
	for (unsigned i = 0; i < p->tasks; i++)
		evidence_free(&p->task[i].run->ev);
	free(p->row);
	free(p->left);
	free(p->task);
}
