/* SPDX-License-Identifier: MIT */
/*
 * The device's process; see parent.h. It must never end and leave its device behind.
 */
#include "wire.h"

#include "../../../vdpa/nl.h"
#include "../../../vdpa/trace.h"
#include "../../../vdpa/vduse/guard.h"
#include "../../../vdpa/vduse/net.h"
#include "../../raw/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vduse.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Its trace goes to memory; what was heard is counted in it. */
struct ears {
	int fd;
	struct trace *trace;
	off_t at; /* everything before it is counted */
	struct heard heard;
};

struct keeper {
	const struct parent_setup *setup;
	struct vduse_dev *dev; /* NULL for vdpa_sim */
	struct net *net;
	struct ears ears;
};

/* ---- what was heard ---- */

static int open_ears(struct ears *k, struct err *e)
{
	char path[32];

	k->fd = memfd_create("ringfence-trace", MFD_CLOEXEC);
	if (k->fd < 0)
		return err_set(e, ERR_INTERNAL, errno, "memfd_create", "trace", "%s", "");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", k->fd);
	return trace_open(&k->trace, path, e);
}

static void count_line(struct heard *h, const char *line)
{
	const char *asid = strstr(line, "\"asid\":");

	if (strstr(line, "\"ev\":\"translate\""))
		h->refused += strstr(line, "\"ok\":false") != NULL;
	else if (strstr(line, "\"ev\":\"asid\""))
		h->asid++;
	else if (strstr(line, "\"ev\":\"iotlb\"") && asid && asid[7] >= '0' && asid[7] <= '1')
		h->iotlb[asid[7] - '0']++;
}

/* Only whole lines are in the file. */
static struct heard listen_up(struct ears *k)
{
	char text[4096 + 1];
	ssize_t n;

	trace_flush(k->trace);
	while ((n = pread(k->fd, text, sizeof(text) - 1, k->at)) > 0) {
		char *line = text, *end;
		text[n] = 0;
		for (; (end = strchr(line, '\n')); line = end + 1) {
			*end = 0;
			count_line(&k->heard, line);
		}
		if (line == text)
			break;
		k->at += line - text;
	}
	return k->heard;
}

/* ---- answers ---- */

/* What there is by GET_FD2 has to be there by GET_INFO, and nothing else. */
static int region_at(const struct vduse_dev *d, uint32_t asid, uint64_t at, struct seen_region *out)
{
	struct vduse_iova_info info = {.start = at, .last = at, .asid = asid};
	int told = ioctl(d->fd, VDUSE_IOTLB_GET_INFO, &info) ? -errno : 0;
	struct region r = {0};
	struct stat st = {0};
	int fd = raw_get_fd(d->fd, asid, at, &r), ret = fd < 0 ? fd : 0;

	if (fd >= 0) {
		ret = fstat(fd, &st) ? -errno : 0;
		close(fd);
	}
	bool same = info.start == r.start && info.last == r.last;
	*out = (struct seen_region){.start = r.start,
				    .last = r.last,
				    .ino = ret ? 0 : st.st_ino,
				    .perm = r.perm,
				    .agree = fd < 0 ? told < 0 : !told && same};
	return ret;
}

static int ring_of(const struct vduse_dev *d, uint32_t q, struct seen_ring *out)
{
	struct vduse_vq_info i = {.index = q};

	if (ioctl(d->fd, VDUSE_VQ_GET_INFO, &i))
		return -errno;
	*out = (struct seen_ring){i.desc_addr, i.driver_addr,	    i.device_addr,
				  i.num,       i.split.avail_index, i.ready};
	return 0;
}

static int set_up_queue(const struct vduse_dev *d, uint32_t q, uint32_t group)
{
	struct vduse_vq_config c = {.index = q, .max_size = VDUSE_RING_MAX, .group = group};

	return ioctl(d->fd, VDUSE_VQ_SETUP, &c) ? -errno : 0;
}

