/* SPDX-License-Identifier: MIT */
/*
 * One request to a block device (virtio 1.3 section 5.2.6), once its bytes are in private memory:
 * judged and carried out. It must never look at the driver's memory.
 */
#ifndef VDUSE_BLKREQ_H
#define VDUSE_BLKREQ_H

#include "disk.h"

#include <linux/virtio_blk.h>

/** The largest request, and how it may come: this many segments of this size. */
#define BLK_SEGMENTS 64u
#define BLK_SEGMENT_LEN 16384u
#define BLK_DATA_MAX ((size_t)BLK_SEGMENTS * BLK_SEGMENT_LEN)

/** What one DISCARD or WRITE_ZEROES may ask for: ranges, and sectors of each. */
#define BLK_RANGES 16u
#define BLK_RANGE_SECTORS 8192u

struct blk_request {
	struct virtio_blk_outhdr header; /* little-endian, as it came */
	const uint8_t *out;		 /* @out_len bytes that the driver wants written */
	size_t out_len;
	uint8_t *in; /* @in_len bytes that it is to get */
	size_t in_len;
};

/** Carry it out under the negotiated @features: the status byte. @id: of the disk, 20 bytes. */
uint8_t blk_request_run(const struct blk_request *r, const struct disk *d, uint64_t features,
			const char id[VIRTIO_BLK_ID_BYTES]);

#endif
