/* SPDX-License-Identifier: MIT */
/* The second lab's process; see second.h. Must never leave it behind. */
#include "second.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOP_MS 15000
#define ARGS_MAX 160

/* A sanitized kernel looks for leaks at its end, which a lab that is cut short does not come to;
 * and who asks for single rows, or a given device's, has few of them. */
bool second_wanted(const struct lab_opts *o)
{
	if (o->command != LAB_PROVE || o->known || o->gather || o->kasan)
		return false;
	if (o->labs)
		return o->labs == 2;
	return sysconf(_SC_NPROCESSORS_ONLN) >= 2 && !opts_inner_has(o, "--filter") &&
	       !opts_inner_has(o, "--vdpa");
}

static void become(char **argv, const char *dir, pid_t parent)
{
	char path[PATH_MAX + 16];
	char *arg[ARGS_MAX] = {path, argv[1], (char[]){"--gather"}, (char *)(uintptr_t)dir};
	unsigned n = 4;
	sigset_t none;

	snprintf(path, sizeof(path), "%s/ringfence-lab", lab_bin_dir());
	for (unsigned i = 2; argv[i] && n < ARGS_MAX - 1; i++)
		arg[n++] = argv[i];
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (getppid() == parent)
		execv(path, arg);
	_exit(70);
}

int second_start(struct second *s, char **argv, const struct out *out, struct err *e)
{
	pid_t parent = getpid();

	*s = (struct second){.pid = 0};
	snprintf(s->dir, sizeof(s->dir), "%s/second", out->path);
	snprintf(s->gathered, sizeof(s->gathered), "%s/gathered", s->dir);
	/* What an earlier run has left in the same directory is not of this one. */
	out_remove(s->dir);
	if (access(s->gathered, F_OK) == 0)
		return err_set(e, ERR_HOST, EEXIST, "remove", s->gathered, "remove it");
	s->began = time(NULL);
	s->pid = fork();
	if (s->pid == 0)
		become(argv, s->dir, parent);
	if (s->pid > 0)
		return 0;
	s->pid = 0;
	return err_set(e, ERR_INTERNAL, errno, "fork", "the second lab", "%s", "");
}

/* Its exit code, once it has ended; killed if it does not. */
static int end(struct second *s)
{
	int status = 70 << 8; /* should it be waited for elsewhere */

	kill(s->pid, SIGTERM);
	for (int ms = 0; waitpid(s->pid, &status, WNOHANG) == 0; ms += 10) {
		if (ms == STOP_MS)
			kill(s->pid, SIGKILL);
		(void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	s->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 70;
}

/* One run's logs. If the first lab has done it too, they stay where they are; an earlier proof's in
 * the same directory change places with them. */
static void move_run(const struct second *s, int from, const char *name, int to)
{
	struct stat there;

	if (fstatat(to, name, &there, AT_SYMLINK_NOFOLLOW))
		(void)renameat2(from, name, to, name, RENAME_NOREPLACE);
	else if (there.st_mtime < s->began)
		(void)renameat2(from, name, to, name, RENAME_EXCHANGE);
}

/* The directory of one row's runs. */
static void move_runs(const struct second *s, int from, int to)
{
	DIR *dir = fdopendir(from);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			move_run(s, from, entry->d_name, to);
	if (dir)
		closedir(dir);
}

static void move_rows(const struct second *s, const struct out *out)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	DIR *dir = opendir(s->dir);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		int from = openat(dirfd(dir), entry->d_name, flags);
		if (from < 0)
			continue;
		(void)mkdirat(out->fd, entry->d_name, 0777);
		int to = openat(out->fd, entry->d_name, flags);
		if (to >= 0) {
			move_runs(s, from, to); /* closes @from */
			close(to);
			(void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
		} else {
			close(from);
		}
	}
	if (dir)
		closedir(dir);
}

int second_stop(struct second *s, const struct out *out)
{
	if (!s->pid)
		return 0;
	int code = end(s);
	move_rows(s, out);
	if (code == 1 || code == 124 || code == 255)
		return code;
	if (code)
		fprintf(stderr,
			"ringfence lab: the second lab ended with %d, and this one did it all — "
			"%s\n",
			code, s->dir);
	return 0;
}
