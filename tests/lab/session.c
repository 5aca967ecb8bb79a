/* SPDX-License-Identifier: MIT */
/*
 * The launcher's loop. Three things can end it: PID 1 says that the job is over, QEMU ends, or time
 * does. What the kernel under test sends is UNTRUSTED: it may lie about its job, but must not harm
 * the host.
 */
#include "session.h"
#include "console.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BOOT_MS 120000 /* to PID 1's HELLO; TCG on a loaded machine takes a few seconds */
#define OWN_TIME_S                                                                                 \
	10 /* more than the time of a job that keeps it itself, for it to tell its end             \
	    */
#define GRACE_MS                                                                                   \
	15000 /* beyond the job's own time, which PID 1 keeps, before the kernel counts as hung */
#define LEAKS_MS 180000 /* to look for leaks before and after the job */
#define PULSE_MS 100
#define STALL_MS 30000	 /* after the kernel has said that a CPU does not get on */
#define GOODBYE_MS 10000 /* to power off once the job is over */

/* A frame of another lab's results on its way: sent bit by bit, as the port takes it. */
struct parcel {
	int from; /* the file, or -1 */
	size_t len, at;
	uint8_t frame[sizeof(struct wire_head) + WIRE_MAX];
};

struct session {
	struct qemu *q;
	const struct session_config *cfg;
	struct lab_result *result;
	struct console console;
	struct wire_in in;
	int signal_fd;
	int64_t until; /* CLOCK_MONOTONIC, ms */
	int64_t pulse; /* when the next is due; 0: none yet */
	struct parcel parcel;
	bool leaving; /* the job is over, or there will be none */
	bool gone;    /* QEMU is */
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void signal_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGCHLD);
}

