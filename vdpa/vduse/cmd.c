/* SPDX-License-Identifier: MIT */
/*
 * `ringfence device`; see cmd.h. It must never end and leave a device of its own behind without
 * saying so.
 */
#include "cmd.h"

#include "../breaks.h"
#include "../nl.h"
#include "../sim/sim.h"
#include "backend.h"
#include "blk.h"
#include "guard.h"
#include "net.h"
#include "opts.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 500 /* how soon a broken device or trace ends the command */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- classes ---- */

/* Everything a device needs, up to its data thread. On error *@d may be there, and *@ctx is not. */
static int start_net(const struct opts *o, struct vduse_dev **d, void **ctx, struct err *e)
{
	struct net_options n = o->net;
	struct vduse_setup setup;
	struct backend backend;
	struct net *net;
	int ret = backend_open(&backend, o->backend, o->interface, o->pcap, e);

	if (ret)
		return ret;
	n.backend_features = backend_features(&backend);
	net_describe(&setup, &n);
	ret = vduse_create(d, &setup, e);
	if (ret) {
		backend_close(&backend);
		return ret;
	}
	ret = net_start(&net, *d, &backend, e);
	*ctx = net;
	return ret;
}

static int stop_net(void *ctx, struct err *e)
{
	return net_stop(ctx, e);
}

static int start_blk(const struct opts *o, struct vduse_dev **d, void **ctx, struct err *e)
{
	const struct blk_options b = {.name = o->net.name,
				      .api = o->net.api,
				      .rings_without = o->net.rings_without,
				      .breaks = o->net.breaks,
				      .trace = o->net.trace};
	struct vduse_setup setup;
	struct disk disk;
	struct blk *blk;
	int ret = disk_open(&disk, o->file, e);

	if (ret)
		return ret;
	blk_describe(&setup, &b, &disk);
	ret = vduse_create(d, &setup, e);
	if (ret) {
		disk_close(&disk);
		return ret;
	}
	ret = blk_start(&blk, *d, &disk, e);
	*ctx = blk;
	return ret;
}

static int stop_blk(void *ctx, struct err *e)
{
	return blk_stop(ctx, e);
}

/* A block device has nothing to announce. */
static int announce_nothing(struct vduse_dev *d)
{
	(void)d;
	return -ENODEV;
}

static const struct class
{
	int (*start)(const struct opts *o, struct vduse_dev **d, void **ctx, struct err *e);
	int (*stop)(void *ctx, struct err *e);
	int (*announce)(struct vduse_dev *d);
} classes[] = {[CLASS_NET] = {start_net, stop_net, net_announce},
	       [CLASS_BLK] = {start_blk, stop_blk, announce_nothing}};

/* ---- one device's life ---- */

/* Until a signal, the end of the time, or something that makes going on pointless. */
static int wait_for_end(const struct opts *o, struct vduse_dev *d, int signals, struct err *e)
{
	int64_t end = now_ms() + (int64_t)o->timeout_s * 1000;

	for (;;) {
		struct pollfd p = {.fd = signals, .events = POLLIN};
		struct signalfd_siginfo info;
		if (poll(&p, 1, LOOK_MS) > 0 &&
		    read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
			if (info.ssi_signo != SIGUSR2)
				return 0;
			if (classes[o->class].announce(d))
				fprintf(stderr, "ringfence device: no driver that announces\n");
		}
		if (atomic_load(&d->broken))
			return err_set(e, ERR_INTERNAL, EIO, "VDUSE", d->name,
				       "the kernel gave the device up: an answer came too late, or "
				       "its client was killed while it "
				       "enabled a queue (vduse_vdpa_set_vq_ready): start it again");
		if (trace_failed(o->net.trace))
			return -EIO; /* trace_close() says what it was */
		if (o->timeout_s && now_ms() >= end)
			return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "--timeout", d->name,
				       "its %u s are over", o->timeout_s);
	}
}

