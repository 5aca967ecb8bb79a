/* SPDX-License-Identifier: MIT */
/*
 * The processes that are measured: started, listened to, looked at, ended. Times are taken out
 * here, by one clock, also of what a guest says. It must never wait for one without a deadline.
 */
#include "bench.h"

#include "../../vdpa/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_MS 20000
#define STOP_MS 5000

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int failed(struct err *e, const char *call, const char *object)
{
	return err_set(e, ERR_INTERNAL, errno, call, object, "%s", "");
}

/* Become @argv once @go has been closed, with @out as its outputs. */
static void become(char *const argv[], int go, int out)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	char byte;

	while (read(go, &byte, 1) < 0 && errno == EINTR)
		;
	dup2(nothing, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execvp(argv[0], argv);
	printf("exec(%s): %s\n", argv[0], strerror(errno));
	fflush(stdout);
	_exit(127);
}

/*
 * Count the kernel's tracepoint at which a vCPU leaves KVM_RUN (virt/kvm/kvm_main.c), in all
 * threads that @pid will have from its exec on.
 */
static int count_exits(pid_t pid)
{
	char text[32] = "";
	int fd = open("/sys/kernel/tracing/events/kvm/kvm_userspace_exit/id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return -1;
	struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT,
				       .size = sizeof(attr),
				       .config = strtoul(text, NULL, 10),
				       .disabled = 1,
				       .inherit = 1,
				       .enable_on_exec = 1};
	return (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

int vmm_start(struct vmm *v, char *const argv[], struct err *e)
{
	int out[2], go[2];

	*v = (struct vmm){.exits = -1};
	if (pipe2(out, O_CLOEXEC) || pipe2(go, O_CLOEXEC))
		return failed(e, "pipe2", argv[0]);
	v->pid = fork();
	if (v->pid < 0)
		return failed(e, "fork", argv[0]);
	if (v->pid == 0) {
		close(go[1]);
		become(argv, go[0], out[1]);
	}
	v->out = out[0];
	close(out[1]);
	close(go[0]);
	v->exits = count_exits(v->pid);
	v->started = now_ns();
	close(go[1]);
	return 0;
}

/* The first whole line into @line; false if there is none. */
static bool take_line(struct vmm *v, char line[256])
{
	char *end = memchr(v->text, '\n', v->have);
	size_t len = end ? (size_t)(end - v->text) : v->have;

	if (!end && v->have < sizeof(v->text))
		return false;
	snprintf(line, 256, "%.*s", (int)(len < 255 ? len : 255), v->text);
	line[strcspn(line, "\r")] = '\0';
	len += end != NULL;
	v->have -= len;
	memmove(v->text, v->text + len, v->have);
	return true;
}

/* More of what it says; false at its end or the deadline. */
static bool read_more(struct vmm *v, int64_t until)
{
	struct pollfd p = {.fd = v->out, .events = POLLIN};

	if (poll(&p, 1, clock_left(until)) <= 0)
		return false;
	ssize_t n = read(v->out, v->text + v->have, sizeof(v->text) - v->have);
	if (n > 0)
		v->have += (size_t)n;
	return n > 0;
}

int vmm_wait(struct vmm *v, const char *word, int ms, char line[256], int64_t *when, struct err *e)
{
	int64_t until = clock_ms() + ms;
	char last[256] = "nothing", said[256];

	for (;;) {
		*when = now_ns();
		while (take_line(v, said)) {
			if (strstr(said, word)) {
				snprintf(line, 256, "%s", said);
				return 0;
			}
			if (strstr(said, GUEST_FAILED))
				return err_set(e, ERR_INTERNAL, 0, "guest", word, "%s", said);
			snprintf(last, sizeof(last), "%s", said);
		}
		if (!read_more(v, until))
			break;
	}
	bool late = clock_ms() >= until;
	return err_set(e, late ? ERR_TIMEOUT : ERR_INTERNAL, late ? ETIMEDOUT : 0, "wait for", word,
		       "said last: %s", last);
}

/* A number of KiB from /proc/PID/status. */
static long status_of(pid_t pid, const char *name)
{
	char path[64], line[128];
	size_t len = strlen(name);
	long value = -1;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len))
			value = strtol(line + len, NULL, 10);
	if (f)
		fclose(f);
	return value;
}

/*
 * How much of guest RAM is there, in KiB: of the largest mapping that can be written. Not all
 * shared memory: in the lab a program's own text lies in a tmpfs and counts as that.
 */
static long guest_ram(pid_t pid)
{
	char path[64], line[256], perms[8];
	unsigned long from, to, largest = 0;
	bool candidate = false;
	long rss = -1;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, perms) == 3) {
			candidate = perms[1] == 'w' && to - from > largest;
			largest = candidate ? to - from : largest;
		} else if (candidate && !strncmp(line, "Rss:", 4)) {
			rss = strtol(line + 4, NULL, 10);
		}
	}
	if (f)
		fclose(f);
	return rss;
}

/* Nothing takes a page of guest RAM away again, so what is there now is the most there was. */
long vmm_memory(const struct vmm *v)
{
	long most = status_of(v->pid, "VmHWM:"), ram = guest_ram(v->pid);

	return most < 0 || ram < 0 ? -1 : most - ram;
}

long vmm_exits(const struct vmm *v)
{
	uint64_t n;

	return v->exits >= 0 && read(v->exits, &n, sizeof(n)) == sizeof(n) ? (long)n : -1;
}

/* Wait for its end; false if that takes too long. */
static bool reap(pid_t pid, int ms)
{
	for (int64_t until = clock_ms() + ms; clock_ms() < until; usleep(2000))
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
	return false;
}

static void end(pid_t pid)
{
	kill(pid, SIGTERM);
	if (reap(pid, STOP_MS))
		return;
	kill(pid, SIGKILL);
	(void)reap(pid, STOP_MS);
}

void vmm_stop(struct vmm *v)
{
	/* It must not wait for a reader that is none. */
	close(v->out);
	end(v->pid);
	if (v->exits >= 0)
		close(v->exits);
}

int device_start(struct device *d, const char *const *more, struct err *e)
{
	static unsigned number;
	char name[32], line[256];
	const char *argv[16] = {"ringfence", "device", "--name", name};
	struct vmm v;
	int64_t when;

	snprintf(name, sizeof(name), "bench%u", number++);
	for (unsigned i = 0; more && more[i] && i < 11; i++)
		argv[4 + i] = more[i];
	int ret = vmm_start(&v, (char *const *)(uintptr_t)argv, e);
	if (!ret)
		ret = vmm_wait(&v, "ready ", READY_MS, line, &when, e);
	if (v.exits >= 0)
		close(v.exits);
	d->pid = v.pid;
	if (!ret && sscanf(line, "ready %63s", d->node) != 1)
		ret = err_set(e, ERR_INTERNAL, 0, "ringfence device", name, "said: %s", line);
	if (ret)
		vmm_stop(&v);
	return ret; /* its pipe stays open: it may write on */
}

void device_stop(struct device *d)
{
	end(d->pid);
}
