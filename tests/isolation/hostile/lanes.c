/* SPDX-License-Identifier: MIT */
/* Lanes, see lanes.h. It must never wait for one without a deadline. */
#include "lanes.h"

#include "../child.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LANES_MAX 16
#define BATCH SHARE_FAULTS /* a VMM costs as much as ten faults */
#define BATCH_WAITING 6	   /* these cost time, and go on side by side */
#define TRIES 5
#define NAME_LEN 64

/* Which faults a session has. None: a VMM that meets no fault at all. */
struct job {
	unsigned count, fault[BATCH];
};

/* What lanes share. */
struct board {
	atomic_uint next;
	atomic_bool enough; /* a broken VMM has been noticed */
	struct witness witness;
	struct lanes_result result;
};

struct plan {
	const struct lanes_config *c;
	const struct faults *f;
	struct board *board;
	struct job job[SESSIONS_MAX];
	unsigned jobs;
	bool tried;
};

static struct job *add_job(struct plan *p)
{
	return p->jobs < SESSIONS_MAX ? &p->job[p->jobs++] : NULL;
}

/* All faults of a kind that were not tried yet, or were too slow; @batch to a session. */
static void add_faults(struct plan *p, bool alone, bool waits, unsigned batch)
{
	struct job *job = NULL;

	for (unsigned i = 0; i < p->f->count; i++) {
		const struct fault *f = &p->f->fault[i];
		const struct finding *found = &p->board->result.finding[i];
		if (f->alone != alone || (!alone && f->waits != waits))
			continue;
		if (p->tried && !found->slow)
			continue;
		if (!job || job->count == batch)
			job = add_job(p);
		if (!job)
			return; /* what is not attempted does not hold */
		job->fault[job->count++] = i;
	}
}

/* Those that wait, then the others, several to a session or not. How many jobs there are up to
 * those. */
static unsigned add_all(struct plan *p, bool several)
{
	add_faults(p, true, true, 1);
	add_faults(p, false, true, several ? BATCH_WAITING : 1);
	unsigned waiting = p->jobs;

	add_faults(p, false, false, several ? BATCH : 1);
	return waiting;
}

static bool is_broken_by(const struct lanes_config *c, enum control control)
{
	return c->brk && control_by_name(c->brk) == (int)control;
}

/* Whether a VMM meets several faults. A broken one does if what is broken piles up. */
static bool together(const struct lanes_config *c)
{
	return !c->brk || is_broken_by(c, CONTROL_LEAK);
}

/*
 * What is wrong with the VMM of one fault is told with that. So it is with each of several if the
 * machine may have been why, so that each is tried again, and with each if it is broken by what
 * piles up.
 */
static void share_blame(const struct lanes_config *c, struct session_report *r, struct finding *f,
			unsigned count)
{
	bool excuse = r->noisy && !r->grave;
	bool share = r->violated && count && (excuse || count == 1 || (c->brk && together(c)));

	for (unsigned i = 0; i < count; i++) {
		if (share && !f[i].violated) {
			f[i].violated = true;
			f[i].grave = r->grave;
			memcpy(f[i].what, r->what, sizeof(f[i].what));
		}
		f[i].slow |= r->noisy && f[i].violated && !f[i].grave;
	}
	r->violated &= !share;
}

static void run_job(const struct plan *p, unsigned n)
{
	struct lanes_result *r = &p->board->result;
	const struct job *job = &p->job[n];
	struct session_config sc = {.ringfence = p->c->ringfence,
				    .brk = p->c->brk,
				    .private_cvq = p->c->private_cvq,
				    .verbose = p->c->verbose,
				    .stalls = is_broken_by(p->c, CONTROL_STALL),
				    .witness = &p->board->witness,
				    .count = job->count};
	struct finding findings[BATCH];
	char device[NAME_LEN];

	snprintf(device, sizeof(device), "%.50s%03u", p->c->device, n);
	sc.device = device;
	for (unsigned i = 0; i < job->count; i++)
		sc.fault[i] = &p->f->fault[job->fault[i]];
	session_run(&sc, findings, &r->report[n]);
	share_blame(p->c, &r->report[n], findings, job->count);
	for (unsigned i = 0; i < job->count; i++) {
		r->finding[job->fault[i]] = findings[i];
		if (p->c->first && findings[i].violated)
			atomic_store(&p->board->enough, true);
	}
}

static _Noreturn void lane(const struct plan *p, unsigned end, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	/* A judge looks at the host when it is time to, or calls too much of it noise. */
	(void)setpriority(PRIO_PROCESS, 0, SESSION_NICE);
	for (;;) {
		unsigned n = atomic_fetch_add(&p->board->next, 1);
		if (n >= end || atomic_load(&p->board->enough))
			_exit(0);
		run_job(p, n);
	}
}

