/* SPDX-License-Identifier: MIT */
/* Reads mutants and judges runs; see mutant.h. Must never run anything. */
#include "mutant.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void take_head(struct mutant *m, char *line)
{
	const struct {
		const char *name;
		char *to;
		size_t len;
	} known[] = {
	    {"Parent: ", m->parent, sizeof(m->parent)},
	    {"Mutant: ", m->what, sizeof(m->what)},
	    {"Equivalent: ", m->equivalent, sizeof(m->equivalent)},
	};

	line[strcspn(line, "\n")] = '\0';
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strncmp(line, known[i].name, strlen(known[i].name)) == 0)
			snprintf(known[i].to, known[i].len, "%s", line + strlen(known[i].name));
}

static int read_head(struct mutant *m, struct err *e)
{
	char line[512];
	FILE *f = fopen(m->patch, "re");

	if (!f)
		return err_set(e, ERR_INTERNAL, errno, "open", m->patch, "%s", "");
	while (fgets(line, sizeof(line), f) && strncmp(line, "--- ", 4) != 0)
		take_head(m, line);
	fclose(f);
	bool parent = strcmp(m->parent, "vduse") == 0 || strcmp(m->parent, "vdpa_sim") == 0 ||
		      strcmp(m->parent, "vhost") == 0;
	if (!parent || !*m->what)
		return err_set(
		    e, ERR_INTERNAL, 0, "read", m->patch,
		    "its head needs \"Parent: vduse\", vdpa_sim or vhost, and \"Mutant: \"");
	return 0;
}

static int is_patch(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return d->d_name[0] != '.' && len > 6 && strcmp(d->d_name + len - 6, ".patch") == 0;
}

int mutants_find(const char *dir, const char *filter, struct mutant **list, unsigned *count,
		 struct err *e)
{
	struct dirent **entry = NULL;
	int n = scandir(dir, &entry, is_patch, alphasort), ret = 0;

	*count = 0;
	*list = n > 0 ? calloc((size_t)n, sizeof(**list)) : NULL;
	if (n < 0)
		return err_set(e, ERR_INTERNAL, errno, "scandir", dir, "%s", "");
	for (int i = 0; i < n; i++) {
		struct mutant *m = *list ? *list + *count : NULL;
		if (m && ret == 0) {
			snprintf(m->name, sizeof(m->name), "%.*s",
				 (int)strlen(entry[i]->d_name) - 6, entry[i]->d_name);
			snprintf(m->patch, sizeof(m->patch), "%s/%s", dir, entry[i]->d_name);
			if (!filter || fnmatch(filter, m->name, 0) == 0) {
				ret = read_head(m, e);
				(*count)++;
			}
		}
		free(entry[i]);
	}
	free(entry);
	if (ret == 0 && *count == 0)
		ret = err_set(e, ERR_USAGE, 0, "lab mutants", filter ? filter : dir,
			      "selects no mutant; ringfence lab mutants --list names them");
	return ret;
}

static const char *get_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static const json_t *row_named(const json_t *results, const char *name)
{
	const json_t *rows = json_object_get(results, "rows");

	for (size_t i = 0; i < json_array_size(rows); i++)
		if (strcmp(get_text(json_array_get(rows, i), "name"), name) == 0)
			return json_array_get(rows, i);
	return NULL;
}

/* What one row says. Its run came to its own end, or else what it says is about the lab. */
static enum mutant_seen judge_row(const json_t *row)
{
	const json_t *evidence = json_object_get(json_object_get(row, "run"), "evidence");
	const char *verdict = get_text(row, "verdict");
	bool complete = strcmp(get_text(evidence, "end"), "complete") == 0;

	if (strcmp(verdict, "breached") == 0)
		return SEEN_BY_ROWS;
	if (strcmp(verdict, "skipped") == 0 || strcmp(get_text(evidence, "end"), "refused") == 0)
		return SEEN_BY_VMM;
	if (strcmp(verdict, "held") == 0 && complete)
		return SEEN_NOTHING;
	/* Not tested: an episode in which a queue that has to was never used. A program's row has
	 * no steps. */
	if (complete && (strcmp(verdict, "failed") == 0 || json_object_get(evidence, "steps")))
		return SEEN_BY_ROWS;
	return SEEN_UNCLEAR;
}

