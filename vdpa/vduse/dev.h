/* SPDX-License-Identifier: MIT */
/*
 * A VDUSE device: created and torn down, its kernel messages answered, its queues kept ready or
 * not. What a class of device does with the queues is in net.h and blk.h. It must never let an
 * answer to the kernel wait for a queue's work, nor one queue's readiness for another's.
 *
 * Two threads use it. The message thread, started here, answers the kernel; the data thread, a
 * class's own, serves queues. Both take the device's lock, the data thread for one chain at a time
 * (vduse_lock).
 */
#ifndef VDUSE_DEV_H
#define VDUSE_DEV_H

#include "../err.h"
#include "../trace.h"
#include "as.h"
#include "vring.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VDUSE_CONTROL "/dev/vduse/control"
#define VDUSE_NAME_LEN 64
#define VDUSE_CONFIG_LEN 64
#define VDUSE_RING_MAX VRING_NUM_MAX

/** How long an answer may wait for the lock, and a client's call for its answer. */
#define VDUSE_ANSWER_MS 1000
#define VDUSE_MSG_TIMEOUT_S 2

/* ---- for whoever wants to know what this kernel can do, or to clean up after a device ---- */

struct vduse_facts {
	bool present;	      /* /dev/vduse/control exists; nothing else holds without it */
	uint64_t api;	      /* highest API version: 1 has groups and address spaces */
	bool ctrl_vq_offered; /* the kernel lets a network device offer VIRTIO_NET_F_CTRL_VQ */
	bool queue_ready;     /* VDUSE_F_QUEUE_READY */
	bool suspend;	      /* VDUSE_F_SUSPEND */
};

/** Find the facts by trying. No VDUSE is a fact too; one that cannot be opened is an ERR_HOST. */
int vduse_probe(struct vduse_facts *f, struct err *e);

/**
 * Delete the vDPA device and the VDUSE device of that name, if they are there and nobody serves
 * them: what a killed device leaves behind. Its client's pending calls fail. EBUSY: a device of
 * that name is being served, or a client will not let go; bounded by a few seconds.
 */
int vduse_cleanup(const char *name, struct err *e);

/** Whether @name can be one: 1 to 63 of A-Z a-z 0-9 . _ -, not "control", no dot first. */
bool vduse_name_ok(const char *name);

/* ---- the device ---- */

struct vduse_setup {
	const char *name;
	int api;		   /* 0 or 1; -1: 1 if the kernel has it */
	uint32_t device_id;	   /* VIRTIO_ID_... */
	uint64_t features;	   /* offered */
	uint64_t private_features; /* accepted though not offered: agreed with our own client */
	unsigned queues;
	uint32_t queue_group[AS_QUEUES_MAX]; /* with API 0 all are in group 0 */
	unsigned groups, spaces;	     /* with API 0 there is one of each */
	uint8_t config[VDUSE_CONFIG_LEN];    /* what a client finds after every reset */
	size_t config_len;
	uint32_t breaks;
	struct trace *trace; /* borrowed, may be NULL */
	const char *state;   /* a file for the class to keep its state in, or NULL; borrowed */
};

struct vduse_queue {
	bool wanted; /* by SET_VQ_READY; always true when the kernel has no such message */
	bool active; /* @ring is what the kernel said when the queue became ready */
	bool known;  /* @ring.last_avail counts, from an earlier activation since the reset */
	bool owed;   /* a call that the kernel did not take yet */
	struct vring_queue ring;
};

struct vduse_vq_state;

struct vduse_dev {
	struct vduse_setup setup;
	char name[VDUSE_NAME_LEN];
	int control_fd, fd;
	bool created;	      /* the kernel has it */
	bool has_queue_ready; /* VDUSE_F_QUEUE_READY and VDUSE_F_SUSPEND are on */
	pthread_t messages;
	bool answering;	      /* @messages is running */
	atomic_bool stopping; /* @messages is to end */
	int stop_fd;	      /* wakes it for that */
	atomic_bool broken;   /* the kernel has given the device up */
	int wake_fd;	      /* readable when the data thread must look at its queues again */
	int kick_fd[AS_QUEUES_MAX]; /* readable when the driver has kicked */

	pthread_mutex_t lock;
	atomic_uint waiting; /* answers that wait for the lock: they go first */

	/* Under the lock: the session with a client, from one reset to the next. */
	unsigned epoch; /* counts resets */
	uint8_t status;
	uint64_t features; /* negotiated; valid from FEATURES_OK on */
	bool suspended;
	bool config_changed; /* config space differs from the setup's */
	struct as_table as;
	struct vduse_queue queue[AS_QUEUES_MAX];
};

/**
 * Create the device and start answering for it. A vDPA device can be made of it from then on. The
 * caller ends it with vduse_destroy(), after its data thread and after the vDPA device.
 */
int vduse_create(struct vduse_dev **out, const struct vduse_setup *s, struct err *e);

/** Stop answering, delete the device, free @d (NULL is fine). EBUSY: its vDPA device is there. */
int vduse_destroy(struct vduse_dev *d, struct err *e);

/* ---- for the data thread ---- */

/** Take the lock, for a chain at most; every answer that waits for it goes first. */
void vduse_lock(struct vduse_dev *d);
void vduse_unlock(struct vduse_dev *d);

/**
 * Whether queue @q may be served now. *@fresh: it has become so just now, and what was made
 * available earlier has not been kicked for. Under the lock, and asked again after every unlock.
 */
bool vduse_queue_ready(struct vduse_dev *d, unsigned q, bool *fresh);

/**
 * Whether the driver has enabled queue @q, as far as the kernel tells: it has a ring, though the
 * client may yet hold it back (a control queue that is there before the others brings back what its
 * driver had set). Under the lock.
 */
bool vduse_queue_enabled(const struct vduse_dev *d, unsigned q);

/** Whether some queue may become ready, or some call be taken, without any event telling so. */
bool vduse_unsettled(struct vduse_dev *d);

/** Call the driver for queue @q, if it wants that. Under the lock. */
void vduse_queue_call(struct vduse_dev *d, unsigned q);

/** Try again the calls that the kernel did not take. Under the lock. */
void vduse_retry_calls(struct vduse_dev *d);

/** Change the config space, until the next reset. Under the lock. */
int vduse_set_config(struct vduse_dev *d, size_t offset, const void *data, size_t len);

/** Interrupt the driver for a change of the config space. Under the lock. */
int vduse_config_call(struct vduse_dev *d);

/* ---- between dev.c, queue.c and msg.c ---- */

int vduse_start_answering(struct vduse_dev *d, struct err *e);
int vduse_stop_answering(struct vduse_dev *d, struct err *e);

/** Queue state as the kernel sees it, and the messages that change it. All under the lock. */
int vduse_queues_open(struct vduse_dev *d);
void vduse_queues_reset(struct vduse_dev *d);
void vduse_queue_want(struct vduse_dev *d, unsigned q, bool ready);
int vduse_queue_state(struct vduse_dev *d, unsigned q, struct vduse_vq_state *out);

/** Features the client has set (VDUSE_DEV_GET_FEATURES). */
int vduse_get_features(const struct vduse_dev *d, uint64_t *features);

/** /dev/vduse/control, opened. */
int vduse_open_control(struct err *e);

/** VDUSE_DESTROY_DEV, again for a moment while the nodes' last users go. 0 or -errno. */
int vduse_delete(int control_fd, const char *name);

#endif
