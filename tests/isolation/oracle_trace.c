/* SPDX-License-Identifier: MIT */
/*
 * Oracle 3: the daemon's trace, judged by what is known here: the inodes of the files that the VMM
 * handed over, the CVQ's ASID and where it is for which driver, the attempts' addresses and times.
 * It must never skip a line that it does not understand: an account with a hole proves nothing.
 */
#include "oracle.h"

#include <jansson.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS (1ull << VIRTIO_NET_F_MQ | 1ull << VIRTIO_NET_F_RSS)
#define FIRST_CVQ 2u

/* One translation, as the daemon wrote it down. */
struct translation {
	uint64_t t, iova, len, ino;
	unsigned queue, asid;
	bool write, ok;
};

static bool get_uint(const json_t *line, const char *key, uint64_t *v)
{
	const json_t *j = json_object_get(line, key);

	if (!json_is_integer(j) || json_integer_value(j) < 0)
		return false;
	*v = (uint64_t)json_integer_value(j);
	return true;
}

static bool get_hex(const json_t *line, const char *key, uint64_t *v)
{
	const char *s = json_string_value(json_object_get(line, key));
	char *end;

	if (!s || strncmp(s, "0x", 2) || !s[2])
		return false;
	*v = strtoull(s, &end, 16);
	return !*end;
}

static bool get_translation(const json_t *line, struct translation *tr)
{
	const char *dir = json_string_value(json_object_get(line, "dir"));
	const json_t *ok = json_object_get(line, "ok");
	uint64_t queue, asid;

	if (!get_uint(line, "t", &tr->t) || !get_uint(line, "q", &queue) ||
	    !get_uint(line, "asid", &asid) || !get_hex(line, "iova", &tr->iova) ||
	    !get_uint(line, "len", &tr->len) || !get_uint(line, "ino", &tr->ino) || !dir ||
	    !json_is_boolean(ok))
		return false;
	if ((strcmp(dir, "r") && strcmp(dir, "w")) || queue > UINT16_MAX || asid > UINT32_MAX)
		return false;
	tr->queue = (unsigned)queue;
	tr->asid = (unsigned)asid;
	tr->write = *dir == 'w';
	tr->ok = json_is_true(ok);
	return true;
}

/*
 * Section 5.1.2: the CVQ comes after the first pair, or, for a driver that took MQ or RSS, after
 * all of them, which is what the VMM's hello says. Between sessions no queue is served.
 */
static unsigned cvq_index(const struct evidence *ev)
{
	return ev->trace.session.one_pair ? FIRST_CVQ : ev->hello.cvq_index;
}

static void note(struct stray *s, const struct translation *tr)
{
	if (s->count++)
		return;
	s->queue = tr->queue;
	s->asid = tr->asid;
	s->iova = tr->iova;
}

static bool in_arena(const struct evidence *ev, uint64_t ino)
{
	return ino == ev->arena.readable_ino || ino == ev->arena.writable_ino;
}

static void judge_cvq(struct evidence *ev, const struct translation *tr)
{
	struct trace_finding *f = &ev->trace;

	if (tr->asid != ev->hello.cvq_asid)
		note(&f->cvq_wrong_asid, tr);
	if (!tr->ok)
		return;
	f->cvq_ok++;
	if (tr->write ? tr->ino != ev->arena.writable_ino : !in_arena(ev, tr->ino))
		note(&f->cvq_outside, tr);
}

static void judge_data(struct evidence *ev, const struct translation *tr)
{
	struct trace_finding *f = &ev->trace;

	if (tr->asid == ev->hello.cvq_asid)
		note(&f->data_in_cvq_asid, tr);
	if (!tr->ok)
		return;
	f->data_ok++;
	if (in_arena(ev, tr->ino))
		note(&f->data_in_arena, tr);
	else if (tr->ino != ev->arena.ram_ino)
		note(&f->data_elsewhere, tr);
}

