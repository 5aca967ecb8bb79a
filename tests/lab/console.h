/* SPDX-License-Identifier: MIT */
/*
 * The lab kernel's console: written to a log as it is, and read for what a sound kernel does not
 * say. It must never hold back a byte from the log, nor grow with a line's length.
 */
#ifndef LAB_CONSOLE_H
#define LAB_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

enum console_verdict {
	CONSOLE_FINE,
	CONSOLE_COMPLAINT, /* a WARN, BUG, Oops, sanitizer or lockdep line */
	CONSOLE_STALL, /* a complaint that a CPU or a task does not get on, after which nothing may
			  come */
	CONSOLE_PANIC,
};

/** What one line, without its newline, tells of the kernel. */
enum console_verdict console_judge(const char *line);

/** Zero-initialise but for log_fd and known. */
struct console {
	int log_fd;
	bool known;	   /* ringfence-known runs: a warning that the running finding announced is
			      expected */
	char expected[64]; /* the function that may warn now, or "" */
	unsigned expectations; /* warnings that came as announced */
	char line[512];
	size_t len;
	char first[256]; /* the first line that was not fine */
	unsigned complaints;
	bool stalled, panicked;
};

/** Take the next bytes of the console. */
void console_feed(struct console *c, const char *bytes, size_t len);

#endif
