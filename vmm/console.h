/* SPDX-License-Identifier: MIT */
/*
 * Lines to a terminal or file, at most so many of them, whatever a guest does.
 * It must never buffer or share stdio's locks: a reader that stopped reading may hang the thread
 * that prints and nothing else.
 */
#ifndef VMM_CONSOLE_H
#define VMM_CONSOLE_H

#include <pthread.h>
#include <stdbool.h>

struct console {
	int fd;
	pthread_mutex_t lock;
	unsigned left; /* lines that may still come */
	bool color;
	bool stalled; /* nobody has read for a while: lines are lost at once */
};

/** At most @max lines to @fd, the last of which says that the rest is not shown. */
void console_init(struct console *c, int fd, unsigned max, bool color);

/** One line: @prefix and @text, both without newline. Control characters come out as dots. */
void console_line(struct console *c, const char *prefix, const char *text);

/** The same, whatever came before: for the last word, which a flood must not drown. */
void console_last(struct console *c, const char *prefix, const char *text);

/** The same as console_line(), in bold red where colours are on. */
void console_alarm(struct console *c, const char *prefix, const char *text);

#endif