void session_block_signals(void)
{
	sigset_t set;

	signal_set(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void fail(struct session *s, const char *what, int code)
{
	if (!*s->result->failed)
		snprintf(s->result->failed, sizeof(s->result->failed), "%s%s%s", what,
			 code ? ": " : "", code ? strerror(code) : "");
}

/* A job's payload under construction: strings with a letter before each. */
struct strings {
	char text[16384];
	size_t len;
	bool full;
};

static void put(struct strings *j, char letter, const char *name, const char *value)
{
	int room = (int)(sizeof(j->text) - j->len);
	int n = snprintf(j->text + j->len, (size_t)room, "%c%s%s", letter, name, value);

	j->full |= n >= room;
	if (!j->full)
		j->len += (size_t)n + 1;
}

static void put_environment(struct strings *j, const struct session *s)
{
	static const char *const passed[] = {"TERM", "NO_COLOR"};
	char text[256];

	kernel_describe(s->cfg->kernel, s->result->release, text, sizeof(text));
	put(j, WIRE_JOB_ENV, "RINGFENCE_LAB=", "1");
	put(j, WIRE_JOB_ENV, "RINGFENCE_ENV_KERNEL=", text);
	put(j, WIRE_JOB_ENV, "RINGFENCE_ENV_ACCEL=", s->q->kvm ? "KVM" : "TCG");
	put(j, WIRE_JOB_ENV, "RINGFENCE_ENV_OUT=", s->cfg->out->path);
	if (s->cfg->opts->kasan)
		put(j, WIRE_JOB_ENV, "RINGFENCE_PATIENCE=", "8");
	for (size_t i = 0; i < sizeof(passed) / sizeof(*passed); i++)
		if (getenv(passed[i])) {
			snprintf(text, sizeof(text), "%s=", passed[i]);
			put(j, WIRE_JOB_ENV, text, getenv(passed[i]));
		}
}

static void send_job(struct session *s)
{
	struct strings j = {.len = 0};
	char text[16];
	unsigned seconds = s->cfg->opts->seconds + (opts_keeps_time(s->cfg->opts) ? OWN_TIME_S : 0);

	snprintf(text, sizeof(text), "%u", seconds);
	put(&j, WIRE_JOB_SECONDS, text, "");
	put_environment(&j, s);
	for (char *const *a = s->cfg->job; *a; a++)
		put(&j, WIRE_JOB_ARG, *a, "");
	for (char *const *a = s->cfg->companion; a && *a; a++)
		put(&j, WIRE_JOB_COMPANION, *a, "");
	if (s->cfg->terminal)
		put(&j, WIRE_JOB_TERMINAL, "", "");
	int ret = j.full ? -E2BIG : wire_send(s->q->wire_fd, WIRE_JOB, j.text, j.len);
	if (ret < 0)
		fail(s, "sending the job to the lab", -ret);
	s->pulse = now_ms();
	s->until = now_ms() + seconds * 1000LL + (s->cfg->opts->kasan ? LEAKS_MS : 0) + GRACE_MS;
}

/* False: the port takes no more of a frame yet, and no other may come between. */
static bool send_parcel(struct session *s)
{
	struct parcel *p = &s->parcel;

	while (p->at < p->len) {
		ssize_t n = send(s->q->wire_fd, p->frame + p->at, p->len - p->at,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n <= 0) {
			s->gone |= n == 0 || (errno != EAGAIN && errno != EINTR);
			return false;
		}
		p->at += (size_t)n;
	}
	return true;
}

/* What has been added to the file of another lab's results. */
static void send_gathered(struct session *s)
{
	struct parcel *p = &s->parcel;
	const size_t head = sizeof(struct wire_head);

	if (p->from < 0 && *s->cfg->gathered)
		p->from = open(s->cfg->gathered, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	while (p->from >= 0 && send_parcel(s)) {
		ssize_t n = read(p->from, p->frame + head, sizeof(p->frame) - head);
		if (n <= 0)
			break;
		p->len = wire_frame(p->frame, WIRE_GATHERED, (size_t)n);
		p->at = 0;
	}
}

static void say_goodbye(struct session *s)
{
	/* Whoever has told the end reads on, until it reads this; else it is gone. */
	for (int i = 0; i < GOODBYE_MS && !s->gone && !send_parcel(s); i++)
		(void)poll(NULL, 0, 1);
	s->gone |= s->parcel.at < s->parcel.len;
	if (s->gone || wire_send(s->q->wire_fd, WIRE_BYE, NULL, 0) < 0)
		s->gone = true;
	s->leaving = true;
	s->until = now_ms() + GOODBYE_MS;
}

static void take_exit(struct session *s, const struct wire_frame *f)
{
	struct wire_exit end;

	if (f->len != sizeof(end)) {
		fail(s, "the lab's PID 1 sent a malformed result", 0);
	} else if (!s->leaving) {
		memcpy(&end, f->payload, sizeof(end));
		s->result->finished = true;
		s->result->code = (int)(end.code & 0xff);
		s->result->signal = (int)(end.signal & 0x7f);
		s->result->taint = end.taint;
		s->result->stuck = end.stuck;
		s->result->leaks = end.leaks;
	}
	say_goodbye(s);
}

static void write_out(int fd, const uint8_t *bytes, size_t len)
{
	for (ssize_t n; len > 0; bytes += n, len -= (size_t)n) {
		n = write(fd, bytes, len);
		if (n < 0)
			return; /* nobody reads any more; the results are in the files */
	}
}

/* UNTRUSTED: every frame. */
static void take_frame(struct session *s, const struct wire_frame *f)
{
	int ret;

	switch (f->type) {
	case WIRE_HELLO:
		if (*s->result->release)
			break;
		snprintf(s->result->release, sizeof(s->result->release), "%.*s", (int)f->len,
			 (const char *)f->payload);
		send_job(s);
		break;
	case WIRE_STDOUT:
		write_out(STDOUT_FILENO, f->payload, f->len);
		break;
	case WIRE_STDERR:
		write_out(STDERR_FILENO, f->payload, f->len);
		break;
	case WIRE_FILE:
		ret = out_store(s->cfg->out, f->payload, f->len);
		if (ret < 0)
			fail(s, "storing a file of the lab's", -ret);
		break;
	case WIRE_FAILED:
		snprintf(s->result->failed, sizeof(s->result->failed), "in the lab: %.*s",
			 (int)(f->len < 400 ? f->len : 400), (const char *)f->payload);
		say_goodbye(s);
		break;
	case WIRE_EXIT:
		take_exit(s, f);
		break;
	case WIRE_JOB:
	case WIRE_BYE:
	case WIRE_PULSE:
	case WIRE_GATHERED:
		break; /* ours to send */
	}
}

/* What the port holds, once. False at its end. */
static bool read_wire(struct session *s)
{
	struct wire_frame f;
	int ret = wire_read(&s->in, s->q->wire_fd);

	if (ret == -EAGAIN)
		return true;
	if (ret <= 0)
		return false;
	while ((ret = wire_next(&s->in, &f)) > 0)
		take_frame(s, &f);
	if (ret < 0)
		fail(s, "the lab's port carries what is not our protocol", 0);
	return ret == 0;
}

static bool read_console(struct session *s)
{
	char bytes[4096];
	ssize_t n = read(s->q->console_fd, bytes, sizeof(bytes));
	bool stalled = s->console.stalled;

	if (n > 0)
		console_feed(&s->console, bytes, (size_t)n);
	if (s->console.stalled && !stalled && s->until > now_ms() + STALL_MS)
		s->until = now_ms() + STALL_MS;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void take_signal(struct session *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo != SIGCHLD)
		s->result->interrupted = true;
	else if (waitpid(s->q->pid, &s->result->qemu_status, WNOHANG) == s->q->pid) {
		s->q->pid = 0;
		s->gone = true;
	}
}

static void check_time(struct session *s)
{
	if (now_ms() < s->until)
		return;
	/* Past its goodbye the job's result stands; a machine that does not power off is simply
	 * stopped. */
	if (s->leaving)
		s->gone = true;
	else
		s->result->hung = true;
}

/* How long until something is due; a pulse that is due is sent. */
static int time_left(struct session *s)
{
	int64_t now = now_ms(), left = s->until - now;

	if (s->pulse && !s->leaving) {
		if (now >= s->pulse) {
			send_gathered(s);
			if (s->parcel.at == s->parcel.len)
				wire_pulse(s->q->wire_fd);
			s->pulse = now + PULSE_MS;
		}
		left = left < PULSE_MS ? left : PULSE_MS;
	}
	return left > 0 ? (int)left : 0;
}

static void turn(struct session *s)
{
	struct pollfd p[] = {{.fd = s->q->wire_fd, .events = POLLIN},
			     {.fd = s->q->console_fd, .events = POLLIN},
			     {.fd = s->signal_fd, .events = POLLIN}};

	if (poll(p, 3, time_left(s)) > 0) {
		if (p[1].revents)
			s->gone |= !read_console(s);
		if (p[0].revents)
			s->gone |= !read_wire(s);
		if (p[2].revents)
			take_signal(s);
	}
	check_time(s);
}

/* QEMU has ended or will be: what is in the sockets still counts. */
static void drain(struct session *s)
{
	fcntl(s->q->wire_fd, F_SETFL, O_NONBLOCK);
	fcntl(s->q->console_fd, F_SETFL, O_NONBLOCK);
	for (struct pollfd p = {.fd = s->q->console_fd, .events = POLLIN}; poll(&p, 1, 0) > 0;)
		if (!read_console(s))
			break;
	for (struct pollfd p = {.fd = s->q->wire_fd, .events = POLLIN}; poll(&p, 1, 0) > 0;)
		if (!read_wire(s))
			break;
}

void session_run(struct qemu *q, const struct session_config *cfg, struct lab_result *result)
{
	static struct session s;
	sigset_t set;

	signal_set(&set);
	s = (struct session){.q = q, .cfg = cfg, .result = result, .until = now_ms() + BOOT_MS};
	s.console.known = cfg->known;
	s.parcel.from = -1;
	s.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s.console.log_fd = openat(cfg->out->fd, "console.log",
				  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0666);
	if (s.signal_fd < 0 || s.console.log_fd < 0)
		fail(&s, "opening the lab's console.log", errno);

	while (!s.gone && !result->hung && !result->interrupted && (s.leaving || !*result->failed))
		turn(&s);
	if (result->hung)
		qemu_dump(q, cfg->out);
	drain(&s);
	int status = qemu_stop(q);
	if (status)
		result->qemu_status = status;
	result->complaints = s.console.complaints;
	result->announced = s.console.expectations;
	result->panicked = s.console.panicked;
	snprintf(result->complaint, sizeof(result->complaint), "%s", s.console.first);
	close(s.console.log_fd);
	close(s.signal_fd);
	if (s.parcel.from >= 0)
		close(s.parcel.from);
}
