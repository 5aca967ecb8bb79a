/* SPDX-License-Identifier: MIT */
/* A trace; see trace.h. It must never wait for anything but a write to a file. */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUFFER 65536u
#define LINE_MAX_LEN 320u

struct trace {
	pthread_mutex_t lock; /* the message thread and the data thread both write lines */
	int fd;
	int failed; /* errno of the first write that failed */
	unsigned lines;
	size_t used;
	char path[200];
	char buffer[BUFFER];
};

static int open_regular(const char *path, struct err *e)
{
	struct stat st;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0644);

	if (fd < 0)
		return err_set(e, ERR_INTERNAL, errno, "open", path,
			       "the trace cannot be written there");
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(e, ERR_USAGE, EINVAL, "open", path,
			       "a trace must be a regular file");
	}
	return fd;
}

int trace_open(struct trace **out, const char *path, struct err *e)
{
	*out = NULL;
	if (!path)
		return 0;
	struct trace *t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", "trace", "%s", "");
	t->fd = open_regular(path, e);
	if (t->fd < 0) {
		int ret = t->fd;
		free(t);
		return ret;
	}
	pthread_mutex_init(&t->lock, NULL);
	snprintf(t->path, sizeof(t->path), "%s", path);
	*out = t;
	return 0;
}

/* The buffer holds whole lines only, so a device killed between two writes leaves no half line. */
static void write_out(struct trace *t)
{
	size_t done = 0;

	while (done < t->used && !t->failed) {
		ssize_t n = write(t->fd, t->buffer + done, t->used - done);
		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			t->failed = n == 0 ? EIO : errno;
	}
	t->used = 0;
}

static void put(struct trace *t, const char *bytes, size_t len)
{
	while (len > 0) {
		size_t n = len < BUFFER - t->used ? len : BUFFER - t->used;
		memcpy(t->buffer + t->used, bytes, n);
		t->used += n;
		bytes += n;
		len -= n;
		if (len > 0)
			write_out(t);
	}
}

static void append(struct trace *t, const char *line, size_t len)
{
	if (t->used + len > BUFFER)
		write_out(t);
	put(t, line, len);
	t->lines++;
}

static int begin_line(char line[LINE_MAX_LEN], uint64_t when, const char *ev)
{
	struct timespec now;

	if (!when) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		when = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	}
	return snprintf(line, LINE_MAX_LEN, "{\"t\":%" PRIu64 ",\"ev\":\"%s\"", when, ev);
}

/* Of the line, @len bytes are written; its end is not. One that does not fit is a failure too. */
static void end_line(struct trace *t, char line[LINE_MAX_LEN], int len)
{
	if (len < 0 || (size_t)len + 2 > LINE_MAX_LEN) {
		t->failed = t->failed ? t->failed : EOVERFLOW;
		return;
	}
	if (t->lines < TRACE_LINES_MAX) {
		memcpy(line + len, "}\n", 2);
		append(t, line, (size_t)len + 2);
	}
	if (t->lines == TRACE_LINES_MAX) {
		len = begin_line(line, 0, "overflow");
		memcpy(line + len, "}\n", 2);
		append(t, line, (size_t)len + 2);
	}
}

static void __attribute__((format(printf, 4, 0)))
add_line(struct trace *t, uint64_t when, const char *ev, const char *members, va_list args)
{
	char line[LINE_MAX_LEN];

	if (!t)
		return;
	pthread_mutex_lock(&t->lock); /* first, so that times rise down the file */
	int len = begin_line(line, when, ev);
	len += vsnprintf(line + len, LINE_MAX_LEN - (size_t)len, members, args);
	end_line(t, line, len);
	pthread_mutex_unlock(&t->lock);
}

void trace_event(struct trace *t, const char *ev, const char *members, ...)
{
	va_list args;

	va_start(args, members);
	add_line(t, 0, ev, members, args);
	va_end(args);
}

void trace_event_at(struct trace *t, uint64_t when, const char *ev, const char *members, ...)
{
	va_list args;

	va_start(args, members);
	add_line(t, when, ev, members, args);
	va_end(args);
}

/* Its end is written with its beginning, or not at all, as far as the file goes. */
void trace_json(struct trace *t, const char *ev, const char *name, const char *json)
{
	char line[LINE_MAX_LEN];

	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	if (t->lines + 1 < TRACE_LINES_MAX) {
		int len = begin_line(line, 0, ev);
		len += snprintf(line + len, LINE_MAX_LEN - (size_t)len, ",\"%s\":", name);
		size_t n = strlen(json);
		if (t->used + (size_t)len + n + 2 > BUFFER)
			write_out(t);
		put(t, line, (size_t)len);
		put(t, json, n);
		put(t, "}\n", 2);
		t->lines++;
	}
	pthread_mutex_unlock(&t->lock);
}

/* A string of JSON; a byte that is not ASCII is taken for a character of its own (Latin-1). */
static void quote(char *to, const char *text)
{
	*to++ = '"';
	for (; *text; text++) {
		uint8_t c = (uint8_t)*text;
		if (c < 0x20 || c >= 0x7f)
			to += snprintf(to, 7, "\\u%04x", c);
		else if (c == '"' || c == '\\')
			to += snprintf(to, 3, "\\%c", c);
		else
			*to++ = (char)c;
	}
	*to++ = '"';
	*to = '\0';
}

void trace_text(struct trace *t, const char *ev, const char *name, const char *text)
{
	char cut[TRACE_TEXT_MAX + 1], json[6 * TRACE_TEXT_MAX + 3];

	/* Nothing here asks for memory: who tells of a failure may be held up by that (finding
	 * K15). */
	if (!t)
		return;
	snprintf(cut, sizeof(cut), "%s", text);
	quote(json, cut);
	trace_json(t, ev, name, json);
}

void trace_translate(struct trace *t, const struct trace_translation *x)
{
	trace_event_at(t, x->t, "translate",
		       ",\"q\":%u,\"group\":%u,\"asid\":%u,\"iova\":\"0x%" PRIx64
		       "\",\"len\":%" PRIu64 ",\"dir\":\"%s\",\"ino\":%" PRIu64 ",\"ok\":%s%s%s%s",
		       x->queue, x->group, x->asid, x->iova, x->len, x->write ? "w" : "r",
		       x->why ? 0 : x->ino, x->why ? "false" : "true", x->why ? ",\"why\":\"" : "",
		       x->why ? x->why : "", x->why ? "\"" : "");
}

void trace_flush(struct trace *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	write_out(t);
	pthread_mutex_unlock(&t->lock);
}

bool trace_failed(struct trace *t)
{
	if (!t)
		return false;
	pthread_mutex_lock(&t->lock);
	bool failed = t->failed != 0;
	pthread_mutex_unlock(&t->lock);
	return failed;
}

int trace_close(struct trace *t, struct err *e)
{
	int ret = 0;

	if (!t)
		return 0;
	trace_event(t, "end", "%s", "");
	trace_flush(t);
	if (close(t->fd) && !t->failed)
		t->failed = errno;
	if (t->failed)
		ret = err_set(e, ERR_INTERNAL, t->failed, "write", t->path,
			      "the trace is incomplete");
	pthread_mutex_destroy(&t->lock);
	free(t);
	return ret;
}
