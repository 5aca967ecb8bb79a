/* SPDX-License-Identifier: MIT */
/* What all forms of report share: counting, names, the exit code. It must never print. */
#include "report.h"

#include "episode.h"

#include <inttypes.h>
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
	size_t used = strnlen(buf, len - 1);
	va_list args;

	va_start(args, fmt);
	vsnprintf(buf + used, len - used, fmt, args);
	va_end(args);
}

/* A run that was tried again says so wherever it is told of. */
static const char *again(const struct run *run)
{
	return run->tries > 2 ? " (third try)" : run->tries > 1 ? " (second try)" : "";
}

static void append_first(struct finding *f, const struct run *run)
{
	append(f->reason, sizeof(f->reason), "%s", again(run));
	if (run->tries > 1 && run->first[0])
		append(f->reason, sizeof(f->reason), ", at first: %s", run->first);
}

void result_judge(struct row_result *r, bool alone)
{
	struct finding controls[CONTROLS_MAX];

	for (unsigned i = 0; i < r->controls; i++)
		controls[i] = r->control[i].finding;
	if (!alone)
		r->finding = verdict_row(&r->row, &r->isolated.finding, controls, r->controls);
	else
		r->finding = r->isolated.finding;
	append_first(&r->finding, &r->isolated);
}

void summary_add(struct summary *s, const struct row_result *r)
{
	s->rows++;
	s->held += r->finding.verdict == VERDICT_HELD;
	s->breached += r->finding.verdict == VERDICT_BREACHED;
	s->not_tested += r->finding.verdict == VERDICT_NOT_TESTED;
	s->failed += r->finding.verdict == VERDICT_FAILED;
	s->skipped += r->finding.verdict == VERDICT_SKIPPED;
	s->held_in_process += r->finding.verdict == VERDICT_HELD && r->row.parent == PARENT_PROCESS;
	s->attempts += r->isolated.ev.attempts + r->isolated.ev.tally.attempts;
	if (r->finding.verdict == VERDICT_SKIPPED)
		return; /* nor did its controls run */
	s->controls += r->controls;
	for (unsigned i = 0; i < r->controls; i++)
		s->controls_shown += r->control[i].finding.verdict == VERDICT_BREACHED;
}

int summary_exit(const struct summary *s, const struct session *ses, bool require)
{
	if (s->stopped != STOPPED_NOT)
		return s->stopped == STOPPED_BY_TIME ? 124 : 130;
	if (ses->brk) /* never 0: nothing was isolated; 70: the proof did not notice */
		return s->breached ? 1 : 70;
	if (!s->rows || s->rows != ses->planned || s->held + s->skipped != s->rows ||
	    (require && s->skipped))
		return 1;
	if (ses->no_controls) /* never 0: nothing shows that a breach would have been seen */
		return 70;
	/* Rows about our own process alone say nothing of this kernel. */
	return s->skipped && s->held == s->held_in_process ? 4 : 0;
}

void summary_text(const struct summary *s, const struct session *ses, char *buf, size_t len)
{
	char attempts[32];

	snprintf(buf, len, "%u rows, %u held, %u breached", s->rows, s->held, s->breached);
	if (s->not_tested)
		append(buf, len, ", %u not tested", s->not_tested);
	if (s->failed)
		append(buf, len, ", %u failed", s->failed);
	if (s->skipped)
		append(buf, len, ", %u skipped", s->skipped);
	append(buf, len, "; %s attempts", tally_grouped(s->attempts, attempts));
	if (!ses->brk && !ses->no_controls)
		append(buf, len, "; %u of %u controls succeeded", s->controls_shown, s->controls);
	append(buf, len, "; %.1f s", (double)s->ns / 1e9);
}

const char *break_effect(const char *name)
{
	int id = break_by_name(name);

	return id < 0 ? "" : break_table[id].effect;
}

#define CONTROLS_NAMED 4 /* more of them are counted */

static const char *first_shown(const struct row_result *r)
{
	unsigned i = 0;

	while (r->control[i].finding.verdict != VERDICT_BREACHED)
		i++;
	return r->control[i].finding.reason;
}

/* Controls that showed the same are told together; each that showed nothing is told by itself. */
void result_controls(const struct row_result *r, char *buf, size_t len)
{
	unsigned shown = 0, listed = 0;

	buf[0] = 0;
	if (r->finding.verdict == VERDICT_SKIPPED)
		return;
	for (unsigned i = 0; i < r->controls; i++)
		shown += r->control[i].finding.verdict == VERDICT_BREACHED;
	if (shown > CONTROLS_NAMED)
		append(buf, len, "%u of %u controls: %s", shown, r->controls, first_shown(r));
	for (unsigned i = 0; i < r->controls; i++) {
		const struct run *c = &r->control[i];

		if (shown > CONTROLS_NAMED || c->finding.verdict != VERDICT_BREACHED)
			continue;
		append(buf, len, "%s%s%s",
		       listed	   ? ", "
		       : shown > 1 ? "controls "
				   : "control ",
		       c->brk, again(c));
		if (++listed ==
		    shown) /* all showed what the attack demands, so one text is true of all */
			append(buf, len, ": %s", c->finding.reason);
	}
	for (unsigned i = 0; i < r->controls; i++) {
		const struct run *c = &r->control[i];

		if (c->finding.verdict != VERDICT_BREACHED)
			append(buf, len, "%scontrol %s did NOT succeed", buf[0] ? "; " : "",
			       c->brk);
	}
}

void result_name(const struct row_result *r, const struct session *ses, char *buf, size_t len)
{
	if (ses->repeats > 1)
		snprintf(buf, len, "%s (%u of %u)", r->row.name, r->repeat, ses->repeats);
	else
		snprintf(buf, len, "%s", r->row.name);
}