/* Jobs [@from, @end), @want at a time. */
static int run_lanes(const struct plan *p, unsigned from, unsigned end, unsigned want,
		     struct err *e)
{
	pid_t pid[LANES_MAX], parent = getpid();
	unsigned started = 0;
	int status, ret = 0;

	fflush(NULL); /* else each lane would have its own copy of what is not written yet */
	atomic_store(&p->board->next, from);
	for (; started < want && started < end - from; started++) {
		pid[started] = fork();
		if (pid[started] == 0)
			lane(p, end, parent);
		if (pid[started] < 0) {
			ret = err_set(e, ERR_INTERNAL, errno, "fork", "lane", "%s", "");
			break;
		}
	}
	/* A session has its deadlines, and so has whoever started us. */
	for (unsigned i = 0; i < started; i++)
		if (waitpid(pid[i], &status, 0) != pid[i] || status)
			ret = err_set(e, ERR_INTERNAL, 0, "lane", "session",
				      "it ended with status 0x%x", status);
	return ret;
}

/*
 * First those that wait, side by side; then the others, one VMM after another, since they keep the
 * machine busy and would be one another's noise. A VMM without any fault comes last.
 */
static int run_all(struct plan *p, struct err *e)
{
	unsigned waiting = add_all(p, together(p->c));
	if (!p->c->brk)
		add_job(p);
	p->tried = true;
	int ret = 0;
	/* A break has to be noticed once: what a busy machine hides at first, it may show then. */
	for (unsigned n = 0; !ret && n < (p->c->first ? TRIES : 1); n++) {
		if (!atomic_load(&p->board->enough))
			ret = run_lanes(p, 0, waiting, p->c->lanes, e);
		if (!ret && !atomic_load(&p->board->enough))
			ret = run_lanes(p, waiting, p->jobs, 1, e);
	}
	return ret;
}

static int run_again(struct plan *p, const struct job *job, struct err *e)
{
	p->job[p->jobs] = *job;
	return run_lanes(p, p->jobs, p->jobs + 1, 1, e) ? -1 : (int)p->jobs++;
}

/* A VMM without a fault that did not fare well; its last report counts. */
static int try_sane_again(struct plan *p, unsigned n, struct err *e)
{
	struct session_report *r = p->board->result.report;

	for (unsigned i = 1; i < TRIES && p->jobs < SESSIONS_MAX; i++) {
		if (!r[n].violated || !r[n].noisy || r[n].grave)
			break;
		fprintf(stderr, "ringfence-hostile: %s; again\n", r[n].what);
		r[n].violated = false;
		int again = run_again(p, &p->job[n], e);
		if (again < 0)
			return again;
		n = (unsigned)again;
	}
	return 0;
}

static void tell_slow(const struct plan *p)
{
	for (unsigned i = 0; i < p->f->count; i++)
		if (p->board->result.finding[i].slow)
			fprintf(stderr, "ringfence-hostile: %s: %s; again\n", p->f->fault[i].name,
				p->board->result.finding[i].what);
}

/* One VMM after another, on a machine that now has nothing else to do; the last two times
 * each fault alone. */
static int try_again(struct plan *p, struct err *e)
{
	unsigned jobs = p->jobs;

	for (unsigned n = 0; n < jobs; n++)
		if (!p->job[n].count && try_sane_again(p, n, e))
			return -1;
	for (unsigned n = 1; n < TRIES; n++) {
		bool alone = n + 2 >= TRIES;
		unsigned from = p->jobs;

		tell_slow(p);
		add_all(p, !alone);
		if (p->jobs > from && run_lanes(p, from, p->jobs, 1, e))
			return -1;
	}
	return 0;
}

int lanes_run(const struct lanes_config *c, const struct faults *f, struct lanes_result **out,
	      struct err *e)
{
	struct plan *p = calloc(1, sizeof(*p));
	struct board *board =
	    mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (!p || board == MAP_FAILED) {
		free(p);
		return err_set(e, ERR_INTERNAL, ENOMEM, "mmap", "lanes", "out of memory");
	}
	*p = (struct plan){.c = c, .f = f, .board = board};
	pid_t witness = witness_start(&board->witness);
	int ret = run_all(p, e);
	if (!ret && !c->brk)
		ret = try_again(p, e);
	if (witness > 0) {
		kill(witness, SIGKILL);
		waitpid(witness, NULL, 0);
	}
	*out = ret ? NULL : malloc(sizeof(**out));
	if (*out) {
		memcpy(*out, &board->result, sizeof(**out));
		(*out)->sessions = p->jobs;
	} else if (!ret) {
		ret = err_set(e, ERR_INTERNAL, ENOMEM, "malloc", "lanes", "out of memory");
	}
	munmap(board, sizeof(*board));
	free(p);
	return ret;
}

void lanes_free(struct lanes_result *r)
{
	free(r);
}
