/* SPDX-License-Identifier: MIT */
/* Starting an episode's children; see launch.h. It must never wait for them. */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARGS 32

/* execv() takes them as char *, and changes none. */
struct args {
	char *v[ARGS];
	unsigned n;
};

static void add(struct args *a, const char *one, const char *two)
{
	a->v[a->n++] = (char *)(uintptr_t)one;
	if (two)
		a->v[a->n++] = (char *)(uintptr_t)two;
}

/* What both children take alike; a break goes to the side that it is in. */
static void add_common(struct args *a, const struct episode_config *c, enum break_side side)
{
	int id = c->brk ? break_by_name(c->brk) : -1;

	if (c->private_cvq && parent_is_ours(c->row->parent))
		add(a, "--private-cvq", NULL);
	if (id >= 0 && (break_table[id].side & side))
		add(a, "--break", c->brk);
}

void launch_path(const struct episode_config *c, const char *name, char *buf, size_t len)
{
	snprintf(buf, len, "%s/%s", c->dir, name);
}

static int open_log(const struct episode_config *c, const char *name, struct err *e)
{
	char path[512];

	launch_path(c, name, path, sizeof(path));
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	return fd < 0 ? err_set(e, ERR_INTERNAL, errno, "open", path, "%s", "") : fd;
}

int launch_daemon(struct child *daemon, const struct episode_config *c, int *ready_fd,
		  struct err *e)
{
	struct args a = {0};
	char trace[512];
	int out[2], log = open_log(c, DAEMON_LOG, e), ret;

	if (log < 0)
		return log;
	launch_path(c, TRACE_FILE, trace, sizeof(trace));
	unlink(trace); /* an old one must not stand in for one that was never written */
	add(&a, c->ringfence, "device");
	add(&a, "--name", c->device);
	add(&a, "--parent", parent_is_ours(c->row->parent) ? "vduse" : "vdpa_sim");
	if (c->row->parent == PARENT_MLX5)
		add(&a, "--shape", "mlx5");
	if (c->row->parent == PARENT_RINGS)
		add(&a, "--queue-pairs", "4");
	if (!c->untraced)
		add(&a, "--trace", trace);
	add_common(&a, c, BREAK_IN_DEVICE);
	if (pipe2(out, O_CLOEXEC | O_NONBLOCK)) {
		ret = err_set(e, ERR_INTERNAL, errno, "pipe2", "daemon", "%s", "");
	} else {
		fcntl(out[1], F_SETFL, 0); /* the daemon's end blocks as any stdout does */
		ret = child_start(daemon, a.v, out[1], log, -1, e);
		close(out[1]);
		*ready_fd = out[0];
	}
	close(log);
	return ret;
}

bool launch_ready(const char *line, char *node, size_t len)
{
	char name[64];

	if (sscanf(line, "ready %63s", name) != 1 || strncmp(name, "/dev/vhost-vdpa-", 16))
		return false;
	snprintf(node, len, "%s", name);
	return true;
}

static void hex(char *to, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

/* A page of guest RAM is a fault for each of the two kernels and the device: no more of it than the
 * placement needs (an aliased arena lies at 16 MiB), but with --full, and but for row 14, which
 * gives the VMM pages that nobody has touched for each command (guest/toctou.c). */
static const char *memory(const struct episode_config *c)
{
	if (c->full || c->row->attack->extent == EXTENT_TOCTOU)
		return "32M";
	return c->row->placement == PLACE_ALIASED ? "17M" : "8M";
}

static int start_vmm(struct child *vmm, const struct episode_config *c, const char *node,
		     const struct canary_seed *seed, int monitor, int log, struct err *e)
{
	struct args a = {0};
	char key[33], magic[17], attack[12], stride[24], fd[12], timeout[16];

	hex(key, seed->key, sizeof(seed->key));
	snprintf(magic, sizeof(magic), "%016" PRIx64, seed->magic);
	snprintf(attack, sizeof(attack), "%d", (int)c->row->attack->number);
	snprintf(stride, sizeof(stride), "%" PRIu64, c->scan_stride);
	snprintf(fd, sizeof(fd), "%d", monitor);
	snprintf(timeout, sizeof(timeout), "%u", (c->run_ms + 999) / 1000 * clock_patience());
	add(&a, c->ringfence, "run");
	add(&a, "--vdpa", node);
	add(&a, "--attack", attack);
	add(&a, "--placement", placement_name(c->row->placement));
	add(&a, "--scan-stride", stride);
	add(&a, "--memory", memory(c));
	/* What our own device has to be able to do is known; of others, it is asked. */
	add(&a, "--expect", parent_is_ours(c->row->parent) ? "all" : "offered");
	if (c->row->parent == PARENT_RINGS)
		add(&a, "--driver", "packed,event_idx,mq");
	add(&a, "--canary-key", key);
	add(&a, "--canary-magic", magic);
	add(&a, "--monitor", fd);
	add(&a, "--timeout", timeout);
	add_common(&a, c, BREAK_IN_VMM);
	return child_start(vmm, a.v, log, log, monitor, e);
}

int launch_vmm(struct child *vmm, const struct episode_config *c, const char *node,
	       const struct canary_seed *seed, int *sock, struct err *e)
{
	int pair[2], log = open_log(c, VMM_LOG, e), ret;

	if (log < 0)
		return log;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		ret = err_set(e, ERR_INTERNAL, errno, "socketpair", "monitor", "%s", "");
	} else {
		ret = start_vmm(vmm, c, node, seed, pair[1], log, e);
		close(pair[1]);
		*sock = pair[0];
	}
	close(log);
	return ret;
}

/* The last line of a log, in printable ASCII, into @line; what is before @from, or before the last
 * @len bytes, is not looked at. */
static void last_line(const char *path, off_t from, char *line, size_t len)
{
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		off_t size = lseek(fd, 0, SEEK_END), room = (off_t)len - 1;

		n = pread(fd, line, len - 1, size - from > room ? size - room : from);
		close(fd);
	}
	while (n > 0 && line[n - 1] == '\n')
		n--;
	line[n > 0 ? n : 0] = 0;
	char *start = strrchr(line, '\n');
	if (start)
		memmove(line, start + 1, strlen(start));
	for (char *p = line; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '.';
}

off_t launch_log_size(const struct episode_config *c, const char *log)
{
	char path[512];
	struct stat st;

	launch_path(c, log, path, sizeof(path));
	return stat(path, &st) ? 0 : st.st_size;
}

void launch_last_words(const struct episode_config *c, const char *log, off_t from, char *buf,
		       size_t len)
{
	char path[512];

	launch_path(c, log, path, sizeof(path));
	last_line(path, from, buf, len);
}

void launch_epitaph(const struct episode_config *c, const struct child *child, const char *log,
		    char *buf, size_t len)
{
	char how[40], words[170] = "";

	child_how(child, how, sizeof(how));
	if (child_code(child) >= 0)
		launch_last_words(c, log, 0, words, sizeof(words));
	snprintf(buf, len, "%s%s%s", how, words[0] ? ": " : "", words);
}
