/* SPDX-License-Identifier: MIT */
/*
 * Runs a row in a child process, so that a crash or an endless loop is a finding and no more; see
 * enum.h. The counts lie in memory shared with the child, so they survive it. It must never leave a
 * child behind.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ALARM_S 120
#define ALARM_FULL_S 1500

struct shared {
	struct enum_result result;
	bool done;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void enum_violated(struct enum_run *r, const char *what, ...)
{
	if (r->result->violations++ == 0) {
		va_list ap;
		va_start(ap, what);
		vsnprintf(r->result->first, sizeof(r->result->first), what, ap);
		va_end(ap);
	}
	if (r->how->first) {
		/* The result is the first thing in what is shared. */
		((struct shared *)(void *)r->result)->done = true;
		_exit(0);
	}
}

unsigned enum_edges(uint64_t out[ENUM_EDGES])
{
	unsigned n = 0;

	out[n++] = 0;
	out[n++] = 1;
	for (unsigned bit = 1; bit < 64; bit++)
		for (uint64_t d = 0; d < 3; d++)
			out[n++] = (1ull << bit) - 1 + d;
	out[n++] = UINT64_MAX;
	return n;
}

static void child(const struct enum_row *row, const struct enum_how *how, struct shared *s,
		  pid_t parent)
{
	struct enum_run run = {how, &s->result};
	const struct rlimit none = {0, 0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	signal(SIGALRM, SIG_DFL);
	alarm(how->full ? ALARM_FULL_S : ALARM_S);
	setrlimit(RLIMIT_CORE, &none);
	if (how->skip != CHECK_NONE || how->breaks) {
		/* What a broken program says as it dies is told by its status. */
		int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (quiet >= 0)
			dup2(quiet, STDERR_FILENO);
	}
	check_leave_out(how->skip);
	enum_code[row - enum_rows](&run);
	s->done = true;
	_exit(0);
}

/* A child that did not come to its end is a violation of its own. */
static void judge_end(struct shared *s, int status)
{
	struct enum_result *r = &s->result;
	char how[64];

	if (s->done)
		return;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(how, sizeof(how), "does not end");
	else if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(how, sizeof(how), "ended with code %d", WEXITSTATUS(status));
	if (r->violations++ == 0)
		snprintf(r->first, sizeof(r->first), "%s at attempt %llu", how,
			 (unsigned long long)r->attempts + 1);
}

/* Fewer attempts than the table says, and nothing that was broken on purpose to be the reason. */
static void judge_extent(struct enum_result *r, const struct enum_row *row,
			 const struct enum_how *how)
{
	if (how->skip != CHECK_NONE || how->breaks || r->violations || r->attempts >= row->least)
		return;
	r->violations = 1;
	snprintf(r->first, sizeof(r->first), "%llu %s were tried, %llu are the least",
		 (unsigned long long)r->attempts, row->unit, (unsigned long long)row->least);
}

int enum_run_row(const struct enum_row *row, const struct enum_how *how, struct enum_result *result)
{
	struct shared *s =
	    mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t start = now_ns();
	int status = 0;

	if (s == MAP_FAILED)
		return -errno;
	fflush(NULL); /* else the child would have its own copy of what is not written yet */
	pid_t parent = getpid(), pid = fork();
	if (pid == 0)
		child(row, how, s, parent);
	int ret = pid < 0 ? -errno : 0;
	while (!ret && waitpid(pid, &status, 0) < 0)
		ret = errno == EINTR ? 0 : -errno;
	if (!ret) {
		judge_end(s, status);
		judge_extent(&s->result, row, how);
		s->result.ns = now_ns() - start;
		*result = s->result;
	}
	munmap(s, sizeof(*s));
	return ret;
}