/* Whether [a, a + alen) and [b, b + blen) meet, also where they run up to 2^64. */
static bool meet(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
	if (!alen || !blen)
		return false;
	return a <= b ? b - a < alen : a - b < blen;
}

/* From the attempt before it on: an attempt may begin to show when its rings are set up, ahead of
 * its BEGIN. */
static bool belongs_to(const struct evidence *ev, uint32_t i, uint64_t t)
{
	return t <= ev->attempt[i].to_ns && (i == 0 || t > ev->attempt[i - 1].to_ns);
}

static bool meanwhile(const struct attempt *at, uint64_t t)
{
	return t >= at->from_ns && t <= at->to_ns;
}

/* A sweep is one attempt of many addresses: which they were is noted here. */
static void note_swept(struct evidence *ev, const struct translation *tr)
{
	const struct monitor_hello *h = &ev->hello;
	uint64_t off = tr->iova - h->arena_iova, page = off / 4096;

	for (unsigned n = 0; n < 64; n++)
		for (unsigned d = 0; d < 3; d++)
			if (tr->iova == (UINT64_C(1) << n) + d - 1)
				ev->trace.swept[tr->queue][d] |= UINT64_C(1) << n;
	if (off % 4096 == 0 && page < 32)
		ev->trace.swept_pages[tr->queue] |= 1u << page;
}

static void match_attempts(struct evidence *ev, const struct translation *tr)
{
	for (uint32_t i = 0; i < ev->attempts; i++) {
		struct attempt *at = &ev->attempt[i];

		if (tr->queue == cvq_index(ev)) {
			/* Its addresses are the arena's own: what an attempt on the CVQ aims at are
			 * the guest's, which the device never sees. */
			at->busy |= meanwhile(at, tr->t);
			continue;
		}
		if (at->mark.shape == SHAPE_SWEEP && tr->queue < 2 && tr->queue == at->mark.queue &&
		    meanwhile(at, tr->t))
			note_swept(ev, tr);
		if (!belongs_to(ev, i, tr->t) || tr->queue != at->mark.queue ||
		    !meet(tr->iova, tr->len, at->mark.address, at->mark.length))
			continue;
		at->aimed_refused += !tr->ok;
		at->aimed_arena += tr->ok && in_arena(ev, tr->ino);
		at->aimed_ram += tr->ok && tr->ino == ev->arena.ram_ino;
		at->cvq = cvq_index(ev);
		at->cvq_before = ev->trace.session.before;
	}
}

/* What the driver took holds from here on; a session that had no command leaves the CVQ's last
 * place as it was. */
static bool take_features(struct evidence *ev, const json_t *line)
{
	uint64_t features;

	if (!get_hex(line, "features", &features))
		return false;
	ev->trace.session.one_pair = !(features & PAIRS);
	return true;
}

static void end_session(struct evidence *ev)
{
	struct trace_session *s = &ev->trace.session;

	if (s->commanded)
		s->before = cvq_index(ev);
	s->commanded = false;
}

/* A start or a reset in between: the VMM lays its rings out anew. */
static bool take_restart(struct evidence *ev, const json_t *line, bool reset)
{
	uint64_t t;

	if (!get_uint(line, "t", &t))
		return false;
	if (reset)
		end_session(ev);
	for (uint32_t i = 0; i < ev->attempts; i++) {
		bool then = meanwhile(&ev->attempt[i], t);

		ev->attempt[i].busy |= then;
		ev->attempt[i].resets += then && reset;
	}
	return true;
}

/* What a driver may send on a device like ours (section 5.1.6.5): class, command, bytes in all. The
 * VMM has to see to it that the device gets nothing else. */
static bool may_be_sent(const struct evidence *ev, int64_t class, int64_t code, uint64_t len)
{
	return (class == 0 && (code == 0 || code == 1) && len == 3) ||
	       (class == 1 && code == 1 && len == 8) ||
	       (cvq_index(ev) > FIRST_CVQ && class == 4 && code == 0 && len == 4);
}

