/* SPDX-License-Identifier: MIT */
/* Bounded lines of output; see console.h. */
#include "console.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_LEN 2048

void console_init(struct console *c, int fd, unsigned max, bool color)
{
	*c = (struct console){.fd = fd, .left = max, .color = color};
	pthread_mutex_init(&c->lock, NULL);
}

/* Where nobody reads any more, a line is lost after this, and those that follow at once, until
 * there is room again: a guest can cause lines, and must hold up nobody by them. */
#define LINE_MS 5
#define LAST_MS 1000

/* An output that cannot be written has nowhere to be reported; what counts is in the exit code.
 * False: all of the time was up. */
static bool put(int fd, const char *text, size_t len, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	while (len) {
		if (poll(&p, 1, ms) <= 0)
			return false;
		ssize_t n = write(fd, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

static void emit(struct console *c, const char *before, const char *prefix, const char *text,
		 const char *after, int ms)
{
	char line[LINE_MAX_LEN];
	int n = snprintf(line, sizeof(line) - 16, "%s%s", prefix, text);
	char whole[LINE_MAX_LEN + 32];

	for (int i = 0; i < n && line[i]; i++)
		if ((uint8_t)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '.';
	n = snprintf(whole, sizeof(whole), "%s%s%s\n", before, line, after);
	bool wait = !c->stalled || ms == LAST_MS;

	c->stalled = !put(c->fd, whole, n < 0 ? 0 : (size_t)n, wait ? ms : 0);
}

/* Whether one more line may be written; the last one says that it is the last. */
static bool spend(struct console *c)
{
	if (!c->left)
		return false;
	if (--c->left == 0) {
		emit(c, "", "", "ringfence: too many lines; the rest is not shown", "", LINE_MS);
		return false;
	}
	return true;
}

static void print(struct console *c, const char *before, const char *prefix, const char *text,
		  const char *after)
{
	pthread_mutex_lock(&c->lock);
	if (spend(c))
		emit(c, before, prefix, text, after, LINE_MS);
	pthread_mutex_unlock(&c->lock);
}

void console_line(struct console *c, const char *prefix, const char *text)
{
	print(c, "", prefix, text, "");
}

void console_last(struct console *c, const char *prefix, const char *text)
{
	pthread_mutex_lock(&c->lock);
	emit(c, "", prefix, text, "", LAST_MS);
	pthread_mutex_unlock(&c->lock);
}

void console_alarm(struct console *c, const char *prefix, const char *text)
{
	print(c, c->color ? "\033[1;31m" : "", prefix, text, c->color ? "\033[0m" : "");
}
