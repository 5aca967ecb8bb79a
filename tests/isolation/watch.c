/* SPDX-License-Identifier: MIT */
/* The monitor socket's messages, one at a time; see watch.h. */
#include "watch.h"

#include "child.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELLO_FDS 3
#define CONTROL CMSG_SPACE(sizeof(int) * HELLO_FDS)
#define FDS_MAX                                                                                    \
	((CONTROL - CMSG_LEN(0)) / sizeof(int)) /* its padding holds one more than asked for */
#define HEAD offsetof(struct monitor_msg, hello)

static_assert(HEAD == 8, "a message is its type, its length and its payload");

static enum watch_result __attribute__((format(printf, 2, 3)))
bad(struct watch *w, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(w->ev->detail, sizeof(w->ev->detail), fmt, args);
	va_end(args);
	return WATCH_BAD;
}

static void __attribute__((format(printf, 3, 4)))
tell(struct watch *w, const char *event, const char *fmt, ...)
{
	va_list args;

	if (!w->events)
		return;
	fprintf(w->events, "{\"t\":%" PRIu64 ",\"ev\":\"%s\"", clock_ns(), event);
	va_start(args, fmt);
	vfprintf(w->events, fmt, args);
	va_end(args);
	fputs("}\n", w->events);
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

static enum watch_result take_hello(struct watch *w, const struct monitor_msg *msg, const int *fds,
				    size_t n)
{
	struct evidence *ev = w->ev;
	struct err e = {0};

	if (ev->hello_seen || n != HELLO_FDS || msg->len != sizeof(msg->hello))
		return bad(w, "the VMM's hello is malformed (%zu files, %u bytes)", n, msg->len);
	ev->hello = msg->hello;
	ev->hello_seen = true;
	tell(w, "hello", ",\"arena\":\"0x%" PRIx64 "\",\"asid\":%u", ev->hello.arena_iova,
	     ev->hello.cvq_asid);
	if (arena_open(&w->arena, &ev->arena, &ev->hello, fds, &w->seed, &e))
		return bad(w, "%.200s", e.text);
	return WATCH_HELLO;
}

static enum watch_result take_step(struct watch *w, struct report_step s)
{
	unsigned phase = s.phase ? 1 : 0;

	s.name[sizeof(s.name) - 1] = 0;
	for (char *c = s.name; *c; c++) /* it goes into reports and JSON */
		if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')
			*c = '?';
	tell(w, "step", ",\"phase\":%u,\"name\":\"%s\",\"ok\":%s", phase, s.name,
	     s.ok ? "true" : "false");
	if (s.ok) {
		w->ev->steps_ok[phase]++;
	} else {
		if (!w->ev->failed_step[0])
			memcpy(w->ev->failed_step, s.name, sizeof(s.name));
		w->ev->steps_failed[phase]++;
	}
	return WATCH_RECORD;
}

static void tell_mark(struct watch *w, const char *event, const struct report_mark *m)
{
	tell(w, event,
	     ",\"attempt\":%u,\"shape\":%u,\"q\":%d,\"address\":\"0x%" PRIx64
	     "\",\"length\":%" PRIu64 ",\"outcome\":%u,\"touched\":%" PRIu64 ",\"hits\":%u",
	     m->attempt, m->shape, (int)m->queue, m->address, m->length, m->outcome, m->touched,
	     m->hits);
}

static enum watch_result take_begin(struct watch *w, const struct report_mark *m)
{
	struct evidence *ev = w->ev;

	tell_mark(w, "begin", m);
	if (!ev->hello_seen || w->in_attempt)
		return bad(w, "the guest began attempt %u out of turn", m->attempt);
	if (m->attack != w->attack)
		return bad(w, "the guest ran attack %u, not %u", m->attack, w->attack);
	struct attempt *at = evidence_next(ev);
	if (!at)
		return bad(w, "the guest made more than %u attempts", ev->attempts);
	at->mark = *m;
	w->in_attempt = true;
	arena_begin(&w->arena, &ev->arena);
	return WATCH_RECORD;
}

static bool same_attempt(const struct report_mark *a, const struct report_mark *b)
{
	return a->attack == b->attack && a->attempt == b->attempt && a->queue == b->queue &&
	       a->address == b->address && a->length == b->length && a->shape == b->shape;
}

static enum watch_result take_end(struct watch *w, const struct report_mark *m)
{
	struct evidence *ev = w->ev;
	struct attempt *at = w->in_attempt ? &ev->attempt[ev->attempts] : NULL;

	tell_mark(w, "end", m);
	if (!at || !same_attempt(&at->mark, m))
		return bad(w, "the guest ended attempt %u out of turn", m->attempt);
	at->to_ns = clock_ns();
	at->mark.outcome = m->outcome;
	at->mark.touched = m->touched;
	at->mark.hits = m->hits;
	at->diff = arena_end(&w->arena, &ev->arena);
	w->in_attempt = false;
	ev->attempts++;
	return WATCH_RECORD;
}

static enum watch_result take_leak(struct watch *w, const struct report_leak *leak)
{
	uint64_t bytes = w->ev->hello.arena_readable + w->ev->hello.arena_writable;

	if (!w->ev->arena.seen)
		return bad(w, "the guest reported a leak before the arena was known");
	uint32_t before = w->ev->canary.secrets;
	oracle_leak(&w->ev->canary, &w->seed, bytes / CANARY_LINE, leak);
	if (w->in_attempt)
		w->ev->attempt[w->ev->attempts].secrets += w->ev->canary.secrets - before;
	tell(w, "leak", ",\"address\":\"0x%" PRIx64 "\"", leak->address);
	return WATCH_RECORD;
}

static enum watch_result take_done(struct watch *w, const struct report_done *done)
{
	if (w->ev->done_seen || w->in_attempt)
		return bad(w, "the guest was done out of turn");
	w->ev->done = *done;
	w->ev->done_seen = true;
	tell(w, "done", ",\"failed\":%u,\"attempts\":%u", done->failed, done->attempts);
	return WATCH_RECORD;
}

/* UNTRUSTED: guest. A record's payload has exactly the length of its type, or it is no record. */
static enum watch_result take_record(struct watch *w, const uint8_t *bytes, size_t len)
{
	union {
		struct report_step step;
		struct report_mark mark;
		struct report_leak leak;
		struct report_done done;
	} u;
	struct report head;
	static const size_t want[] = {
	    [REPORT_STEP] = sizeof(u.step), [REPORT_BEGIN] = sizeof(u.mark),
	    [REPORT_END] = sizeof(u.mark),  [REPORT_LEAK] = sizeof(u.leak),
	    [REPORT_DONE] = sizeof(u.done),
	};

	if (len < sizeof(head))
		return bad(w, "the guest sent a record of %zu bytes", len);
	memcpy(&head, bytes, sizeof(head));
	if (head.type == REPORT_TEXT)
		return WATCH_RECORD;
	if (head.type > REPORT_DONE || !want[head.type] || head.len != want[head.type] ||
	    head.len > len - sizeof(head))
		return bad(w, "the guest sent a malformed record (type %u, %u bytes)", head.type,
			   head.len);
	memcpy(&u, bytes + sizeof(head), head.len);
	w->owes_go = head.type == REPORT_BEGIN || head.type == REPORT_END;
	switch ((enum report_type)head.type) {
	case REPORT_STEP:
		return take_step(w, u.step);
	case REPORT_BEGIN:
		return take_begin(w, &u.mark);
	case REPORT_END:
		return take_end(w, &u.mark);
	case REPORT_LEAK:
		return take_leak(w, &u.leak);
	case REPORT_DONE:
		return take_done(w, &u.done);
	case REPORT_TEXT:
		break;
	}
	return WATCH_RECORD;
}

/* Receive one message and its files; the kernel keeps back those beyond FDS_MAX. */
static ssize_t receive(int fd, struct monitor_msg *msg, int fds[FDS_MAX], size_t *n)
{
	union {
		struct cmsghdr align;
		char buf[CONTROL];
	} ctl;
	struct iovec iov = {.iov_base = msg, .iov_len = sizeof(*msg)};
	struct msghdr mh = {.msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = ctl.buf,
			    .msg_controllen = sizeof(ctl.buf)};
	ssize_t got = recvmsg(fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*n = 0;
	if (got < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&mh); c; c = CMSG_NXTHDR(&mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		*n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), *n * sizeof(int));
	}
	return got;
}

