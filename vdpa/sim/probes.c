/* SPDX-License-Identifier: MIT */
/*
 * Tracefs; see probes.h. An instance is in use while its trace_pipe is open, and the kernel then
 * refuses to remove it (__remove_instance); so removing is also how to ask whether its process
 * lives. The probes are shared: to remove them takes the kernel a fifth of a second, and each that
 * is there twice is run twice. Whoever defines or removes them holds a lock, and only the last one
 * removes them. It must never write anything but to its own instance and the list of probes.
 */
#include "probes.h"

#include "../lockfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT "/sys/kernel/tracing"
#define LIST ROOT "/kprobe_events"
#define PREFIX "ringfence_"
#define GROUP "ringfence_1" /* of probes; another number whenever their table changes */
/* For each CPU, and for all; 1 MiB holds some ten thousand events. */
#define BUFFER_KB 8192
#define BUFFER_ALL_KB 65536
#define LOCK_MS 5000
#define WANTED "it needs CONFIG_FTRACE, CONFIG_KPROBES and CONFIG_KPROBE_EVENTS"

struct probes {
	const struct probe *table;
	unsigned n;
	char instance[32];
	int pipe;
	size_t from, to; /* what is unread in @buffer */
	char buffer[65536];
};

/* ---- files ---- */

static int write_to(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags);

	if (fd < 0)
		return -errno;
	int ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static int set(const struct probes *p, const char *file, const char *text, struct err *e)
{
	char path[160];

	snprintf(path, sizeof(path), ROOT "/instances/%s/%s", p->instance, file);
	int ret = write_to(path, 0, text);
	return ret ? err_set(e, ERR_HOST, -ret, "write", path, WANTED) : 0;
}

/* Remove instances that nobody uses. How many are left. */
static unsigned sweep(void)
{
	DIR *d = opendir(ROOT "/instances");
	struct dirent *entry;
	char path[160];
	unsigned left = 0;

	while (d && (entry = readdir(d))) {
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) || strlen(entry->d_name) >= 32)
			continue;
		snprintf(path, sizeof(path), ROOT "/instances/%.32s", entry->d_name);
		left += rmdir(path) && errno != ENOENT;
	}
	if (d)
		closedir(d);
	return left;
}

static int find_tracefs(struct err *e)
{
	struct stat st;

	if (!stat(ROOT "/instances", &st))
		return 0;
	if (mount("tracefs", ROOT, "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return err_set(e, ERR_HOST, errno, "mount", ROOT,
			       errno == EPERM ? "tracing needs root" : WANTED);
	return 0;
}

int probes_possible(struct err *e)
{
	int ret = find_tracefs(e);

	if (!ret && access(LIST, W_OK))
		ret = err_set(e, ERR_HOST, errno, "access", LIST, WANTED);
	return ret;
}

/* ---- an instance ---- */

static int define(const struct probe *x, struct err *e)
{
	char kind[16] = "p", text[512];

	if (x->returns)
		snprintf(kind, sizeof(kind), "r%d", x->returns);
	snprintf(text, sizeof(text), "%s:" GROUP "/%s %s %s", kind, x->event, x->function,
		 x->fetch);
	int ret = write_to(LIST, O_APPEND, text);
	if (!ret || ret == -EEXIST)
		return 0;
	return err_set(e, ERR_HOST, -ret, "kprobe_events", text,
		       "this kernel has no such function, or not as a probe can have it");
}

static int make_instance(struct probes *p, struct err *e)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	char path[160], kb[16];

	snprintf(kb, sizeof(kb), "%ld",
		 cpus > BUFFER_ALL_KB / BUFFER_KB ? BUFFER_ALL_KB / cpus : BUFFER_KB);
	snprintf(p->instance, sizeof(p->instance), PREFIX "%d", (int)getpid());
	snprintf(path, sizeof(path), ROOT "/instances/%s", p->instance);
	if (mkdir(path, 0750))
		return err_set(e, ERR_HOST, errno, "mkdir", path, WANTED);
	snprintf(path, sizeof(path), ROOT "/instances/%s/trace_pipe", p->instance);
	p->pipe = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (p->pipe < 0)
		return err_set(e, ERR_HOST, errno, "open", path, WANTED);
	int ret = set(p, "trace_clock", "mono", e);
	return ret ? ret : set(p, "buffer_size_kb", kb, e);
}

