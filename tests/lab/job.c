/* SPDX-License-Identifier: MIT */
/*
 * The lab's job: one program and, where it needs a device, the daemon that serves it. Everything
 * either writes goes to the launcher as it comes. It must never let a job run past its time, nor
 * leave a process behind without a word.
 */
#include "init.h"
#include "wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILES_EVERY_MS 500
#define COMPANION_MS 20000
#define COMPANION_STOP_MS 5000
#define DEATH_MS 5000 /* for killed processes to be gone */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static int add_string(char **list, unsigned *count, char *text)
{
	if (*count == JOB_STRINGS)
		return -EINVAL;
	list[(*count)++] = text;
	return 0;
}

int job_parse(struct job *job, const void *payload, size_t len)
{
	int ret = 0;

	*job = (struct job){.seconds = 60};
	if (len == 0 || len > sizeof(job->text) || ((const char *)payload)[len - 1])
		return -EINVAL;
	memcpy(job->text, payload, len);
	for (char *at = job->text; ret == 0 && at < job->text + len; at += strlen(at) + 1) {
		if (*at == WIRE_JOB_ARG)
			ret = add_string(job->arg, &job->args, at + 1);
		else if (*at == WIRE_JOB_ENV)
			ret = add_string(job->env, &job->envs, at + 1);
		else if (*at == WIRE_JOB_COMPANION)
			ret = add_string(job->companion, &job->companions, at + 1);
		else if (*at == WIRE_JOB_SECONDS)
			job->seconds = (unsigned)strtoul(at + 1, NULL, 10);
		else if (*at == WIRE_JOB_TERMINAL)
			job->terminal = true;
		else
			ret = -EINVAL;
	}
	return ret == 0 && job->args == 0 ? -EINVAL : ret;
}

/* In the child: its streams, a session of its own, and nothing of PID 1's signal mask. */
static void start_child(const struct job *job, char **argv, const int fd[3], bool terminal)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	for (int i = 0; i < 3; i++)
		dup2(fd[i], i);
	if (terminal)
		ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	clearenv();
	setenv("PATH", "/bin", 1);
	setenv("HOME", "/tmp", 1);
	for (unsigned i = 0; i < job->envs; i++)
		putenv(job->env[i]);
	if (chdir("/tmp") == 0)
		execvp(argv[0], argv);
	fprintf(stderr, "ringfence-init: exec(%s): %s\n", argv[0], strerror(errno));
	_exit(127);
}

static pid_t start(const struct job *job, char **argv, const int fd[3], bool terminal)
{
	pid_t pid = fork();

	if (pid == 0)
		start_child(job, argv, fd, terminal);
	return pid;
}

/* The next bytes of a stream, sent on. False at its end. */
static bool forward(int from, int port, enum wire_type type)
{
	char data[32768];
	ssize_t n = read(from, data, sizeof(data));

	if (n > 0)
		return wire_send(port, type, data, (size_t)n) == 0;
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* "ready PATH\n" is what the companion's standard output says first; everything but that is a
 * failure. */
static int companion_ready(int from, int err, int port, char *path, size_t len)
{
	int64_t until = now_ms() + COMPANION_MS;
	char line[256] = "";
	size_t have = 0;

	while (!strchr(line, '\n')) {
		struct pollfd p[] = {{.fd = from, .events = POLLIN}, {.fd = err, .events = POLLIN}};
		int64_t left = until - now_ms();
		if (left <= 0 || poll(p, 2, (int)left) <= 0)
			return -ETIMEDOUT;
		if (p[1].revents)
			forward(err, port, WIRE_STDERR);
		if (!p[0].revents)
			continue;
		ssize_t n = read(from, line + have, sizeof(line) - 1 - have);
		if (n <= 0)
			return -EPIPE;
		have += (size_t)n;
		line[have] = '\0';
	}
	if (sscanf(line, "ready %200[^\n]", path) != 1 || strlen(path) >= len)
		return -EPROTO;
	return 0;
}

/* The streams of a running job, and who it is. */
struct run {
	pid_t pid, companion;
	int out[2], err[2]; /* read and write ends */
	int status;
	bool over;
};

static void reap(struct run *run)
{
	int status;

	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (pid == run->pid) {
			run->status = status;
			run->over = true;
		}
		if (pid == run->companion)
			run->companion = 0;
	}
}

