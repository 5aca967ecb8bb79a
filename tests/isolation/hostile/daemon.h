/* SPDX-License-Identifier: MIT */
/*
 * The hostile daemon: the honest device of vdpa/vduse/, in a process of its own, whose answers go
 * through hooks (wrap.c) that falsify them. It must never be hostile to anything but its client: no
 * other device, no other process.
 */
#ifndef HOSTILE_DAEMON_H
#define HOSTILE_DAEMON_H

#include "../../../vdpa/vduse/net.h"
#include "share.h"

#include <sys/types.h>

struct daemon_config {
	const char *name; /* of the device */
	bool private_cvq;
	unsigned msg_timeout_s;
	const struct fault *change; /* a FAULT_CHANGE that the device begins with, or NULL */
	const struct fault *open;   /* a fault that is armed from the start, or NULL */
};

/** Start it; -errno. It ends when it is killed, or with its parent. */
pid_t daemon_start(const struct daemon_config *c, struct share *s);

/** Start the process that takes device @name over from a daemon that is dead: it answers what the
 * kernel asks, and serves no queue. */
pid_t usurper_start(const char *name);

/* ---- between the daemon's files; all in its process ---- */

/** What the daemon is at. One per process, since the hooks get no argument to find it by. */
struct hostile {
	const struct daemon_config *config;
	struct share *share;
	struct vduse_dev *dev; /* NULL until it is there */
	atomic_int armed;      /* index into share->fault, or -1 */
	atomic_uint op;	       /* CONTAIN_..., of the command that is answered, or 0 */
	atomic_uint asides;    /* that hold up */
};
extern struct hostile hostile;

/** The fault that is armed, if it is of @kind, or NULL. */
const struct fault *hostile_armed(enum fault_kind kind);
/** It was carried out. */
void hostile_done(void);
/** What must have been refused was not; the first time counts. */
void hostile_broke(const char *what, ...) __attribute__((format(printf, 1, 2)));

/**
 * Run @body in a thread of its own. One that @holds up must not need the device's lock: until it is
 * over, the guest gets no further than this attempt (hostile_hold()).
 */
void hostile_aside(void (*body)(const struct fault *f), const struct fault *f, bool holds);
/** Wait for those that hold up, a bounded time. */
void hostile_hold(void);
/** How long it is since some moment, in ms. */
uint64_t hostile_ms(void);

/** A command of the guest's: armed or disarmed by it, and whether it is to be answered OK. */
bool hostile_asked(unsigned op, unsigned number);

/* lie.c: row 33. The armed one's, or as an honest device does. */
int lie_ack(const struct vring_queue *v, struct as_table *t, const struct vring_chain *c,
	    const void *src, size_t len);
int lie_push(struct vring_queue *v, struct as_table *t, uint16_t head, uint32_t len);
void lie_call(struct vduse_dev *d, unsigned q);
/** The session has begun: for what comes before the command. */
void lie_started(void);

/* tamper.c and scribble.c: row 34; when its command comes. */
void tamper(const struct fault *f);
void scribble(const struct fault *f);
/** The file behind ASID @asid's mapping at @iova, and where in it that is; -errno. */
int tamper_file(uint32_t asid, uint64_t iova, uint64_t *start, uint64_t *last, uint64_t *offset);
/** One of the three files, its size as exported; -errno. */
int tamper_open(enum file file, uint64_t *size);

/* life.c: row 35; the message that was read last, and its answer on its way. */
struct vduse_dev_request;
struct vduse_dev_response;
void life_read(const struct vduse_dev_request *req);
/** Whether it is written as it is, or was dealt with. */
bool life_answer(int fd, const struct vduse_dev_response *resp);
/** A device unlike the one before; before it is created. */
void life_change(struct vduse_setup *s, enum change change);
/** And after. */
int life_changed(struct vduse_dev *d, enum change change);

/* wrap.c: what the hooks stand before. */
int __real_vring_push(struct vring_queue *v, struct as_table *t, uint16_t head, uint32_t len);
int __real_vring_write(const struct vring_queue *v, struct as_table *t, const struct vring_chain *c,
		       const void *src, size_t len);
void __real_vduse_queue_call(struct vduse_dev *d, unsigned q);
ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __real_read(int fd, void *buf, size_t len);

#endif
