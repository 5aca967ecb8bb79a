/* SPDX-License-Identifier: MIT */
/* Reads the lab kernel's console for complaints; see console.h. Must never take a process's output
 * for the kernel's. */
#include "console.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* How a message of the kernel begins when something is wrong with it: kernel/panic.c, lib/bug.c,
 * arch/x86/kernel/dumpstack.c, mm/kasan/report.c, lib/ubsan.c, kernel/locking/lockdep.c,
 * mm/kmemleak.c, lib/debugobjects.c; and for stalls kernel/rcu/tree_stall.h, kernel/watchdog.c,
 * kernel/hung_task.c. */
static const struct {
	const char *start;
	enum console_verdict verdict;
} signs[] = {
    {"Kernel panic - not syncing", CONSOLE_PANIC},
    {"rcu: INFO:", CONSOLE_STALL},
    {"INFO: rcu", CONSOLE_STALL},
    {"INFO: task ", CONSOLE_STALL},
    {"watchdog: BUG:", CONSOLE_STALL},
    {"WARNING:", CONSOLE_COMPLAINT},
    {"BUG:", CONSOLE_COMPLAINT},
    {"kernel BUG at", CONSOLE_COMPLAINT},
    {"Oops:", CONSOLE_COMPLAINT},
    {"KASAN:", CONSOLE_COMPLAINT},
    {"KMSAN:", CONSOLE_COMPLAINT},
    {"UBSAN:", CONSOLE_COMPLAINT},
    {"general protection fault", CONSOLE_COMPLAINT},
    {"double fault:", CONSOLE_COMPLAINT},
    {"kmemleak:", CONSOLE_COMPLAINT},
    {"ODEBUG:", CONSOLE_COMPLAINT},
    {"INFO: possible", CONSOLE_COMPLAINT},
    {"INFO: trying to register", CONSOLE_COMPLAINT},
    {"DEBUG_LOCKS_WARN_ON", CONSOLE_COMPLAINT},
};

/* "[    1.234567] text", or with a caller "[    1.234567][    T1] text": where the text begins. */
static const char *message_of(const char *line)
{
	while (*line == '[') {
		const char *end = strchr(line, ']');
		if (!end)
			break;
		line = end + 1;
		line += strspn(line, " ");
	}
	return line;
}

enum console_verdict console_judge(const char *line)
{
	const char *text = message_of(line);

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (strncmp(text, signs[i].start, strlen(signs[i].start)) == 0)
			return signs[i].verdict;
	return CONSOLE_FINE;
}

/* ringfence-known frames each finding with lines of its own: tests/known/known.c. */
static void follow_known(struct console *c, const char *text)
{
	static const char mark[] = "ringfence-known: ", warns[] = "may warn in ";

	if (strncmp(text, mark, strlen(mark)) != 0)
		return;
	const char *function = strstr(text, warns);
	snprintf(c->expected, sizeof(c->expected), "%s", function ? function + strlen(warns) : "");
}

/* "WARNING: FILE:LINE at FUNCTION+OFFSET, ...", and of no other function. */
static bool was_announced(const struct console *c, const char *text)
{
	const char *at = strstr(text, c->expected);

	return *c->expected && strncmp(text, "WARNING: ", 9) == 0 && at && at[-1] == ' ' &&
	       at[strlen(c->expected)] == '+';
}

static void line_done(struct console *c)
{
	c->line[c->len] = '\0';
	c->len = 0;
	if (c->known)
		follow_known(c, message_of(c->line));
	enum console_verdict v = console_judge(c->line);
	if (v == CONSOLE_COMPLAINT && was_announced(c, message_of(c->line))) {
		c->expectations++;
		return;
	}
	if (v == CONSOLE_FINE)
		return;
	/* A panic says more than the complaint that led to it, so its line replaces that. */
	if (c->complaints++ == 0 || (v == CONSOLE_PANIC && !c->panicked))
		snprintf(c->first, sizeof(c->first), "%.255s", message_of(c->line));
	c->panicked |= v == CONSOLE_PANIC;
	c->stalled |= v == CONSOLE_STALL;
}

void console_feed(struct console *c, const char *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(c->log_fd, bytes + done, len - done);
		if (n <= 0)
			break; /* a full disk must not end the run: the lines are read all the same
				*/
		done += (size_t)n;
	}
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n')
			line_done(c);
		else if (bytes[i] != '\r' && c->len < sizeof(c->line) - 1)
			c->line[c->len++] = bytes[i];
	}
}
