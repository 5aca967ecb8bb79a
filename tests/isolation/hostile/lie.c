/* SPDX-License-Identifier: MIT */
/*
 * Row 33: false answers on the shadow ring. Whoever calls holds the device's lock, but for what
 * goes on aside. It must never lie about any command but the one that asks for it.
 */
#include "daemon.h"

#include "../../../guest/abi.h"
#include "../../../vdpa/arena.h"
#include "../../../vdpa/vduse/wait.h"

#include <linux/vduse.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Section 2.7.8: flags, index, entries of id and length, event. */
#define INDEX_AT 2u
#define ENTRIES_AT 4u
#define BURST 500u
#define EARLY_MS 300

static const struct lie *lying(void)
{
	const struct fault *f = hostile_armed(FAULT_LIE);

	return f && atomic_load(&hostile.op) == CONTAIN_TRY ? &f->lie : NULL;
}

static struct vring_queue *ring(void)
{
	return &hostile.dev->queue[NET_CVQ].ring;
}

static iova_t in_used(const struct vring_queue *v, uint64_t offset)
{
	return iova(v->used.v + offset);
}

/* What is refused now was memory of the session before: the judge sees what was not carried out. */
static bool put(const struct vring_queue *v, uint64_t offset, const void *src, size_t len)
{
	return !as_write(&hostile.dev->as, NET_CVQ, in_used(v, offset), src, len);
}

static bool put_entry(const struct vring_queue *v, uint16_t slot, uint32_t id, uint32_t len)
{
	const struct vring_used_elem e = {.id = id, .len = len};

	return put(v, ENTRIES_AT + sizeof(e) * (slot % v->num), &e, sizeof(e));
}

static bool put_index(const struct vring_queue *v, uint16_t index)
{
	return !as_store16(&hostile.dev->as, NET_CVQ, in_used(v, INDEX_AT), index);
}

int lie_ack(const struct vring_queue *v, struct as_table *t, const struct vring_chain *c,
	    const void *src, size_t len)
{
	const struct lie *lie = lying();

	if (lie && (lie->set & LIE_NO_ACK))
		return 0;
	return __real_vring_write(v, t, c, lie && (lie->set & LIE_ACK) ? &lie->ack : src, len);
}

/* ---- what goes on aside ---- */

static struct {
	uint16_t head;
	uint32_t len;
} held; /* the answer that is to come late */

static void answer_late(const struct fault *f)
{
	wait_ms(f->lie.ms);
	vduse_lock(hostile.dev);
	if (!__real_vring_push(ring(), &hostile.dev->as, held.head, held.len))
		hostile_done();
	__real_vduse_queue_call(hostile.dev, NET_CVQ);
	vduse_unlock(hostile.dev);
}

/* As soon as there is a ring; the command may be there by then as well. */
static void answer_early(const struct fault *f)
{
	bool active = false;

	(void)f;
	for (uint64_t end = hostile_ms() + EARLY_MS; !active && hostile_ms() < end; wait_ms(1)) {
		vduse_lock(hostile.dev);
		active = hostile.dev->queue[NET_CVQ].active;
		if (active && put_entry(ring(), 0, 0, 1) && put_index(ring(), 1))
			hostile_done();
		if (active)
			__real_vduse_queue_call(hostile.dev, NET_CVQ);
		vduse_unlock(hostile.dev);
	}
}

/* What the kernel does not take, since nobody listens just now, counts as well. */
static void call_all(void)
{
	for (uint32_t i = 0; i < BURST; i++) {
		uint32_t q = i % NET_QUEUES;
		if (ioctl(hostile.dev->fd, VDUSE_VQ_INJECT_IRQ, &q))
			continue;
	}
}

static void flood_calls(const struct fault *f)
{
	call_all();
	hostile_done();
	for (uint64_t end = hostile_ms() + f->lie.ms; hostile_ms() < end; wait_ms(1))
		call_all();
}

/* By its own means: the framework's would want the lock. */
static bool change_config(unsigned n)
{
	union {
		struct vduse_config_data c;
		uint8_t room[sizeof(struct vduse_config_data) + VDUSE_CONFIG_LEN];
	} u = {.c = {.length = (uint32_t)hostile.dev->setup.config_len}};

	memset(u.c.buffer, (int)n, hostile.dev->setup.config_len);
	return !ioctl(hostile.dev->fd, VDUSE_DEV_SET_CONFIG, &u.c) &&
	       !ioctl(hostile.dev->fd, VDUSE_DEV_INJECT_CONFIG_IRQ);
}

