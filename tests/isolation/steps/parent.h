/* SPDX-License-Identifier: MIT */
/*
 * The other end: a fresh device, VDUSE or vdpa_sim_net, kept by a process of its own for as long as
 * this one lives. The VDUSE device answers from there (in the client's process it could not: an
 * IOTLB update holds the client's mmap lock, finding K15), and can be asked what it was told. It
 * must never outlive whoever started it, nor leave the device behind.
 */
#ifndef ISOLATION_STEPS_PARENT_H
#define ISOLATION_STEPS_PARENT_H

#include "../../../vdpa/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** PARENT_MLX5 is our VDUSE device with a group more, as mlx5_vdpa has it. */
enum parent_kind { PARENT_VDUSE, PARENT_MLX5, PARENT_SIM, PARENT_KINDS };

static inline const char *parent_name(enum parent_kind kind)
{
	return kind == PARENT_SIM ? "vdpa_sim" : kind == PARENT_MLX5 ? "vduse-mlx5" : "vduse";
}

struct parent {
	enum parent_kind kind;
	pid_t pid;
	int sock;
	char path[64]; /* of the vhost-vDPA node */
	bool lost;     /* it did not answer a question: what was asked since means nothing */
};

struct parent_setup {
	enum parent_kind kind;
	const char *device; /* the one name it may make a device of */
	bool private_cvq;
	uint32_t breaks; /* those of BREAK_IN_DEVICE mean something */
};

/** Make the device and bind it to vhost_vdpa. ERR_HOST: it cannot be had here. */
int parent_start(struct parent *p, const struct parent_setup *s, struct err *e);
/** Delete it. Its client must have gone. */
int parent_stop(struct parent *p, struct err *e);

/* ---- what a VDUSE device was told and has, as its own process sees it ---- */

/** Counts since the device was made. */
struct heard {
	uint64_t asid;	   /* SET_VQ_GROUP_ASID messages */
	uint64_t iotlb[2]; /* UPDATE_IOTLB messages, by the ASID they name */
	uint64_t refused;  /* translations that it refused */
};
struct heard parent_heard(struct parent *p);

/** The ASID that a group is in. */
uint32_t parent_group_asid(struct parent *p, uint32_t group);
/** The group that a queue was made for. */
uint32_t parent_queue_group(struct parent *p, uint32_t q);

/** VDUSE_IOTLB_GET_FD2. 0: there is a region, and its file has that inode; -errno. */
struct seen_region {
	uint64_t start, last, ino;
	uint32_t perm;
	bool agree; /* VDUSE_IOTLB_GET_INFO says the same, also that there is none */
};
int parent_region(struct parent *p, uint32_t asid, uint64_t at, struct seen_region *out);

/** VDUSE_VQ_GET_INFO. */
struct seen_ring {
	uint64_t desc, driver, device;
	uint32_t num;
	uint16_t avail;
	bool ready;
};
int parent_ring(struct parent *p, uint32_t q, struct seen_ring *out);

/** VDUSE_VQ_SETUP as the device might do it at any time. 0 or -errno. */
int parent_vq_setup(struct parent *p, uint32_t q, uint32_t group);

#endif
