/* SPDX-License-Identifier: MIT */
/*
 * K14: VDUSE_VQ_INJECT_IRQ looks for a CPU of the queue's affinity that is online, and looks for
 * ever if there is none. Our CPU comes back in the end, so that the kernel does.
 */
#include "known.h"

#include "../../vdpa/vduse/wait.h"

#include <errno.h>
#include <linux/vduse.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int inject(struct world *w, void *unused)
{
	uint32_t index = 0;

	(void)unused;
	return ioctl(w->dev->fd, VDUSE_VQ_INJECT_IRQ, &index) ? errno : 0;
}

/* A few turns over the whole mask: with CONFIG_DEBUG_PER_CPU_MAPS the kernel says that it asks for
 * one too many. */
static bool asks_for_too_many(struct known_run *r, char *line, size_t len)
{
	for (int i = 0; i < 64; i++)
		(void)inject(&r->world, NULL);
	return known_logged(r, "cpumask", line, len);
}

static enum known_verdict run(struct known_run *r)
{
	const char *affinity = "/sys/class/vduse/" WORLD_NAME "/vq0/irq_cb_affinity";
	long last = sysconf(_SC_NPROCESSORS_CONF) - 1;
	char online[64], mask[32], line[160] = "";

	snprintf(online, sizeof(online), "/sys/devices/system/cpu/cpu%ld/online", last);
	snprintf(mask, sizeof(mask), "%llx\n", 1ull << (last & 31));
	if (last < 1 || last > 31 || access(online, W_OK))
		return known_skip(r, "needs 2 to 32 CPUs and CONFIG_HOTPLUG_CPU");
	if (world_create(&r->world, WORLD_QUEUES, &r->e))
		return known_failed(r);
	bool warned = asks_for_too_many(r, line, sizeof(line));
	if (world_write(affinity, mask) || world_write(online, "0")) {
		err_set(&r->e, ERR_HOST, 0, "write", affinity, "CPU %ld", last);
		return known_failed(r);
	}
	pid_t pid = world_fork(inject, &r->world, NULL);
	bool waits = raw_wait(pid, 2000) == -ETIMEDOUT;
	kill(pid, SIGKILL);
	bool unkillable = waits && raw_wait(pid, 1000) == -ETIMEDOUT;
	(void)world_write(online, "1");
	bool ended = !unkillable || raw_wait(pid, 3000) != -ETIMEDOUT;
	if (unkillable)
		return known_shows(
		    r,
		    "with the queue's only CPU (%ld) offline the ioctl spun for 3 s and "
		    "could not be killed; %s when the CPU came back%s%s",
		    last, ended ? "it ended" : "it did not end", warned ? "; " : "", line);
	if (warned)
		return known_shows(r, "%s", line);
	return known_gone(r, "the ioctl returns with the queue's only CPU offline");
}

const struct known k14 = {
    .name = "k14",
    .title = "VDUSE_VQ_INJECT_IRQ spins for good when the queue's affinity is all offline",
    .needs = NEED_VDUSE,
    .destructive = true,
    .run = run,
};
