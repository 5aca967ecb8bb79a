/* SPDX-License-Identifier: MIT */
/*
 * The file behind gather.h. A record is what the structures hold, byte for byte, which both ends
 * have from the same build, and behind them the attempts. Its reader believes no count and no
 * string's end: the file has come through a kernel that is being tested.
 */
#include "gather.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC 0x52464756u
#define ARENA_MOST (1u << 24) /* what is counted page by page */

struct head {
	uint32_t magic, evidence, attempt; /* the two sizes, so that builds are not mixed */
	uint32_t attempts, tries;
	char name[GATHER_NAME];
};

struct gathered {
	char name[GATHER_NAME];
	unsigned tries;
	struct evidence ev;
};

void gather_name(char name[GATHER_NAME], const struct row_result *row, const struct run *run)
{
	memset(name, 0, GATHER_NAME);
	snprintf(name, GATHER_NAME, "%s %u %s", row->row.name, row->repeat,
		 run->brk ? run->brk : "");
}

int gather_write(FILE *f, const char *name, const struct run *run)
{
	struct head head = {.magic = MAGIC,
			    .evidence = sizeof(struct evidence),
			    .attempt = sizeof(struct attempt),
			    .attempts = run->ev.attempts,
			    .tries = run->tries};
	struct evidence ev = run->ev;

	/* Pointers mean nothing to the reader, who has or makes these himself. */
	ev.attempt = NULL;
	ev.untraced = NULL;
	snprintf(head.name, sizeof(head.name), "%s", name);
	if (fwrite(&head, sizeof(head), 1, f) != 1 || fwrite(&ev, sizeof(ev), 1, f) != 1 ||
	    fwrite(run->ev.attempt, sizeof(struct attempt), ev.attempts, f) != ev.attempts ||
	    fflush(f))
		return -EIO;
	return 0;
}

int gather_open(struct gather *g, const char *path, struct err *e)
{
	*g = (struct gather){.f = fopen(path, "a+e")};
	if (!g->f)
		return err_set(e, ERR_USAGE, errno, "open", path,
			       "--gathered takes what --gather writes");
	pthread_mutex_init(&g->lock, NULL);
	return 0;
}

void gather_close(struct gather *g)
{
	if (!g->f)
		return;
	for (unsigned i = 0; i < g->runs; i++)
		evidence_free(&g->run[i].ev);
	free(g->run);
	fclose(g->f);
	pthread_mutex_destroy(&g->lock);
	*g = (struct gather){0};
}

static bool ends(const char *text, size_t len)
{
	return memchr(text, '\0', len) != NULL;
}

static bool head_good(const struct head *h)
{
	return h->magic == MAGIC && h->evidence == sizeof(struct evidence) &&
	       h->attempt == sizeof(struct attempt) && h->attempts <= ATTEMPTS_MAX &&
	       h->tries >= 1 && h->tries <= 16 && ends(h->name, sizeof(h->name));
}

static bool evidence_good(const struct evidence *ev, uint32_t attempts)
{
	const struct tally *t = &ev->tally;

	return ev->end > END_NOT_RUN && ev->end <= END_PROGRAM_DIED && ev->end != END_STOPPED &&
	       ev->attempts == attempts && ev->hello.arena_readable <= ARENA_MOST &&
	       ev->hello.arena_writable <= ARENA_MOST && !ev->attempt && !ev->untraced &&
	       ends(ev->detail, sizeof(ev->detail)) &&
	       ends(ev->failed_step, sizeof(ev->failed_step)) &&
	       ends(ev->arena.files_bad, sizeof(ev->arena.files_bad)) &&
	       ends(t->unit, sizeof(t->unit)) && ends(t->first, sizeof(t->first)) &&
	       ends(t->note, sizeof(t->note)) && ends(t->skip, sizeof(t->skip));
}

/* The record at the file's place, of which @head has been read: 1, 0 if the rest has not come yet,
 * -errno. */
static int read_rest(struct gather *g, const struct head *head)
{
	struct gathered *run = realloc(g->run, (g->runs + 1) * sizeof(*run));
	struct attempt *attempt = calloc(head->attempts + 1, sizeof(*attempt));

	if (run)
		g->run = run;
	if (!run || !attempt) {
		free(attempt);
		return -ENOMEM;
	}
	run += g->runs;
	if (fread(&run->ev, sizeof(run->ev), 1, g->f) != 1 ||
	    fread(attempt, sizeof(*attempt), head->attempts, g->f) != head->attempts) {
		free(attempt);
		return 0;
	}
	if (!evidence_good(&run->ev, head->attempts)) {
		free(attempt);
		return -EBADMSG;
	}
	memcpy(run->name, head->name, sizeof(run->name));
	run->tries = head->tries;
	run->ev.attempt = attempt;
	g->runs++;
	return 1;
}

/* All records that have come whole since the last time. */
static void read_on(struct gather *g)
{
	int ret = 1;

	while (ret == 1 && !g->broken) {
		struct head head;
		long at = ftell(g->f);

		ret = fread(&head, sizeof(head), 1, g->f) == 1;
		if (ret)
			ret = head_good(&head) ? read_rest(g, &head) : -EBADMSG;
		if (ret == 0 &&
		    fseek(g->f, at, SEEK_SET)) /* the end of the file is forgotten, too */
			ret = -EIO;
		g->broken |= ret < 0;
	}
}

bool gather_take(struct gather *g, const char *name, struct run *run)
{
	bool found = false;

	assert(!run->ev.attempt);
	pthread_mutex_lock(&g->lock);
	read_on(g);
	for (unsigned i = 0; i < g->runs && !found; i++) {
		if (strcmp(g->run[i].name, name))
			continue;
		run->tries = g->run[i].tries;
		run->ev = g->run[i].ev;
		g->run[i] = g->run[--g->runs];
		g->taken++;
		found = true;
	}
	pthread_mutex_unlock(&g->lock);
	return found;
}