static void flood_config(const struct fault *f)
{
	unsigned n = 0;

	if (change_config(n++))
		hostile_done();
	for (uint64_t end = hostile_ms() + f->lie.ms; hostile_ms() < end; wait_ms(1))
		for (unsigned i = 0; i < BURST / 10; i++)
			(void)change_config(n++);
}

/* The used ring, as it lies in the file that the device got. */
static struct vring_used *mapped;

static void flicker(const struct fault *f)
{
	static const uint32_t odd[] = {0, 1, 0x10000, 0xffffffff};
	volatile struct vring_used *used = mapped;
	uint32_t q = NET_CVQ;
	unsigned n = 0;

	hostile_done();
	for (uint64_t end = hostile_ms() + f->lie.ms; hostile_ms() < end; n++) {
		used->ring[n % 2].id = odd[n % 4];
		used->ring[n % 2].len = odd[n / 4 % 4];
		used->idx = (uint16_t)(n % 3);
		if (ioctl(hostile.dev->fd, VDUSE_VQ_INJECT_IRQ, &q))
			continue;
	}
	munmap((void *)(uintptr_t)used, ARENA_PAGE);
}

static void start_flicker(const struct fault *f)
{
	uint64_t size;
	int fd = tamper_open(FILE_WRITABLE, &size);
	void *p =
	    fd < 0 ? MAP_FAILED : mmap(NULL, ARENA_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	if (p == MAP_FAILED)
		return;
	mapped = p;
	hostile_aside(flicker, f, true);
}

void lie_started(void)
{
	const struct fault *f = hostile_armed(FAULT_LIE);

	if (f && (f->lie.set & LIE_EARLY))
		hostile_aside(answer_early, f, false);
}

/* ---- the answer ---- */

static void start_aside(const struct fault *f)
{
	if (f->lie.set & LIE_CALLS)
		hostile_aside(flood_calls, f, true);
	if (f->lie.set & LIE_CONFIG)
		hostile_aside(flood_config, f, true);
	if (f->lie.set & LIE_FLIP)
		start_flicker(f);
	if (f->lie.set & LIE_LATE)
		hostile_aside(answer_late, f, false);
}

static bool put_lie(struct vring_queue *v, const struct lie *lie, uint16_t head, uint32_t len)
{
	uint32_t id = lie->set & LIE_ID ? lie->id : head;
	uint32_t written = lie->set & LIE_LEN ? lie->len : len;
	bool ok = put_entry(v, v->used_idx, id, written);

	if (lie->set & LIE_STALE)
		ok &= put_entry(v, (uint16_t)(v->used_idx + 1), id, written);
	if (lie->set & LIE_INDEX)
		v->used_idx = (uint16_t)(v->used_idx + lie->index);
	else if (!(lie->set & LIE_STALE))
		v->used_idx++;
	return ok && put_index(v, v->used_idx);
}

int lie_push(struct vring_queue *v, struct as_table *t, uint16_t head, uint32_t len)
{
	static const uint16_t ones = 0xffff;
	const struct lie *lie = lying();

	if (!lie)
		return __real_vring_push(v, t, head, len);
	held.head = head;
	held.len = len;
	start_aside(hostile_armed(FAULT_LIE));
	if (lie->set & (LIE_NO_ANSWER | LIE_LATE)) {
		if (!(lie->set & (LIE_CALLS | LIE_LATE)))
			hostile_done();
		return 0;
	}
	if (lie->set & LIE_FLAGS &&
	    !(put(v, 0, &ones, 2) && put(v, ENTRIES_AT + 8u * v->num, &ones, 2)))
		return 0;
	if (put_lie(v, lie, head, len) &&
	    !(lie->set & (LIE_CALLS | LIE_CONFIG | LIE_FLIP | LIE_AGAIN | LIE_EARLY)))
		hostile_done();
	return 0;
}

void lie_call(struct vduse_dev *d, unsigned q)
{
	const struct lie *lie = lying();

	if (lie && (lie->set & (LIE_NO_CALL | LIE_LATE)))
		return;
	__real_vduse_queue_call(d, q);
	if (lie && (lie->set & LIE_AGAIN)) {
		wait_ms(3); /* for the first to be taken */
		if (!__real_vring_push(ring(), &d->as, held.head, held.len))
			hostile_done();
		__real_vduse_queue_call(d, q);
	}
}
