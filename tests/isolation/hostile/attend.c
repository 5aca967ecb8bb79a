/* SPDX-License-Identifier: MIT */
/*
 * The middle of a session, see session_impl.h: the guest's records are taken and judged, the daemon
 * gets the help that its fault needs, the VMM is told to end and timed. It must never wait for one
 * of them without watching the others.
 */
#include "session_impl.h"

#include "../../../guest/abi.h"
#include "../../../vdpa/vduse/wait.h"
#include "daemon.h"
#include "judge.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#define SILENCE_NS (12000 * SESSION_MS) /* no record of the guest: above all its own deadlines */
#define TICK_MS 10
#define TICK_END_MS 20
#define TICK_LONG_MS 50
#define LEAVES_NS (20 * SESSION_MS)
#define SETTLE_NS (300 * SESSION_MS) /* for what memory that is noise does to a guest */
/* Its own close takes a second (vdpa/device.c); only what is not clean takes 10 (vmm/run.c). */
#define LEAVE_NS (4000 * SESSION_MS)
#define KERNEL_SLACK_NS (1500 * SESSION_MS)

static void look_at_host(struct session *s)
{
	struct noise_look look = {.ns = clock_ns()};

	witness_lost(s->c->witness, look.lost_ns);
	proc_waited(s->waits, look.waited_ns);
	noise_add(&s->noise, &look);
}

static void on_begin(struct session *s)
{
	struct proc now;

	if (!proc_look(&now, s->vmm.pid))
		return;
	/* The first time, some of it is not there yet that then stays. */
	if (s->ev.attempts <= 1)
		s->base = now;
	s->last = now;
	if (!s->tried)
		proc_open_waits(&now, s->vmm.pid, s->waits);
	s->failed_before |= !s->tried && s->ev.steps_failed[0];
	s->tried = true;
	s->noise.count = 0;
	look_at_host(s);
}

static void on_end(struct session *s)
{
	const struct attempt *a = &s->ev.attempt[s->ev.attempts - 1];
	uint64_t n = a->mark.address;
	uint64_t units = a->mark.touched & CONTAIN_FIELD;
	double each = (double)(a->to_ns - a->from_ns) / (double)(units ? units : 1);

	if (session_guest_is_noise(s))
		return;
	look_at_host(s);
	/* What is not the guest's of that time makes it more. */
	if (s->ns_per_unit <= 0 || each < s->ns_per_unit)
		s->ns_per_unit = each;
	if (n >= s->c->count) {
		session_violated(s, false, "the guest tried fault %" PRIu64 " of %u", n,
				 s->c->count);
		return;
	}
	const struct sighting seen = {
	    .fault = s->c->fault[n],
	    .attempt = a,
	    .result = &s->share->result[n],
	    .readable = s->ev.hello.arena_readable,
	    .ns_per_unit = s->ns_per_unit,
	    .noise = &s->noise,
	    .broken = s->c->brk != NULL,
	    .stalls = s->c->stalls,
	    .patience = clock_patience(),
	};
	judge_attempt(&s->findings[n], &seen);
}

static void take_messages(struct session *s)
{
	for (;;) {
		bool was = s->watch.in_attempt;
		enum watch_result r = watch_take(&s->watch);

		if (r == WATCH_NOTHING || r == WATCH_CLOSED)
			return;
		s->heard_ns = clock_ns();
		if (r == WATCH_BAD && !session_guest_is_noise(s))
			session_violated(s, false, "%.150s", s->ev.detail);
		else if (!was && s->watch.in_attempt)
			on_begin(s);
		else if (was && !s->watch.in_attempt)
			on_end(s);
		watch_go(&s->watch);
	}
}

static void stop_vmm(struct session *s)
{
	if (s->stop_ns)
		return;
	s->stop_ns = clock_ns();
	kill(s->vmm.pid, SIGTERM);
}