static void count_command(struct evidence *ev, uint64_t t)
{
	ev->trace.session.commanded = true;
	for (uint32_t i = 0; i < ev->attempts; i++)
		ev->attempt[i].commands += meanwhile(&ev->attempt[i], t);
}

static bool take_command(struct evidence *ev, const json_t *line)
{
	const json_t *class = json_object_get(line, "class"), *code = json_object_get(line, "cmd");
	struct odd_commands *odd = &ev->trace.odd;
	uint64_t t, len;

	if (!get_uint(line, "t", &t) || !get_uint(line, "len", &len) || !json_is_integer(class) ||
	    !json_is_integer(code))
		return false;
	count_command(ev, t);
	if (may_be_sent(ev, json_integer_value(class), json_integer_value(code), len))
		return true;
	if (odd->count++ == 0) {
		odd->class = json_integer_value(class);
		odd->code = json_integer_value(code);
		odd->len = len;
	}
	return true;
}

/* A command of which the device does not say more than that it got it. */
static bool take_untold(struct evidence *ev, const json_t *line)
{
	uint64_t t, queue;

	if (!get_uint(line, "t", &t) || !get_uint(line, "q", &queue))
		return false;
	if (queue != cvq_index(ev))
		return true;
	count_command(ev, t);
	return true;
}

/* A chain whose shape or direction the device refused, so that none of its buffers was translated.
 */
static bool take_bad_chain(struct evidence *ev, const json_t *line)
{
	uint64_t t, queue;

	if (!get_uint(line, "t", &t) || !get_uint(line, "q", &queue))
		return false;
	for (uint32_t i = 0; i < ev->attempts; i++)
		ev->attempt[i].chains_refused +=
		    ev->attempt[i].mark.queue == queue && belongs_to(ev, i, t);
	return true;
}

static bool judge_line(struct evidence *ev, const json_t *line)
{
	const char *event = json_string_value(json_object_get(line, "ev"));
	struct translation tr;

	if (!event)
		return false;
	if (!strcmp(event, "overflow"))
		ev->trace.overflow = true;
	ev->trace.ended = !strcmp(event, "end");
	if (!strcmp(event, "status") || !strcmp(event, "reset"))
		return take_restart(ev, line, *event == 'r');
	if (!strcmp(event, "features"))
		return take_features(ev, line);
	if (!strcmp(event, "cvq"))
		return take_command(ev, line);
	if (!strcmp(event, "taken"))
		return take_untold(ev, line);
	if (!strcmp(event, "bad"))
		return take_bad_chain(ev, line);
	if (strcmp(event, "translate"))
		return true;
	if (!get_translation(line, &tr))
		return false;
	if (!ev->hello_seen) /* who is the CVQ, and whose are the files? */
		return true;
	ev->trace.refused += !tr.ok;
	if (tr.queue == cvq_index(ev))
		judge_cvq(ev, &tr);
	else
		judge_data(ev, &tr);
	match_attempts(ev, &tr);
	return true;
}

void oracle_trace(struct evidence *ev, FILE *trace)
{
	char *text = NULL;
	size_t size = 0;
	uint64_t n = 0;
	ssize_t got;

	ev->trace.read = true;
	while ((got = getline(&text, &size, trace)) > 0) {
		json_t *line = json_loadb(text, (size_t)got, JSON_REJECT_DUPLICATES, NULL);

		n++;
		/* A last line without its newline was cut off while it was written. */
		if ((!json_is_object(line) || text[got - 1] != '\n' || !judge_line(ev, line)) &&
		    !ev->trace.bad_line)
			ev->trace.bad_line = n;
		json_decref(line);
	}
	if (ferror(trace) && !ev->trace.bad_line)
		ev->trace.bad_line = n + 1;
	free(text);
}
