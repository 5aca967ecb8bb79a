/* SPDX-License-Identifier: MIT */
/* What all forms of report share: counting, names, the exit code. It must never print. */
#include "report.h"

#include "episode.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char report_stock_note[] =
    "stock kernel: CTRL_VQ is not offered to the kernel; VMM and daemon "
    "agree on the third queue privately";
const char report_not_claimed[] = "a daemon that leaks on purpose, side channels, "
				  "revocation of what a daemon has mapped, "
				  "packet secrecy";

static void __attribute__((format(printf, 3, 4)))
append(char *buf, size_t len, const char *fmt, ...)
{
	size_t used = strlen(buf);
	va_list args;

	va_start(args, fmt);
	vsnprintf(buf + used, len - used, fmt, args);
	va_end(args);
}

/* A run that was tried again says so wherever it is told of. */
static const char *again(const struct run *run)
{
	return run->tries > 1 ? " (second try)" : "";
}

void result_judge(struct row_result *r, int brk)
{
	struct finding controls[BREAK_COUNT];

	for (unsigned i = 0; i < r->controls; i++)
		controls[i] = r->control[i].finding;
	if (brk == EPISODE_ISOLATED)
		r->finding = verdict_row(&r->row, &r->isolated.finding, controls, r->controls);
	else
		r->finding = r->isolated.finding;
	append(r->finding.reason, sizeof(r->finding.reason), "%s", again(&r->isolated));
}

void summary_add(struct summary *s, const struct row_result *r)
{
	s->rows++;
	s->held += r->finding.verdict == VERDICT_HELD;
	s->breached += r->finding.verdict == VERDICT_BREACHED;
	s->not_tested += r->finding.verdict == VERDICT_NOT_TESTED;
	s->failed += r->finding.verdict == VERDICT_FAILED;
	s->controls += r->controls;
	for (unsigned i = 0; i < r->controls; i++)
		s->controls_shown += r->control[i].finding.verdict == VERDICT_BREACHED;
}

int summary_exit(const struct summary *s, const struct session *ses)
{
	if (s->stopped != STOPPED_NOT)
		return s->stopped == STOPPED_BY_TIME ? 124 : 130;
	if (ses->brk !=
	    EPISODE_ISOLATED) /* never 0: nothing was isolated; 70: the proof did not notice */
		return s->breached ? 1 : 70;
	return s->rows && s->held == s->rows && s->rows == ses->planned ? 0 : 1;
}

/* Controls that showed the same are told together; each that showed nothing is told by itself. */
void result_controls(const struct row_result *r, char *buf, size_t len)
{
	unsigned shown = 0, listed = 0;

	buf[0] = 0;
	for (unsigned i = 0; i < r->controls; i++)
		shown += r->control[i].finding.verdict == VERDICT_BREACHED;
	for (unsigned i = 0; i < r->controls; i++) {
		const struct run *c = &r->control[i];

		if (c->finding.verdict != VERDICT_BREACHED)
			continue;
		append(buf, len, "%s%s%s",
		       listed	   ? ", "
		       : shown > 1 ? "controls "
				   : "control ",
		       break_table[c->brk].name, again(c));
		if (++listed ==
		    shown) /* all showed what the attack demands, so one text is true of all */
			append(buf, len, ": %s", c->finding.reason);
	}
	for (unsigned i = 0; i < r->controls; i++) {
		const struct run *c = &r->control[i];

		if (c->finding.verdict != VERDICT_BREACHED)
			append(buf, len, "%scontrol %s did NOT succeed", buf[0] ? "; " : "",
			       break_table[c->brk].name);
	}
}

void result_name(const struct row_result *r, const struct session *ses, char *buf, size_t len)
{
	if (ses->repeats > 1)
		snprintf(buf, len, "%s (%u of %u)", r->row.name, r->repeat, ses->repeats);
	else
		snprintf(buf, len, "%s", r->row.name);
}
