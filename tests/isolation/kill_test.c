/* SPDX-License-Identifier: MIT */
/*
 * Kills or stops the daemon or the VMM at one point of an episode after another, and checks each
 * time: the row fails, in bounded time, nothing is left over, and the next row is held. It must run
 * alone: it looks for processes and devices that should not be there. TAP 13; exit 0, 1, 4 (cannot
 * run here) or 70.
 */
#include "child.h"
#include "env.h"
#include "episode.h"
#include "leftover.h"
#include "out.h"
#include "verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAULT_RUN_MS 4000
#define BOUND_NS 25000000000u /* that, the VMM's and the runner's own grace, the kernel's waits */
#define FIRST_POINTS 6	      /* every point up to here, where most is set up, */
#define LAST_POINTS 3	      /* and of the end; in between a sample */
#define STRIDE (UINT64_C(1) << 24)

struct fault {
	const char *what;
	bool vmm;
	int signal;
	unsigned every; /* of the points in between */
};

static const struct fault faults[] = {
    {"daemon-killed", false, SIGKILL, 6},
    {"VMM-killed", true, SIGKILL, 4},
    {"daemon-stopped", false, SIGSTOP, 20},
    {"VMM-stopped", true, SIGSTOP, 40},
};
#define FAULTS (sizeof(faults) / sizeof(faults[0]))

struct test {
	struct episode_config config;
	struct row row;
	struct evidence ev;
	unsigned failed;
	/* The fault of the episode that runs. */
	const struct fault *fault; /* NULL: none */
	unsigned at, point;
	bool done; /* it was reached, and its process was there */
};

static void hook(void *ctx, enum episode_point point, pid_t daemon, pid_t vmm)
{
	struct test *t = ctx;
	pid_t victim = t->fault && t->fault->vmm ? vmm : daemon;

	(void)point;
	if (t->point++ != t->at || !t->fault || !victim)
		return;
	t->done = true;
	kill(victim, t->fault->signal);
}

static struct finding run(struct test *t, const struct fault *fault, unsigned at)
{
	static unsigned n;
	char device[40];

	t->fault = fault;
	t->at = at;
	t->point = 0;
	t->done = false;
	snprintf(device, sizeof(device), LEFTOVER_PREFIX "%d-%u", getpid(), n++);
	t->config.device = device;
	t->config.run_ms = fault ? FAULT_RUN_MS : EPISODE_RUN_MS;
	evidence_free(&t->ev);
	episode_run(&t->config, &t->ev);
	return verdict_isolated(&t->row, &t->ev);
}

/*
 * What a fault leaves behind stays; what a busy machine does, passes: so a clean row has two tries,
 * and the first one's failure is told.
 */
static struct finding run_clean(struct test *t)
{
	struct finding f = run(t, NULL, 0);

	if (f.verdict == VERDICT_HELD || f.verdict == VERDICT_BREACHED)
		return f;
	printf("# a clean row's first try: %s: %s\n", verdict_name(f.verdict), f.reason);
	return run(t, NULL, 0);
}

/* A TAP line but for its number, which the parent puts in. */
static void say(struct test *t, bool ok, const char *name, const char *why)
{
	t->failed += !ok;
	printf("%s %s # time=%llums\n# %s\n", ok ? "ok" : "not ok", name,
	       (unsigned long long)t->ev.ns / 1000000, why);
	fflush(stdout);
}

/* What is wrong with an episode that had a fault put into it; NULL: nothing. */
static const char *wrong(const struct test *t, const struct finding *f)
{
	if (f->verdict == VERDICT_HELD)
		return "it counts as held";
	if (t->ev.end == END_LEFTOVER && !leftover_none(t->config.device))
		return "its device is left over";
	if (t->ev.ns > BOUND_NS)
		return "it took too long";
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		return "a process is left over";
	return NULL;
}

/* False: the episode has no such point (any more). */
static bool try_point(struct test *t, const struct fault *fault, unsigned at)
{
	struct finding f = run(t, fault, at);
	char name[80], why[360];
	const char *bad = wrong(t, &f);

	if (!t->done)
		return false;
	snprintf(name, sizeof(name), "%s at point %u", fault->what, at);
	snprintf(why, sizeof(why), "%s: %s%s%s", verdict_name(f.verdict), f.reason, bad ? "; " : "",
		 bad ? bad : "");
	say(t, !bad, name, why);
	f = run_clean(t);
	if (f.verdict != VERDICT_HELD || !leftover_none(t->config.device))
		say(t, false, "the clean row after it", f.reason);
	return true;
}

