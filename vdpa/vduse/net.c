/* SPDX-License-Identifier: MIT */
/*
 * The network device's data thread; see net.h.
 *
 * Theory of operation. One thread waits for kicks, of the queues and of the message thread
 * (readiness may have changed). Each turn serves a bounded number of control commands first and of
 * frames after, then looks for kicks again, so that no flood on TX holds up the CVQ. The device's
 * lock is taken per chain; whether the queue may still be served, and whether a reset has come in
 * between, is asked each time.
 * It must never work on one chain after another without letting the message thread in between.
 */
#include "net.h"

#include "netio.h"
#include "wait.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BIT(n) (1ull << (n))
#define OFFERED                                                                                    \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM) | BIT(VIRTIO_NET_F_MAC) |         \
	 BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_GUEST_CSUM) |                                 \
	 BIT(VIRTIO_RING_F_INDIRECT_DESC))
/* MQ, RSS and HASH_REPORT are carried out (netctl.c) but want more than one pair of queues. */
#define CONTROL                                                                                    \
	(BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) | \
	 BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | BIT(VIRTIO_NET_F_CTRL_VLAN) |                           \
	 BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) |                \
	 BIT(VIRTIO_NET_F_NOTF_COAL) | BIT(VIRTIO_NET_F_VQ_NOTF_COAL))

#define CVQ_BURST 16
#define TX_BURST 8
#define WAKE NET_QUEUES /* the epoll event that is no queue's */
#define IDLE_MS 1000
#define TICK_MIN_MS 1
#define TICK_MAX_MS 64
#define JOIN_MS 2000

struct net {
	struct vduse_dev *dev;
	pthread_t thread;
	atomic_bool stopping;
	int epoll_fd;
	unsigned pending; /* a bit per queue that may have chains */
	int tick_ms;	  /* how long until an unsettled queue is looked at again */

	struct netio io;
};

void net_describe(struct vduse_setup *s, const struct net_options *o)
{
	static const uint32_t group[NET_QUEUES] = {
	    [NET_RX] = NET_GROUP_DATA, [NET_TX] = NET_GROUP_DATA, [NET_CVQ] = NET_GROUP_CVQ};
	struct virtio_net_config config = {.status = VIRTIO_NET_S_LINK_UP,
					   .max_virtqueue_pairs = 1};

	static_assert(sizeof(config) <= VDUSE_CONFIG_LEN, "the config space fits");
	*s = (struct vduse_setup){.name = o->name,
				  .api = o->api,
				  .device_id = VIRTIO_ID_NET,
				  .features = OFFERED | (o->private_cvq ? 0 : CONTROL),
				  .private_features = o->private_cvq ? CONTROL : 0,
				  .queues = NET_QUEUES,
				  .queue_group = group,
				  .groups =
				      o->shape == NET_SHAPE_MLX5 ? NET_GROUPS_MLX5 : NET_GROUPS,
				  .spaces = NET_SPACES,
				  .config_len = sizeof(config),
				  .breaks = o->breaks,
				  .trace = o->trace,
				  .state = o->state};
	memcpy(config.mac, o->mac, sizeof(config.mac));
	memcpy(s->config, &config, sizeof(config));
}

/* One chain of @q. False: there is nothing more to do on it. */
static bool serve_one(struct net *n, unsigned q)
{
	bool fresh, more = false;

	vduse_lock(n->dev);
	netio_session(&n->io);
	if (vduse_queue_ready(n->dev, q, &fresh)) {
		netio_begin(&n->io);
		more = q == NET_CVQ ? netio_control(&n->io) : netio_send(&n->io);
	}
	vduse_unlock(n->dev);
	return more;
}

static void call_drivers(struct net *n)
{
	vduse_lock(n->dev);
	netio_session(&n->io);
	for (unsigned q = 0; q < NET_QUEUES; q++)
		if (n->io.calls >> q & 1)
			vduse_queue_call(n->dev, q);
	n->io.calls = 0;
	if (vduse_unsettled(n->dev)) /* a call was not taken: it is made again soon */
		n->tick_ms = TICK_MIN_MS;
	vduse_unlock(n->dev);
}

static void serve(struct net *n, unsigned q, unsigned burst)
{
	if (!(n->pending >> q & 1))
		return;
	while (burst > 0 && serve_one(n, q))
		burst--;
	if (burst > 0)
		n->pending &= ~(1u << q);
	if (n->io.calls)
		call_drivers(n);
}