/* What the fault wants of the judge: a daemon to go on, another in its place, an end. */
static void help_along(struct session *s)
{
	unsigned n = s->ev.attempts + s->watch.in_attempt;
	const struct fault *f = n && n <= s->c->count ? s->c->fault[n - 1] : s->alone;
	bool message = f && f->kind == FAULT_MESSAGE;
	uint64_t now = clock_ns();

	if (s->daemon > 0 && waitpid(s->daemon, NULL, WNOHANG) == s->daemon)
		s->daemon = 0;
	if (message && f->life.act == LIFE_PAUSE && atomic_exchange(&s->share->stops, 0))
		s->resume_ns = now + f->life.ms * SESSION_MS;
	if (s->resume_ns && now >= s->resume_ns) {
		s->resume_ns = 0;
		if (s->daemon > 0)
			kill(s->daemon, SIGCONT);
	}
	if (message && f->life.act == LIFE_USURP && s->daemon == 0 && !s->usurper)
		s->usurper = usurper_start(s->c->device);
	if (!s->alone)
		return;
	if (s->alone->kind == FAULT_SCRIBBLE && !s->done_ns &&
	    atomic_load(&s->share->result[0].done))
		s->done_ns = now;
	if ((s->done_ns && now >= s->done_ns + SETTLE_NS) ||
	    (s->alone->kind == FAULT_MESSAGE && s->ev.attempts))
		stop_vmm(s);
}

/* One that was not told to may have left a little earlier. */
static bool seems_to_leave(struct session *s, uint64_t now)
{
	if (!s->stop_ns && now < s->seen_ns + LEAVES_NS)
		return false;
	s->seen_ns = now;
	return proc_leaving(s->vmm.pid);
}

/* The VMM's own end is what it does itself; after that it may wait for the kernel (K22). */
static void watch_end_of_vmm(struct session *s)
{
	uint64_t now = clock_ns(), patience = clock_patience();

	if (!s->stop_ns && s->ev.done_seen)
		s->stop_ns = now;
	if (!s->left_ns && (s->vmm.ended || seems_to_leave(s, now))) {
		s->left_ns = now;
		s->report->end_ns = s->stop_ns ? now - s->stop_ns : 0;
	}
	if (s->vmm.ended)
		s->over = true;
	else if (s->left_ns && s->msg_timeout_s > SESSION_PATIENCE_S)
		s->over = true; /* the kernel would wait for long: who takes over ends it */
	else if (s->left_ns && now > s->left_ns + s->msg_timeout_s * 1000 * SESSION_MS +
					 KERNEL_SLACK_NS * patience) {
		session_violated(s, false,
				 "the VMM did not go when the kernel's patience was over");
		s->over = true;
	} else if (!s->left_ns && s->stop_ns && now > s->stop_ns + LEAVE_NS * patience) {
		session_violated(s, false, "the VMM did not end");
		s->over = true;
	} else if (!s->left_ns && now > s->heard_ns + SILENCE_NS * patience) {
		session_violated(s, false, "nothing was heard of the VMM and its guest any more");
		s->over = true;
	}
}

void session_attend(struct session *s)
{
	while (!s->over) {
		struct pollfd p[] = {{.fd = s->sock, .events = POLLIN},
				     {.fd = s->vmm.pidfd, .events = POLLIN}};
		bool ending = s->alone || s->stop_ns || s->left_ns;

		(void)poll(p, 2,
			   s->watch.in_attempt ? TICK_MS
			   : ending	       ? TICK_END_MS
					       : TICK_LONG_MS);
		if (s->sock >= 0 && p[0].revents & POLLHUP && !(p[0].revents & POLLIN))
			wait_ms(TICK_MS); /* it is going: not a reason to spin */
		take_messages(s);
		if (s->watch.in_attempt)
			look_at_host(s);
		(void)child_wait(&s->vmm, 0);
		help_along(s);
		watch_end_of_vmm(s);
	}
}
