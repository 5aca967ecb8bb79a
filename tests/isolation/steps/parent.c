/* SPDX-License-Identifier: MIT */
/* The client's side of the device's process; see parent.h. It must never wait without a limit. */
#include "parent.h"

#include "../../raw/raw.h"
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAKE_MS 15000
#define ANSWER_MS 5000
#define END_MS 15000

static bool receive(int sock, void *to, size_t len, int ms)
{
	struct pollfd p = {.fd = sock, .events = POLLIN};

	return poll(&p, 1, ms) > 0 && recv(sock, to, len, 0) == (ssize_t)len;
}

static void drop(struct parent *p)
{
	close(p->sock); /* it goes when it sees that */
	if (raw_wait(p->pid, END_MS) == -ETIMEDOUT) {
		kill(p->pid, SIGKILL);
		(void)raw_wait(p->pid, ANSWER_MS);
	}
	p->sock = -1;
	p->pid = 0;
}

int parent_start(struct parent *p, const struct parent_setup *s, struct err *e)
{
	struct hello hello;
	int pair[2];

	*p = (struct parent){.kind = s->kind, .sock = -1};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return err_set(e, ERR_INTERNAL, errno, "socketpair", s->device, "%s", "");
	fflush(NULL);
	p->pid = fork();
	if (p->pid == 0) {
		close(pair[0]);
		keeper_run(s, pair[1]);
	}
	close(pair[1]);
	p->sock = pair[0];
	if (p->pid < 0) {
		int code = errno;
		close(p->sock);
		return err_set(e, ERR_INTERNAL, code, "fork", s->device, "%s", "");
	}
	if (!receive(p->sock, &hello, sizeof(hello), MAKE_MS)) {
		drop(p);
		return err_set(e, ERR_INTERNAL, EIO, "device's process", s->device,
			       "it does not say whether it has made its device");
	}
	if (hello.ret) {
		*e = hello.e;
		drop(p);
		return hello.ret;
	}
	memcpy(p->path, hello.path, sizeof(p->path));
	return 0;
}

/* ---- questions ---- */

static struct answer ask(struct parent *p, const struct question *q)
{
	struct answer a = {.ret = -EIO};

	if (p->lost || send(p->sock, q, sizeof(*q), MSG_NOSIGNAL) != (ssize_t)sizeof(*q) ||
	    !receive(p->sock, &a, sizeof(a), ANSWER_MS)) {
		p->lost = true;
		a = (struct answer){.ret = -EIO};
	}
	return a;
}

int parent_stop(struct parent *p, struct err *e)
{
	const struct question end = {.ask = ASK_END};
	struct answer bye = {.ret = -EIO};

	if (!p->pid)
		return 0;
	if (send(p->sock, &end, sizeof(end), MSG_NOSIGNAL) < 0 ||
	    !receive(p->sock, &bye, sizeof(bye), END_MS))
		bye.ret = -EIO;
	drop(p);
	if (bye.ret)
		return err_set(e, ERR_INTERNAL, -bye.ret, "device's process", p->path,
			       "its device could not be deleted");
	return 0;
}

struct heard parent_heard(struct parent *p)
{
	return ask(p, &(struct question){.ask = ASK_HEARD}).heard;
}

uint32_t parent_group_asid(struct parent *p, uint32_t group)
{
	return ask(p, &(struct question){.ask = ASK_GROUP, .a = group}).value;
}

uint32_t parent_queue_group(struct parent *p, uint32_t q)
{
	return ask(p, &(struct question){.ask = ASK_QUEUE, .a = q}).value;
}

int parent_region(struct parent *p, uint32_t asid, uint64_t at, struct seen_region *out)
{
	struct answer a = ask(p, &(struct question){.ask = ASK_REGION, .a = asid, .at = at});

	*out = a.region;
	return a.ret;
}

int parent_ring(struct parent *p, uint32_t q, struct seen_ring *out)
{
	struct answer a = ask(p, &(struct question){.ask = ASK_RING, .a = q});

	*out = a.ring;
	return a.ret;
}

int parent_vq_setup(struct parent *p, uint32_t q, uint32_t group)
{
	return ask(p, &(struct question){.ask = ASK_SETUP, .a = q, .b = group}).ret;
}
