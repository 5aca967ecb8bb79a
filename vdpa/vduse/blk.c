/* SPDX-License-Identifier: MIT */
/*
 * The block device; see blk.h.
 *
 * Theory of operation. A request is popped and all that the driver wants written is copied, under
 * the device's lock. Then the lock is let go of, since a disk may take its time and an answer to
 * the kernel may not, and the ring is as if nothing had been popped: should the queue be stopped or
 * asked for its state meanwhile, the request is still to come, and whoever takes the queue up next
 * carries it out once more, which leaves the same on the disk. Only when the lock is had again, in
 * the same session and with the queue still ready, is it popped for good and answered.
 * It must never have more than one request on its way, nor leave one unanswered that it has popped.
 */
#include "blk.h"

#include "blkreq.h"
#include "loop.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(n) (1ull << (n))
#define OFFERED                                                                                    \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM) | BIT(VIRTIO_BLK_F_SIZE_MAX) |    \
	 BIT(VIRTIO_BLK_F_SEG_MAX) | BIT(VIRTIO_BLK_F_BLK_SIZE) | BIT(VIRTIO_BLK_F_FLUSH) |        \
	 BIT(VIRTIO_BLK_F_WRITE_ZEROES))
#define QUEUE 0
#define BURST 8
#define HEADER sizeof(struct virtio_blk_outhdr)
/* Up to the fields of features that are not offered. */
#define CONFIG_LEN offsetof(struct virtio_blk_config, max_secure_erase_sectors)

struct blk {
	struct vduse_dev *dev; /* borrowed */
	struct disk disk;
	struct loop *loop;
	unsigned epoch, calls;
	char id[VIRTIO_BLK_ID_BYTES];
	struct vring_chain chain;
	uint8_t out[HEADER + BLK_DATA_MAX]; /* what the driver has sent */
	uint8_t in[BLK_DATA_MAX + 1];	    /* what it gets, with the status behind it */
};

void blk_describe(struct vduse_setup *s, const struct blk_options *o, const struct disk *disk)
{
	const uint8_t unmaps = disk->punches;
	const struct virtio_blk_config config = {
	    .capacity = htole64(disk->sectors),
	    .size_max = htole32(BLK_SEGMENT_LEN),
	    .seg_max = htole32(BLK_SEGMENTS),
	    .blk_size = htole32(DISK_SECTOR),
	    .max_discard_sectors = htole32(unmaps ? BLK_RANGE_SECTORS : 0),
	    .max_discard_seg = htole32(unmaps ? BLK_RANGES : 0),
	    .discard_sector_alignment = htole32(unmaps ? 1 : 0),
	    .max_write_zeroes_sectors = htole32(BLK_RANGE_SECTORS),
	    .max_write_zeroes_seg = htole32(BLK_RANGES),
	    .write_zeroes_may_unmap = unmaps};

	static_assert(CONFIG_LEN <= VDUSE_CONFIG_LEN, "the config space fits");
	*s = (struct vduse_setup){.name = o->name,
				  .api = o->api,
				  .device_id = VIRTIO_ID_BLOCK,
				  .features = OFFERED | (VRING_FEATURES & ~o->rings_without) |
					      (unmaps ? BIT(VIRTIO_BLK_F_DISCARD) : 0),
				  .queues = 1,
				  .groups = 1,
				  .spaces = 1,
				  .config_len = CONFIG_LEN,
				  .breaks = o->breaks,
				  .trace = o->trace};
	memcpy(s->config, &config, CONFIG_LEN);
}

/* ---- one request ---- */

static struct vring_queue *ring(struct blk *b)
{
	return &b->dev->queue[QUEUE].ring;
}

static void give_back(struct blk *b, uint32_t len)
{
	if (vring_push(ring(b), &b->dev->as, b->chain.head, len))
		trace_event(b->dev->setup.trace, "stop", ",\"q\":%u,\"why\":\"%s\"", QUEUE,
			    ring(b)->stopped);
	else
		b->calls |= 1u << QUEUE;
}

static void refuse(struct blk *b, const char *why)
{
	trace_event(b->dev->setup.trace, "bad", ",\"q\":%u,\"why\":\"%s\"", QUEUE, why);
	give_back(b, 0);
}

/* Only the status, which is the last byte that the driver lets us write. */
static void answer_error(struct blk *b, uint8_t status, const char *why)
{
	struct vring_chain last = {.head = b->chain.head, .writable = 1, .writable_len = 1};
	const struct vring_seg *seg =
	    &b->chain.seg[b->chain.readable + b->chain.writable - 1]; /* there is one */

	last.seg[0] = (struct vring_seg){iova(seg->at.v + seg->len - 1), 1};
	trace_event(b->dev->setup.trace, "bad", ",\"q\":%u,\"why\":\"%s\"", QUEUE, why);
	if (vring_write(ring(b), &b->dev->as, &last, &status, 1))
		refuse(b, "status");
	else
		give_back(b, 1);
}

