/* SPDX-License-Identifier: MIT */
/*
 * What vdpa_sim does, as calls of functions that every kernel with it exports: which probes tell of
 * them, and what a line of their trace means. It must never guess at a line that it cannot read.
 */
#ifndef SIM_EVENTS_H
#define SIM_EVENTS_H

#include "probes.h"

#include <stdbool.h>
#include <stdint.h>

enum sim_event_kind {
	SIM_LOST,     /* the kernel lost events here */
	SIM_SPACE,    /* vhost_iotlb_init(iotlb): an address space is made */
	SIM_DEVICE,   /* _vdpa_register_device(vdev) */
	SIM_ASSIGN,   /* vringh_set_iotlb(vring, iotlb, lock): a queue is put into a space */
	SIM_RESET,    /* vringh_init_iotlb(vring): a queue is reset */
	SIM_READY,    /* vringh_init_iotlb_va(vring, num): a queue is enabled */
	SIM_STATUS,   /* vdpa_set_status(vdev, status) */
	SIM_GET,      /* vringh_getdesc_iotlb(vring): the next chain is taken, */
	SIM_GOT,      /* ... and that returned: vring, the result */
	SIM_PULL,     /* vringh_iov_pull_iotlb(vring): a chain's bytes are read */
	SIM_PUSH,     /* vringh_iov_push_iotlb(vring): ... are written */
	SIM_COMPLETE, /* vringh_complete_iotlb(vring): a chain is given back */
	SIM_NOTIFY,   /* vringh_need_notify_iotlb(vring): does the driver want a call? */
	SIM_FIND,     /* vhost_iotlb_itree_first() returned: an address was looked up */
	SIM_KINDS,
};

/* Arguments of SIM_FIND; of the map only if it is not 0. */
enum {
	FIND_SPACE,
	FIND_FIRST, /* the range asked for */
	FIND_LAST,
	FIND_MAP,
	FIND_MAP_FIRST,
	FIND_MAP_LAST,
	FIND_MAP_SIZE,
	FIND_MAP_ADDR, /* in the client's address space */
	FIND_MAP_PERM,
	SIM_ARGS,
};

struct sim_event {
	enum sim_event_kind kind;
	uint64_t t; /* ns, CLOCK_MONOTONIC */
	int pid;    /* the thread it happened in */
	uint64_t arg[SIM_ARGS];
};

/** The probe of every kind but SIM_LOST, whose place is empty: use [1 .. SIM_KINDS). */
extern const struct probe sim_probes[SIM_KINDS];

/** Read @line into @ev. False: it makes no sense. */
bool sim_event_parse(struct sim_event *ev, const char *line);

#endif
