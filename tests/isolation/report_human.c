/* SPDX-License-Identifier: MIT */
/* The report for people. It must never colour unless told to, nor print what a guest sent as it
 * came. */
#include "report.h"

#include "episode.h"

#include <inttypes.h>

#define GREEN "\033[32m"
#define RED "\033[1;31m"
#define PLAIN "\033[0m"

static const char *paint(const struct session *ses, const char *color)
{
	return ses->color ? color : "";
}

void human_begin(FILE *f, const struct session *ses)
{
	fprintf(f, "%s\n", ses->env->header);
	if (ses->env->stock)
		fprintf(f, "%s\n", report_stock_note);
	if (ses->brk)
		fprintf(f,
			"%sBROKEN ON PURPOSE: %s%s (%s). Nothing here is isolated; controls are "
			"not run.\n",
			paint(ses, RED), ses->brk, paint(ses, PLAIN), break_effect(ses->brk));
	fflush(f);
}

void human_row(FILE *f, const struct session *ses, const struct row_result *r)
{
	bool held = r->finding.verdict == VERDICT_HELD;
	bool skipped = r->finding.verdict == VERDICT_SKIPPED;
	char name[80], controls[400], reason[320];

	result_name(r, ses, name, sizeof(name));
	result_controls(r, controls, sizeof(controls));
	/* A breach speaks for itself; what was not tested or failed must not be read as one. */
	if (held || skipped || r->finding.verdict == VERDICT_BREACHED)
		snprintf(reason, sizeof(reason), "%s", r->finding.reason);
	else
		snprintf(reason, sizeof(reason), "%s: %s", verdict_name(r->finding.verdict),
			 r->finding.reason);
	fprintf(f, " %s%s%s  %-33s  %-36s  %s\n",
		paint(ses, held	     ? GREEN
			   : skipped ? ""
				     : RED),
		held	  ? "PASS"
		: skipped ? "SKIP"
			  : "FAIL",
		paint(ses, PLAIN), name, reason, controls);
	fflush(f);
}

static void again(FILE *f, const struct session *ses, const struct row_result *bad)
{
	fprintf(f, "again: ringfence %sprove%s%s --filter '%s'%s%s -v\n",
		ses->env->lab ? "lab " : "", ses->env->lab && ses->env->stock ? " --stock" : "",
		ses->full ? " --full" : "", bad->row.name, ses->brk ? " --break " : "",
		ses->brk ? ses->brk : "");
}

static void tell_stopped(FILE *f, const struct session *ses, const struct summary *s)
{
	if (s->stopped != STOPPED_NOT)
		fprintf(f, "%s: %u of %u rows were not finished\n",
			s->stopped == STOPPED_BY_TIME ? "out of time" : "interrupted",
			ses->planned - s->rows, ses->planned);
	if (ses->brk && !s->breached && s->stopped == STOPPED_NOT)
		fprintf(f, "break %s went unnoticed: no oracle saw it in these rows\n", ses->brk);
}

void human_end(FILE *f, const struct session *ses, const struct summary *s,
	       const struct row_result *bad, const char *out)
{
	char text[300];

	summary_text(s, ses, text, sizeof(text));
	fputs(text, f);
	if (out)
		fprintf(f, " — %s", out);
	fputc('\n', f);
	if (ses->more_rows || ses->more_controls)
		fprintf(f, "--full has %u rows and %u controls more\n", ses->more_rows,
			ses->more_controls);
	fprintf(f, "not claimed: %s\n", report_not_claimed);
	tell_stopped(f, ses, s);
	if (bad)
		again(f, ses, bad);
	fflush(f);
}

void human_skip(FILE *f, const char *why)
{
	fprintf(f, "SKIP: nothing can run here: %s\n", why);
	fflush(f);
}
