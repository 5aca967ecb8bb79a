/* SPDX-License-Identifier: MIT */
/*
 * The network device's data thread; see net.h.
 *
 * Theory of operation. One thread waits for kicks, of the queues and of the message thread
 * (readiness may have changed). Each turn serves a bounded number of control commands first and of
 * frames after, then looks for kicks again, so that no flood on TX holds up the CVQ. The device's
 * lock is taken per chain; whether the queue may still be served, and whether a reset has come in
 * between, is asked each time.
 *
 * All chains and what is in them is UNTRUSTED: driver. What is refused is completed with length 0.
 */
#include "net.h"

#include "netctl.h"
#include "wait.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BIT(n) (1ull << (n))
#define OFFERED                                                                                    \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM) | BIT(VIRTIO_NET_F_MAC) |         \
	 BIT(VIRTIO_NET_F_STATUS))
#define CONTROL                                                                                    \
	(BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR))

#define HEADER sizeof(struct virtio_net_hdr_v1)
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
	unsigned calls;	  /* a bit per queue that has pushed and not called */
	int tick_ms;	  /* how long until an unsettled queue is looked at again */

	unsigned epoch; /* of the session that the rest belongs to */
	struct netctl ctl;
	struct vring_chain chain, rx_chain;
	uint8_t frame[HEADER + NET_FRAME_MAX];
	uint8_t command[NETCTL_COMMAND_MAX];
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
				  .groups = NET_GROUPS,
				  .spaces = NET_SPACES,
				  .config_len = sizeof(config),
				  .breaks = o->breaks,
				  .trace = o->trace};
	memcpy(config.mac, o->mac, sizeof(config.mac));
	memcpy(s->config, &config, sizeof(config));
}

/* ---- chains ---- */

static struct vring_queue *ring(struct net *n, unsigned q)
{
	return &n->dev->queue[q].ring;
}

static void trace_why(struct net *n, const char *ev, unsigned q, const char *why)
{
	trace_event(n->dev->setup.trace, ev, ",\"q\":%u,\"why\":\"%s\"", q, why);
}

static void give_back(struct net *n, unsigned q, uint16_t head, uint32_t len)
{
	if (vring_push(ring(n, q), &n->dev->as, head, len))
		trace_why(n, "stop", q, ring(n, q)->stopped);
	else
		n->calls |= 1u << q;
}

static void refuse(struct net *n, unsigned q, uint16_t head, const char *why)
{
	trace_why(n, "bad", q, why);
	give_back(n, q, head, 0);
}

/* Take a chain. 1: @c holds it; 0: there is none, or no ring any more; -EBADMSG: one was refused
 * and given back. */
static int take(struct net *n, unsigned q, struct vring_chain *c)
{
	int ret = vring_pop(ring(n, q), &n->dev->as, c);

	if (ret == -EPIPE) {
		trace_why(n, "stop", q, ring(n, q)->stopped);
		return 0;
	}
	if (ret == -EBADMSG)
		refuse(n, q, c->head, c->bad);
	return ret;
}

/* ---- frames ---- */

/* The frame in n->frame, @len bytes behind the header, comes back to the driver: section 5.1.6.4.
 */
static void deliver(struct net *n, size_t len)
{
	const struct virtio_net_hdr_v1 header = {
	    .num_buffers = 1}; /* without MRG_RXBUF, as section 5.1.6.4.1 asks */
	struct vring_chain *c = &n->rx_chain;
	bool fresh;

	if (!vduse_queue_ready(n->dev, NET_RX, &fresh) || take(n, NET_RX, c) != 1) {
		trace_why(n, "drop", NET_RX, "no buffer");
		return;
	}
	memcpy(n->frame, &header, HEADER);
	if (c->readable)
		refuse(n, NET_RX, c->head, "readable");
	else if (vring_write(ring(n, NET_RX), &n->dev->as, c, n->frame, HEADER + len))
		refuse(n, NET_RX, c->head, "buffer");
	else
		give_back(n, NET_RX, c->head, (uint32_t)(HEADER + len));
}