static void try_fault(struct test *t, const struct fault *fault, unsigned points)
{
	unsigned hits = 0;

	for (unsigned at = 0; at < points; at++) {
		if (at >= FIRST_POINTS && at + LAST_POINTS < points && at % fault->every)
			continue;
		if (try_point(t, fault, at))
			hits++;
		else
			printf("# %s: nothing to do it to at point %u\n", fault->what, at);
	}
	if (!hits)
		say(t, false, fault->what, "no point was hit: nothing was tested");
}

/* Each fault in a process of its own, which writes to *@from; they mostly wait, so all go at once.
 */
static pid_t start_fault(struct test *t, const struct out *out, const struct fault *fault,
			 unsigned points, FILE **from)
{
	char dir[400];
	struct err e = {0};
	int p[2];

	if (out_episode(out, "killtest", fault->what, dir, sizeof(dir), &e) || out_make(dir, &e) ||
	    pipe2(p, O_CLOEXEC))
		return -1;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(p[1], STDOUT_FILENO);
		t->config.dir = dir;
		try_fault(t, fault, points);
		fflush(stdout);
		_exit(t->failed ? 1 : 0);
	}
	close(p[1]);
	*from = fdopen(p[0], "re");
	return pid;
}

static void number_lines(FILE *from, unsigned *number)
{
	char line[512];

	while (from && fgets(line, sizeof(line), from)) {
		if (!strncmp(line, "ok ", 3))
			printf("ok %u %s", ++*number, line + 3);
		else if (!strncmp(line, "not ok ", 7))
			printf("not ok %u %s", ++*number, line + 7);
		else
			fputs(line, stdout);
		fflush(stdout);
	}
}

static int try_faults(struct test *t, const struct out *out, unsigned points)
{
	FILE *from[FAULTS] = {NULL};
	pid_t pid[FAULTS];
	unsigned number = 1;
	int status, failed = 0;

	for (size_t i = 0; i < FAULTS; i++)
		pid[i] = start_fault(t, out, &faults[i], points, &from[i]);
	for (size_t i = 0; i < FAULTS; i++) {
		number_lines(from[i], &number);
		if (from[i])
			fclose(from[i]);
		if (pid[i] < 0 || waitpid(pid[i], &status, 0) != pid[i] || status)
			failed = 1;
	}
	printf("1..%u\n", number);
	return failed;
}

static int run_tests(struct test *t, const struct out *out)
{
	struct finding f = run_clean(t);
	unsigned points = t->point;

	puts("TAP version 13");
	if (f.verdict == VERDICT_SKIPPED) {
		printf("1..1\nok 1 killtest # SKIP %s\n", f.reason);
		return 4;
	}
	printf("%s 1 clean row # time=%llums\n# %s; %u points\n",
	       f.verdict == VERDICT_HELD ? "ok" : "not ok", (unsigned long long)t->ev.ns / 1000000,
	       f.reason, points);
	if (f.verdict == VERDICT_HELD)
		return try_faults(t, out, points);
	puts("1..1");
	return 1;
}

static int prepare(struct env *env, struct out *out, char *ringfence, size_t len, struct err *e)
{
	int ret = env_ringfence(ringfence, len, e);

	env_gather(env);
	if (!ret)
		ret = env_missing(env, e);
	return ret ? ret : out_open(out, NULL, e);
}

/* A buffer, in a hole: nothing else takes so little time. */
static struct row quickest(void)
{
	for (unsigned i = 0; i < matrix_rows(); i++) {
		struct row row = matrix_row(i);

		if (row.parent == PARENT_VDUSE && row.attack->number == ATTACK_WRITABLE)
			return row;
	}
	abort();
}

int main(void)
{
	static struct test t;
	static struct env env;
	static struct out out;
	struct err e = {0};
	char ringfence[400], dir[400];

	signal(SIGPIPE, SIG_IGN);
	if (prepare(&env, &out, ringfence, sizeof(ringfence), &e) ||
	    out_episode(&out, "killtest", "clean", dir, sizeof(dir), &e) || out_make(dir, &e)) {
		if (e.kind == ERR_HOST)
			printf("TAP version 13\n1..1\nok 1 killtest # SKIP %s\n", e.text);
		else
			fprintf(stderr, "ringfence-killtest: %s\n", e.text);
		return err_exit_code(e.kind == ERR_NONE ? ERR_INTERNAL : e.kind);
	}
	t.row = quickest();
	t.config = (struct episode_config){.ringfence = ringfence,
					   .row = &t.row,
					   .private_cvq = env.stock,
					   .scan_stride = STRIDE,
					   .dir = dir,
					   .ready_ms = EPISODE_READY_MS,
					   .stop_fd = -1,
					   .hook = hook,
					   .ctx = &t};
	int code = run_tests(&t, &out);
	out_close(&out, code != 0);
	return code;
}