/* Whether what was popped is a request at all, and all of it has been copied. */
static bool copy_in(struct blk *b)
{
	const struct vring_chain *c = &b->chain;

	if (!c->writable)
		refuse(b, "no status");
	else if (c->readable_len < HEADER || c->readable_len > sizeof(b->out) ||
		 c->writable_len > sizeof(b->in))
		answer_error(b, VIRTIO_BLK_S_IOERR, "length");
	else if (vring_read(ring(b), &b->dev->as, c, b->out, c->readable_len))
		answer_error(b, VIRTIO_BLK_S_IOERR, "buffer");
	else
		return true;
	return false;
}

/* Without the lock. What the driver gets, and the status, are in @in then. */
static uint8_t carry_out(struct blk *b, uint64_t features)
{
	struct blk_request r = {.out = b->out + HEADER,
				.out_len = b->chain.readable_len - HEADER,
				.in = b->in,
				.in_len = b->chain.writable_len - 1};

	memcpy(&r.header, b->out, HEADER);
	uint8_t status = blk_request_run(&r, &b->disk, features, b->id);
	trace_event(b->dev->setup.trace, "blk",
		    ",\"type\":%u,\"sector\":%llu,\"out\":%zu,\"in\":%zu,\"status\":%u",
		    le32toh(r.header.type), (unsigned long long)le64toh(r.header.sector), r.out_len,
		    r.in_len, status);
	b->in[r.in_len] = status;
	return status;
}

static void answer(struct blk *b, uint8_t status)
{
	const struct vring_chain *c = &b->chain;

	if (status != VIRTIO_BLK_S_OK)
		answer_error(b, status, "request");
	else if (vring_write(ring(b), &b->dev->as, c, b->in, c->writable_len))
		answer_error(b, VIRTIO_BLK_S_IOERR, "buffer");
	else
		give_back(b, (uint32_t)c->writable_len);
}

/* Let go of the lock for the disk's work. False: the request is not ours any more. */
static bool work(struct blk *b, uint8_t *status)
{
	const uint64_t features = b->dev->features;
	bool fresh;

	vduse_unlock(b->dev);
	*status = carry_out(b, features);
	vduse_lock(b->dev);
	/* Fresh: it was reset or stopped meanwhile, and has begun anew. */
	return vduse_queue_ready(b->dev, QUEUE, &fresh) && !fresh;
}

static bool serve(void *ctx, unsigned q)
{
	struct blk *b = ctx;
	const struct vring_queue before = *ring(b);
	int ret = vring_pop(ring(b), &b->dev->as, &b->chain);
	uint8_t status;

	assert(q == QUEUE);
	if (ret == -EPIPE)
		trace_event(b->dev->setup.trace, "stop", ",\"q\":%u,\"why\":\"%s\"", q,
			    ring(b)->stopped);
	if (ret == -EBADMSG)
		refuse(b, b->chain.bad);
	if (ret != 1)
		return ret == -EBADMSG;
	if (!copy_in(b))
		return true;
	const struct vring_queue after = *ring(b);
	*ring(b) = before;
	if (work(b, &status)) {
		*ring(b) = after;
		answer(b, status);
	}
	return true;
}

/* ---- the class ---- */

static void session(void *ctx)
{
	struct blk *b = ctx;

	if (b->epoch == b->dev->epoch)
		return;
	b->epoch = b->dev->epoch;
	b->calls = 0;
	memset(b->out, 0, sizeof(b->out));
	memset(b->in, 0, sizeof(b->in));
}

static unsigned burst(void *ctx, unsigned q)
{
	(void)ctx;
	(void)q;
	return BURST;
}

static unsigned *calls(void *ctx)
{
	return &((struct blk *)ctx)->calls;
}

static const struct loop_class blk_class = {serve, session, burst, calls};

static void release(struct blk *b)
{
	disk_close(&b->disk);
	free(b);
}

int blk_start(struct blk **out, struct vduse_dev *d, struct disk *disk, struct err *e)
{
	struct blk *b = calloc(1, sizeof(*b));

	*out = NULL;
	if (!b) {
		disk_close(disk);
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", d->name, "%s", "");
	}
	b->dev = d;
	b->disk = *disk;
	b->epoch = UINT_MAX; /* no session yet: the first is begun as any other */
	/* Of fewer than 20 bytes if there is a NUL before (section 5.2.6). */
	memcpy(b->id, d->name, strnlen(d->name, sizeof(b->id)));
	int ret = loop_start(&b->loop, d, &blk_class, b, -1, 0, e);
	if (ret)
		release(b);
	else
		*out = b;
	return ret;
}

int blk_stop(struct blk *b, struct err *e)
{
	int ret = b ? loop_stop(b->loop, e) : 0;

	if (b && !ret)
		release(b);
	return ret;
}
