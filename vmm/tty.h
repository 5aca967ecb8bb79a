/* SPDX-License-Identifier: MIT */
/*
 * The host's end of a guest's serial port: two fds and a thread that moves bytes between them and
 * the port. It must never let a terminal that does not read, or one that types without end, hold up
 * anything but this thread.
 */
#ifndef VMM_TTY_H
#define VMM_TTY_H

#include "../vdpa/err.h"
#include "serial.h"

#include <stdbool.h>

struct tty;

struct tty_config {
	struct serial *serial; /* borrowed until tty_stop() has succeeded */
	int in, out;	       /* borrowed; -1: nothing is typed */
	bool raw; /* @in is a terminal in raw mode: Ctrl-A x quits, Ctrl-A Ctrl-A is one Ctrl-A */
	void (*quit)(void *ctx);
	void *ctx;
};

/** Start the thread. @t is there for tty_wake() before that, so it is made first. */
struct tty *tty_new(void);
int tty_start(struct tty *t, const struct tty_config *cfg, struct err *e);

/** There is something to do: a struct serial_config's wake function; @ctx is the struct tty. */
void tty_wake(void *ctx);

/**
 * Write out what the guest has sent, end the thread and free all. False if the reader takes no more
 * within @deadline_ms: then the thread is still there and nothing is freed. NULL is fine.
 */
bool tty_stop(struct tty *t, unsigned deadline_ms) __attribute__((warn_unused_result));

/** Put the terminal @fd into raw mode, if it is one and ours to change; 0 if done. */
int tty_raw(int fd);
/** Undo the last tty_raw(), if any. */
void tty_restore(void);

#endif