/* What another lab has gathered, for the job to read: at the end of its file. */
static void keep_gathered(const struct wire_frame *frame)
{
	static bool full; /* once a part is missing, nothing may come after it */
	int fd =
	    full ? -1 : open(WIRE_GATHERED_FILE, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (full)
		return;
	full = fd < 0 || write(fd, frame->payload, frame->len) != (ssize_t)frame->len;
	if (full)
		fprintf(stderr, "ringfence-init: write(%s): %s\n", WIRE_GATHERED_FILE,
			strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* What the launcher says: a pulse has done its work by coming. False: there will be nothing any
 * more. */
static bool hear_launcher(struct wire_in *in, int port)
{
	struct wire_frame frame;
	int ret = wire_read(in, port);

	while (wire_next(in, &frame) > 0)
		if (frame.type == WIRE_GATHERED)
			keep_gathered(&frame);
	return ret > 0 || ret == -EAGAIN;
}

/* Sends on what comes until the job is over or its time is; returns whether it was over in time. */
static bool attend(struct run *run, int port, struct wire_in *in, unsigned seconds)
{
	int64_t until = now_ms() + seconds * 1000LL, files = now_ms() + FILES_EVERY_MS;

	for (int launcher = port; !run->over;) {
		struct pollfd p[] = {{.fd = run->out[0], .events = POLLIN},
				     {.fd = run->err[0], .events = POLLIN},
				     {.fd = launcher, .events = POLLIN}};
		if (poll(p, 3, 20) > 0) {
			if (p[0].revents & POLLIN)
				forward(run->out[0], port, WIRE_STDOUT);
			if (p[1].revents & POLLIN)
				forward(run->err[0], port, WIRE_STDERR);
			if (p[2].revents && !hear_launcher(in, port))
				launcher = -1;
		}
		reap(run);
		if (now_ms() >= files) {
			outfiles_send(port, false);
			files = now_ms() + FILES_EVERY_MS;
		}
		if (now_ms() >= until)
			return false;
	}
	return true;
}

static void stop_companion(struct run *run)
{
	if (run->companion > 0)
		kill(run->companion, SIGTERM);
	for (int64_t until = now_ms() + COMPANION_STOP_MS;
	     run->companion > 0 && now_ms() < until;) {
		usleep(5000);
		reap(run);
	}
}

static void __attribute__((format(printf, 2, 3))) say(int port, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n > 0 && n < (int)sizeof(text))
		(void)!wire_send(port, WIRE_STDERR, text, (size_t)n);
}

/* The kernel's word for a task, "stat" or where it sleeps, "wchan": the first line. */
static void read_proc(const char *task, const char *name, char *text, size_t len)
{
	char path[128];
	ssize_t n = -1;

	snprintf(path, sizeof(path), "/proc/%.80s/%s", task, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, len - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

/* The thread of the process @pid that keeps it, as "PID/task/TID": the first that is not dead. */
static void find_keeper(const char *pid, char *task, size_t len)
{
	char path[64], stat[512];
	struct dirent *entry;

	snprintf(task, len, "%.20s", pid);
	snprintf(path, sizeof(path), "/proc/%.20s/task", pid);
	DIR *dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%.20s/task/%.20s", pid, entry->d_name);
		read_proc(path, "stat", stat, sizeof(stat));
		const char *end = strrchr(stat, ')');
		if (!end || strncmp(end, ") Z", 3) == 0 || strncmp(end, ") X", 3) == 0)
			continue;
		snprintf(task, len, "%s", path);
		break;
	}
	if (dir)
		closedir(dir);
}

/* One process that would not die; false if it is the kernel's own: kthreadd, 2, or its child. */
static bool tell_process(int port, const char *pid)
{
	char stat[512], where[128], task[64], state;
	int parent;

	find_keeper(pid, task, sizeof(task));
	read_proc(task, "stat", stat, sizeof(stat));
	const char *name = strchr(stat, '('), *end = strrchr(stat, ')');
	if (!name || !end || sscanf(end, ") %c %d", &state, &parent) != 2 || parent == 2)
		return false;
	read_proc(task, "wchan", where, sizeof(where));
	say(port, "ringfence-init: cannot be killed: process %s %.*s, state %c, in %s\n", pid,
	    (int)(end + 1 - name), name, state, *where ? where : "?");
	return true;
}

/*
 * On the console, which from now on takes all that the kernel says ("9"; to lower it again would
 * lose what is not yet printed): where all that wait uninterruptibly are ("w"), and where every CPU
 * is ("l").
 */
static void ask_stacks(void)
{
	static const char keys[] = {'9', 'w', 'l'};

	for (size_t i = 0; i < sizeof(keys); i++) {
		int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

		if (fd < 0)
			return;
		(void)!write(fd, &keys[i], 1);
		close(fd);
	}
}

static unsigned tell_stuck(int port)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	unsigned count = 0;

	while (dir && (entry = readdir(dir)))
		count += atoi(entry->d_name) > 2 && tell_process(port, entry->d_name);
	if (dir)
		closedir(dir);
	if (count)
		ask_stacks();
	return count;
}

/* Whoever is left dies; returns how many would not, each of which is told of. */
static unsigned kill_all(int port)
{
	for (int64_t until = now_ms() + DEATH_MS; now_ms() < until;) {
		kill(-1, SIGKILL);
		pid_t pid = waitpid(-1, NULL, WNOHANG);
		if (pid < 0 && errno == ECHILD)
			return 0;
		if (pid == 0)
			usleep(2000);
	}
	return tell_stuck(port);
}

/* What is still in a pipe. One that a stuck process holds open has no end, so no end is waited for.
 */
static void empty(int from, int port, enum wire_type type)
{
	struct pollfd p = {.fd = from, .events = POLLIN};

	while (poll(&p, 1, 0) > 0 && forward(from, port, type))
		;
	close(from);
}

/* Whoever is left dies; then what is in the pipes is sent. Returns how many are left all the same.
 */
static unsigned finish(struct run *run, int port)
{
	stop_companion(run);
	unsigned stuck = kill_all(port);
	close(run->out[1]);
	close(run->err[1]);
	empty(run->out[0], port, WIRE_STDOUT);
	empty(run->err[0], port, WIRE_STDERR);
	return stuck;
}

static int start_companion(struct job *job, struct run *run, int port)
{
	static char path[256];
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC), out[2];

	if (nothing < 0 || pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	run->companion = start(job, job->companion, (int[]){nothing, out[1], run->err[1]}, false);
	close(out[1]);
	close(nothing);
	int ret = companion_ready(out[0], run->err[0], port, path, sizeof(path));
	for (unsigned i = 0; ret == 0 && i < job->args; i++)
		if (strcmp(job->arg[i], WIRE_VDPA) == 0)
			job->arg[i] = path;
	return ret; /* out[0] stays open: the companion may write on */
}

struct wire_exit job_run(struct job *job, int port, struct wire_in *wire)
{
	struct run run = {0};
	int in = open(job->terminal ? "/dev/hvc0" : "/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (in < 0 || pipe2(run.out, O_CLOEXEC) < 0 || pipe2(run.err, O_CLOEXEC) < 0) {
		lab_failed(port, "open", "the job's streams", errno);
		return (struct wire_exit){.code = 70};
	}
	int ret = job->companions ? start_companion(job, &run, port) : 0;
	if (ret < 0) {
		finish(&run, port);
		lab_failed(port, "wait for device", job->companion[0], -ret);
		return (struct wire_exit){.code = 70};
	}
	bool tty = job->terminal;
	run.pid =
	    start(job, job->arg, (int[]){in, tty ? in : run.out[1], tty ? in : run.err[1]}, tty);
	close(in);
	bool in_time = attend(&run, port, wire, job->seconds);
	struct wire_exit end = {.stuck = finish(&run, port)};
	if (!in_time)
		end.code = 124;
	else if (WIFSIGNALED(run.status))
		end.code = 70, end.signal = (uint32_t)WTERMSIG(run.status);
	else
		end.code = (uint32_t)WEXITSTATUS(run.status);
	return end;
}
