/* SPDX-License-Identifier: MIT */
/* Moving a console's bytes; see tty.h. */
#include "tty.h"

#include "../vdpa/clock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#define GATHER_US 2000 /* a guest sends byte by byte: wait for some more before each write() */
#define CTRL_A 1

struct tty {
	struct tty_config cfg;
	int wake_fd;
	bool stop, has_thread; /* @stop: atomic */
	bool escape;	       /* the last byte typed was Ctrl-A */
	pthread_t thread;
};

static bool write_all(int fd, const uint8_t *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);
		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};
			(void)poll(&p, 1, -1);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		buf += n;
		len -= (size_t)n;
	}
	return true;
}

/* What cannot be written has nowhere to go; it is taken all the same, so that the guest goes on. */
static void print(struct tty *t)
{
	uint8_t buf[4096];

	for (size_t n; (n = serial_take(t->cfg.serial, buf, sizeof(buf)));)
		(void)write_all(t->cfg.out, buf, n);
}

/* Leave out the escapes of a raw terminal. Returns how many bytes are the guest's. */
static size_t unescape(struct tty *t, uint8_t *buf, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		bool was = t->escape;
		t->escape = t->cfg.raw && buf[i] == CTRL_A && !was;
		if (was && buf[i] == 'x')
			t->cfg.quit(t->cfg.ctx);
		else if (!t->escape)
			buf[n++] = buf[i];
	}
	return n;
}

/* False at the end of what is typed. */
static bool read_typed(struct tty *t)
{
	uint8_t buf[SERIAL_TYPED];
	size_t room = serial_room(t->cfg.serial);

	if (!room)
		return true; /* a wake-up tells when there is some */
	ssize_t n = read(t->cfg.in, buf, room);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n > 0)
		serial_give(t->cfg.serial, buf, unescape(t, buf, (size_t)n));
	return n > 0;
}

static void *tty_thread(void *arg)
{
	struct tty *t = arg;
	bool open = t->cfg.in >= 0;
	eventfd_t n;

	pthread_setname_np(pthread_self(), "tty");
	while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
		bool listen = open && serial_room(t->cfg.serial);
		struct pollfd p[] = {{.fd = t->wake_fd, .events = POLLIN},
				     {.fd = listen ? t->cfg.in : -1, .events = POLLIN}};
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents)
			open = read_typed(t);
		if (p[0].revents) {
			usleep(GATHER_US);
			(void)eventfd_read(t->wake_fd, &n);
			print(t);
		}
	}
	print(t);
	return NULL;
}

struct tty *tty_new(void)
{
	struct tty *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->wake_fd >= 0)
		return t;
	free(t);
	return NULL;
}

int tty_start(struct tty *t, const struct tty_config *cfg, struct err *e)
{
	sigset_t all, old;

	t->cfg = *cfg;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int ret = pthread_create(&t->thread, NULL, tty_thread, t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	t->has_thread = !ret;
	return ret ? err_set(e, ERR_INTERNAL, ret, "pthread_create", "console",
			     "raise the limit on processes (ulimit -u)")
		   : 0;
}

void tty_wake(void *ctx)
{
	struct tty *t = ctx;

	(void)eventfd_write(t->wake_fd, 1);
}

bool tty_stop(struct tty *t, unsigned deadline_ms)
{
	struct timespec until = clock_after(deadline_ms);

	if (!t)
		return true;
	if (t->has_thread) {
		__atomic_store_n(&t->stop, true, __ATOMIC_RELEASE);
		tty_wake(t);
		if (pthread_clockjoin_np(t->thread, NULL, CLOCK_MONOTONIC, &until))
			return false;
	}
	close(t->wake_fd);
	free(t);
	return true;
}

/* One terminal, whatever ends the process: so these are of the process. */
static struct termios saved;
static int saved_fd = -1;

int tty_raw(int fd)
{
	struct termios raw;

	/* In the background a change of mode would stop us (SIGTTOU). */
	if (!isatty(fd) || tcgetpgrp(fd) != getpgrp() || tcgetattr(fd, &saved))
		return -ENOTTY;
	raw = saved;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST | ONLCR; /* our own lines end in a newline alone */
	if (tcsetattr(fd, TCSANOW, &raw))
		return -errno;
	saved_fd = fd;
	return 0;
}

void tty_restore(void)
{
	if (saved_fd >= 0)
		tcsetattr(saved_fd, TCSANOW, &saved);
	saved_fd = -1;
}
