/* SPDX-License-Identifier: MIT */
/* Waking, pausing and joining, each with an end. It must never know what is being waited for. */
#ifndef VDUSE_WAIT_H
#define VDUSE_WAIT_H

#include <pthread.h>

/** Add 1 to an event fd. */
void wait_signal(int fd);

/** Sleep for @ms. */
void wait_ms(unsigned ms);

/**
 * Join a thread, for @ms at most. -ETIMEDOUT: it still runs, and what it uses must be left alone.
 */
int wait_join(pthread_t thread, unsigned ms);

/** Lock within @ms, or -ETIMEDOUT. */
int wait_lock(pthread_mutex_t *lock, unsigned ms);

#endif
