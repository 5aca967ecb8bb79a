/* SPDX-License-Identifier: MIT */
/*
 * A small world to show a finding in: a VDUSE device (or vdpa_sim_net) bound to vhost_vdpa, a
 * client of it, and memory to map. The device's messages are answered as they should be, by the
 * project's own framework; holding its lock (vduse_lock) makes it slow, and for longer than
 * VDUSE_ANSWER_MS makes it refuse. It must never be used by anything but a reproducer: it skips
 * what attach.c insists on.
 */
#ifndef KNOWN_WORLD_H
#define KNOWN_WORLD_H

#include "../../vdpa/vduse/dev.h"
#include "../../vdpa/vhost.h"
#include "../raw/raw.h"

#include <stdint.h>
#include <sys/types.h>

/** The name of every device made here, and the IOVA that most of them map. */
#define WORLD_NAME "ringfence-known"
#define WORLD_IOVA 0x100000ull
#define WORLD_QUEUES 3
#define WORLD_CVQ 2 /* alone in group 1 */

struct world {
	struct vduse_dev *dev; /* NULL for a simulator */
	struct vhost client;   /* fd -1: not open */
	char path[64];
};

/** A VDUSE device with @queues queues, not yet a vDPA device: two groups, two address spaces. */
int world_create(struct world *w, unsigned queues, struct err *e);
/** And bound to vhost_vdpa, its node in w->path. */
int world_open(struct world *w, struct err *e);
/** vdpa_sim_net in place of VDUSE. -ENODEV: this kernel has none. */
int world_open_sim(struct world *w, struct err *e);
void world_close(struct world *w);

/** Open the node, become its owner, and take the backend features a CVQ in its own ASID needs. */
int world_client(struct world *w, struct err *e);
/** Negotiate @features and stop at FEATURES_OK, or go on to DRIVER_OK. */
int world_negotiate(const struct world *w, uint64_t features, struct err *e);
int world_driver_ok(const struct world *w, struct err *e);
/** What a client of a VDUSE device made here can accept. */
extern const uint64_t world_features;

/** One IOTLB message as it is, of linux/vhost.h's @type, without the errors made readable. -errno.
 */
int world_message(const struct world *w, int type, uint32_t asid, uint64_t at, uint64_t size,
		  const void *host, int perm);

/** VHOST_IOTLB_UPDATE of all of @m. */
int world_map(const struct world *w, uint32_t asid, uint64_t at, const struct memory *m, int perm,
	      struct err *e);

/** What the daemon gets for one address: a file descriptor, or -errno. */
int world_get_fd(const struct world *w, uint32_t asid, uint64_t at, struct region *region);
/** Whether it gets one. */
bool world_has(const struct world *w, uint32_t asid, uint64_t at);

/** A client in a process of its own, for raw_wait(). */
pid_t world_fork(int (*body)(struct world *w, void *arg), struct world *w, void *arg);

/** A thread that makes one call, and whether it has come back. */
struct caller;
struct caller *caller_start(int (*body)(void *arg), void *arg);
/** 1 and *ret: it is back; 0: not within @ms. */
int caller_wait(struct caller *c, unsigned ms, int *ret);

/** VDPA_CMD_DEV_DEL as it is, without the care nl_dev_del() takes. It blocks in the kernel. */
int world_raw_delete(void *name);
/** Ask generic netlink for a family that has nothing to do with vDPA. */
int world_ask_netlink(void *unused);

/** Write @text to a file of /sys or /proc; read a number from one (or -errno). */
int world_write(const char *path, const char *text);
long world_read_number(const char *path);

/** Keep the calling thread on one CPU. */
void world_stay_on(int cpu);
/** Outlive CPUs that stop with interrupts off: the calling thread goes to CPU 0, and all memory is
 * made present. */
void world_brace(void);

/** Milliseconds of a clock that nobody sets. */
int64_t world_ms(void);

#endif
