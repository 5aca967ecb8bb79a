/* SPDX-License-Identifier: MIT */
/* Children and their ends; see child.h. Between fork and exec it must do nothing that is not
 * async-signal-safe. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KILL_WAIT_NS                                                                               \
	5000000000u /* past any wait in the kernel that a fatal signal does not end at once */

#define PATIENCE_MAX 20

unsigned clock_patience(void)
{
	const char *text = getenv("RINGFENCE_PATIENCE");
	int given = text ? atoi(text) : 1;

	return given < 1 ? 1 : given > PATIENCE_MAX ? PATIENCE_MAX : (unsigned)given;
}

uint64_t clock_deadline(uint64_t ns)
{
	return clock_ns() + ns * clock_patience();
}

uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int clock_poll_ms(uint64_t deadline_ns)
{
	uint64_t now = clock_ns(), ms;

	if (now >= deadline_ns)
		return 0;
	ms = (deadline_ns - now + 999999u) / 1000000u;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

static _Noreturn void become(char *const argv[], int out, int err, int keep, pid_t parent)
{
	static const char lost[] = "cannot execute it\n";
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* the parent went before the line above */
		_exit(127);
	if (keep >= 0)
		fcntl(keep, F_SETFD, 0);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (dup2(null, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
	    dup2(err, STDERR_FILENO) >= 0)
		execv(argv[0], argv);
	if (write(STDERR_FILENO, lost, sizeof(lost) - 1) < 0)
		_exit(126);
	_exit(127);
}

int child_start(struct child *c, char *const argv[], int out, int err, int keep, struct err *e)
{
	pid_t parent = getpid();

	*c = (struct child){0};
	pid_t pid = fork();
	if (pid < 0)
		return err_set(e, ERR_INTERNAL, errno, "fork", argv[0], "%s", "");
	if (pid == 0)
		become(argv, out, err, keep, parent);
	setpgid(pid, pid); /* both do it, so that it holds whoever runs first */
	c->pid = pid;
	c->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (c->pidfd >= 0)
		return 0;
	err_set(e, ERR_INTERNAL, errno, "pidfd_open", argv[0], "Linux 5.3 or newer is wanted");
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
	*c = (struct child){0};
	return -e->code;
}

bool child_wait(struct child *c, uint64_t deadline_ns)
{
	struct pollfd p = {.fd = c->pidfd, .events = POLLIN};

	if (!c->pid || c->ended)
		return true;
	while (poll(&p, 1, clock_poll_ms(deadline_ns)) < 0 && errno == EINTR)
		;
	if (!(p.revents & POLLIN))
		return false;
	/* Whatever it started goes with it; until it is reaped its number can't be another's. */
	kill(-c->pid, SIGKILL);
	if (waitpid(c->pid, &c->status, WNOHANG) != c->pid)
		return false;
	c->ended = true;
	return true;
}

bool child_kill(struct child *c)
{
	if (!c->pid)
		return true;
	if (!c->ended)
		kill(-c->pid, SIGKILL);
	return child_wait(c, clock_deadline(KILL_WAIT_NS));
}

void child_drop(struct child *c)
{
	if (c->pid)
		close(c->pidfd);
	*c = (struct child){0};
}

void child_how(const struct child *c, char *buf, size_t len)
{
	if (WIFSIGNALED(c->status))
		snprintf(buf, len, "was killed by signal %d", WTERMSIG(c->status));
	else
		snprintf(buf, len, "ended with %d", WEXITSTATUS(c->status));
}

int child_code(const struct child *c)
{
	return WIFEXITED(c->status) ? WEXITSTATUS(c->status) : -1;
}
