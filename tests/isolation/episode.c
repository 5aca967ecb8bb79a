/* SPDX-License-Identifier: MIT */
/*
 * An episode's life. Order of the end: the VMM goes first, since a vDPA device waits for its node
 * to be closed; then the daemon is told to leave, which removes the device; what it left is removed
 * by name. It must never wait for one child without watching the other.
 */
#include "episode.h"

#include "child.h"
#include "launch.h"
#include "leftover.h"
#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* A daemon told to leave. */
#define LEAVE_NS 3000000000u
/* A VMM whose guest is done: a reset that nobody answers, and its end; to take the VM down after a
 * scan of all that is no memory took 1.6 s in an idle lab, and more than 4 s in a busy one. */
#define AFTER_DONE_NS UINT64_C(10000000000)
#define WORDS_NS 1000000000u
#define MARGIN_MS 2000 /* the VMM keeps its own deadline first, and says why */

struct episode {
	const struct episode_config *c;
	struct evidence *ev;
	bool over; /* ev->end is set */
	struct canary_seed seed;
	struct child daemon, vmm;
	int ready_fd;  /* the daemon's stdout */
	int sock;      /* our end of the monitor's */
	char node[64]; /* /dev/vhost-vdpa-N */
	struct watch watch;
	uint64_t vmm_deadline;
};

/* The first end is the one that counts: what follows from it would only hide it. */
static void __attribute__((format(printf, 3, 4)))
finish(struct episode *ep, enum episode_end end, const char *fmt, ...)
{
	va_list args;

	if (ep->over)
		return;
	ep->over = true;
	ep->ev->end = end;
	va_start(args, fmt);
	vsnprintf(ep->ev->detail, sizeof(ep->ev->detail), fmt, args);
	va_end(args);
}

/* What is left over outweighs whatever else was wrong. */
static void __attribute__((format(printf, 2, 3)))
left_over(struct episode *ep, const char *fmt, ...)
{
	va_list args;

	ep->over = true;
	ep->ev->end = END_LEFTOVER;
	va_start(args, fmt);
	vsnprintf(ep->ev->detail, sizeof(ep->ev->detail), fmt, args);
	va_end(args);
}

static void hook(struct episode *ep, enum episode_point point)
{
	if (ep->c->hook)
		ep->c->hook(ep->c->ctx, point, ep->daemon.ended ? 0 : ep->daemon.pid,
			    ep->vmm.ended ? 0 : ep->vmm.pid);
}

/* A child ended when it should not have: say which, how, and its last words. */
static void ended_badly(struct episode *ep, const struct child *c)
{
	bool vmm = c == &ep->vmm;
	enum episode_end end = vmm ? END_VMM_DIED : END_DAEMON_DIED;
	char how[220];

	launch_epitaph(ep->c, c, vmm ? VMM_LOG : DAEMON_LOG, how, sizeof(how));
	/* Of a device of our own making that is no fact about this host, but what the proof is
	 * there to see. */
	if (child_code(c) == 4)
		end = ep->c->row->parent == PARENT_GIVEN ? END_HOST_CANNOT : END_REFUSED;
	if (vmm && child_code(c) == 124)
		end = END_LATE;
	finish(ep, end, "%s %s", vmm ? "the VMM" : "the daemon", how);
}

static void start_daemon(struct episode *ep)
{
	struct err e = {0};

	if (launch_daemon(&ep->daemon, ep->c, &ep->ready_fd, &e))
		finish(ep, END_OWN_FAILURE, "%.200s", e.text);
}

/* Wait for events on @n descriptors; ends the episode if it is told to stop or @deadline passes. */
static bool await(struct episode *ep, struct pollfd *p, nfds_t n, uint64_t deadline,
		  const char *late)
{
	int ready;

	p[n] = (struct pollfd){.fd = ep->c->stop_fd, .events = POLLIN};
	do
		ready = poll(p, n + 1, clock_poll_ms(deadline));
	while (ready < 0 && errno == EINTR);
	if (p[n].revents)
		finish(ep, END_STOPPED, "stopped");
	else if (ready == 0)
		finish(ep, ep->vmm.pid ? END_LATE : END_DAEMON_LATE, "%s", late);
	return !ep->over;
}

static void await_ready(struct episode *ep)
{
	uint64_t deadline = clock_deadline(ep->c->ready_ms * UINT64_C(1000000));
	char buf[128];
	size_t have = 0;

	while (!ep->over && !memchr(buf, '\n', have)) {
		struct pollfd p[3] = {{.fd = ep->ready_fd, .events = POLLIN},
				      {.fd = ep->daemon.pidfd, .events = POLLIN}};

		if (!await(ep, p, 2, deadline, "the daemon was not ready in time"))
			return;
		ssize_t n = read(ep->ready_fd, buf + have, sizeof(buf) - 1 - have);
		if (n > 0)
			have += (size_t)n;
		else if (child_wait(&ep->daemon, 0))
			ended_badly(ep, &ep->daemon);
		else if (n == 0 || have == sizeof(buf) - 1)
			finish(ep, END_DAEMON_LATE,
			       "the daemon's ready line is missing or too long");
	}
	buf[have] = 0;
	if (!ep->over && !launch_ready(buf, ep->node, sizeof(ep->node)))
		finish(ep, END_DAEMON_LATE, "the daemon's ready line makes no sense");
}

