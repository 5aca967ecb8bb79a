/* SPDX-License-Identifier: MIT */
/*
 * Episodes run by a few threads, in order of the list or from its end, and judged. It must never
 * reorder what starts, nor start anything once told to stop. Threads live until pool_join(): a
 * child dies with the thread that started it.
 */
#ifndef ISOLATION_POOL_H
#define ISOLATION_POOL_H

#include "../../vdpa/err.h"
#include "ahead.h"
#include "episode.h"
#include "gather.h"
#include "report.h"

#include <pthread.h>
#include <stdatomic.h>

#define POOL_JOBS_MAX 8
#define POOL_TRIES 3 /* of a run that may be made once more: verdict_try_again() */

struct pool_task {
	struct episode_config config; /* stop_fd and device are the pool's to set */
	struct run *run;	      /* where the finding and the evidence go */
	unsigned row;		      /* the caller's */
	char dir[400];
	const struct ahead *ahead; /* where this run is to be found, or NULL: run it */
	char name[GATHER_NAME];
	bool left_out; /* not to be run: it is done at once */
};

/** How the tasks are gone through. */
struct pool_order {
	unsigned jobs;	       /* threads */
	bool backwards;	       /* from the last task to the first */
	struct gather *gather; /* what has been run elsewhere by the time it is a task's turn is
				  taken from there; borrowed, or NULL */
};

struct pool {
	struct pool_task *task;
	unsigned tasks, jobs;
	struct pool_order order;
	atomic_uint next;
	int stop_fd;	/* an eventfd */
	int done_fd[2]; /* a pipe of task numbers */
	pthread_t thread[POOL_JOBS_MAX];
};

/** Start running @tasks of @task (borrowed). */
int pool_start(struct pool *p, struct pool_task *task, unsigned tasks,
	       const struct pool_order *order, struct err *e);
/** Readable when a task is done; pool_done() then gives its number, or -1. */
int pool_fd(const struct pool *p);
int pool_done(struct pool *p);
/** Have running episodes end and start no other. */
void pool_stop(struct pool *p);
/** Wait for the threads, which takes as long as the running episodes do, and free what pool_start()
 * took. */
void pool_join(struct pool *p);

#endif
