/* SPDX-License-Identifier: MIT */
/* Devices left over, see leftover.h. It must never remove by pattern: each name is checked before.
 */
#include "leftover.h"

#include "../../vdpa/sim/sim.h"
#include "../../vdpa/vduse/dev.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define VDPA_DEVICES "/sys/bus/vdpa/devices"
#define VDUSE_DEVICES "/dev/vduse"

static bool exists(const char *dir, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

bool leftover_none(const char *name)
{
	return !exists(VDPA_DEVICES, name) && !exists(VDUSE_DEVICES, name);
}

void leftover_remove(const char *name, struct err *e)
{
	if (!sim_cleanup(name, e))
		(void)vduse_cleanup(name, e);
}

/* Whether @name is of a runner that is gone. */
static bool orphan(const char *name)
{
	int pid, n, end = 0;

	if (sscanf(name, LEFTOVER_PREFIX "%d-%d%n", &pid, &n, &end) != 2 || name[end] || pid <= 0)
		return false;
	return pid != getpid() && kill(pid, 0) < 0 && errno == ESRCH;
}

static unsigned sweep(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	unsigned stuck = 0;

	if (!dir)
		return 0;
	while ((d = readdir(dir))) {
		struct err e = {0};

		if (!orphan(d->d_name))
			continue;
		fprintf(stderr, "removing %s, left over from a run that was killed\n", d->d_name);
		leftover_remove(d->d_name, &e);
		if (leftover_none(d->d_name))
			continue;
		fprintf(stderr, "%s\n", e.text);
		stuck++;
	}
	closedir(dir);
	return stuck;
}

unsigned leftover_sweep(void)
{
	return sweep(VDPA_DEVICES) + sweep(VDUSE_DEVICES);
}