static bool send_one(struct net *n)
{
	struct vring_chain *c = &n->chain;
	int ret = take(n, NET_TX, c);

	if (ret != 1)
		return ret != 0;
	if (c->writable)
		refuse(n, NET_TX, c->head, "writable");
	else if (c->readable_len <= HEADER || c->readable_len > sizeof(n->frame))
		refuse(n, NET_TX, c->head, "length");
	else if (vring_read(ring(n, NET_TX), &n->dev->as, c, n->frame, c->readable_len))
		refuse(n, NET_TX, c->head, "buffer");
	else {
		deliver(n, c->readable_len - HEADER);
		give_back(n, NET_TX, c->head, 0);
	}
	return true;
}

/* ---- control commands ---- */

/*
 * What the command would leave behind is made the state only once the answer is written; the config
 * space shows a new address, as section 5.1.6.5.2 asks, before the driver can see the answer.
 */
static void answer(struct net *n, const struct vring_chain *c, uint8_t ack,
		   const struct netctl *next, size_t len)
{
	bool known = len >= 2;

	trace_event(n->dev->setup.trace, "cvq", ",\"class\":%d,\"cmd\":%d,\"len\":%zu,\"ack\":%u",
		    known ? n->command[0] : -1, known ? n->command[1] : -1, len, ack);
	if (vring_write(ring(n, NET_CVQ), &n->dev->as, c, &ack, sizeof(ack))) {
		refuse(n, NET_CVQ, c->head, "buffer");
		return;
	}
	if (ack == VIRTIO_NET_OK) {
		if (memcmp(n->ctl.mac, next->mac, sizeof(next->mac)))
			(void)vduse_set_config(n->dev, offsetof(struct virtio_net_config, mac),
					       next->mac, sizeof(next->mac));
		n->ctl = *next;
	}
	give_back(n, NET_CVQ, c->head, sizeof(ack));
}

static bool control_one(struct net *n)
{
	struct vring_chain *c = &n->chain;
	struct netctl next = n->ctl;
	uint8_t ack = VIRTIO_NET_ERR;

	if (!(n->dev->features & BIT(VIRTIO_NET_F_CTRL_VQ)))
		return false; /* the queue is none then, whoever enabled it */
	int ret = take(n, NET_CVQ, c);
	if (ret != 1)
		return ret != 0;
	if (c->writable_len < sizeof(ack)) {
		refuse(n, NET_CVQ, c->head, "no ack");
		return true;
	}
	memset(n->command, 0, 2); /* a short command must not be taken for the last one's class */
	if (c->readable_len <= sizeof(n->command) &&
	    !vring_read(ring(n, NET_CVQ), &n->dev->as, c, n->command, c->readable_len))
		ack = netctl_run(&next, n->dev->features, n->command, c->readable_len);
	answer(n, c, ack, &next, c->readable_len);
	return true;
}

/* ---- the thread ---- */

/* A reset has come: nothing of the last client's session is left, and what it is owed is none of
 * the next one's. */
static void begin_session(struct net *n)
{
	n->epoch = n->dev->epoch;
	n->calls = 0;
	n->ctl = (struct netctl){0};
	memcpy(n->ctl.mac, n->dev->setup.config, sizeof(n->ctl.mac));
	memset(n->frame, 0, sizeof(n->frame));
	memset(n->command, 0, sizeof(n->command));
}

/* One chain of @q. False: there is nothing more to do on it. */
static bool serve_one(struct net *n, unsigned q)
{
	bool fresh, more = false;

	vduse_lock(n->dev);
	if (n->epoch != n->dev->epoch)
		begin_session(n);
	if (vduse_queue_ready(n->dev, q, &fresh))
		more = q == NET_CVQ ? control_one(n) : send_one(n);
	vduse_unlock(n->dev);
	return more;
}

static void call_drivers(struct net *n)
{
	vduse_lock(n->dev);
	if (n->epoch != n->dev->epoch)
		begin_session(n);
	for (unsigned q = 0; q < NET_QUEUES; q++)
		if (n->calls >> q & 1)
			vduse_queue_call(n->dev, q);
	n->calls = 0;
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
	if (n->calls)
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
		int fd = q == WAKE ? n->dev->wake_fd : n->dev->queue[q].kick_fd;
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
		ret = watch(n, n->dev->queue[q].kick_fd, q);
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
	vduse_lock(d);
	begin_session(n);
	vduse_unlock(d);
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
