/* SPDX-License-Identifier: MIT */
/*
 * K1: VHOST_SET_VRING_CALL frees the old eventfd context before the parent has let go of it.
 * One thread replaces a queue's call eventfd, another injects interrupts for the queue. KASAN tells
 * of the access; poisoned slabs (slub_debug=FZPU) leave a lock that is never free, so both threads
 * stop for good. It must never conclude anything on a kernel that has neither.
 */
#include "known.h"

#include "../../vdpa/vduse/wait.h"

#include <errno.h>
#include <linux/vduse.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define RACE_MS 45000
#define STALL_MS 3000
#define TAINT_BAD_PAGE (1 << 5) /* KASAN reports once, and sets it */

static const struct world *world;
static atomic_ulong replaced, injected;
static atomic_bool go;

static int replace(void *unused)
{
	(void)unused;
	world_stay_on(1);
	while (!atomic_load(&go))
		wait_ms(1);
	for (;;) {
		struct err e = {0};
		int fd = eventfd(0, EFD_CLOEXEC);
		if (fd < 0 || vhost_set_vring_call(&world->client, 0, fd, &e))
			return -1;
		close(fd); /* the kernel's reference is the last one */
		atomic_fetch_add(&replaced, 1);
	}
}

static int inject(void *unused)
{
	uint32_t index = 0;

	(void)unused;
	world_stay_on(2);
	while (!atomic_load(&go))
		wait_ms(1);
	for (;;) {
		if (ioctl(world->dev->fd, VDUSE_VQ_INJECT_IRQ, &index) && errno == EPERM)
			return -1; /* the device is broken */
		atomic_fetch_add(&injected, 1);
	}
}

static bool has_kasan(void)
{
	char line[256];
	bool found = false;
	FILE *f = fopen("/proc/kallsyms", "re");

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, " kasan_report\n") != NULL;
	if (f)
		fclose(f);
	return found;
}

static enum known_verdict watch(struct known_run *r, struct caller *replacer,
				struct caller *injector)
{
	char line[200];
	int code;
	unsigned long last = 0;
	int64_t begin = world_ms(), moved = begin;

	while (world_ms() - begin < RACE_MS) {
		unsigned long now = atomic_load(&replaced) + atomic_load(&injected);
		if (now != last)
			moved = world_ms();
		last = now;
		if (known_logged(r, "BUG: KASAN:", line, sizeof(line)))
			return known_shows(r, "after %lu replacements: %s", atomic_load(&replaced),
					   line);
		if (caller_wait(replacer, 0, &code) || caller_wait(injector, 0, &code)) {
			err_set(&r->e, ERR_INTERNAL, 0, "race", r->world.path,
				"a thread of it came back after %lu replacements",
				atomic_load(&replaced));
			return known_failed(r);
		}
		if (world_ms() - moved > STALL_MS)
			return known_shows(r,
					   "after %lu replacements both threads stopped in the "
					   "kernel: the freed context's lock is poison",
					   atomic_load(&replaced));
		wait_ms(50);
	}
	return known_gone(r, "no use of freed memory in %lu replacements and %lu interrupts",
			  atomic_load(&replaced), atomic_load(&injected));
}

static enum known_verdict run(struct known_run *r)
{
	bool kasan = has_kasan();

	if (!kasan && world_read_number("/sys/kernel/slab/kmalloc-64/poison") != 1)
		return known_skip(
		    r, "needs a kernel with KASAN, or slub_debug=FZPU on its command line");
	if (kasan && (world_read_number("/proc/sys/kernel/tainted") & TAINT_BAD_PAGE))
		return known_skip(r, "KASAN reports once and has done so: boot again");
	if (sysconf(_SC_NPROCESSORS_ONLN) < 3)
		return known_skip(r, "needs 3 CPUs: two may stop, one tells of it");
	if (world_open(&r->world, &r->e) || world_client(&r->world, &r->e) ||
	    vhost_set_vring_enable(&r->world.client, 0, true, &r->e))
		return known_failed(r);
	world = &r->world;
	struct caller *replacer = caller_start(replace, NULL);
	struct caller *injector = caller_start(inject, NULL);
	wait_ms(200);
	world_brace();
	atomic_store(&go, true);
	return watch(r, replacer, injector);
}

const struct known k1 = {
    .name = "k1",
    .title = "SET_VRING_CALL frees an eventfd context that VDUSE may still signal",
    .needs = NEED_VDUSE,
    .destructive = true,
    .seconds = 60,
    .run = run,
};