static void start_vmm(struct episode *ep)
{
	struct err e = {0};

	if (launch_vmm(&ep->vmm, ep->c, ep->node, &ep->seed, &ep->sock, &e))
		finish(ep, END_OWN_FAILURE, "%.200s", e.text);
	ep->vmm_deadline = clock_deadline((ep->c->run_ms + MARGIN_MS) * UINT64_C(1000000));
}

static void start_watch(struct episode *ep)
{
	char path[512];

	launch_path(ep->c, EVENTS_FILE, path, sizeof(path));
	ep->watch = (struct watch){.fd = ep->sock,
				   .attack = ep->c->row->attack->number,
				   .seed = ep->seed,
				   .ev = ep->ev,
				   .events = fopen(path, "we")};
}

/* KiB of memory that is a process's own: guest RAM and the arena are files. */
static bool own_memory(pid_t pid, uint32_t *kb)
{
	char path[40], line[128];
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "RssAnon: %u", kb) == 1;
	if (f)
		fclose(f);
	return found;
}

/* At the first attempt's begin, and when the guest is done. */
static void weigh(struct episode *ep)
{
	struct memory_finding *m = &ep->ev->memory;
	bool first = ep->watch.in_attempt && !ep->ev->attempts, last = ep->ev->done_seen;

	if (!first && !last)
		return;
	bool both = own_memory(ep->vmm.pid, &m->vmm_kb[last]) &&
		    own_memory(ep->daemon.pid, &m->daemon_kb[last]);
	m->seen = both && (first || m->seen);
}

/* Take all messages there are; false when the VMM's end is closed. */
static bool take_messages(struct episode *ep)
{
	while (!ep->over) {
		enum watch_result r = watch_take(&ep->watch);

		if (r == WATCH_NOTHING || r == WATCH_CLOSED)
			return r == WATCH_NOTHING;
		if (r == WATCH_BAD) {
			ep->over = true;
			ep->ev->end = END_GARBLED; /* and ev->detail says how */
			return true;
		}
		hook(ep, r == WATCH_HELLO ? POINT_HELLO : POINT_RECORD);
		weigh(ep);
		watch_go(&ep->watch);
		if (ep->ev->done_seen && ep->vmm_deadline > clock_deadline(AFTER_DONE_NS))
			ep->vmm_deadline = clock_deadline(AFTER_DONE_NS);
	}
	return true;
}

static void vmm_ended(struct episode *ep)
{
	int code = child_code(&ep->vmm);

	take_messages(ep); /* what it said before it went */
	hook(ep, POINT_VMM_ENDED);
	if (code != 0 && code != 1)
		ended_badly(ep, &ep->vmm);
	else if (!ep->ev->done_seen)
		finish(ep, END_VMM_DIED, "the VMM ended with %d before its guest was done", code);
}

/*
 * A VMM that is late is asked by a signal what it is at, before it is made to end; but for one that
 * has said so by itself, since its own deadline has passed.
 */
static void ask_why(struct episode *ep)
{
	size_t said = strlen(ep->ev->detail);
	bool ended = false;
	char words[170];

	if (ep->ev->end != END_LATE)
		return;
	off_t before = launch_log_size(ep->c, VMM_LOG);
	launch_last_words(ep->c, VMM_LOG, 0, words, sizeof(words));
	if (!strstr(words, "deadline passed while")) {
		kill(ep->vmm.pid, SIGTERM);
		ended = child_wait(&ep->vmm, clock_deadline(WORDS_NS));
		launch_last_words(ep->c, VMM_LOG, before, words, sizeof(words));
	}
	snprintf(ep->ev->detail + said, sizeof(ep->ev->detail) - said, ": %s",
		 words[0] ? words
		 : ended  ? "it has ended since"
			  : "asked by SIGTERM, it says nothing");
}

static void watch_run(struct episode *ep)
{
	bool open = true;

	while (!ep->over) {
		struct pollfd p[4] = {
		    {.fd = ep->vmm.pidfd, .events = POLLIN},
		    {.fd = ep->daemon.pid ? ep->daemon.pidfd : -1, .events = POLLIN},
		    {.fd = open ? ep->sock : -1, .events = POLLIN}};

		if (!await(ep, p, 3, ep->vmm_deadline,
			   ep->ev->done_seen ? "the VMM did not end after its guest was done"
					     : "the VMM did not end in time")) {
			ask_why(ep);
			return;
		}
		if (open)
			open = take_messages(ep);
		if (ep->daemon.pid && child_wait(&ep->daemon, 0)) {
			ended_badly(ep, &ep->daemon);
		} else if (child_wait(&ep->vmm, 0)) {
			vmm_ended(ep);
			return;
		}
	}
}

