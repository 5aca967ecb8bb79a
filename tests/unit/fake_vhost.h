/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for vdpa/vhost.c: a kernel and a parent in memory, with knobs for everything that can
 * be missing or go wrong, a record of the calls, and the device's side of the shadow ring.
 */
#ifndef FAKE_VHOST_H
#define FAKE_VHOST_H

#include "../../vdpa/vhost.h"

#define FAKE_MAPS 16

struct fake_map {
	uint32_t asid;
	uint64_t iova, size;
	uint8_t *host;
	enum vhost_perm perm;
};

struct fake_queue {
	uint16_t num;
	uint64_t desc, driver, device;
	int kick_fd, call_fd;
	bool enabled;
	uint32_t base;
};

struct fake {
	/* Knobs, set by the test before use. */
	uint64_t backend_offered, features;
	uint32_t device_id, queues, groups, spaces;
	uint64_t iova_first, iova_last;
	uint32_t group[17];
	/* Of rings: asked for only if backend_offered has VHOST_F_DESC_ASID. */
	uint32_t desc_group[17], desc_group_after_live[17];
	uint32_t group_after_live[17]; /* what GET_VRING_GROUP says once DRIVER_OK is set */
	bool drops_asid;	       /* the kernel ignores an IOTLB message's ASID */
	uint8_t refuses_status;	       /* a status bit that is never taken */
	const char *fail_call;	       /* this call fails with EIO ... */
	unsigned fail_skip;	       /* ... after so many successes */
	bool answers_late; /* at a reset the device still completes the command that it was given */
	uint8_t config;	   /* every byte of the config space, ... */
	uint16_t pairs;	   /* ... but for max_virtqueue_pairs, if this is not 0 */
	unsigned stall_ms; /* open and set_status sleep so long, as with a stopped parent */

	/* What happened. */
	char calls[8192]; /* names, each followed by a space */
	uint64_t backend_acked, driver_features;
	uint8_t status;
	uint32_t group_asid[8];
	struct fake_map map[FAKE_MAPS];
	unsigned maps;
	struct fake_queue queue[17];
	int config_fd;
	uint16_t used_idx; /* of the device's side of the shadow ring */
};

extern struct fake fake;

/** Good defaults: 3 queues, CVQ in group 1, 2 address spaces, everything offered. */
void fake_reset(void);

/** The host address behind (asid, iova), or NULL. */
uint8_t *fake_translate(uint32_t asid, uint64_t iova, uint64_t len);

/** Play the device: take the command in the shadow ring (copied to @cmd, its length returned) or
 * return -1. */
int fake_device_take(uint8_t *cmd, unsigned max);
/** Complete it with this ack, used id and length, and jump the used index by @jump; calls the call
 * fd. */
void fake_device_answer(uint8_t ack, uint32_t id, uint32_t len, uint16_t jump);

#endif
