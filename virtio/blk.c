/* SPDX-License-Identifier: MIT */
/*
 * A block device's config space; see blk.h. A driver divides by some of its fields and loops by
 * others, so that a feature with a bad field is left out rather than passed on. It must never
 * change what it reads.
 */
#include "blk.h"

#include <endian.h>
#include <string.h>

#define BIT(n) (1ull << (n))
#define FIELD(name) offsetof(struct virtio_blk_config, name)
#define BLOCK_MIN 512u
#define BLOCK_MAX 4096u

/* 0 if it is not there. */
static uint32_t field(const uint8_t *config, size_t len, size_t at)
{
	uint32_t v = 0;

	if (at + sizeof(v) <= len)
		memcpy(&v, config + at, sizeof(v));
	return le32toh(v);
}

static bool good_block(uint32_t size)
{
	return size >= BLOCK_MIN && size <= BLOCK_MAX && (size & (size - 1)) == 0;
}

bool blk_config_good(const uint8_t *config, size_t len)
{
	uint64_t sectors = 0;

	if (len < sizeof(sectors))
		return false;
	memcpy(&sectors, config, sizeof(sectors));
	/* In bytes, too, it must be a number. */
	return le64toh(sectors) <= UINT64_MAX / 512;
}

uint64_t blk_features(uint64_t features, const uint8_t *config, size_t len)
{
	const struct {
		unsigned feature;
		bool good;
	} wants[] = {
	    {VIRTIO_BLK_F_SIZE_MAX, field(config, len, FIELD(size_max)) >= BLOCK_MIN},
	    {VIRTIO_BLK_F_SEG_MAX, field(config, len, FIELD(seg_max)) > 0},
	    {VIRTIO_BLK_F_BLK_SIZE, good_block(field(config, len, FIELD(blk_size)))},
	    {VIRTIO_BLK_F_DISCARD, field(config, len, FIELD(max_discard_sectors)) > 0 &&
				       field(config, len, FIELD(max_discard_seg)) > 0 &&
				       FIELD(max_write_zeroes_sectors) <= len},
	    {VIRTIO_BLK_F_WRITE_ZEROES, field(config, len, FIELD(max_write_zeroes_sectors)) > 0 &&
					    field(config, len, FIELD(max_write_zeroes_seg)) > 0 &&
					    FIELD(max_secure_erase_sectors) <= len},
	};

	for (unsigned i = 0; i < sizeof(wants) / sizeof(wants[0]); i++)
		if (!wants[i].good)
			features &= ~BIT(wants[i].feature);
	return features;
}