/* The daemon leaves by itself and takes its device along; that, too, has to work. */
static void dismiss_daemon(struct episode *ep)
{
	/* A VMM that found its device wanting may have met a stuck daemon, which is no fact about
	 * this host. */
	bool cannot = ep->over && (ep->ev->end == END_HOST_CANNOT || ep->ev->end == END_REFUSED);

	if (!ep->daemon.pid || ep->daemon.ended)
		return;
	if (cannot)
		ep->over = false;
	kill(ep->daemon.pid, SIGTERM);
	if (!child_wait(&ep->daemon, clock_deadline(LEAVE_NS)))
		finish(ep, END_DAEMON_DIED, "the daemon did not leave when told to");
	else if (child_code(&ep->daemon) != 0)
		ended_badly(ep, &ep->daemon);
	ep->over |= cannot;
}

static void kill_child(struct episode *ep, struct child *c, const char *what)
{
	if (!child_kill(c))
		left_over(ep, "%s, process %d, cannot be killed", what, c->pid);
}

static void remove_device(struct episode *ep)
{
	struct err e = {0};

	if (ep->c->given || leftover_none(ep->c->device))
		return;
	/* If nothing else went wrong then this did: a daemon that leaves takes its device along. */
	finish(ep, END_LEFTOVER, "the daemon left its device %s behind", ep->c->device);
	leftover_remove(ep->c->device, &e);
	if (!leftover_none(ep->c->device))
		left_over(ep, "device %s cannot be removed: %.150s", ep->c->device, e.text);
}

static void tear_down(struct episode *ep)
{
	enum episode_end end = ep->ev->end;

	/* Whoever closes a device whose daemon does not answer waits for it: so a daemon that may
	   be stuck goes first, by force. */
	if (ep->over && (end == END_DAEMON_LATE || end == END_DAEMON_DIED || end == END_LATE))
		kill_child(ep, &ep->daemon, "the daemon");
	kill_child(ep, &ep->vmm, "the VMM");
	dismiss_daemon(ep);
	kill_child(ep, &ep->daemon, "the daemon");
	remove_device(ep);
	child_drop(&ep->vmm);
	child_drop(&ep->daemon);
	if (ep->ready_fd >= 0)
		close(ep->ready_fd);
	watch_end(&ep->watch);
	if (ep->sock >= 0)
		close(ep->sock);
}

static void read_trace(struct episode *ep)
{
	char path[512];
	FILE *f;

	launch_path(ep->c, TRACE_FILE, path, sizeof(path));
	f = ep->c->untraced ? NULL : fopen(path, "re");
	if (!f)
		return;
	oracle_trace(ep->ev, f);
	fclose(f);
}

/* The device, ours or the given one. */
static void make_device(struct episode *ep)
{
	if (ep->c->cannot)
		finish(ep, END_HOST_CANNOT, "%s", ep->c->cannot);
	if (ep->c->untraced && matrix_needs_trace(ep->c->row))
		finish(ep, END_HOST_CANNOT, "%s", ep->c->untraced);
	if (!ep->over && ep->c->given)
		snprintf(ep->node, sizeof(ep->node), "%s", ep->c->given);
	if (ep->over || ep->c->given)
		return;
	start_daemon(ep);
	if (!ep->over)
		hook(ep, POINT_DAEMON_STARTED);
	if (!ep->over)
		await_ready(ep);
	if (!ep->over)
		hook(ep, POINT_DAEMON_READY);
}

void episode_run(const struct episode_config *c, struct evidence *ev)
{
	struct episode ep = {.c = c, .ev = ev, .ready_fd = -1, .sock = -1};
	uint64_t from = clock_ns();

	memset(ev, 0, sizeof(*ev));
	ev->scan_stride = c->scan_stride;
	ev->untraced = c->untraced;
	if (getrandom(&ep.seed, sizeof(ep.seed), 0) != sizeof(ep.seed))
		finish(&ep, END_OWN_FAILURE, "getrandom: %s", strerror(errno));
	/* A frame of canaries is for a group of stations then, and a device that drops what is not
	 * for it (vdpasim_net: receive_filter) lets it come back. */
	ep.seed.magic |= 1;
	if (!ep.over)
		make_device(&ep);
	if (!ep.over)
		start_vmm(&ep);
	if (!ep.over) {
		start_watch(&ep);
		hook(&ep, POINT_VMM_STARTED);
		watch_run(&ep);
	}
	tear_down(&ep);
	read_trace(&ep);
	if (!ep.over)
		ev->end = END_COMPLETE;
	ev->ns = clock_ns() - from;
}