/* Queues that have become ready are served as if kicked: their kicks until now were lost. */
static void look_at_queues(struct net *n, bool woken)
{
	bool fresh;

	vduse_lock(n->dev);
	for (unsigned q = 0; q < NET_QUEUES; q++)
		if (!n->dev->queue[q].active && vduse_queue_ready(n->dev, q, &fresh) && fresh)
			n->pending |= 1u << q;
	vduse_retry_calls(n->dev);
	if (!vduse_unsettled(n->dev))
		n->tick_ms = IDLE_MS;
	else if (woken || n->tick_ms == IDLE_MS)
		n->tick_ms = TICK_MIN_MS;
	else if (n->tick_ms < TICK_MAX_MS)
		n->tick_ms *= 2;
	vduse_unlock(n->dev);
}

static bool take_events(struct net *n, const struct epoll_event *event, int count)
{
	bool woken = false;
	uint64_t kicks;

	for (int i = 0; i < count; i++) {
		unsigned q = event[i].data.u32;
		int fd = q == WAKE ? n->dev->wake_fd : n->dev->kick_fd[q];
		if (read(fd, &kicks, sizeof(kicks)) != (ssize_t)sizeof(kicks))
			continue;
		if (q == WAKE)
			woken = true;
		else
			n->pending |= 1u << q;
	}
	return woken;
}

static void *serve_queues(void *arg)
{
	struct net *n = arg;
	struct epoll_event event[NET_QUEUES + 1];

	while (!atomic_load(&n->stopping)) {
		if (!n->pending)
			trace_flush(n->dev->setup.trace);
		int count =
		    epoll_wait(n->epoll_fd, event, NET_QUEUES + 1, n->pending ? 0 : n->tick_ms);
		look_at_queues(n, take_events(n, event, count));
		serve(n, NET_CVQ, CVQ_BURST);
		serve(n, NET_TX, TX_BURST);
		n->pending &= ~(1u << NET_RX); /* its buffers are taken when there is a frame */
	}
	trace_flush(n->dev->setup.trace);
	return NULL;
}

static int watch(struct net *n, int fd, uint32_t which)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = which};

	return epoll_ctl(n->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int watch_all(struct net *n)
{
	n->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (n->epoll_fd < 0)
		return -errno;
	int ret = watch(n, n->dev->wake_fd, WAKE);
	for (unsigned q = 0; !ret && q < NET_QUEUES; q++)
		ret = watch(n, n->dev->kick_fd[q], q);
	return ret;
}

static void release(struct net *n)
{
	if (n->epoll_fd >= 0)
		close(n->epoll_fd);
	free(n);
}

int net_start(struct net **out, struct vduse_dev *d, struct err *e)
{
	struct net *n = calloc(1, sizeof(*n));

	*out = NULL;
	if (!n)
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", d->name, "%s", "");
	n->dev = d;
	n->tick_ms = TICK_MIN_MS;
	n->io.dev = d;
	n->io.epoch = UINT_MAX; /* no session yet: the first is begun as any other */
	int ret = watch_all(n);
	if (!ret)
		ret = -pthread_create(&n->thread, NULL, serve_queues, n);
	if (ret) {
		release(n);
		return err_set(e, ERR_INTERNAL, -ret, "epoll, pthread_create", d->name, "%s", "");
	}
	*out = n;
	return 0;
}

int net_announce(struct vduse_dev *d)
{
	const uint64_t need = BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | BIT(VIRTIO_NET_F_STATUS);
	const uint16_t status = VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE;
	int ret = -ENODEV;

	vduse_lock(d);
	if ((d->status & VIRTIO_CONFIG_S_DRIVER_OK) && (d->features & need) == need)
		ret = vduse_set_config(d, offsetof(struct virtio_net_config, status), &status,
				       sizeof(status));
	if (!ret)
		ret = vduse_config_call(d);
	trace_event(d->setup.trace, "announce", ",\"errno\":%d", -ret);
	vduse_unlock(d);
	return ret;
}

int net_stop(struct net *n, struct err *e)
{
	if (!n)
		return 0;
	atomic_store(&n->stopping, true);
	wait_signal(n->dev->wake_fd);
	int ret = wait_join(n->thread, JOIN_MS);
	if (ret)
		return err_set(e, ERR_INTERNAL, -ret, "pthread_join", "data thread",
			       "a client's memory does not come: stop the client");
	release(n);
	return 0;
}