static void announce(const struct opts *o, const struct vduse_dev *d, const char *node)
{
	for (int id = 0; id < BREAK_COUNT; id++) {
		if (!broken(o->net.breaks, (enum break_id)id))
			continue;
		fprintf(stderr, "ringfence device: BREAK %s: %s\n", break_table[id].name,
			break_table[id].effect);
		trace_event(o->net.trace, "break", ",\"name\":\"%s\"", break_table[id].name);
	}
	if (!o->quiet && d->as.api == 0 && o->class == CLASS_NET)
		fprintf(stderr, "ringfence device: VDUSE API 0: one group, one address space: its "
				"CVQ cannot be shadowed\n");
	if (o->verbose)
		fprintf(stderr, "ringfence device: %s: API %u, queue-ready %s, CTRL_VQ %s, %s\n",
			d->name, (unsigned)d->as.api, d->has_queue_ready ? "yes" : "no",
			o->class == CLASS_BLK ? "none"
			: o->net.private_cvq  ? "private"
					      : "offered",
			node);
	printf("ready %s\n", node);
	fflush(stdout);
}

/* The vDPA device comes last and goes first: it needs somebody who answers. */
static int attach(const struct opts *o, struct vduse_dev *d, int signals, struct err *e)
{
	char node[64];
	int ret = nl_dev_add("vduse", d->name, node, sizeof(node), e);

	if (ret)
		return ret;
	announce(o, d, node);
	ret = wait_for_end(o, d, signals, e);

	struct err late = {0};
	int gone = nl_dev_del(d->name, &late);
	if (gone && gone != -ENODEV && e->kind == ERR_NONE)
		*e = late;
	return ret ? ret : gone == -ENODEV ? 0 : gone;
}

static int serve_sim(const struct opts *o, int signals, struct err *e)
{
	struct sim_options s = {.name = o->net.name,
				.trace = o->net.trace,
				.timeout_s = o->timeout_s,
				.verbose = o->verbose};

	memcpy(s.mac, o->net.mac, sizeof(s.mac));
	return sim_serve(&s, signals, e);
}

/* *@stuck: the data thread did not stop, so what it uses, the trace too, must stay as it is. */
static int serve(const struct opts *o, int signals, bool *stuck, struct err *e)
{
	const struct class *class = &classes[o->class];
	struct vduse_dev *d = NULL;
	void *ctx = NULL;
	int ret = vduse_cleanup(o->net.name, e);

	if (ret)
		return ret;
	ret = class->start(o, &d, &ctx, e);
	if (!ret)
		ret = attach(o, d, signals, e);

	struct err late = {0};
	int stopped = class->stop(ctx, &late);
	*stuck = stopped;
	if (!stopped)
		stopped = vduse_destroy(d, &late);
	if (stopped && e->kind == ERR_NONE)
		*e = late;
	return ret ? ret : stopped;
}

/* Blocked in every thread to come as well: the signals that end us arrive by a descriptor. */
static int catch_signals(struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR2);
	signal(SIGPIPE, SIG_IGN); /* whoever reads our "ready" may leave */
	int fd = sigprocmask(SIG_BLOCK, &set, NULL) ? -1 : signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? err_set(e, ERR_INTERNAL, errno, "signalfd", "signals", "%s", "") : fd;
}

static int run(struct opts *o, struct err *e)
{
	int signals = catch_signals(e);
	bool stuck = false;

	if (signals < 0)
		return signals;
	int ret = guard_install(e);
	if (!ret)
		ret = trace_open(&o->net.trace, o->trace, e);
	if (!ret) {
		ret = o->sim ? serve_sim(o, signals, e) : serve(o, signals, &stuck, e);
		trace_flush(o->net.trace);
		int closed = stuck ? 0 : trace_close(o->net.trace, e);
		ret = ret ? ret : closed;
	}
	close(signals);
	return ret;
}

int cmd_device(int argc, char **argv)
{
	struct opts o;
	struct err e = {0};
	int ret = opts_parse(&o, argc, argv, &e);

	if (!ret && o.help) {
		fputs(opts_usage, stdout);
		return 0;
	}
	if (!ret)
		ret = run(&o, &e);
	if (!ret)
		return 0;
	fprintf(stderr, "ringfence device: %s\n", e.text);
	return err_exit_code(e.kind);
}
