/* SPDX-License-Identifier: MIT */
/*
 * A block device's requests; see blkreq.h. Each field is taken from the header once; what a request
 * asks for is judged as a whole before anything of it is done. UNTRUSTED: driver
 */
#include "blkreq.h"

#include <endian.h>
#include <string.h>

#define BIT(n) (1ull << (n))

/* Whether @sectors from @first on are all on the disk. */
static bool on_disk(const struct disk *d, uint64_t first, uint64_t sectors)
{
	return first < d->sectors && sectors <= d->sectors - first;
}

static uint8_t status(int ret)
{
	return ret ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
}

static uint8_t move(const struct blk_request *r, const struct disk *d, uint64_t features, bool in)
{
	size_t len = in ? r->in_len : r->out_len, other = in ? r->out_len : r->in_len;
	uint64_t sector = le64toh(r->header.sector);

	if (other || !len || len % DISK_SECTOR || !on_disk(d, sector, len / DISK_SECTOR))
		return VIRTIO_BLK_S_IOERR;
	if (in)
		return status(disk_read(d, r->in, len, sector * DISK_SECTOR));
	int ret = disk_write(d, r->out, len, sector * DISK_SECTOR);
	/* Section 5.2.6.2: without FLUSH nothing that was answered is still to be written. */
	if (!ret && !(features & BIT(VIRTIO_BLK_F_FLUSH)))
		ret = disk_flush(d);
	return status(ret);
}

/* Section 5.2.6.2: a flag that means nothing here is not supported, any other fault is an error. */
static uint8_t judge_range(const struct virtio_blk_discard_write_zeroes *range,
			   const struct disk *d, bool discard)
{
	uint32_t sectors = le32toh(range->num_sectors), flags = le32toh(range->flags);
	const uint32_t known = discard ? 0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;

	if (flags & ~known)
		return VIRTIO_BLK_S_UNSUPP;
	return sectors && sectors <= BLK_RANGE_SECTORS &&
		       on_disk(d, le64toh(range->sector), sectors)
		   ? VIRTIO_BLK_S_OK
		   : VIRTIO_BLK_S_IOERR;
}

static uint8_t zero(const struct blk_request *r, const struct disk *d, bool discard)
{
	struct virtio_blk_discard_write_zeroes range[BLK_RANGES];
	size_t count = r->out_len / sizeof(range[0]);

	if (r->in_len || !count || count > BLK_RANGES || r->out_len % sizeof(range[0]))
		return VIRTIO_BLK_S_IOERR;
	memcpy(range, r->out, r->out_len);
	for (size_t i = 0; i < count; i++) {
		uint8_t bad = judge_range(&range[i], d, discard);
		if (bad)
			return bad;
	}
	for (size_t i = 0; i < count; i++)
		if (disk_zero(d, (uint64_t)le32toh(range[i].num_sectors) * DISK_SECTOR,
			      le64toh(range[i].sector) * DISK_SECTOR,
			      discard || range[i].flags != 0))
			return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

static uint8_t tell_id(const struct blk_request *r, const char id[VIRTIO_BLK_ID_BYTES])
{
	if (r->out_len || r->in_len != VIRTIO_BLK_ID_BYTES)
		return VIRTIO_BLK_S_IOERR;
	memcpy(r->in, id, VIRTIO_BLK_ID_BYTES);
	return VIRTIO_BLK_S_OK;
}

static uint8_t flush(const struct blk_request *r, const struct disk *d)
{
	return r->out_len || r->in_len ? VIRTIO_BLK_S_IOERR : status(disk_flush(d));
}

static bool negotiated(uint32_t type, uint64_t features)
{
	switch (type) {
	case VIRTIO_BLK_T_FLUSH:
		return features & BIT(VIRTIO_BLK_F_FLUSH);
	case VIRTIO_BLK_T_DISCARD:
		return features & BIT(VIRTIO_BLK_F_DISCARD);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return features & BIT(VIRTIO_BLK_F_WRITE_ZEROES);
	default:
		return true;
	}
}

uint8_t blk_request_run(const struct blk_request *r, const struct disk *d, uint64_t features,
			const char id[VIRTIO_BLK_ID_BYTES])
{
	uint32_t type = le32toh(r->header.type);

	if (!negotiated(type, features))
		return VIRTIO_BLK_S_UNSUPP;
	switch (type) {
	case VIRTIO_BLK_T_IN:
		return move(r, d, features, true);
	case VIRTIO_BLK_T_OUT:
		return move(r, d, features, false);
	case VIRTIO_BLK_T_FLUSH:
		return flush(r, d);
	case VIRTIO_BLK_T_GET_ID:
		return tell_id(r, id);
	case VIRTIO_BLK_T_DISCARD:
		return zero(r, d, true);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return zero(r, d, false);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}
