/* SPDX-License-Identifier: MIT */
/* Threads that run episodes; see pool.h. Each task is touched by one thread only until its number
 * is told. */
#include "pool.h"

#include "leftover.h"
#include "out.h"
#include "program.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

static_assert(sizeof(unsigned) <= PIPE_BUF, "a task's number is written whole");

static void judge(const struct pool_task *t)
{
	struct run *run = t->run;

	run->finding = run->as_isolated ? verdict_isolated(t->config.row, &run->ev)
					: verdict_control(t->config.row, run->brk, &run->ev);
}

static void run_once(const struct pool_task *t)
{
	struct run *run = t->run;
	struct err e = {0};

	evidence_free(&run->ev);
	if (t->ahead) {
		ahead_find(t->ahead, t->config.row->name, t->config.brk, &run->ev);
	} else if (out_make(t->dir, &e)) {
		run->ev = (struct evidence){.end = END_OWN_FAILURE};
		snprintf(run->ev.detail, sizeof(run->ev.detail), "%.200s", e.text);
	} else if (t->config.row->attack->program) {
		program_run(&t->config, &run->ev);
	} else {
		episode_run(&t->config, &run->ev);
	}
	judge(t);
}

/* What has been run in another lab; there, too little has had its other tries already. */
static bool take_gathered(const struct pool *p, const struct pool_task *t)
{
	if (!p->order.gather || !gather_take(p->order.gather, t->name, t->run))
		return false;
	t->run->ev.untraced = t->config.untraced;
	t->run->ev.scan_stride = t->config.scan_stride; /* the same options have told its guest */
	judge(t);
	return true;
}

static void run_task(struct pool *p, unsigned i)
{
	struct pool_task *t = &p->task[i];
	char device[40];

	snprintf(device, sizeof(device), LEFTOVER_PREFIX "%d-%u", getpid(), i);
	t->config.device = device;
	t->config.dir = t->dir;
	t->config.stop_fd = p->stop_fd;
	if (t->left_out || take_gathered(p, t))
		return;
	do {
		t->run->tries++;
		run_once(t);
		if (t->run->tries == 1)
			snprintf(t->run->first, sizeof(t->run->first), "%.99s",
				 t->run->finding.reason);
	} while (t->run->tries < POOL_TRIES && verdict_try_again(&t->run->finding, &t->run->ev));
}

static void *work(void *ctx)
{
	struct pool *p = ctx;
	unsigned i;

	while ((i = atomic_fetch_add(&p->next, 1)) < p->tasks) {
		if (p->order.backwards)
			i = p->tasks - 1 - i;
		run_task(p, i);
		if (write(p->done_fd[1], &i, sizeof(i)) != sizeof(i))
			break; /* nobody reads any more */
	}
	return NULL;
}

int pool_start(struct pool *p, struct pool_task *task, unsigned tasks,
	       const struct pool_order *order, struct err *e)
{
	*p = (struct pool){.task = task, .tasks = tasks, .order = *order, .done_fd = {-1, -1}};
	assert(order->jobs <= POOL_JOBS_MAX);
	p->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (p->stop_fd < 0 || pipe2(p->done_fd, O_CLOEXEC))
		return err_set(e, ERR_INTERNAL, errno, "pipe2", "pool", "%s", "");
	for (; p->jobs < order->jobs; p->jobs++) {
		int ret = pthread_create(&p->thread[p->jobs], NULL, work, p);

		if (ret) {
			pool_stop(p);
			pool_join(p);
			return err_set(e, ERR_INTERNAL, ret, "pthread_create", "pool", "%s", "");
		}
	}
	return 0;
}

int pool_fd(const struct pool *p)
{
	return p->done_fd[0];
}

int pool_done(struct pool *p)
{
	unsigned i;

	return read(p->done_fd[0], &i, sizeof(i)) == sizeof(i) ? (int)i : -1;
}

void pool_stop(struct pool *p)
{
	const uint64_t one = 1;

	atomic_store(&p->next, p->tasks);
	ssize_t n = write(p->stop_fd, &one, sizeof(one));
	assert(n == sizeof(one)); /* an eventfd of ours that nothing was added to but 1s */
	(void)n;
}

void pool_join(struct pool *p)
{
	for (unsigned i = 0; i < p->jobs; i++)
		pthread_join(p->thread[i], NULL);
	close(p->stop_fd);
	close(p->done_fd[0]);
	close(p->done_fd[1]);
}