enum watch_result watch_take(struct watch *w)
{
	struct monitor_msg msg;
	int fds[FDS_MAX];
	size_t n;
	ssize_t got = receive(w->fd, &msg, fds, &n);
	enum watch_result r;

	w->owes_go = false;
	if (got == -EAGAIN || got == -EINTR)
		return WATCH_NOTHING;
	if (got <= 0)
		return WATCH_CLOSED;
	if ((size_t)got < HEAD || msg.len > (size_t)got - HEAD)
		r = bad(w, "the VMM sent a message of %zd bytes that cannot be", got);
	else if (msg.type == MONITOR_HELLO)
		r = take_hello(w, &msg, fds, n);
	else if (msg.type == MONITOR_RECORD)
		r = take_record(w, msg.record, msg.len);
	else
		r = bad(w, "the VMM sent a message of unknown type %u", msg.type);
	close_all(fds, n);
	return r;
}

void watch_go(struct watch *w)
{
	const uint32_t go[2] = {MONITOR_GO, 0};

	if (!w->owes_go)
		return;
	w->owes_go = false;
	if (w->in_attempt)
		w->ev->attempt[w->ev->attempts].from_ns = clock_ns();
	/* If the VMM is gone its pidfd says so; if it does not read, its own deadline does. */
	if (send(w->fd, go, sizeof(go), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		tell(w, "go-lost", ",\"errno\":%d", errno);
}

void watch_end(struct watch *w)
{
	arena_close(&w->arena);
	if (w->events)
		fclose(w->events);
	w->events = NULL;
}
