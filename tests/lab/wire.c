/* SPDX-License-Identifier: MIT */
/* Frames between launcher and PID 1; see wire.h. Must never trust a length it has not bounded. */
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WIRE_MAGIC 0x4c464e52u /* "RNFL" */

static int send_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};
			(void)poll(&p, 1, 1000);
		} else if (n < 0 && errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

int wire_send2(int fd, enum wire_type type, const void *a, size_t a_len, const void *b,
	       size_t b_len)
{
	uint8_t frame[sizeof(struct wire_head) + WIRE_MAX];
	struct wire_head head = {WIRE_MAGIC, type, (uint32_t)(a_len + b_len)};

	if (a_len > WIRE_MAX || b_len > WIRE_MAX - a_len)
		return -E2BIG;
	memcpy(frame, &head, sizeof(head));
	if (a_len)
		memcpy(frame + sizeof(head), a, a_len);
	if (b_len)
		memcpy(frame + sizeof(head) + a_len, b, b_len);
	return send_all(fd, frame, sizeof(head) + a_len + b_len);
}

size_t wire_frame(uint8_t *frame, enum wire_type type, size_t len)
{
	const struct wire_head head = {WIRE_MAGIC, type, (uint32_t)len};

	memcpy(frame, &head, sizeof(head));
	return sizeof(head) + len;
}

int wire_send(int fd, enum wire_type type, const void *payload, size_t len)
{
	return wire_send2(fd, type, payload, len, NULL, 0);
}

void wire_pulse(int fd)
{
	const struct wire_head head = {WIRE_MAGIC, WIRE_PULSE, 0};

	/* So short a message goes whole or not at all. */
	(void)!send(fd, &head, sizeof(head), MSG_DONTWAIT | MSG_NOSIGNAL);
}

int wire_read(struct wire_in *in, int fd)
{
	if (in->used) {
		in->have -= in->used;
		memmove(in->buf, in->buf + in->used, in->have);
		in->used = 0;
	}
	ssize_t n = read(fd, in->buf + in->have, sizeof(in->buf) - in->have);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	in->have += (size_t)n;
	return n > 0;
}

int wire_next(struct wire_in *in, struct wire_frame *out)
{
	struct wire_head head;
	size_t left = in->have - in->used;

	if (left < sizeof(head))
		return 0;
	memcpy(&head, in->buf + in->used, sizeof(head));
	if (head.magic != WIRE_MAGIC || head.len > WIRE_MAX || head.type < WIRE_HELLO ||
	    head.type > WIRE_GATHERED)
		return -EPROTO;
	if (left < sizeof(head) + head.len)
		return 0;
	*out = (struct wire_frame){head.type, head.len, in->buf + in->used + sizeof(head)};
	in->used += sizeof(head) + head.len;
	return 1;
}
