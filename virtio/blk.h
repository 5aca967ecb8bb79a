/* SPDX-License-Identifier: MIT */
/*
 * What a block device's config space must hold for its features to be believed (virtio 1.3 section
 * 5.2.4). Pure. It must never look past the config space's length.
 */
#ifndef VIRTIO_BLK_H
#define VIRTIO_BLK_H

#include <linux/virtio_blk.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Features of a block device that can be offered to a guest: none has a control queue behind it.
 */
#define BLK_FEATURES                                                                               \
	(1ull << VIRTIO_BLK_F_SIZE_MAX | 1ull << VIRTIO_BLK_F_SEG_MAX | 1ull << VIRTIO_BLK_F_RO |  \
	 1ull << VIRTIO_BLK_F_BLK_SIZE | 1ull << VIRTIO_BLK_F_FLUSH |                              \
	 1ull << VIRTIO_BLK_F_DISCARD | 1ull << VIRTIO_BLK_F_WRITE_ZEROES)

/** Whether there is a capacity at all. UNTRUSTED: device */
bool blk_config_good(const uint8_t *config, size_t len);

/**
 * Those of @features whose fields in @config, @len bytes, are there and make sense. UNTRUSTED:
 * device
 */
uint64_t blk_features(uint64_t features, const uint8_t *config, size_t len);

#endif
