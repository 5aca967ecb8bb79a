/* SPDX-License-Identifier: MIT */
/* Waking, pausing and joining; see wait.h. It must never use a clock that somebody can set. */
#include "wait.h"

#include <time.h>
#include <unistd.h>

static struct timespec in_ms(unsigned ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

void wait_signal(int fd)
{
	const unsigned long long one = 1;

	/* It can only refuse after 2^64 - 2 signals unread, and is readable then anyway. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

void wait_ms(unsigned ms)
{
	const struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

int wait_join(pthread_t thread, unsigned ms)
{
	const struct timespec until = in_ms(ms);

	return -pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until);
}

int wait_lock(pthread_mutex_t *lock, unsigned ms)
{
	const struct timespec until = in_ms(ms);

	return -pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, &until);
}
