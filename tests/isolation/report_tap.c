/* SPDX-License-Identifier: MIT */
/* TAP 13, flat. It must never let a reason break a line's form: "#" and newlines would. */
#include "report.h"

#include "episode.h"

#include <inttypes.h>

static void diagnose(FILE *f, const char *text)
{
	fputs("# ", f);
	for (; *text; text++)
		fputc(*text == '\n' ? ' ' : *text, f);
	fputc('\n', f);
}

void tap_begin(FILE *f, const struct session *ses)
{
	fputs("TAP version 13\n", f);
	diagnose(f, ses->env->header);
	if (ses->env->stock)
		diagnose(f, report_stock_note);
	if (ses->brk != EPISODE_ISOLATED)
		fprintf(f,
			"# BROKEN ON PURPOSE: %s (%s). Nothing here is isolated; controls are not "
			"run.\n",
			break_table[ses->brk].name, break_table[ses->brk].effect);
	fprintf(f, "# not claimed: %s\n", report_not_claimed);
	fflush(f);
}

void tap_plan(FILE *f, const struct session *ses)
{
	fprintf(f, "1..%u\n", ses->planned);
}

void tap_row(FILE *f, const struct session *ses, unsigned number, const struct row_result *r)
{
	char name[80], controls[400], text[800];

	result_name(r, ses, name, sizeof(name));
	result_controls(r, controls, sizeof(controls));
	fprintf(f, "%s %u %s # time=%" PRIu64 "ms\n",
		r->finding.verdict == VERDICT_HELD ? "ok" : "not ok", number, name,
		r->ns / 1000000);
	snprintf(text, sizeof(text), "%s: %s%s%s", verdict_name(r->finding.verdict),
		 r->finding.reason, controls[0] ? "; " : "", controls);
	diagnose(f, text);
	fflush(f);
}

void tap_end(FILE *f, const struct session *ses, const struct summary *s)
{
	fprintf(f,
		"# %u attacks, %u held, %u breached, %u not tested, %u failed; %u of %u controls "
		"succeeded; %.1f s\n",
		s->rows, s->held, s->breached, s->not_tested, s->failed, s->controls_shown,
		s->controls, (double)s->ns / 1e9);
	if (ses->brk != EPISODE_ISOLATED && !s->breached && s->stopped == STOPPED_NOT)
		fprintf(f, "# break %s went unnoticed: no oracle saw it in these rows\n",
			break_table[ses->brk].name);
	if (s->stopped != STOPPED_NOT)
		fprintf(f, "Bail out! %s\n",
			s->stopped == STOPPED_BY_TIME ? "out of time" : "interrupted");
	fflush(f);
}

void tap_skip(FILE *f, const char *why, bool require)
{
	fputs(require ? "1..1\nnot ok 1 prove\n# nothing can run here: "
		      : "1..1\nok 1 prove # SKIP ",
	      f);
	for (; *why; why++)
		fputc(*why == '\n' || *why == '#' ? ' ' : *why, f);
	fputc('\n', f);
	fflush(f);
}
