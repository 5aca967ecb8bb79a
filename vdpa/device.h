/* SPDX-License-Identifier: MIT */
/*
 * One vhost-vDPA device with its CVQ shadowed in an ASID of its own: facts checked at open, every
 * stage of isolation set anew at every start, one thread that makes all calls which the kernel or
 * the parent can delay. It must never let the device start when a stage could not be confirmed, and
 * nothing here may be called from it with a vCPU waiting longer than the caller's deadline.
 */
#ifndef VDPA_DEVICE_H
#define VDPA_DEVICE_H

#include "../virtio/addr.h"
#include "../virtio/ctrl.h"
#include "../virtio/gmem.h"
#include "err.h"
#include "trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_QUEUES_MAX (2 * CTRL_PAIRS_MAX + 1) /* RX and TX of each pair, CVQ */

/** Where the CVQ arena's IOVAs lie. */
enum placement {
	PLACE_HOLE,    /* where the guest has no RAM: a data queue that goes there must fault */
	PLACE_ALIASED, /* equal to GPAs of guest RAM: a data queue that goes there must hit guest
			  RAM */
};

struct device_config {
	const char *path; /* /dev/vhost-vdpa-N */
	const struct gmem
	    *mem; /* guest RAM, one region from GPA 0; borrowed for the device's life */
	enum placement placement;
	bool private_cvq; /* the parent does not offer CTRL_VQ but its third queue is one (agreed
			     with our daemon) */
	uint32_t breaks;  /* set of enum break_id; 0 is isolated */
	int ram_fd;	  /* C3 only: guest RAM's file, with room for the arena from @ram_end on */
	uint64_t ram_end;
	uint8_t canary_key[16]; /* secret that the arena's canaries are made from, see canary.h */
	uint64_t canary_magic;
	unsigned
	    deadline_ms; /* how long a CVQ command may take before it is answered VIRTIO_NET_ERR */
	void (*log)(void *ctx,
		    const char *line); /* one line without newline; called from any thread */
	struct trace *trace; /* of what it is asked and answers (docs/control-state.md); borrowed
				for the device's life, may be NULL */
	unsigned wish_ms;    /* how long a start or a reset may take before the guest is told */
	/** Called, from any thread, when the device has failed for good and the guest must be told
	 * (DEVICE_NEEDS_RESET and a config interrupt). */
	void (*failed)(void *ctx, const char *why);
	/** Called from the device's thread when a control command has changed @state, before the
	 * guest can see its answer, and at each start with the state it begins with; may be NULL.
	 */
	void (*state)(void *ctx, const struct ctrl_state *state);
	/** Called from the device's thread when the config space has changed, and after each reset
	 * and each start with what there is then; @interrupt: and the device interrupts for it; may
	 * be NULL. */
	void (*config)(void *ctx, const void *config, size_t len, bool interrupt);
	/** Called from the device's thread when it has carried out a start, a reset or a close, and
	 * device_idle() may tell so; may be NULL. */
	void (*idle)(void *ctx);
	void *ctx;
};

/** A guest queue as the driver set it up over virtio-mmio; addresses are the guest's, unchecked. */
struct device_queue {
	bool ready;
	uint16_t num;
	uint64_t desc, driver, device;
};

struct device;

/**
 * Open @cfg->path, become its owner, check that everything isolation needs is there and make the
 * arena. Fails closed: the error names the missing fact. The caller owns the device until
 * device_close().
 */
int device_open(struct device **out, const struct device_config *cfg, struct err *e);

/**
 * Reset the device if it still answers, stop the thread and free everything; never blocks past ~1
 * s. False: the thread does not come back from the kernel; it keeps the device, and what cfg
 * borrowed, until the process ends.
 */
bool device_close(struct device *d);

/** Virtio features that the guest may be offered: what the device has and this VMM knows how to
 * track. */
uint64_t device_features(const struct device *d);
/** Its class: VIRTIO_ID_NET or VIRTIO_ID_BLOCK. */
uint32_t device_class(const struct device *d);
/** Number of queues (data queues and CVQ) that there are for a driver which took @features, and the
 * largest ring the device takes. */
unsigned device_queue_count(const struct device *d, uint64_t features);
uint16_t device_queue_max(const struct device *d);
/** Copy of the device's config space as read at open; returns its length (at most @len bytes
 * copied). */
size_t device_read_config(const struct device *d, void *buf, size_t len);

/**
 * Event fds, owned by the device, for the VMM to wire: kick[q] is written when the guest notifies
 * queue q (KVM_IOEVENTFD), call[q] is readable when the guest must be interrupted (KVM_IRQFD). For
 * data queues both go straight to vhost-vDPA; for the CVQ they end in the device's thread.
 */
int device_kick_fd(const struct device *d, unsigned q);
int device_call_fd(const struct device *d, unsigned q);

/** The arena, for the FDT, the monitor and the memslot control. The fds and pointers stay the
 * device's. */
struct device_arena {
	iova_t iova;
	uint64_t readable, writable; /* bytes; readable part first, both multiples of 4 KiB */
	int readable_fd, writable_fd;
	uint64_t offset[2]; /* where each part begins in its file */
	void *readable_host, *writable_host;
	unsigned cvq_index; /* with all the features that are offered; it moves with MQ */
	unsigned asid;
};
struct device_arena device_arena(const struct device *d);

/**
 * The guest set DRIVER_OK with these negotiated @features and queues: start, asynchronously, on the
 * device's thread. If it fails, cfg.failed is called. Never blocks.
 */
void device_start(struct device *d, uint64_t features, const struct device_queue *queues,
		  unsigned count);

/**
 * The guest wrote 0 to status: stop and reset. Waits up to @wait_ms for the thread to be done with
 * it and returns whether it is; if not, device_idle() tells later. Resets and starts are carried
 * out in order.
 */
bool device_reset(struct device *d, unsigned wait_ms);
bool device_idle(struct device *d);

#endif
