/* SPDX-License-Identifier: MIT */
/* What /proc tells, see proc.h. It must never write there. */
#include "proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PF_EXITING 0x4u /* include/linux/sched.h: field 9 of stat */
#define PATH_LEN 80

static unsigned count_entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	unsigned n = 0;

	while (dir && (d = readdir(dir)))
		n += d->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

static bool read_text(const char *path, char *buf, size_t len)
{
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(buf, 1, len - 1, f) : 0;

	if (f)
		fclose(f);
	buf[n] = 0;
	return n > 0;
}

static uint64_t number_after(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

/* A vCPU's thread is named so in vmm/vcpu.c. */
static void look_at_thread(struct proc *p, pid_t pid, const char *tid)
{
	char path[PATH_LEN], text[128];
	unsigned vcpu;

	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/comm", pid, tid);
	if (read_text(path, text, sizeof(text)) && sscanf(text, "vcpu%u", &vcpu) == 1 &&
	    vcpu < PROC_VCPUS)
		p->vcpu[vcpu] = (pid_t)strtol(tid, NULL, 10);
}

bool proc_look(struct proc *p, pid_t pid)
{
	char path[PATH_LEN], text[4096];
	struct dirent *d;

	*p = (struct proc){0};
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (!read_text(path, text, sizeof(text)))
		return false;
	p->threads = (unsigned)number_after(text, "\nThreads:");
	p->size_kb = number_after(text, "\nVmSize:");
	p->anon_kb = number_after(text, "\nRssAnon:");
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	p->fds = count_entries(path);
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *dir = opendir(path);
	while (dir && (d = readdir(dir)))
		look_at_thread(p, pid, d->d_name);
	if (dir)
		closedir(dir);
	return p->fds > 0 && p->size_kb > 0;
}

void proc_open_waits(const struct proc *p, pid_t pid, int fd[PROC_VCPUS])
{
	char path[PATH_LEN];

	for (unsigned i = 0; i < PROC_VCPUS; i++) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, p->vcpu[i]);
		fd[i] = p->vcpu[i] ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	}
}

void proc_waited(const int fd[PROC_VCPUS], uint64_t waited_ns[PROC_VCPUS])
{
	unsigned long long ran, waited;
	char text[128];

	for (unsigned i = 0; i < PROC_VCPUS; i++) {
		ssize_t n = fd[i] >= 0 ? pread(fd[i], text, sizeof(text) - 1, 0) : 0;

		text[n > 0 ? n : 0] = 0;
		waited_ns[i] = sscanf(text, "%llu %llu", &ran, &waited) == 2 ? waited : 0;
	}
}

bool proc_leaving(pid_t pid)
{
	char path[PATH_LEN], text[512], state;
	unsigned flags;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (!read_text(path, text, sizeof(text)))
		return true;
	/* The name is in parentheses, and may hold any. */
	const char *at = strrchr(text, ')');
	return at && sscanf(at + 1, " %c %*d %*d %*d %*d %*d %u", &state, &flags) == 2 &&
	       (state == 'Z' || (flags & PF_EXITING));
}
