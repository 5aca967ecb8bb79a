/* SPDX-License-Identifier: MIT */
/* JUnit XML, flat: one suite, one case a row. It must never write text that was not escaped. */
#include "report.h"

#include "episode.h"

static void escape(FILE *f, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		default:
			fputc(*text, f);
		}
	}
}

static void property(FILE *f, const char *name, const char *value)
{
	fprintf(f, "  <property name=\"%s\" value=\"", name);
	escape(f, value);
	fputs("\"/>\n", f);
}

static void write_case(FILE *f, const struct session *ses, const struct row_result *r)
{
	char name[80], controls[400];

	result_name(r, ses, name, sizeof(name));
	result_controls(r, controls, sizeof(controls));
	fputs(" <testcase classname=\"ringfence.prove\" name=\"", f);
	escape(f, name);
	fprintf(f, "\" time=\"%.3f\">", (double)r->ns / 1e9);
	if (r->finding.verdict == VERDICT_SKIPPED) {
		fputs("<skipped message=\"", f);
		escape(f, r->finding.reason);
		fputs("\"/>", f);
	} else if (r->finding.verdict != VERDICT_HELD) {
		fprintf(f, "<failure type=\"%s\" message=\"", verdict_name(r->finding.verdict));
		escape(f, r->finding.reason);
		fputs("\"/>", f);
	}
	fputs("<system-out>", f);
	escape(f, r->finding.reason);
	fputs(controls[0] ? "; " : "", f);
	escape(f, controls);
	fputs("</system-out></testcase>\n", f);
}

void junit_write(FILE *f, const struct session *ses, const struct row_result *const *rows,
		 unsigned n, const struct summary *s, const char *skip)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", f);
	fprintf(f,
		"<testsuite name=\"ringfence prove\" tests=\"%u\" failures=\"%u\" skipped=\"%u\" "
		"time=\"%.3f\">\n",
		skip ? 1 : s->rows, s->rows - s->held - s->skipped, skip ? 1U : s->skipped,
		(double)s->ns / 1e9);
	fputs(" <properties>\n", f);
	property(f, "header", ses->env->header);
	property(f, "not claimed", report_not_claimed);
	if (ses->env->stock)
		property(f, "stock", report_stock_note);
	if (ses->brk)
		property(f, "broken on purpose", ses->brk);
	fputs(" </properties>\n", f);
	for (unsigned i = 0; i < n; i++)
		write_case(f, ses, rows[i]);
	if (skip) {
		fputs(" <testcase classname=\"ringfence.prove\" name=\"prove\"><skipped message=\"",
		      f);
		escape(f, skip);
		fputs("\"/></testcase>\n", f);
	}
	fputs("</testsuite>\n", f);
	fflush(f);
}
