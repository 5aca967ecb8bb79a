/* SPDX-License-Identifier: MIT */
/* The life of a row's program; see program.h. It must never wait for it without a deadline. */
#include "program.h"

#include "launch.h"
#include "leftover.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_MAX 4096
#define ARGS 16

struct program {
	const struct episode_config *c;
	struct evidence *ev;
	struct child child;
	int out; /* what it says */
	char said[OUTPUT_MAX];
	size_t len;
};

static void __attribute__((format(printf, 3, 4)))
finish(struct program *p, enum episode_end end, const char *fmt, ...)
{
	va_list args;

	p->ev->end = end;
	va_start(args, fmt);
	vsnprintf(p->ev->detail, sizeof(p->ev->detail), fmt, args);
	va_end(args);
}

/* execv() takes them as char *, and changes none. */
static void add(char *argv[ARGS], unsigned *n, const char *one, const char *two)
{
	argv[(*n)++] = (char *)(uintptr_t)one;
	if (two)
		argv[(*n)++] = (char *)(uintptr_t)two;
}

static int start(struct program *p, struct err *e)
{
	const struct episode_config *c = p->c;
	char path[512], log[512], *argv[ARGS] = {0};
	unsigned n = 0;
	int out[2], ret;

	snprintf(path, sizeof(path), "%s-%s", c->ringfence, c->row->attack->program);
	add(argv, &n, path, "--tally");
	add(argv, &n, "--row", c->row->attack->name);
	if (c->row->parent != PARENT_PROCESS) {
		add(argv, &n, "--parent", parent_name(c->row->parent));
		add(argv, &n, "--device", c->device);
		if (c->private_cvq)
			add(argv, &n, "--private-cvq", NULL);
	}
	if (c->brk)
		add(argv, &n, "--break", c->brk);
	if (c->full)
		add(argv, &n, "--full", NULL);
	launch_path(c, PROGRAM_LOG, log, sizeof(log));
	int err = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (err < 0)
		return err_set(e, ERR_INTERNAL, errno, "open", log, "%s", "");
	if (pipe2(out, O_CLOEXEC)) {
		ret = err_set(e, ERR_INTERNAL, errno, "pipe2", path, "%s", "");
	} else {
		ret = child_start(&p->child, argv, out[1], err, -1, e);
		close(out[1]);
		p->out = out[0];
	}
	close(err);
	return ret;
}

/* What it says, up to its end; false if that is not to be waited for any more. */
static bool listen_to(struct program *p, uint64_t deadline)
{
	for (;;) {
		struct pollfd fds[2] = {{.fd = p->out, .events = POLLIN},
					{.fd = p->c->stop_fd, .events = POLLIN}};
		int n = poll(fds, 2, clock_poll_ms(deadline));

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			return finish(p, END_LATE, "its program did not end in time"), false;
		if (fds[1].revents)
			return finish(p, END_STOPPED, "stopped"), false;
		ssize_t got = read(p->out, p->said + p->len, sizeof(p->said) - 1 - p->len);
		if (got <= 0)
			return true;
		p->len += (size_t)got;
		if (p->len == sizeof(p->said) - 1)
			return finish(p, END_PROGRAM_DIED, "its program says too much"), false;
	}
}

static bool read_tally(struct program *p)
{
	while (p->len && p->said[p->len - 1] == '\n')
		p->len--;
	p->said[p->len] = 0;
	const char *last = strrchr(p->said, '\n');
	return tally_read(&p->ev->tally, last ? last + 1 : p->said) == 0;
}

static void judge_end(struct program *p)
{
	int code = child_code(&p->child);
	bool read = read_tally(p);
	const struct tally *t = &p->ev->tally;
	bool wrong = t->violations || t->failed;
	char how[220];

	if (read && ((code == 0 && !wrong && !t->skip[0]) || (code == 1 && wrong)))
		p->ev->end = END_COMPLETE;
	else if (read && code == 4 && t->skip[0] && !wrong)
		finish(p, END_HOST_CANNOT, "%s", t->skip);
	else {
		launch_epitaph(p->c, &p->child, PROGRAM_LOG, how, sizeof(how));
		finish(p, END_PROGRAM_DIED, "its program %s", how);
	}
}

static void tidy(struct program *p)
{
	struct err e = {0};

	if (!child_kill(&p->child))
		finish(p, END_LEFTOVER, "its program, process %d, cannot be killed", p->child.pid);
	child_drop(&p->child);
	close(p->out);
	if (p->c->row->parent == PARENT_PROCESS || leftover_none(p->c->device))
		return;
	if (p->ev->end == END_COMPLETE)
		finish(p, END_LEFTOVER, "its program left its device %s behind", p->c->device);
	leftover_remove(p->c->device, &e);
	if (!leftover_none(p->c->device))
		finish(p, END_LEFTOVER, "device %s cannot be removed: %.150s", p->c->device,
		       e.text);
}

void program_run(const struct episode_config *c, struct evidence *ev)
{
	struct program p = {.c = c, .ev = ev, .out = -1};
	uint64_t from = clock_ns(), deadline = clock_deadline(c->run_ms * UINT64_C(1000000));
	struct err e = {0};

	memset(ev, 0, sizeof(*ev));
	if (start(&p, &e)) {
		finish(&p, END_OWN_FAILURE, "%.200s", e.text);
		return;
	}
	if (listen_to(&p, deadline)) {
		if (child_wait(&p.child, deadline))
			judge_end(&p);
		else
			finish(&p, END_LATE, "its program did not end in time");
	}
	tidy(&p);
	ev->ns = clock_ns() - from;
}
