/* SPDX-License-Identifier: MIT */
/*
 * A virtio block device on VDUSE: one queue, one group, one address space, and a disk in a file. It
 * must never answer a request before it is done, nor hold the device's lock while the disk works.
 */
#ifndef VDUSE_BLK_H
#define VDUSE_BLK_H

#include "dev.h"
#include "disk.h"

struct blk_options {
	const char *name;
	int api;		/* as in struct vduse_setup */
	uint64_t rings_without; /* of VRING_FEATURES: not offered */
	uint32_t breaks;
	struct trace *trace; /* borrowed, may be NULL */
};

/** What to create, for vduse_create(), with @disk behind it. */
void blk_describe(struct vduse_setup *s, const struct blk_options *o, const struct disk *disk);

struct blk;

/**
 * Start serving @d, made from blk_describe(). It borrows @d until blk_stop(), and takes over @disk,
 * on error too.
 */
int blk_start(struct blk **out, struct vduse_dev *d, struct disk *disk, struct err *e);

/** Stop serving. -ETIMEDOUT: the thread is stuck; @b and its device must be left alone. */
int blk_stop(struct blk *b, struct err *e);

#endif
