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

/* A directive's text, which ends at a line's end and must not look like another. */
static void plain(FILE *f, const char *text)
{
	for (; *text; text++)
		fputc(*text == '\n' || *text == '#' ? ' ' : *text, f);
	fputc('\n', f);
}

void tap_begin(FILE *f, const struct session *ses)
{
	fputs("TAP version 13\n", f);
	diagnose(f, ses->env->header);
	if (ses->env->stock)
		diagnose(f, report_stock_note);
	if (ses->brk)
		fprintf(f,
			"# BROKEN ON PURPOSE: %s (%s). Nothing here is isolated; controls are not "
			"run.\n",
			ses->brk, break_effect(ses->brk));
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
	if (r->finding.verdict == VERDICT_SKIPPED) {
		fprintf(f, "ok %u %s # SKIP ", number, name);
		plain(f, r->finding.reason);
		fflush(f);
		return;
	}
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
	char text[300];

	summary_text(s, ses, text, sizeof(text));
	diagnose(f, text);
	if (ses->more_rows || ses->more_controls)
		fprintf(f, "# --full has %u rows and %u controls more\n", ses->more_rows,
			ses->more_controls);
	if (ses->brk && !s->breached && s->stopped == STOPPED_NOT)
		fprintf(f, "# break %s went unnoticed: no oracle saw it in these rows\n", ses->brk);
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
	plain(f, why);
	fflush(f);
}
