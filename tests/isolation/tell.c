/* SPDX-License-Identifier: MIT */
/* Telling of a run, in the form that was asked for and in files. It must never change what it
 * tells. */
#include "prove.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum format choose_format(const struct options *o)
{
	if (o->format != FORMAT_AUTO)
		return o->format;
	return isatty(STDOUT_FILENO) ? FORMAT_HUMAN : FORMAT_TAP;
}

static void clear_progress(const struct prove *p)
{
	if (p->tty)
		fputs("\r\033[K", stderr);
}

/* One line that is written over, on a terminal only; with -v a line for each episode instead. */
void tell_progress(const struct prove *p, const struct pool_task *t)
{
	const struct run *run = t->run;

	if (p->o.verbose)
		fprintf(stderr, "%s %s: %s: %s, %.2f s\n", t->config.row->name,
			run->brk ? run->brk : "isolated", verdict_name(run->finding.verdict),
			run->finding.reason, (double)run->ev.ns / 1e9);
	else if (p->tty)
		fprintf(stderr, "\r\033[K%u of %u runs, %s", p->done, p->tasks,
			t->config.row->name);
}

/* With the first row it is sure that rows can run at all. */
static void tap_next(FILE *f, const struct prove *p, const struct row_result *r)
{
	if (p->told == 1)
		tap_plan(f, &p->ses);
	tap_row(f, &p->ses, p->told, r);
}

void tell_row(struct prove *p, const struct row_result *r)
{
	if (p->o.enumerate || p->o.gather)
		return;
	clear_progress(p);
	if (p->o.format == FORMAT_HUMAN)
		human_row(stdout, &p->ses, r);
	else if (p->o.format == FORMAT_TAP)
		tap_next(stdout, p, r);
	if (p->tap)
		tap_next(p->tap, p, r);
}

static const struct row_result *first_bad(const struct prove *p)
{
	for (unsigned i = 0; i < p->told; i++)
		if (p->row[i].finding.verdict != VERDICT_HELD &&
		    p->row[i].finding.verdict != VERDICT_SKIPPED)
			return &p->row[i];
	return NULL;
}

static void tell_skip(struct prove *p)
{
	if (p->o.format == FORMAT_HUMAN)
		human_skip(stdout, p->skip);
	else if (p->o.format == FORMAT_TAP)
		tap_skip(stdout, p->skip, p->o.require);
	if (p->tap)
		tap_skip(p->tap, p->skip, p->o.require);
}

static void tell_rows_end(struct prove *p, bool keep)
{
	const char *out = keep ? p->out.dir : NULL;

	if (out && p->o.out && p->env.out[0])
		out = p->env.out;
	if (p->o.format == FORMAT_HUMAN)
		human_end(stdout, &p->ses, &p->sum, first_bad(p), out);
	else if (p->o.format == FORMAT_TAP)
		tap_end(stdout, &p->ses, &p->sum);
	if (p->tap)
		tap_end(p->tap, &p->ses, &p->sum);
	if (keep && p->out.own && p->o.format != FORMAT_HUMAN)
		fprintf(stderr, "logs: %s\n", p->out.dir);
}

static int write_document(struct prove *p, FILE *f, bool junit, int exit_code, struct err *e)
{
	const char *skip = p->skip[0] ? p->skip : NULL;
	const struct row_result **rows = calloc(p->rows + 1, sizeof(const struct row_result *));
	unsigned told = skip ? 0 : p->told;

	if (!rows)
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", "results", "%s", "");
	for (unsigned i = 0; i < told; i++)
		rows[i] = &p->row[i];
	if (junit)
		junit_write(f, &p->ses, rows, told, &p->sum, skip);
	else
		json_write(f, &p->ses, rows, told, &p->sum, skip, exit_code);
	free(rows);
	if (ferror(f))
		return err_set(e, ERR_INTERNAL, EIO, "write", junit ? "--junit" : "results", "%s",
			       "");
	return 0;
}

static int write_junit(struct prove *p, int exit_code, struct err *e)
{
	FILE *f = fopen(p->o.junit, "we");
	int ret;

	if (!f)
		return err_set(e, ERR_INTERNAL, errno, "open", p->o.junit, "%s", "");
	ret = write_document(p, f, true, exit_code, e);
	if (fclose(f) && !ret)
		ret = err_set(e, ERR_INTERNAL, errno, "write", p->o.junit, "%s", "");
	return ret;
}

static int write_out(struct prove *p, int exit_code, int argc, char **argv, struct err *e)
{
	FILE *f = out_file(&p->out, "results.json", false, e);
	int ret = f ? write_document(p, f, false, exit_code, e) : -e->code;

	if (f && fclose(f) && !ret)
		ret = err_set(e, ERR_INTERNAL, errno, "write", "results.json", "%s", "");
	if (fclose(p->tap) && !ret)
		ret = err_set(e, ERR_INTERNAL, errno, "write", "results.tap", "%s", "");
	p->tap = NULL;
	f = ret ? NULL
		: out_file(&p->out, "env.json", true, e); /* who booted this kernel knows more */
	if (f) {
		json_env(f, &p->ses, argc, argv);
		fclose(f);
	}
	return ret ? ret : -e->code;
}

int tell_open(struct prove *p, struct err *e)
{
	p->o.format = choose_format(&p->o);
	p->ses.color = opts_color(p->o.color, getenv("NO_COLOR"), isatty(STDOUT_FILENO));
	p->tty = isatty(STDERR_FILENO) && !p->o.quiet && !p->o.verbose;
	if (p->o.out) {
		p->tap = out_file(&p->out, "results.tap", false, e);
		if (!p->tap)
			return -e->code;
		tap_begin(p->tap, &p->ses);
	}
	if (p->o.format == FORMAT_HUMAN)
		human_begin(stdout, &p->ses);
	else if (p->o.format == FORMAT_TAP)
		tap_begin(stdout, &p->ses);
	return 0;
}

int tell_end(struct prove *p, bool keep, int exit_code, int argc, char **argv, struct err *e)
{
	int ret = 0;

	clear_progress(p);
	if (p->skip[0])
		tell_skip(p);
	else
		tell_rows_end(p, keep);
	if (p->o.format == FORMAT_JSON)
		ret = write_document(p, stdout, false, exit_code, e);
	if (!ret && p->o.junit)
		ret = write_junit(p, exit_code, e);
	if (!ret && p->o.out)
		ret = write_out(p, exit_code, argc, argv, e);
	return ret;
}
