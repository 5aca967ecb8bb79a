/* SPDX-License-Identifier: MIT */
/*
 * A vhost-vDPA device taken into use: what isolation needs is checked at open, and every stage of
 * it is set and confirmed at every start. Fails closed: a start that returns 0 has the CVQ in an
 * address space that no data queue can reach, as far as the kernel can be asked. It must never fall
 * back to anything less.
 *
 * All of it can block for as long as the parent is silent, so the device's thread calls it and
 * nobody else.
 */
#ifndef VDPA_ATTACH_H
#define VDPA_ATTACH_H

#include "device.h"
#include "iotlb.h"
#include "vhost.h"

#define ATTACH_CONFIG_MAX 64

struct attach {
	struct vhost vhost;
	struct iotlb iotlb;
	bool private_cvq;
	uint32_t breaks;
	bool started;  /* once, with all stages */
	bool live;     /* it may be at work on its rings: from a start on, until a reset */
	int config_fd; /* signalled when the config space changes; set before a start */

	/* Facts, read at open. */
	uint32_t device_id; /* VIRTIO_ID_NET or VIRTIO_ID_BLOCK */
	uint64_t features;  /* what the device has, of what this VMM tracks */
	bool has_cvq;
	unsigned pairs; /* of data queues: more than one only where MQ or RSS is among @features */
	uint16_t queue_max;
	uint8_t config[ATTACH_CONFIG_MAX];
	size_t config_len;
};

/** One queue as the device is to see it: ring addresses as IOVAs of the queue's ASID, and its event
 * fds. */
struct attach_queue {
	bool used;
	uint16_t num;
	iova_t desc, driver, device;
	int kick_fd, call_fd;
};

/**
 * Open @path, become its owner and read its facts. @mem and @arena are borrowed for the attach's
 * life;
 * @arena is ignored if the device has no CVQ. ERR_HOST names the first fact that is missing.
 */
int attach_open(struct attach *a, const char *path, const struct gmem *mem,
		const struct arena *arena, bool private_cvq, uint32_t breaks, struct err *e);
void attach_close(struct attach *a);

/** The index of the CVQ, which is the number of data queues, and the number of queues with it, for
 * a driver that took @features: both depend on MQ (section 5.1.2). A block device has one queue. */
unsigned attach_cvq_index(const struct attach *a, uint64_t features);
unsigned attach_queue_count(const struct attach *a, uint64_t features);

/** Reset the device, then take it through every stage up to DRIVER_OK and confirm each. On error it
 * is reset again. */
int attach_start(struct attach *a, uint64_t features, const struct attach_queue *queues,
		 struct err *e);

/** Read the config space again into @config; true if it has changed. */
bool attach_config_changed(struct attach *a);

/** Write status 0. */
int attach_reset(struct attach *a, struct err *e);

#endif
