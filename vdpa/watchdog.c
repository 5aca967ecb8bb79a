/* SPDX-License-Identifier: MIT */
/*
 * The thread that watches the device's own one (worker.c). That sits in the kernel for as long as
 * the parent is silent, which can be for ever, and nobody else may make its calls; so when a start
 * or a reset is not done in time, the guest is told from here that its device has failed. It must
 * never make a call that the kernel or the parent can delay, and its stack is there before the
 * first of those: a thread cannot be made while one holds the process's memory map
 * (vhost_vdpa_va_map()).
 */
#include "breaks.h"
#include "clock.h"
#include "device_impl.h"

#include <errno.h>
#include <stdio.h>

/* With the lock held, as below. */
static bool is_open(const struct device *d)
{
	return !d->told && !broken(d->cfg.breaks, BREAK_NO_RESET_DEADLINE) &&
	       (d->busy || d->wish != WISH_NOTHING);
}

static bool is_past(const struct timespec *t)
{
	const struct timespec now = clock_after(0);

	return now.tv_sec > t->tv_sec || (now.tv_sec == t->tv_sec && now.tv_nsec >= t->tv_nsec);
}

static void tell(struct device *d)
{
	char why[96];

	snprintf(why, sizeof(why), "the device has not answered a start or a reset within %u ms",
		 d->cfg.wish_ms);
	d->told = true;
	pthread_mutex_unlock(&d->lock);
	device_failed(d, why);
	pthread_mutex_lock(&d->lock);
}

static void *watch(void *device)
{
	struct device *d = device;

	pthread_mutex_lock(&d->lock);
	while (!d->closing) {
		const struct timespec due =
		    d->due; /* another may come while this one is waited for */

		if (!is_open(d))
			pthread_cond_wait(&d->done, &d->lock);
		else if (is_past(&due))
			tell(d);
		else
			pthread_cond_timedwait(&d->done, &d->lock, &due);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

int watchdog_start(struct device *d, struct err *e)
{
	int code = pthread_create(&d->watchdog, NULL, watch, d);

	return code ? err_set(e, ERR_INTERNAL, code, "pthread_create", "device watchdog",
			      "out of memory or processes")
		    : 0;
}

void watchdog_stop(struct device *d)
{
	pthread_mutex_lock(&d->lock);
	d->closing = true;
	pthread_cond_broadcast(&d->done);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->watchdog, NULL); /* what it may be at takes no time */
}
