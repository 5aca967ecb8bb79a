/* SPDX-License-Identifier: MIT */
/* The file of rows run ahead; see ahead.h. It must never fill in what a line lacks. */
#include "ahead.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct ahead {
	json_t *runs; /* by "ROW BREAK" */
};

static void key(char *buf, size_t len, const char *row, const char *brk)
{
	snprintf(buf, len, "%s %s", row, brk ? brk : "");
}

void ahead_write(FILE *f, const char *row, const char *brk, const struct evidence *ev)
{
	char name[160];
	json_t *detail = json_string(ev->detail);

	key(name, sizeof(name), row, brk);
	json_t *j = json_pack("{s:s,s:i,s:I,s:o}", "run", name, "end", (int)ev->end, "ns",
			      (json_int_t)ev->ns, "detail", detail ? detail : json_string(""));
	json_dumpf(j, f, JSON_COMPACT);
	fputc('\n', f);
	json_decref(j);
	tally_print(f, &ev->tally);
}

/* Two lines for each run: how it ended, and its tally as the program said it. */
static int read_runs(struct ahead *a, FILE *f)
{
	char head[1024], tally[2048];

	while (fgets(head, sizeof(head), f)) {
		json_t *j = json_loads(head, JSON_REJECT_DUPLICATES, NULL);
		const char *run = json_string_value(json_object_get(j, "run"));
		struct tally t;

		if (!run || !fgets(tally, sizeof(tally), f) || tally_read(&t, tally) ||
		    json_object_set_new(j, "tally", json_string(tally)) ||
		    json_object_set(a->runs, run, j)) {
			json_decref(j);
			return -EINVAL;
		}
		json_decref(j);
	}
	return ferror(f) ? -EIO : 0;
}

int ahead_read(struct ahead **out, const char *path, struct err *e)
{
	FILE *f = fopen(path, "re");

	if (!f)
		return err_set(e, ERR_USAGE, errno, "open", path,
			       "--enumerated takes what --enumerate wrote");
	*out = malloc(sizeof(**out));
	if (*out)
		(*out)->runs = json_object();
	int ret = *out && (*out)->runs ? read_runs(*out, f) : -ENOMEM;
	fclose(f);
	if (ret == 0)
		return 0;
	ahead_free(*out);
	*out = NULL;
	return err_set(e, ERR_USAGE, -ret, "read", path,
		       "--enumerated takes what --enumerate wrote");
}

void ahead_free(struct ahead *a)
{
	if (a)
		json_decref(a->runs);
	free(a);
}

void ahead_find(const struct ahead *a, const char *row, const char *brk, struct evidence *ev)
{
	char name[160];
	const char *detail, *tally;
	json_int_t ns;
	int end;

	memset(ev, 0, sizeof(*ev));
	ev->end = END_OWN_FAILURE;
	snprintf(ev->detail, sizeof(ev->detail), "it was not run ahead");
	key(name, sizeof(name), row, brk);
	if (json_unpack(json_object_get(a->runs, name), "{s:i,s:I,s:s,s:s}", "end", &end, "ns", &ns,
			"detail", &detail, "tally", &tally) ||
	    tally_read(&ev->tally, tally) || end < END_NOT_RUN || end > END_PROGRAM_DIED)
		return;
	ev->end = (enum episode_end)end;
	ev->ns = (uint64_t)ns;
	snprintf(ev->detail, sizeof(ev->detail), "%s", detail);
}
