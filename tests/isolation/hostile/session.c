/* SPDX-License-Identifier: MIT */
/*
 * A session's life, see session.h.
 *
 * Order of the end: whoever closes a vDPA device waits in the kernel for its daemon, so the VMM is
 * given its time first, then the daemon is killed, and then somebody answers in its place
 * (vduse_cleanup) until the VMM is gone and the device can go. It must never delete a device that a
 * VMM has open, or may be opening (K8 and K9 of docs/kernel-findings).
 */
#include "session_impl.h"

#include "../../../vdpa/vduse/wait.h"
#include "../leftover.h"
#include "daemon.h"
#include "judge.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_NS (10000 * SESSION_MS)
#define GONE_NS (7000 * SESSION_MS)
#define NOISY 20 /* the machine stood still for more than this part of the time */

void session_violated(struct session *s, bool grave, const char *fmt, ...)
{
	struct session_report *r = s->report;
	va_list args;

	if (r->violated && (r->grave || !grave))
		return;
	r->violated = true;
	r->grave = grave;
	va_start(args, fmt);
	vsnprintf(r->what, sizeof(r->what), fmt, args);
	va_end(args);
}

/* ---- start ---- */

static bool make_share(struct session *s)
{
	struct share *share =
	    mmap(NULL, sizeof(*share), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (share == MAP_FAILED)
		return false;
	s->share = share;
	share->count = s->c->count;
	for (unsigned i = 0; i < s->c->count; i++)
		share->fault[i] = s->c->fault[i];
	return true;
}

static bool start_daemon(struct session *s)
{
	const struct fault *f = s->alone;
	bool message = f && f->kind == FAULT_MESSAGE;
	struct daemon_config dc = {
	    .name = s->c->device,
	    .private_cvq = s->c->private_cvq,
	    .change = f && f->kind == FAULT_CHANGE ? f : NULL,
	    .open = message && f->life.point->when == AT_OPEN ? f : NULL,
	};
	uint64_t deadline = clock_deadline(READY_NS);

	s->msg_timeout_s = dc.msg_timeout_s = message ? f->life.msg_timeout_s : SESSION_PATIENCE_S;
	s->daemon = daemon_start(&dc, s->share);
	while (s->daemon > 0 && !atomic_load(&s->share->ready) && clock_ns() < deadline)
		wait_ms(1);
	if (atomic_load(&s->share->ready) == 1)
		return true;
	session_violated(s, false, "the daemon did not come up: %.100s",
			 s->daemon < 0 ? strerror(-s->daemon) : s->share->node);
	return false;
}

static void hex(char *to, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

/* execv() takes them as char *, and changes none. */
static void start_vmm(struct session *s, int monitor, struct err *e)
{
	char key[33], magic[17], fd[12], attack[12];
	/* clang-format off */
	const char *const args[] = {
		s->c->ringfence, "run", "--vdpa", s->share->node, "--attack", attack,
		"--canary-key", key, "--canary-magic", magic, "--monitor", fd, "--timeout", "600",
		"--quiet", s->c->private_cvq ? "--private-cvq" : "--color=never",
		s->c->brk ? "--break" : NULL, s->c->brk,
	};
	/* clang-format on */
	char *argv[sizeof(args) / sizeof(*args) + 1] = {NULL};

	hex(key, s->seed.key, sizeof(s->seed.key));
	snprintf(magic, sizeof(magic), "%016" PRIx64, s->seed.magic);
	snprintf(fd, sizeof(fd), "%d", monitor);
	snprintf(attack, sizeof(attack), "%d", ATTACK_CONTAIN);
	for (unsigned n = 0; n < sizeof(args) / sizeof(*args); n++)
		argv[n] = (char *)(uintptr_t)args[n];
	if (child_start(&s->vmm, argv, s->log, s->log, monitor, e))
		return;
	/* Its threads, made later, inherit this. If it cannot be had, there is more noise. */
	(void)setpriority(PRIO_PROCESS, (id_t)s->vmm.pid, SESSION_NICE);
}

static bool start(struct session *s)
{
	struct err e = {0};
	int pair[2];

	if (!make_share(s) || (s->log = memfd_create("vmm-log", MFD_CLOEXEC)) < 0 ||
	    getrandom(&s->seed, sizeof(s->seed), 0) != sizeof(s->seed) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		session_violated(s, false, "out of memory or files: %s", strerror(errno));
		return false;
	}
	s->sock = pair[0];
	bool ok = start_daemon(s);
	if (ok) {
		start_vmm(s, pair[1], &e);
		ok = e.kind == ERR_NONE;
		if (!ok)
			session_violated(s, false, "%.150s", e.text);
	}
	close(pair[1]);
	s->watch =
	    (struct watch){.fd = s->sock, .attack = ATTACK_CONTAIN, .seed = s->seed, .ev = &s->ev};
	s->heard_ns = clock_ns();
	return ok;
}

/* ---- end ---- */

static void kill_process(pid_t *pid)
{
	if (*pid > 0) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

static void tear_down(struct session *s)
{
	struct err e = {0};
	bool left = s->left_ns || s->vmm.ended;

	s->killed = s->vmm.pid && !left;
	if (s->killed)
		kill(-s->vmm.pid, SIGKILL);
	kill_process(&s->daemon);
	kill_process(&s->usurper);
	(void)vduse_cleanup(s->c->device, &e);
	if (s->vmm.pid && !child_wait(&s->vmm, clock_deadline(GONE_NS))) {
		session_violated(s, true, "the VMM cannot be got rid of");
		(void)child_kill(&s->vmm);
	}
	if (!leftover_none(s->c->device))
		session_violated(s, true, "device %s is left: %.120s", s->c->device, e.text);
}

/* The last lines of what the VMM said. */
static void tell_log(const struct session *s)
{
	char text[2048];
	off_t size = s->log >= 0 ? lseek(s->log, 0, SEEK_END) : 0;
	off_t from = size > (off_t)sizeof(text) - 1 ? size - ((off_t)sizeof(text) - 1) : 0;
	ssize_t n = s->log >= 0 ? pread(s->log, text, sizeof(text) - 1, from) : 0;

	text[n > 0 ? n : 0] = 0;
	fputs(text, stderr);
}

/* Whether the fault comes before the guest's first legal operations. */
static bool may_fail(const struct session *s)
{
	const struct fault *f = s->alone;

	return f && (f->kind == FAULT_CHANGE || f->kind == FAULT_SCRIBBLE ||
		     (f->kind == FAULT_MESSAGE && f->life.point->when == AT_OPEN));
}

static void judge_vmm(struct session *s)
{
	uint32_t ends = s->alone ? s->alone->ends : 1U << END_0;
	int code = child_code(&s->vmm);
	char how[40], leak[120];

	if (s->vmm.pid && s->vmm.ended && !s->killed && !judge_end(code, ends)) {
		child_how(&s->vmm, how, sizeof(how));
		session_violated(s, code < 0, "the VMM %s", how);
	}
	if (!s->c->brk && s->ev.arena.files_bad[0])
		session_violated(s, true, "%s", s->ev.arena.files_bad);
	if (!s->alone && s->ev.attempts > 2 && judge_leak(&s->base, &s->last, leak, sizeof(leak)))
		session_violated(s, true, "%s after %u faults", leak, s->ev.attempts);
	/* After a fault that is alone nothing needs to work. */
	bool failed = s->alone && s->tried ? s->failed_before : s->ev.steps_failed[0] != 0;
	if (failed && !may_fail(s))
		session_violated(s, false, "a legal operation failed: %.50s", s->ev.failed_step);
	if (s->ev.steps_failed[1] && !s->alone)
		session_violated(s, false, "a legal operation after it failed: %.50s",
				 s->ev.failed_step);
	s->report->legal = s->ev.steps_ok[0] + s->ev.steps_ok[1] + s->ev.attempts;
}

/*
 * A fault whose attempt the guest did not end, or that has none, is judged by the VMM's end. Where
 * the VMM is broken on purpose, it is no success that it did not come as far as the fault.
 */
static void judge_rest(struct session *s)
{
	bool any = false;

	for (unsigned i = 0; i < s->c->count; i++) {
		struct finding *f = &s->findings[i];
		bool done = s->share && (s->c->fault[i]->kind == FAULT_CHANGE ||
					 atomic_load(&s->share->result[i].done));
		if (!done && !f->attempted && !s->c->brk)
			session_violated(s, false, "%.40s: it was not carried out",
					 s->c->fault[i]->name);
		f->attempted |= done;
		any |= done;
	}
	if (s->c->brk && !any)
		s->report->violated = false;
}

static void clean_up(struct session *s)
{
	watch_end(&s->watch);
	evidence_free(&s->ev);
	child_drop(&s->vmm);
	for (unsigned i = 0; i < PROC_VCPUS; i++)
		if (s->waits[i] >= 0)
			close(s->waits[i]);
	if (s->sock >= 0)
		close(s->sock);
	if (s->log >= 0)
		close(s->log);
	if (s->share)
		munmap(s->share, sizeof(*s->share));
}

void session_run(const struct session_config *c, struct finding *findings,
		 struct session_report *report)
{
	struct session s = {.c = c,
			    .findings = findings,
			    .report = report,
			    .alone = c->count == 1 && c->fault[0]->alone ? c->fault[0] : NULL,
			    .sock = -1,
			    .log = -1};

	for (unsigned i = 0; i < PROC_VCPUS; i++)
		s.waits[i] = -1;
	uint64_t begin = clock_ns(), lost[WITNESS_SLOTS], later[WITNESS_SLOTS];

	witness_lost(c->witness, lost);
	*report = (struct session_report){.ran = true};
	memset(findings, 0, c->count * sizeof(*findings));
	if (start(&s))
		session_attend(&s);
	tear_down(&s);
	judge_vmm(&s);
	judge_rest(&s);
	witness_lost(c->witness, later);
	for (unsigned i = 0; i < WITNESS_SLOTS; i++)
		report->noisy |= later[i] - lost[i] > (clock_ns() - begin) / NOISY;
	if (report->violated && c->verbose)
		tell_log(&s);
	clean_up(&s);
}