/* Under the lock, so that the last user of the probes is not just removing them. */
static int set_up(struct probes *p, struct err *e)
{
	int lock = lockfile_take(LIST, LOCK_MS);

	if (lock < 0)
		return err_set(e, ERR_HOST, -lock, "flock", LIST, "%s", "");
	sweep();
	int ret = make_instance(p, e);
	for (unsigned i = 0; !ret && i < p->n; i++)
		ret = define(&p->table[i], e);
	close(lock);
	return ret;
}

int probes_open(struct probes **out, const struct probe *table, unsigned n, struct err *e)
{
	struct probes *p;
	int ret = probes_possible(e);

	*out = NULL;
	if (ret)
		return ret;
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", "probes", "%s", "");
	p->table = table;
	p->n = n;
	p->pipe = -1;
	ret = set_up(p, e);
	if (ret)
		probes_close(p);
	else
		*out = p;
	return ret;
}

/* What stays in spite of all goes when the next process comes. */
void probes_close(struct probes *p)
{
	if (!p)
		return;
	if (p->pipe >= 0)
		close(p->pipe);
	free(p);
	int lock = lockfile_take(LIST, LOCK_MS);
	if (lock < 0)
		return;
	if (!sweep())
		(void)write_to(LIST, O_APPEND, "-:" GROUP "/");
	close(lock);
}

int probes_on(struct probes *p, const char *event, const char *filter, struct err *e)
{
	char file[128];

	snprintf(file, sizeof(file), "events/" GROUP "/%s/filter", event);
	int ret = set(p, file, filter, e);
	snprintf(file, sizeof(file), "events/" GROUP "/%s/enable", event);
	return ret ? ret : set(p, file, "1", e);
}

/* ---- reading ---- */

/* More of the pipe behind what is unread. 1, or 0: nothing there; -errno. */
static int fill(struct probes *p)
{
	memmove(p->buffer, p->buffer + p->from, p->to - p->from);
	p->to -= p->from;
	p->from = 0;
	if (p->to == sizeof(p->buffer))
		return -EOVERFLOW;
	ssize_t n = read(p->pipe, p->buffer + p->to, sizeof(p->buffer) - p->to);
	if (n > 0)
		p->to += (size_t)n;
	if (n >= 0)
		return n > 0;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

int probes_line(struct probes *p, char line[PROBES_LINE])
{
	for (;;) {
		char *start = p->buffer + p->from;
		char *end = memchr(start, '\n', p->to - p->from);

		if (end && end - start >= PROBES_LINE)
			return -EOVERFLOW;
		if (end) {
			memcpy(line, start, (size_t)(end - start));
			line[end - start] = '\0';
			p->from += (size_t)(end - start) + 1;
			return 1;
		}
		int ret = fill(p);
		if (ret <= 0)
			return ret;
	}
}

/* The probes are shared, so what another process missed counts too: that is strict, never lax. */
long probes_missed(const struct probes *p)
{
	char name[64];
	uint64_t hits, missed;
	long sum = 0;
	FILE *f = fopen(ROOT "/kprobe_profile", "re");

	if (!f)
		return -errno;
	while (fscanf(f, "%63s %" SCNu64 " %" SCNu64, name, &hits, &missed) == 3)
		for (unsigned i = 0; i < p->n; i++)
			if (!strcmp(p->table[i].event, name))
				sum += (long)missed;
	if (ferror(f) || !feof(f))
		sum = -EIO;
	fclose(f);
	return sum;
}
