/* SPDX-License-Identifier: MIT */
/* JSON, for programs: the verdicts with all their evidence. A change that breaks readers must
 * change SCHEMA. */
#include "report.h"

#include "episode.h"

#include <jansson.h>

#define SCHEMA 2

static const char *end_name(enum episode_end end)
{
	static const char *const names[] = {
	    "not-run",	   "complete",	  "host-cannot", "refused", "daemon-late",
	    "daemon-died", "vmm-died",	  "late",	 "garbled", "leftover",
	    "stopped",	   "own-failure", "program-died"};

	return names[end];
}

/* Text that is no UTF-8, a path say, must not take its whole object with it. */
static json_t *text(const char *s)
{
	json_t *j = json_string(s);

	return j ? j : json_string("(not UTF-8)");
}

static json_t *sights(uint32_t saw)
{
	json_t *j = json_array();

	if (saw & SAW_SECRET)
		json_array_append_new(j, json_string("secret read"));
	if (saw & SAW_CHANGE)
		json_array_append_new(j, json_string("arena overwritten"));
	if (saw & SAW_REACH)
		json_array_append_new(j, json_string("arena reached by a data queue"));
	if (saw & SAW_EXECUTE)
		json_array_append_new(j, json_string("code run in each page of the arena"));
	if (saw & SAW_SCAN)
		json_array_append_new(j, json_string("a secret found by each search"));
	if (saw & SAW_STRAY)
		json_array_append_new(j, json_string("the CVQ out of its arena or ASID"));
	if (saw & SAW_FORGED)
		json_array_append_new(j, json_string("the device got a command unjudged"));
	if (saw & SAW_ALLOWED)
		json_array_append_new(j, json_string("let through what must be refused"));
	return j;
}

static json_t *steps(const struct evidence *ev, int phase)
{
	return json_pack("{s:i,s:i}", "ok", (int)ev->steps_ok[phase], "failed",
			 (int)ev->steps_failed[phase]);
}

static json_t *trace(const struct trace_finding *t)
{
	return json_pack(
	    "{s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "read", t->read, "ended", t->ended,
	    "data_translations", (json_int_t)t->data_ok, "cvq_translations", (json_int_t)t->cvq_ok,
	    "refused", (json_int_t)t->refused, "data_in_arena", (json_int_t)t->data_in_arena.count,
	    "data_elsewhere", (json_int_t)t->data_elsewhere.count, "data_in_cvq_asid",
	    (json_int_t)t->data_in_cvq_asid.count, "cvq_outside", (json_int_t)t->cvq_outside.count,
	    "cvq_wrong_asid", (json_int_t)t->cvq_wrong_asid.count);
}

static json_t *evidence(const struct evidence *ev)
{
	json_int_t touched = 0, words = 0;

	for (uint32_t i = 0; i < ev->attempts; i++) {
		touched += (json_int_t)ev->attempt[i].mark.touched;
		words += ev->attempt[i].diff.canary_words;
	}
	return json_pack(
	    "{s:s,s:o,s:{s:o,s:o},s:i,s:I,s:{s:i,s:i},s:{s:b,s:i,s:I},s:o}", "end",
	    end_name(ev->end), "detail", text(ev->detail), "steps", "before", steps(ev, 0), "after",
	    steps(ev, 1), "attempts", (int)ev->attempts, "touched", touched, "leaks", "true",
	    (int)ev->canary.secrets, "false", (int)ev->canary.lies, "arena", "files_good",
	    ev->arena.seen && !ev->arena.files_bad[0], "canary_lines", (int)ev->arena.canary_lines,
	    "canary_words_changed", words, "trace", trace(&ev->trace));
}

static json_t *tally(const struct evidence *ev)
{
	const struct tally *t = &ev->tally;

	return json_pack("{s:s,s:o,s:I,s:I,s:I,s:I,s:o,s:o,s:o}", "end", end_name(ev->end),
			 "detail", text(ev->detail), "legal", (json_int_t)t->legal, "attempts",
			 (json_int_t)t->attempts, "violations", (json_int_t)t->violations, "failed",
			 (json_int_t)t->failed, "unit", text(t->unit), "first", text(t->first),
			 "note", text(t->note));
}

