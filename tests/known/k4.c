/* SPDX-License-Identifier: MIT */
/*
 * K4: deleting and adding a vDPA device on the same VDUSE device leaks its address spaces, and with
 * them the files of everything that was mapped. Told by the machine's shared memory.
 */
#include "known.h"

#include "../../vdpa/nl.h"

#include <errno.h>
#include <linux/vhost.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS 4
#define ROUND_MB 16
#define SLACK_MB 8

static long shared_mb(void)
{
	char line[128];
	long kb = -1;
	FILE *f = fopen("/proc/meminfo", "re");

	while (f && kb < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "Shmem: %ld kB", &kb) != 1)
			kb = -1;
	if (f)
		fclose(f);
	return kb / 1024;
}

static int map_and_die(struct world *w, void *unused)
{
	struct memory m;
	struct err e = {0};

	(void)unused;
	if (memory_make(&m, (size_t)ROUND_MB << 20, &e) || world_client(w, &e))
		return 1;
	memset(m.at, 1, m.len);
	return world_map(w, 0, WORLD_IOVA, &m, VHOST_ACCESS_RW, &e);
}

static enum known_verdict run(struct known_run *r)
{
	long before = shared_mb();
	int ret = world_create(&r->world, WORLD_QUEUES, &r->e);

	for (int i = 0; !ret && i < ROUNDS; i++) {
		ret = nl_dev_add("vduse", WORLD_NAME, r->world.path, sizeof(r->world.path), &r->e);
		if (!ret && raw_wait(world_fork(map_and_die, &r->world, NULL), 5000))
			ret = err_set(&r->e, ERR_INTERNAL, 0, "client", r->world.path, "%s", "");
		if (!ret)
			ret = nl_dev_del(WORLD_NAME, &r->e);
	}
	if (ret)
		return known_failed(r);
	world_close(&r->world);
	long left = shared_mb() - before;
	if (left >= (ROUNDS - 1) * ROUND_MB - SLACK_MB) /* the last one's go with the device */
		return known_shows(
		    r,
		    "%ld MB of %d clients' %d MB each are still held, with no process, "
		    "no vDPA and no VDUSE device left",
		    left, ROUNDS, ROUND_MB);
	return known_gone(r, "%ld MB are left after %d rounds of %d MB", left, ROUNDS, ROUND_MB);
}

const struct known k4 = {
    .name = "k4",
    .title = "vdpa del and add on one VDUSE device leak its address spaces",
    .needs = NEED_VDUSE,
    .run = run,
};
