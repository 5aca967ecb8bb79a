/* SPDX-License-Identifier: MIT */
/*
 * The VMM's side of the monitor socket; see monitor.h. It must never block in a socket call: each
 * is made with MSG_DONTWAIT, and what has to be waited for is waited for in poll() with a deadline.
 */
#include "monitor.h"

#include "../vdpa/clock.h"
#include "../vdpa/err.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#define HEAD offsetof(struct monitor_msg, hello)

/* A checked record is laid out as the wire has it, so it goes out as it is. */
_Static_assert(offsetof(struct report_record, bytes) == sizeof(struct report), "record's payload");
_Static_assert(offsetof(struct monitor_msg, record) == HEAD, "message's payload");

int monitor_check(int fd, struct err *e)
{
	int type;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len))
		return err_set(e, ERR_USAGE, errno, "getsockopt", "--monitor",
			       "must be the number of an inherited socket");
	if (type != SOCK_SEQPACKET)
		return err_set(e, ERR_USAGE, 0, "getsockopt", "--monitor",
			       "must be a SOCK_SEQPACKET socket");
	if (fcntl(fd, F_SETFD, FD_CLOEXEC))
		return err_set(e, ERR_INTERNAL, errno, "fcntl", "--monitor",
			       "must be an inherited socket");
	return 0;
}

/* Wait for @events on @fd until @until. */
static int await(int fd, short events, int64_t until, const char *what, struct err *e)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n;

	do
		n = poll(&p, 1, clock_left(until));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_set(e, ERR_INTERNAL, errno, "poll", "monitor",
			       "must be an inherited socket");
	if (n == 0)
		return err_set(e, ERR_TIMEOUT, 0, what, "monitor",
			       "no answer from the judge within %d ms", MONITOR_GO_DEADLINE_MS);
	return 0;
}

static int send_msg(int fd, const struct msghdr *m, int64_t until, struct err *e)
{
	for (;;) {
		if (sendmsg(fd, m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return 0; /* SOCK_SEQPACKET: all of it or nothing */
		if (errno != EAGAIN && errno != EINTR)
			return err_set(e, ERR_INTERNAL, errno, "sendmsg", "monitor",
				       "the judge is gone");
		int ret = await(fd, POLLOUT, until, "send", e);
		if (ret)
			return ret;
	}
}

int monitor_hello(int fd, const struct monitor_hello *hello, const int files[3], struct err *e)
{
	struct monitor_msg msg = {.type = MONITOR_HELLO, .len = sizeof(*hello)};
	struct iovec iov = {&msg, HEAD + sizeof(*hello)};
	union {
		struct cmsghdr head;
		char buf[CMSG_SPACE(3 * sizeof(int))];
	} control = {0};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.buf,
			   .msg_controllen = sizeof(control.buf)};

	msg.hello = *hello;
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(3 * sizeof(int));
	memcpy(CMSG_DATA(&control.head), files, 3 * sizeof(int));
	return send_msg(fd, &m, clock_ms() + MONITOR_GO_DEADLINE_MS, e);
}

/* The judge looks after the vCPUs stopped, so the one message that may come now is its GO. */
static int await_go(int fd, int64_t until, struct err *e)
{
	struct monitor_msg msg;

	for (;;) {
		int ret = await(fd, POLLIN, until, "wait for GO", e);
		if (ret)
			return ret;
		ssize_t n = recv(fd, &msg, sizeof(msg), MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return err_set(e, ERR_INTERNAL, n < 0 ? errno : ECONNRESET, "recv",
				       "monitor", "the judge is gone");
		if ((size_t)n != HEAD || msg.type != MONITOR_GO || msg.len != 0)
			return err_set(e, ERR_INTERNAL, EPROTO, "recv", "monitor",
				       "the judge must answer GO");
		return 0;
	}
}

int monitor_record(int fd, const struct report_record *r, struct err *e)
{
	uint32_t len = (uint32_t)sizeof(struct report) + r->len;
	struct {
		uint32_t type, len;
	} head = {MONITOR_RECORD, len};
	struct iovec iov[2] = {{&head, sizeof(head)}, {(void *)(uintptr_t)r, len}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
	int64_t until = clock_ms() + MONITOR_GO_DEADLINE_MS;

	_Static_assert(sizeof(head) == HEAD, "message's head");
	int ret = send_msg(fd, &m, until, e);
	return ret || !monitor_stops(r->type) ? ret : await_go(fd, until, e);
}
