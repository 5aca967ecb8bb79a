/* SPDX-License-Identifier: MIT */
/*
 * A device's data thread; see loop.h.
 *
 * Theory of operation. One thread waits for kicks, of the queues and of the message thread
 * (readiness may have changed). Each turn serves a bounded number of chains of every queue that has
 * some, the last queue first (a CVQ is the last), then looks for kicks again, so that no flood on
 * one holds up another. The device's lock is taken per chain; whether the queue may still be
 * served, and whether a reset has come in between, is asked each time.
 */
#include "loop.h"

#include "wait.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define WAKE AS_QUEUES_MAX	   /* the epoll events that are no queue's */
#define SOURCE (AS_QUEUES_MAX + 1) /* not drained here, so told of only once (EPOLLET) */
#define EVENTS (AS_QUEUES_MAX + 2)
#define IDLE_MS 1000
#define TICK_MIN_MS 1
#define TICK_MAX_MS 64
#define JOIN_MS 2000

struct loop {
	struct vduse_dev *dev;
	const struct loop_class *class;
	void *ctx;
	unsigned source_queues;
	pthread_t thread;
	atomic_bool stopping;
	int epoll_fd;
	unsigned pending; /* a bit per queue that may have chains */
	int tick_ms;	  /* how long until an unsettled queue is looked at again */
};

static bool serve_one(struct loop *l, unsigned q)
{
	bool fresh, more = false;

	vduse_lock(l->dev);
	l->class->session(l->ctx);
	if (vduse_queue_ready(l->dev, q, &fresh))
		more = l->class->serve(l->ctx, q);
	vduse_unlock(l->dev);
	return more;
}

static void call_driver(struct loop *l)
{
	unsigned *calls = l->class->calls(l->ctx);

	vduse_lock(l->dev);
	l->class->session(l->ctx);
	for (unsigned q = 0; q < l->dev->setup.queues; q++)
		if (*calls >> q & 1)
			vduse_queue_call(l->dev, q);
	*calls = 0;
	if (vduse_unsettled(l->dev)) /* a call was not taken: it is made again soon */
		l->tick_ms = TICK_MIN_MS;
	vduse_unlock(l->dev);
}

static void serve(struct loop *l, unsigned q)
{
	unsigned left = l->class->burst(l->ctx, q);

	if (!(l->pending >> q & 1))
		return;
	while (left > 0 && serve_one(l, q))
		left--;
	if (left > 0)
		l->pending &= ~(1u << q);
	if (*l->class->calls(l->ctx))
		call_driver(l);
}

/* Queues that have become ready are served as if kicked: their kicks until now were lost. */
static void look_at_queues(struct loop *l, bool woken)
{
	bool fresh;

	vduse_lock(l->dev);
	for (unsigned q = 0; q < l->dev->setup.queues; q++)
		if (!l->dev->queue[q].active && vduse_queue_ready(l->dev, q, &fresh) && fresh)
			l->pending |= 1u << q;
	vduse_retry_calls(l->dev);
	if (!vduse_unsettled(l->dev))
		l->tick_ms = IDLE_MS;
	else if (woken || l->tick_ms == IDLE_MS)
		l->tick_ms = TICK_MIN_MS;
	else if (l->tick_ms < TICK_MAX_MS)
		l->tick_ms *= 2;
	vduse_unlock(l->dev);
}

static bool take_events(struct loop *l, const struct epoll_event *event, int count)
{
	bool woken = false;
	uint64_t kicks;

	for (int i = 0; i < count; i++) {
		unsigned q = event[i].data.u32;
		if (q == SOURCE) {
			l->pending |= l->source_queues;
			continue;
		}
		int fd = q == WAKE ? l->dev->wake_fd : l->dev->kick_fd[q];
		if (read(fd, &kicks, sizeof(kicks)) != (ssize_t)sizeof(kicks))
			continue;
		if (q == WAKE)
			woken = true;
		else
			l->pending |= 1u << q;
	}
	return woken;
}

static void *serve_queues(void *arg)
{
	struct loop *l = arg;
	struct epoll_event event[EVENTS];

	while (!atomic_load(&l->stopping)) {
		if (!l->pending)
			trace_flush(l->dev->setup.trace);
		int count = epoll_wait(l->epoll_fd, event, EVENTS, l->pending ? 0 : l->tick_ms);
		look_at_queues(l, take_events(l, event, count));
		for (unsigned q = l->dev->setup.queues; q-- > 0;)
			serve(l, q);
	}
	trace_flush(l->dev->setup.trace);
	return NULL;
}

static int watch(struct loop *l, int fd, uint32_t events, uint32_t which)
{
	struct epoll_event event = {.events = events, .data.u32 = which};

	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int watch_all(struct loop *l, int source)
{
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0)
		return -errno;
	int ret = watch(l, l->dev->wake_fd, EPOLLIN, WAKE);
	for (unsigned q = 0; !ret && q < l->dev->setup.queues; q++)
		ret = watch(l, l->dev->kick_fd[q], EPOLLIN, q);
	if (!ret && source >= 0)
		ret = watch(l, source, EPOLLIN | EPOLLET, SOURCE);
	return ret;
}

static void release(struct loop *l)
{
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	free(l);
}

int loop_start(struct loop **out, struct vduse_dev *d, const struct loop_class *class, void *ctx,
	       int source, unsigned source_queues, struct err *e)
{
	struct loop *l = calloc(1, sizeof(*l));

	*out = NULL;
	if (!l)
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", d->name, "%s", "");
	l->dev = d;
	l->class = class;
	l->ctx = ctx;
	l->source_queues = source_queues;
	l->tick_ms = TICK_MIN_MS;
	int ret = watch_all(l, source);
	if (!ret)
		ret = -pthread_create(&l->thread, NULL, serve_queues, l);
	if (ret) {
		release(l);
		return err_set(e, ERR_INTERNAL, -ret, "epoll, pthread_create", d->name, "%s", "");
	}
	*out = l;
	return 0;
}

int loop_stop(struct loop *l, struct err *e)
{
	if (!l)
		return 0;
	atomic_store(&l->stopping, true);
	wait_signal(l->dev->wake_fd);
	int ret = wait_join(l->thread, JOIN_MS);
	if (ret)
		return err_set(e, ERR_INTERNAL, -ret, "pthread_join", "data thread",
			       "a client's memory does not come: stop the client");
	release(l);
	return 0;
}