static void answer_locked(struct vduse_dev *d, const struct question *q, struct answer *a)
{
	vduse_lock(d);
	if (q->ask == ASK_GROUP)
		a->value = q->a < d->as.groups ? d->as.group_asid[q->a] : UINT32_MAX;
	else
		a->value = q->a < d->as.queues ? d->as.queue_group[q->a] : UINT32_MAX;
	vduse_unlock(d);
}

static void reply(struct keeper *k, const struct question *q, struct answer *a)
{
	struct vduse_dev *d = k->dev;

	*a = (struct answer){.ret = 0};
	if (q->ask == ASK_HEARD)
		a->heard = listen_up(&k->ears);
	else if (q->ask == ASK_GROUP || q->ask == ASK_QUEUE)
		answer_locked(d, q, a);
	else if (q->ask == ASK_REGION)
		a->ret = region_at(d, q->a, q->at, &a->region);
	else if (q->ask == ASK_RING)
		a->ret = ring_of(d, q->a, &a->ring);
	else
		a->ret = set_up_queue(d, q->a, q->b);
}

/* Until the client's process says so, or is gone. */
static void serve(struct keeper *k, int sock)
{
	struct question q;
	struct answer a;

	while (recv(sock, &q, sizeof(q), 0) == (ssize_t)sizeof(q) && q.ask != ASK_END) {
		if (!k->dev)
			a = (struct answer){.ret = -ENOTSUP};
		else
			reply(k, &q, &a);
		if (send(sock, &a, sizeof(a), MSG_NOSIGNAL) != (ssize_t)sizeof(a))
			break;
	}
}

/* ---- the device's life ---- */

static int make_vduse(struct keeper *k, struct err *e)
{
	const struct net_options o = {.name = k->setup->device,
				      .api = 1,
				      .pairs = 1,
				      .shape = k->setup->kind == PARENT_MLX5 ? NET_SHAPE_MLX5
									     : NET_SHAPE_NET,
				      .mac = {0x02, 0x52, 0x46, 0x00, 0x00, 0x01},
				      .private_cvq = k->setup->private_cvq,
				      .breaks = k->setup->breaks,
				      .trace = k->ears.trace};
	struct vduse_setup setup;

	net_describe(&setup, &o);
	int ret = vduse_create(&k->dev, &setup, e);
	return ret ? ret : net_start(&k->net, k->dev, NULL, e);
}

static int make(struct keeper *k, char *path, size_t len, struct err *e)
{
	const char *name = k->setup->device;
	bool vduse = k->setup->kind != PARENT_SIM;
	int ret = guard_install(e);

	if (!ret && vduse)
		ret = open_ears(&k->ears, e);
	if (!ret && vduse)
		ret = vduse_cleanup(name, e); /* of one that was killed */
	if (!ret && !vduse) {
		ret = nl_dev_del(name, e);
		ret = ret == -ENODEV ? 0 : ret;
	}
	if (!ret && vduse)
		ret = make_vduse(k, e);
	return ret ? ret : nl_dev_add(vduse ? "vduse" : "vdpasim_net", name, path, len, e);
}

/* The vDPA device goes first: it needs somebody who answers. */
static int unmake(struct keeper *k, struct err *e)
{
	int ret = nl_dev_del(k->setup->device, e);

	ret = ret == -ENODEV ? 0 : ret;
	int stopped = net_stop(k->net, e);
	if (!stopped)
		stopped = vduse_destroy(k->dev, e);
	return ret ? ret : stopped;
}

void keeper_run(const struct parent_setup *s, int sock)
{
	struct keeper k = {.setup = s};
	struct hello hello = {.ret = 0};
	struct err late = {0};

	/* Whoever interrupts the client interrupts us; its end is what we go by. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	hello.ret = make(&k, hello.path, sizeof(hello.path), &hello.e);
	if (send(sock, &hello, sizeof(hello), MSG_NOSIGNAL) == (ssize_t)sizeof(hello) && !hello.ret)
		serve(&k, sock);
	int ret = unmake(&k, &late);
	struct answer bye = {.ret = ret};
	if (ret)
		fprintf(stderr, "ringfence-steps: %s\n", late.text);
	(void)!send(sock, &bye, sizeof(bye), MSG_NOSIGNAL);
	_exit(ret ? 1 : 0);
}
