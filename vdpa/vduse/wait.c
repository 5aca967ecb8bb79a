/* SPDX-License-Identifier: MIT */
/* Waking, pausing and joining; see wait.h. It must never use a clock that somebody can set. */
#include "wait.h"

#include "../clock.h"

#include <time.h>
#include <unistd.h>

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
	const struct timespec until = clock_after(ms);

	return -pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until);
}

int wait_lock(pthread_mutex_t *lock, unsigned ms)
{
	const struct timespec until = clock_after(ms);

	return -pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, &until);
}
