/* SPDX-License-Identifier: MIT */
/*
 * What device.c (the callers' side), worker.c (the device's thread), watchdog.c and tell.c share,
 * and who may touch what. It must never be included by anything else.
 */
#ifndef VDPA_DEVICE_IMPL_H
#define VDPA_DEVICE_IMPL_H

#include "attach.h"
#include "cvq.h"
#include "device.h"

#include <pthread.h>
#include <time.h>

/** What somebody wants of the thread. Only the latest wish counts: a start begins with a reset
 * anyway. */
enum wish { WISH_NOTHING, WISH_RESET, WISH_START, WISH_CLOSE };

struct device {
	struct device_config cfg;
	struct arena arena;
	pthread_t thread, watchdog;
	int kick_fd[DEVICE_QUEUES_MAX], call_fd[DEVICE_QUEUES_MAX]; /* towards the guest */
	int shadow_kick_fd, shadow_call_fd;			    /* towards the device */
	int wake_fd;						    /* a wish was made */
	int config_fd; /* the device's config space has changed */

	pthread_mutex_t lock; /* guards from here ... */
	pthread_cond_t done;
	enum wish wish;
	bool busy;	     /* the thread is at work on a wish, the open included */
	struct timespec due; /* when a wish that is open has taken too long, */
	bool told;	     /* unless that was told already, or it is the open */
	bool closing;	     /* the watchdog is to end */
	uint64_t features;
	struct device_queue queue[DEVICE_QUEUES_MAX];
	struct err open_error;
	bool closed; /* ... to here */

	struct attach
	    attach;	/* its facts are fixed once the open is done; the rest is the thread's */
	struct cvq cvq; /* the thread's, as is all below */
	bool cvq_live;
	unsigned cvq_index;	  /* of this start */
	struct timespec deadline; /* of the command in flight */
	unsigned refusals;	  /* commands that the log was told of */
	char *print;		  /* of CTRL_PRINT_MAX bytes, if there is a trace */
};

/** The thread: opens, then carries out wishes and moves the CVQ until WISH_CLOSE. */
void *worker_main(void *device);

/** The thread that tells the guest when the other does not come back; see watchdog.c. */
int watchdog_start(struct device *d, struct err *e);
void watchdog_stop(struct device *d);

/** The device has failed: tell whoever is to know. Without the lock, from either thread. */
void device_failed(struct device *d, const char *why);
/** The same with the check that saw it. */
void device_failed_by(struct device *d, const char *what, const struct check_info *check);

/** Read the config space, and tell of it if it has changed; or, after a reset or a start, always.
 * From the device's thread, as what follows. */
void tell_config_changed(struct device *d, bool interrupt);
void tell_config_anew(struct device *d);
void tell_state(struct device *d, const struct ctrl_state *state);
/** A struct cvq's hooks; its @ctx is the device. */
void tell_committed(void *device, const struct ctrl_state *state);
void tell_answered(void *device, const struct cvq *c, uint8_t ack);

/** Add one to an event fd, or take all of it. */
void event_signal(int fd);
void event_drain(int fd);

#endif
