/* SPDX-License-Identifier: MIT */
/* A driver of a block device; see driver.h. It must never let the device have its secrets, but by a
 * break. */
#include "driver.h"

#include "../../../vdpa/breaks.h"
#include "../../../vdpa/clock.h"
#include "../child.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#define NUM 8u
#define UNSET 0xee
#define LOOK_MS 2
#define AFTER_MS 40 /* from the status to the call */

const struct places own_places = {DESC_AT, AVAIL_AT, USED_AT, HEADER_AT, DATA_AT, STATUS_AT};

static void copy_secret(struct driver *d, uint8_t *to)
{
	memcpy(to, d->arena.readable, ARENA_READABLE);
	memcpy(to + ARENA_READABLE, d->arena.writable, ARENA_WRITABLE);
}

int driver_make(struct driver *d, uint32_t breaks, struct err *e)
{
	bool shared = broken(breaks, BREAK_SHARED_MEMFD);
	uint8_t key[16];
	uint64_t magic;

	*d = (struct driver){.breaks = breaks,
			     .arena = {.readable_fd = -1, .writable_fd = -1},
			     .kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			     .call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			     .config_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	if (d->kick_fd < 0 || d->call_fd < 0 || d->config_fd < 0 ||
	    getrandom(key, sizeof(key), 0) != sizeof(key) ||
	    getrandom(&magic, sizeof(magic), 0) != sizeof(magic))
		return err_set(e, ERR_INTERNAL, errno, "eventfd, getrandom", "driver", "%s", "");
	int ret = ram_create(&d->ram, RAM_SIZE, shared ? ARENA_SIZE : 0, breaks, e);
	if (!ret && shared)
		ret = arena_create_within(&d->arena, d->ram.fd, RAM_SIZE, iova(SECRET_AT), key,
					  magic, e);
	else if (!ret)
		ret = arena_create(&d->arena, iova(SECRET_AT), key, magic, breaks, e);
	if (!ret) {
		arena_fill(&d->arena);
		copy_secret(d, d->secret);
	}
	return ret;
}

int driver_attach(struct driver *d, const char *node, struct err *e)
{
	int ret = attach_open(&d->attach, node, &d->ram.mem, &d->arena, false, d->breaks, e);

	d->attached = !ret;
	d->attach.config_fd = d->config_fd;
	return ret;
}

void driver_drop(struct driver *d)
{
	const int fds[] = {d->kick_fd, d->call_fd, d->config_fd};

	if (d->attached)
		attach_close(&d->attach);
	for (unsigned i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	arena_destroy(&d->arena);
	ram_destroy(&d->ram);
}

uint8_t *driver_ram(const struct driver *d, uint64_t at)
{
	return (uint8_t *)d->ram.host + at;
}

int driver_start(struct driver *d, const struct places *p, struct err *e)
{
	struct attach_queue queue[DEVICE_QUEUES_MAX] = {{.used = true,
							 .num = NUM,
							 .desc = iova(p->desc),
							 .driver = iova(p->avail),
							 .device = iova(p->used),
							 .kick_fd = d->kick_fd,
							 .call_fd = d->call_fd}};
	int ret = attach_reset(&d->attach, e);

	if (ret)
		return ret;
	memset(driver_ram(d, DESC_AT), 0, USED_AT + 0x1000 - DESC_AT);
	d->avail_idx = 0;
	/* A split ring, kicked for every request: what the attacks are made of. */
	const uint64_t plain = d->attach.features & ~(1ull << VIRTIO_F_RING_PACKED) &
			       ~(1ull << VIRTIO_RING_F_EVENT_IDX);
	return attach_start(&d->attach, plain, queue, e);
}

static void describe(struct driver *d, unsigned i, uint64_t at, uint32_t len, unsigned flags)
{
	struct vring_desc *desc = (struct vring_desc *)(void *)driver_ram(d, DESC_AT) + i;

	*desc = (struct vring_desc){htole64(at), htole32(len), htole16((uint16_t)flags),
				    htole16((uint16_t)(i + 1))};
}

static void offer(struct driver *d, const struct places *p, uint32_t type)
{
	struct vring_avail *avail = (struct vring_avail *)(void *)driver_ram(d, AVAIL_AT);
	unsigned in = type == VIRTIO_BLK_T_IN ? VRING_DESC_F_WRITE : 0;

	describe(d, 0, p->header, sizeof(struct virtio_blk_outhdr), VRING_DESC_F_NEXT);
	describe(d, 1, p->data, SECTOR, VRING_DESC_F_NEXT | in);
	describe(d, 2, p->status, 1, VRING_DESC_F_WRITE);
	avail->ring[d->avail_idx % NUM] = 0;
	__atomic_store_n(&avail->idx, htole16(++d->avail_idx), __ATOMIC_RELEASE);
	(void)eventfd_write(d->kick_fd, 1);
}

int driver_ask(struct driver *d, const struct places *p, uint32_t type, uint64_t sector,
	       unsigned ms)
{
	const struct virtio_blk_outhdr header = {.type = htole32(type), .sector = htole64(sector)};
	struct vring_used *used = (struct vring_used *)(void *)driver_ram(d, USED_AT);
	volatile uint8_t *status = driver_ram(d, STATUS_AT);
	eventfd_t calls;
	bool called = false, answered = false;

	memcpy(driver_ram(d, HEADER_AT), &header, sizeof(header));
	*status = UNSET;
	(void)eventfd_read(d->call_fd, &calls);
	offer(d, p, type);
	int64_t until = clock_ms() + ms * clock_patience();
	/* Of a used ring that lies elsewhere only the call tells, and that comes behind the status.
	 */
	while (le16toh(__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE)) != d->avail_idx &&
	       !(called && answered) && clock_left(until)) {
		struct pollfd call = {.fd = d->call_fd, .events = POLLIN};

		called |= poll(&call, 1, LOOK_MS) > 0 && !eventfd_read(d->call_fd, &calls);
		if (!answered && *status != UNSET) {
			answered = true;
			until = clock_ms() + AFTER_MS * clock_patience();
		}
	}
	return *status == UNSET ? NO_ANSWER : *status;
}

bool driver_secret_kept(struct driver *d)
{
	uint8_t now[ARENA_SIZE];

	copy_secret(d, now);
	if (!memcmp(now, d->secret, ARENA_SIZE))
		return true;
	memcpy(d->arena.readable, d->secret, ARENA_READABLE);
	memcpy(d->arena.writable, d->secret + ARENA_READABLE, ARENA_WRITABLE);
	return false;
}
