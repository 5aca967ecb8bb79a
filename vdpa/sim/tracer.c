/* SPDX-License-Identifier: MIT */
/*
 * Tracing a simulator, see tracer.h. The device's kernel thread does all of its work, so events are
 * let through by that thread's number; what a client's thread does to the device, by the addresses
 * of the device's own objects. It must never read an address of the client's but in its maps.
 */
#include "tracer.h"

#include "../vhost.h"
#include "follow.h"
#include "maps.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORKER "vDPA sim worker: "
#define FILTER_LEN 256

struct tracer {
	struct probes *probes;
	struct sim_identity id;
	struct follow follow;
	struct maps maps;
};

/* The client's own mappings, looked at again whenever they may have changed, while it lives. */
static uint64_t inode(void *ctx, uint64_t at, uint64_t len, bool fresh)
{
	struct tracer *t = ctx;
	uint64_t ino = maps_inode(&t->maps, at, len);

	if (fresh || !ino) {
		(void)maps_read(&t->maps, t->follow.client); /* gone: what it had is still true */
		ino = maps_inode(&t->maps, at, len);
	}
	return ino;
}

/* Then a map's addresses are physical ones, and nobody can be asked whose they are. */
static bool without_va(void)
{
	char use_va = 'Y';
	int fd = open("/sys/module/vdpa_sim/parameters/use_va", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, &use_va, 1) < 0)
		use_va = 'Y';
	if (fd >= 0)
		close(fd);
	return use_va == 'N';
}

static int on(struct tracer *t, enum sim_event_kind kind, const char *filter, struct err *e)
{
	return probes_on(t->probes, sim_probes[kind].event, filter, e);
}

int tracer_open(struct tracer **out, struct trace *lines, struct err *e)
{
	static const enum sim_event_kind making[] = {SIM_SPACE, SIM_DEVICE, SIM_ASSIGN};
	char mine[FILTER_LEN];

	*out = NULL;
	if (without_va())
		return err_set(e, ERR_HOST, EINVAL, "trace", "vdpa_sim.use_va",
			       "it is off, so that addresses are physical ones: load vdpa_sim "
			       "with use_va=1");
	struct tracer *t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", "tracer", "%s", "");
	t->follow = (struct follow){.id = &t->id, .trace = lines, .inode = inode, .ctx = t};
	snprintf(mine, sizeof(mine), "common_pid == %ld", syscall(SYS_gettid));
	int ret = probes_open(&t->probes, sim_probes + 1, SIM_KINDS - 1, e);
	for (size_t i = 0; !ret && i < sizeof(making) / sizeof(making[0]); i++)
		ret = on(t, making[i], mine, e);
	if (ret) {
		probes_close(t->probes);
		free(t);
	} else {
		*out = t;
	}
	return ret;
}

/* ---- the device ---- */

int tracer_worker(const char *name, struct err *e)
{
	char want[128], path[300], comm[128];
	struct dirent *entry;
	int worker = 0;

	snprintf(want, sizeof(want), WORKER "%s\n", name);
	DIR *proc = opendir("/proc");
	while (proc && !worker && (entry = readdir(proc))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		FILE *f = isdigit((unsigned char)entry->d_name[0]) ? fopen(path, "re") : NULL;
		if (!f)
			continue;
		if (fgets(comm, sizeof(comm), f) && !strcmp(comm, want))
			worker = atoi(entry->d_name);
		fclose(f);
	}
	if (proc)
		closedir(proc);
	return worker ? worker
		      : err_set(e, ERR_HOST, ESRCH, "find", want,
				"the simulator's thread is not in /proc: in a container, give it "
				"the host's process ids");
}

static int read_line(struct tracer *t, struct sim_event *ev, struct err *e)
{
	char line[PROBES_LINE];
	int ret = probes_line(t->probes, line);

	if (ret < 0)
		return err_set(e, ERR_INTERNAL, -ret, "read", "trace_pipe", "%s", "");
	if (ret && !sim_event_parse(ev, line))
		return err_set(e, ERR_HOST, EBADMSG, "trace_pipe", line,
			       "this kernel writes its trace another way");
	return ret;
}

static int learn(struct tracer *t, const char *name, struct err *e)
{
	struct sim_event ev;
	int ret;

	while ((ret = read_line(t, &ev, e)) > 0)
		sim_learn(&t->id, &ev);
	if (!ret && !sim_known(&t->id))
		ret = err_set(e, ERR_HOST, ENOTSUP, "trace", name,
			      "this kernel's simulator is not made of %u queues and %u address "
			      "spaces, one after the other",
			      SIM_QUEUES, SIM_SPACES);
	return ret;
}

static int ask_groups(struct tracer *t, const char *node, struct err *e)
{
	struct vhost v;
	int ret = vhost_open(&v, node, e);

	if (ret)
		return ret;
	ret = vhost_set_owner(&v, e);
	for (unsigned q = 0; !ret && q < SIM_QUEUES; q++)
		ret = vhost_get_vring_group(&v, q, &t->follow.group[q], e);
	vhost_close(&v);
	return ret;
}

static int follow_device(struct tracer *t, int worker, struct err *e)
{
	static const enum sim_event_kind by_worker[] = {
	    SIM_GET, SIM_GOT, SIM_PULL, SIM_PUSH, SIM_COMPLETE, SIM_NOTIFY, SIM_FIND};
	char filter[FILTER_LEN];
	int ret = 0;

	snprintf(filter, sizeof(filter), "common_pid == %d", worker);
	for (size_t i = 0; !ret && i < sizeof(by_worker) / sizeof(by_worker[0]); i++)
		ret = on(t, by_worker[i], filter, e);
	snprintf(filter, sizeof(filter),
		 "vring == 0x%" PRIx64 " || vring == 0x%" PRIx64 " || vring == 0x%" PRIx64,
		 t->id.vring[0], t->id.vring[1], t->id.vring[2]);
	if (!ret)
		ret = on(t, SIM_RESET, filter, e);
	if (!ret)
		ret = on(t, SIM_READY, filter, e);
	if (!ret)
		ret = on(t, SIM_ASSIGN, filter, e);
	snprintf(filter, sizeof(filter), "vdev == 0x%" PRIx64, t->id.device);
	return ret ? ret : on(t, SIM_STATUS, filter, e);
}

int tracer_begin(struct tracer *t, const char *name, const char *node, struct err *e)
{
	int worker, ret = learn(t, name, e);

	if (!ret)
		ret = ask_groups(t, node, e);
	if (ret)
		return ret;
	worker = tracer_worker(name, e);
	return worker < 0 ? worker : follow_device(t, worker, e);
}

int tracer_pump(struct tracer *t, struct err *e)
{
	struct sim_event ev;
	int ret;

	while ((ret = read_line(t, &ev, e)) > 0)
		follow_event(&t->follow, &ev);
	trace_flush(t->follow.trace);
	return ret;
}

int tracer_close(struct tracer *t, struct err *e)
{
	int ret = tracer_pump(t, e);
	long missed = probes_missed(t->probes);

	if (missed)
		trace_event(t->follow.trace, "overflow", ",\"missed\":%ld", missed);
	probes_close(t->probes);
	free(t);
	return ret;
}
