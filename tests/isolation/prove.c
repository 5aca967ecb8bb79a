/* SPDX-License-Identifier: MIT */
/*
 * `ringfence prove`: select rows, run their episodes, tell each row as it is done, give the
 * verdict. main is a list of stages. It must never end with 0 unless every selected row was run,
 * held, and its controls succeeded.
 */
#include "prove.h"
#include "child.h"
#include "leftover.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static bool unfinished(const struct run *run)
{
	return run->ev.end == END_NOT_RUN || run->ev.end == END_STOPPED;
}

static bool row_unfinished(const struct row_result *r)
{
	bool any = unfinished(&r->isolated);

	for (unsigned i = 0; i < r->controls; i++)
		any |= unfinished(&r->control[i]);
	return any;
}

static void finish_row(struct prove *p, struct row_result *r)
{
	r->ns = r->isolated.ev.ns;
	for (unsigned i = 0; i < r->controls; i++)
		r->ns += r->control[i].ev.ns;
	result_judge(r, p->o.brk || p->o.no_controls);
	p->told++;
	summary_add(&p->sum, r);
	tell_row(p, r);
}

/* A run that cannot be passed on is run again by whoever waits for it. */
static void pass_on(struct prove *p, const struct pool_task *t)
{
	if (!p->gather || t->left_out || unfinished(t->run))
		return;
	if (gather_write(p->gather, t->name, t->run)) {
		fprintf(stderr, "ringfence prove: write(%s): is the disk full?\n", p->o.gather);
		fclose(p->gather);
		p->gather = NULL;
	}
}

static void take_done(struct prove *p)
{
	int i = pool_done(&p->pool);

	if (i < 0)
		return;
	p->done++;
	pass_on(p, &p->task[i]);
	p->left[p->task[i].row]--;
	tell_progress(p, &p->task[i]);
	while (p->told < p->rows && !p->left[p->told] && !row_unfinished(&p->row[p->told]))
		finish_row(p, &p->row[p->told]);
}

/* Episodes mostly wait: for a refused DMA to go unanswered, for a vCPU to wake. */
static unsigned choose_jobs(unsigned given)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (given)
		return given;
	return cpus < 1 ? 2 : cpus > POOL_JOBS_MAX / 2 ? POOL_JOBS_MAX : 2 * (unsigned)cpus;
}

/* Rows are told in order; what is gathered needs no order. */
static bool all_done(const struct prove *p)
{
	return p->o.gather ? p->done == p->tasks : p->told == p->rows;
}

static int run_all(struct prove *p, int signal_fd, struct err *e)
{
	uint64_t deadline = p->from + p->o.timeout_ms * UINT64_C(1000000);
	const struct pool_order order = {.jobs = choose_jobs(p->o.jobs),
					 .backwards = p->o.gather,
					 .gather = p->o.gathered ? &p->gathered : NULL};
	int ret = pool_start(&p->pool, p->task, p->tasks, &order, e);

	while (!ret && !all_done(p) && p->sum.stopped == STOPPED_NOT) {
		struct pollfd fds[2] = {{.fd = pool_fd(&p->pool), .events = POLLIN},
					{.fd = signal_fd, .events = POLLIN}};
		int n = poll(fds, 2, clock_poll_ms(deadline));

		if (fds[0].revents)
			take_done(p);
		if (n > 0 && fds[1].revents)
			p->sum.stopped = STOPPED_BY_SIGNAL;
		else if (n == 0)
			p->sum.stopped = STOPPED_BY_TIME;
	}
	if (ret)
		return ret;
	if (!all_done(p))
		pool_stop(&p->pool);
	pool_join(&p->pool);
	p->sum.ns = clock_ns() - p->from;
	return 0;
}

static int catch_signals(struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL); /* before any thread, so that all have it */
	signal(SIGPIPE, SIG_IGN);
	int fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? err_set(e, ERR_INTERNAL, errno, "signalfd", "signals", "%s", "") : fd;
}

static int look_at_host(struct prove *p, struct err *e)
{
	const struct env_wants wants = {.vduse = plan_needs(&p->o, PARENT_VDUSE) ||
						 plan_needs(&p->o, PARENT_MLX5) ||
						 plan_needs(&p->o, PARENT_RINGS),
					.sim = plan_needs(&p->o, PARENT_SIM),
					.given = p->o.vdpa};
	struct err missing = {0};

	env_gather(&p->env);
	if (!RINGFENCE_BREAKS)
		err_set(&missing, ERR_HOST, 0, "ringfence", "RINGFENCE_BREAKS=OFF",
			"this build has no breaks, so no control could succeed");
	if (missing.kind == ERR_NONE && !plan_needs_kernel(&p->o))
		return 0;
	if (missing.kind != ERR_NONE || env_missing_for(&p->env, &wants, &missing)) {
		if (missing.kind != ERR_HOST) {
			*e = missing;
			return -EIO;
		}
		snprintf(p->skip, sizeof(p->skip), "%s", missing.text);
	} else if (leftover_sweep()) {
		return err_set(e, ERR_INTERNAL, EBUSY, "remove", "devices of a killed run",
			       "see above");
	}
	return 0;
}

