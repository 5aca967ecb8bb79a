/* SPDX-License-Identifier: MIT */
/* Runs the programs and set-up scripts the launcher asks things of. Must never leave one running
 * behind it. */
#include "lab.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

const char *lab_bin_dir(void)
{
	static char dir[PATH_MAX];

	if (!*dir) {
		ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
		char *slash = n > 0 ? strrchr(dir, '/') : NULL;
		if (slash)
			*slash = '\0';
		else
			snprintf(dir, sizeof(dir), ".");
	}
	return dir;
}

const char *lab_source_dir(void)
{
	const char *set = getenv("RINGFENCE_LAB_DIR");

	return set ? set : RINGFENCE_LAB_DIR;
}

static void start_child(char *const argv[], int out)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGPIPE, SIG_DFL);
	dup2(out, STDOUT_FILENO);
	execvp(argv[0], argv);
	_exit(127);
}

int lab_capture(char *const argv[], char *answer, size_t len)
{
	int out[2], status;
	size_t have = 0;

	if (pipe(out) < 0)
		return 127;
	pid_t pid = fork();
	if (pid == 0) {
		close(out[0]);
		start_child(argv, out[1]);
	}
	close(out[1]);
	for (ssize_t n = 1; pid > 0 && n != 0;) {
		char rest[256];
		bool full = have == len - 1;
		n = read(out[0], full ? rest : answer + have, full ? sizeof(rest) : len - 1 - have);
		if (n < 0 && errno != EINTR)
			break;
		if (n > 0 && !full)
			have += (size_t)n;
	}
	close(out[0]);
	answer[have] = '\0';
	while (have > 0 && answer[have - 1] == '\n')
		answer[--have] = '\0';
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
