/* SPDX-License-Identifier: MIT */
/* The hostile daemon's process; see daemon.h. It must never come back to its caller's code. */
#include "daemon.h"

#include "../../../guest/abi.h"
#include "../../../vdpa/nl.h"
#include "../../../vdpa/vduse/guard.h"
#include "../../../vdpa/vduse/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vduse.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define TAKE_OVER_MS 2000
#define HOLD_MS 800 /* less than a command may take */

struct hostile hostile = {.armed = -1};

/* ---- what it is at ---- */

const struct fault *hostile_armed(enum fault_kind kind)
{
	int n = atomic_load(&hostile.armed);

	return n >= 0 && hostile.share->fault[n]->kind == kind ? hostile.share->fault[n] : NULL;
}

void hostile_done(void)
{
	int n = atomic_load(&hostile.armed);

	if (n >= 0)
		atomic_store(&hostile.share->result[n].done, true);
}

void hostile_broke(const char *what, ...)
{
	int n = atomic_load(&hostile.armed);
	struct share_result *r = n >= 0 ? &hostile.share->result[n] : NULL;
	va_list args;

	if (!r || atomic_load(&r->broke))
		return;
	va_start(args, what);
	vsnprintf(r->what, sizeof(r->what), what, args);
	va_end(args);
	atomic_store(&r->broke, true);
}

/* A fault of the end is armed when the guest is told that there is no more. */
static void arm(unsigned number)
{
	struct share *s = hostile.share;

	atomic_fetch_add(&s->asked, 1);
	atomic_store(&hostile.armed, number < s->count ? (int)number : -1);
	if (number < s->count && s->fault[number]->kind == FAULT_MESSAGE &&
	    s->fault[number]->life.point->when == AT_CLOSE)
		number = s->count;
	atomic_store(&s->no_more, number >= s->count);
}

bool hostile_asked(unsigned op, unsigned number)
{
	const struct fault *f;

	if (op != CONTAIN_TRY)
		hostile_hold();
	if (op == CONTAIN_ASK) {
		arm(number);
		return !atomic_load(&hostile.share->no_more);
	}
	if (op != CONTAIN_TRY)
		return true;
	if ((f = hostile_armed(FAULT_MEMORY)))
		tamper(f);
	if ((f = hostile_armed(FAULT_SCRIBBLE)))
		scribble(f);
	return true;
}

struct aside {
	void (*body)(const struct fault *f);
	const struct fault *fault;
	bool holds;
};

static void *run_aside(void *arg)
{
	struct aside a = *(struct aside *)arg;

	free(arg);
	a.body(a.fault);
	if (a.holds)
		atomic_fetch_sub(&hostile.asides, 1);
	return NULL;
}

void hostile_aside(void (*body)(const struct fault *f), const struct fault *f, bool holds)
{
	struct aside *a = malloc(sizeof(*a));
	pthread_t thread;

	if (!a)
		abort(); /* the judge sees a daemon that died */
	*a = (struct aside){body, f, holds};
	if (holds)
		atomic_fetch_add(&hostile.asides, 1);
	if (pthread_create(&thread, NULL, run_aside, a))
		abort();
	pthread_detach(thread);
}

void hostile_hold(void)
{
	for (uint64_t end = hostile_ms() + HOLD_MS; hostile_ms() < end; wait_ms(1))
		if (!atomic_load(&hostile.asides))
			return;
}

uint64_t hostile_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- its life ---- */

static void set_patience(const struct daemon_config *c)
{
	char path[128], text[16];
	int len = snprintf(text, sizeof(text), "%u\n", c->msg_timeout_s);

	snprintf(path, sizeof(path), "/sys/class/vduse/%s/msg_timeout", c->name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)len) != len)
		abort(); /* the judge's bounds are made from it */
	close(fd);
}

static int create(const struct daemon_config *c, struct share *s, struct err *e)
{
	const struct net_options o = {.name = c->name,
				      .api = c->change && c->change->change == CHANGE_API_0 ? 0 : 1,
				      .pairs = 1,
				      .mac = {0x02, 0x52, 0x46, 0, 0, 1},
				      .private_cvq = c->private_cvq};
	struct vduse_setup setup;
	struct vduse_dev *dev;
	struct net *net;

	net_describe(&setup, &o);
	if (c->change)
		life_change(&setup, c->change->change);
	int ret = vduse_create(&dev, &setup, e);
	if (!ret && c->change)
		ret = life_changed(dev, c->change->change);
	if (!ret && setup.queues == NET_QUEUES) /* else nothing is served */
		ret = net_start(&net, dev, NULL, e);
	if (ret)
		return ret;
	set_patience(c);
	hostile.dev = dev;
	return nl_dev_add("vduse", c->name, s->node, sizeof(s->node), e);
}

static _Noreturn void serve(const struct daemon_config *c, struct share *s)
{
	struct err e = {0};

	hostile.config = c;
	hostile.share = s;
	int ret = guard_install(&e);
	if (!ret)
		ret = create(c, s, &e);
	if (ret)
		snprintf(s->node, sizeof(s->node), "%.63s", e.text);
	else if (c->open)
		atomic_store(&hostile.armed, 0);
	atomic_store(&s->ready, ret ? -1 : 1);
	for (;;)
		pause();
}

/* Its end is its parent's, whose signals are none of its business. */
static pid_t fork_child(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid < 0 ? -errno : pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setpriority(PRIO_PROCESS, 0, 0);
	if (getppid() != parent)
		_exit(1);
	return 0;
}

pid_t daemon_start(const struct daemon_config *c, struct share *s)
{
	pid_t pid = fork_child();

	if (pid == 0)
		serve(c, s);
	return pid;
}

/* ---- the one that comes after it ---- */

static _Noreturn void usurp(const char *name)
{
	char path[128];
	int fd = -1;

	snprintf(path, sizeof(path), "/dev/vduse/%s", name);
	for (uint64_t end = hostile_ms() + TAKE_OVER_MS; fd < 0 && hostile_ms() < end; wait_ms(5))
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	for (;;) {
		struct vduse_dev_request req;
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (fd < 0 || poll(&p, 1, -1) < 0 || (p.revents & POLLERR))
			pause();
		if (read(fd, &req, sizeof(req)) != (ssize_t)sizeof(req))
			continue;
		struct vduse_dev_response resp = {.request_id = req.request_id,
						  .result = VDUSE_REQ_RESULT_OK};
		if (write(fd, &resp, sizeof(resp)) < 0)
			continue; /* whoever asked has given up */
	}
}

pid_t usurper_start(const char *name)
{
	pid_t pid = fork_child();

	if (pid == 0)
		usurp(name);
	return pid;
}