/* Whether this run reports to people: not if another does with what comes of it. */
static bool reports(const struct prove *p)
{
	return !p->o.enumerate && !p->o.gather;
}

static int open_gathered(struct prove *p, struct err *e)
{
	if (p->o.gather && !(p->gather = fopen(p->o.gather, "we")))
		return err_set(e, ERR_INTERNAL, errno, "open", p->o.gather, "%s", "");
	return p->o.gathered ? gather_open(&p->gathered, p->o.gathered, e) : 0;
}

static int prepare(struct prove *p, struct err *e)
{
	int ret = env_ringfence(p->ringfence, sizeof(p->ringfence), e);

	if (!ret)
		ret = look_at_host(p, e);
	if (!ret)
		ret = out_open(&p->out, p->o.out, e);
	if (!ret)
		ret = open_gathered(p, e);
	if (!ret)
		ret = plan_make(p, e);
	if (!ret && !p->rows && !p->o.enumerate)
		ret = err_set(e, ERR_USAGE, 0, "prove", "--filter",
			      "selects no row; `ringfence prove --list` names them");
	return ret || !reports(p) ? ret : tell_open(p, e);
}

static int exit_code(const struct prove *p)
{
	if (p->skip[0])
		return p->o.require ? 1 : 4;
	return summary_exit(&p->sum, &p->ses, p->o.require);
}

/* For the lab, which judges them: only that they were run counts here. */
static int write_enumerated(const struct prove *p, struct err *e)
{
	FILE *f = fopen(p->o.enumerate, "we");

	if (!f)
		return err_set(e, ERR_INTERNAL, errno, "open", p->o.enumerate, "%s", "");
	for (unsigned i = 0; i < p->tasks; i++)
		ahead_write(f, p->task[i].config.row->name, p->task[i].config.brk,
			    &p->task[i].run->ev);
	if (fclose(f))
		return err_set(e, ERR_INTERNAL, errno, "write", p->o.enumerate, "%s", "");
	return 0;
}

static int prove(struct prove *p, int argc, char **argv, struct err *e)
{
	int signal_fd = catch_signals(e), code = 0;
	int ret = signal_fd < 0 ? signal_fd : prepare(p, e);
	bool keep = false;

	p->from = clock_ns();
	if (!ret && !p->skip[0])
		ret = run_all(p, signal_fd, e);
	if (!ret && p->o.enumerate)
		ret = write_enumerated(p, e);
	else if (!ret && reports(p)) {
		code = exit_code(p);
		keep = code != 0 && !p->skip[0] && p->sum.stopped == STOPPED_NOT;
		ret = tell_end(p, keep || p->o.out, code, argc, argv, e);
	}
	if (p->o.gathered && p->o.verbose)
		fprintf(stderr, "%u of %u runs were done elsewhere\n", p->gathered.taken, p->tasks);
	out_close(&p->out, keep);
	gather_close(&p->gathered);
	if (p->gather)
		fclose(p->gather);
	plan_free(p);
	return ret ? err_exit_code(e->kind) : code;
}

/* `prove --known` is ringfence-known with the other arguments; returns only if it cannot be run. */
static int known(char **argv, struct err *e)
{
	char path[sizeof(((struct prove *)0)->ringfence) + 8];
	unsigned n = 1;

	for (char **arg = argv + 1; *arg; arg++)
		if (strcmp(*arg, "--known"))
			argv[n++] = *arg;
	argv[n] = NULL;
	if (env_ringfence(path, sizeof(path) - 8, e))
		return err_exit_code(e->kind);
	execv(strcat(path, "-known"), argv);
	err_set(e, ERR_INTERNAL, errno, "exec", path, "is the build complete?");
	return err_exit_code(e->kind);
}

static bool wants_known(char **argv)
{
	while (*++argv)
		if (!strcmp(*argv, "--known"))
			return true;
	return false;
}

/* The program beside this one that has the table. Returns only if it is not there. */
static int differences(struct err *e)
{
	char path[440];
	char *argv[] = {path, NULL};

	if (!env_ringfence(path, sizeof(path) - sizeof("-differences"), e)) {
		strcat(path, "-differences");
		execv(path, argv);
		err_set(e, ERR_INTERNAL, errno, "execv", path, "it belongs beside this program");
	}
	return err_exit_code(e->kind);
}

int main(int argc, char **argv)
{
	static struct prove p;
	struct err e = {0};
	int code;

	if (wants_known(argv)) {
		code = known(argv, &e);
	} else if (options_parse(&p.o, argc, argv, &e)) {
		code = err_exit_code(e.kind);
	} else if (p.o.help) {
		fputs(options_help, stdout);
		code = 0;
	} else if (p.o.version) {
		puts("ringfence " RINGFENCE_VERSION);
		code = 0;
	} else if (plan_check(&p.o, &e)) {
		code = err_exit_code(e.kind);
	} else if (p.o.list) {
		code = plan_list(&p.o, &e);
	} else if (p.o.differences) {
		code = differences(&e);
	} else {
		code = prove(&p, argc, argv, &e);
	}
	if (e.kind != ERR_NONE)
		fprintf(stderr, "ringfence prove: %s\n", e.text);
	return (fflush(stdout) || ferror(stdout)) && code == 0 ? 70 : code;
}