static const char *const order[] = {"breached", "failed", "not tested", "skipped"};

static int weight(const json_t *by)
{
	for (int i = 0; i < 4; i++)
		if (strcmp(get_text(by, "verdict"), order[i]) == 0)
			return i;
	return 4;
}

/* The heaviest first, so that who shows only some shows those. */
static void add_by(struct sight *s, const json_t *row)
{
	json_t *by = json_pack("{s:s, s:s, s:s}", "row", get_text(row, "name"), "verdict",
			       get_text(row, "verdict"), "reason", get_text(row, "reason"));
	size_t at = 0;

	while (at < json_array_size(s->by) && weight(json_array_get(s->by, at)) <= weight(by))
		at++;
	json_array_insert_new(s->by, at, by);
}

static bool held_before(const json_t *base, const char *name)
{
	return strcmp(get_text(row_named(base, name), "verdict"), "held") == 0;
}

static void unclear(struct sight *s, const char *what, const char *why)
{
	s->seen = SEEN_UNCLEAR;
	snprintf(s->why, sizeof(s->why), "%.120s: %.380s", what, why);
}

static void judge_rows(struct sight *s, const json_t *base, const json_t *results)
{
	const json_t *rows = json_object_get(results, "rows");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *name = get_text(row, "name");
		enum mutant_seen seen = judge_row(row);

		if (base ? !held_before(base, name) : seen == SEEN_BY_VMM)
			continue;
		s->rows += seen != SEEN_UNCLEAR;
		if (seen == SEEN_UNCLEAR && s->seen == SEEN_NOTHING)
			unclear(s, name, get_text(row, "reason"));
		if (seen != SEEN_BY_ROWS && seen != SEEN_BY_VMM)
			continue;
		/* Rows weigh more than a VMM that refuses, and both more than what is unclear. */
		if (s->seen != SEEN_BY_ROWS)
			s->seen = seen;
		add_by(s, row);
	}
}

/* Whether every row that held on the unmutated kernel was told of at all. */
static bool all_told(const json_t *base, const json_t *results)
{
	const json_t *rows = json_object_get(base, "rows");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const char *name = get_text(json_array_get(rows, i), "name");
		if (held_before(base, name) && !row_named(results, name))
			return false;
	}
	return true;
}

void mutant_judge(struct sight *s, const json_t *base, const json_t *results, const json_t *env)
{
	const json_t *lab = json_object_get(env, "result");
	const json_t *summary = json_object_get(results, "summary");
	json_int_t planned = json_integer_value(json_object_get(summary, "planned"));

	*s = (struct sight){.seen = SEEN_NOTHING, .by = json_array()};
	judge_rows(s, base, results);
	if (s->seen == SEEN_BY_ROWS || s->seen == SEEN_BY_VMM)
		return;
	if (json_is_true(json_object_get(lab, "panicked")) ||
	    json_integer_value(json_object_get(lab, "kernel_complaints"))) {
		s->seen = SEEN_BY_KERNEL;
		snprintf(s->why, sizeof(s->why), "%s", get_text(lab, "first_complaint"));
	} else if (!json_is_true(json_object_get(lab, "finished"))) {
		unclear(s, "the lab did not end", get_text(lab, "lab_failure"));
	} else if (s->seen == SEEN_UNCLEAR) {
		return;
	} else if (!results || strcmp(get_text(summary, "stopped"), "no") != 0 ||
		   (json_int_t)json_array_size(json_object_get(results, "rows")) != planned ||
		   (base && !all_told(base, results))) {
		unclear(s, "the proof did not come to its end", get_text(results, "skip"));
	} else if (s->rows == 0) {
		unclear(s, "no row ran", "nothing can be said of this kernel");
	}
}

bool sight_breach(const struct sight *s)
{
	return json_array_size(s->by) && weight(json_array_get(s->by, 0)) == 0;
}

void sight_free(struct sight *s)
{
	json_decref(s->by);
	s->by = NULL;
}
