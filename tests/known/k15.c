/* SPDX-License-Identifier: MIT */
/*
 * K15: an IOTLB update outside a batch waits for the daemon with the client's mmap lock held, so
 * that no thread of the client can map or unmap anything. Inside a batch it does not.
 */
#include "known.h"

#include "../../vdpa/vduse/wait.h"

#include <linux/vhost.h>
#include <sys/mman.h>

#define STALL_MS 700 /* less than VDUSE_ANSWER_MS: the daemon is slow, and then agrees */

struct stall {
	atomic_int step; /* odd: the client is ready for a stall; even: the daemon stalls */
	long plain_ms, batch_ms;
};

static const struct world *client;
static struct memory memory;

static int plain(void *unused)
{
	(void)unused;
	return world_message(client, VHOST_IOTLB_UPDATE, 0, WORLD_IOVA, memory.len, memory.at,
			     VHOST_ACCESS_RW);
}

static int batch_end(void *unused)
{
	(void)unused;
	return world_message(client, VHOST_IOTLB_BATCH_END, 0, 0, 0, NULL, 0);
}

/* How long another thread's mmap() takes while @message waits for the daemon; -1 if that failed. */
static long mapping_takes(struct stall *s, int step, int (*message)(void *))
{
	int ret;

	atomic_store(&s->step, step);
	while (atomic_load(&s->step) == step)
		wait_ms(1);
	struct caller *c = caller_start(message, NULL);
	wait_ms(100);
	int64_t begin = world_ms();
	void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int64_t took = world_ms() - begin;
	munmap(at, 4096);
	return caller_wait(c, 3000, &ret) && !ret ? (long)took : -1;
}

static int run_client(struct world *w, void *stall)
{
	struct stall *s = stall;
	struct err e = {0};

	client = w;
	if (world_client(w, &e) || memory_make(&memory, 4096, &e))
		return 1;
	s->plain_ms = mapping_takes(s, 1, plain);
	if (world_message(w, VHOST_IOTLB_BATCH_BEGIN, 0, 0, 0, NULL, 0) ||
	    world_message(w, VHOST_IOTLB_UPDATE, 0, 2 * WORLD_IOVA, memory.len, memory.at,
			  VHOST_ACCESS_RW))
		return 2;
	s->batch_ms = mapping_takes(s, 3, batch_end);
	return 0;
}

static void stall_at(const struct world *w, struct stall *s, int step)
{
	for (int64_t until = world_ms() + 5000; atomic_load(&s->step) != step; wait_ms(1))
		if (world_ms() >= until)
			return;
	vduse_lock(w->dev);
	atomic_store(&s->step, step + 1);
	wait_ms(STALL_MS);
	vduse_unlock(w->dev);
}

static enum known_verdict run(struct known_run *r)
{
	struct stall *s =
	    mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (s == MAP_FAILED || world_open(&r->world, &r->e))
		return known_failed(r);
	pid_t pid = world_fork(run_client, &r->world, s);
	stall_at(&r->world, s, 1);
	stall_at(&r->world, s, 3);
	int ret = raw_wait(pid, 5000);
	if (ret || s->plain_ms < 0 || s->batch_ms < 0) {
		err_set(&r->e, ERR_INTERNAL, 0, "client", r->world.path, "%d, %ld and %ld ms", ret,
			s->plain_ms, s->batch_ms);
		return known_failed(r);
	}
	if (s->plain_ms > STALL_MS / 2)
		return known_shows(
		    r,
		    "while the daemon took %d ms over an update, another thread's mmap() "
		    "took %ld ms (in a batch: %ld ms)",
		    STALL_MS, s->plain_ms, s->batch_ms);
	return known_gone(r, "another thread's mmap() took %ld ms", s->plain_ms);
}

const struct known k15 = {
    .name = "k15",
    .title = "an IOTLB update holds the client's mmap lock until the daemon answers",
    .needs = NEED_VDUSE,
    .run = run,
};