static json_t *run(const struct run *r, bool program)
{
	return json_pack("{s:s,s:s,s:o,s:o,s:i,s:f,s:o}", "configuration",
			 r->brk ? r->brk : "isolated", "verdict", verdict_name(r->finding.verdict),
			 "reason", text(r->finding.reason), "saw", sights(r->finding.saw), "tries",
			 (int)r->tries, "seconds", (double)r->ev.ns / 1e9, "evidence",
			 program ? tally(&r->ev) : evidence(&r->ev));
}

static json_t *row(const struct row_result *r)
{
	json_t *controls = json_array();

	for (unsigned i = 0; i < r->controls; i++) {
		json_t *c = run(&r->control[i], r->row.attack->program);

		json_object_set_new(
		    c, "succeeded",
		    json_boolean(r->control[i].finding.verdict == VERDICT_BREACHED));
		json_array_append_new(controls, c);
	}
	return json_pack("{s:s,s:i,s:s,s:s,s:s?,s:i,s:s,s:o,s:f,s:o,s:o}", "name", r->row.name,
			 "catalogue", (int)r->row.attack->number, "claim", r->row.attack->claim,
			 "parent", parent_name(r->row.parent), "placement",
			 r->row.attack->placed ? placement_name(r->row.placement) : NULL, "repeat",
			 (int)r->repeat, "verdict", verdict_name(r->finding.verdict), "reason",
			 text(r->finding.reason), "seconds", (double)r->ns / 1e9, "run",
			 run(&r->isolated, r->row.attack->program), "controls", controls);
}

static json_t *environment(const struct env *env)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:b}", "ringfence", RINGFENCE_VERSION,
			 "place", env->lab ? "lab" : "native", "kernel", env->kernel, "release",
			 env->release, "machine", env->machine, "accel", env->accel, "kvm",
			 env->kvm, "vduse_api", env->vduse_api, "stock", env->stock);
}

static void dump(json_t *j, FILE *f)
{
	json_dumpf(j, f, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	fputc('\n', f);
	fflush(f);
	json_decref(j);
}

static json_t *head(const struct session *ses)
{
	json_t *j = json_pack("{s:i,s:s,s:s,s:o,s:s}", "schema", SCHEMA, "tool", "ringfence prove",
			      "header", ses->env->header, "environment", environment(ses->env),
			      "not_claimed", report_not_claimed);

	json_object_set_new(j, "stock_note",
			    ses->env->stock ? json_string(report_stock_note) : json_null());
	json_object_set_new(j, "broken_on_purpose", ses->brk ? json_string(ses->brk) : json_null());
	json_object_set_new(j, "left_to_full",
			    json_pack("{s:i,s:i}", "rows", (int)ses->more_rows, "controls",
				      (int)ses->more_controls));
	json_object_set_new(j, "controls_left_out", json_boolean(ses->no_controls));
	return j;
}

void json_write(FILE *f, const struct session *ses, const struct row_result *const *rows,
		unsigned n, const struct summary *s, const char *skip, int exit_code)
{
	static const char *const stopped[] = {"no", "by a signal", "by time"};
	json_t *j = head(ses), *list = json_array();

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(list, row(rows[i]));
	json_object_set_new(j, "skip", skip ? text(skip) : json_null());
	json_object_set_new(j, "rows", list);
	json_object_set_new(
	    j, "summary",
	    json_pack("{s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:I,s:i,s:i,s:f,s:s,s:i}", "planned",
		      (int)ses->planned, "rows", (int)s->rows, "held", (int)s->held, "breached",
		      (int)s->breached, "not_tested", (int)s->not_tested, "failed", (int)s->failed,
		      "skipped", (int)s->skipped, "attempts", (json_int_t)s->attempts, "controls",
		      (int)s->controls, "controls_succeeded", (int)s->controls_shown, "seconds",
		      (double)s->ns / 1e9, "stopped", stopped[s->stopped], "exit", exit_code));
	dump(j, f);
}

void json_env(FILE *f, const struct session *ses, int argc, char **argv)
{
	json_t *j = head(ses), *args = json_array();

	for (int i = 0; i < argc; i++)
		json_array_append_new(args, text(argv[i]));
	json_object_set_new(j, "arguments", args);
	dump(j, f);
}
