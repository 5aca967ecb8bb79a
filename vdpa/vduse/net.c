/* SPDX-License-Identifier: MIT */
/*
 * The network device as a class: what it offers, and which of its chains are served how; see net.h.
 * It must never work on frames for longer than a burst while a control command waits.
 */
#include "net.h"

#include "loop.h"
#include "netio.h"
#include "rss.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#define BIT(n) (1ull << (n))
#define OFFERED                                                                                    \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM) | BIT(VIRTIO_NET_F_MAC) |         \
	 BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_GUEST_CSUM))
#define CONTROL                                                                                    \
	(BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) | \
	 BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | BIT(VIRTIO_NET_F_CTRL_VLAN) |                           \
	 BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) |                \
	 BIT(VIRTIO_NET_F_NOTF_COAL) | BIT(VIRTIO_NET_F_VQ_NOTF_COAL))
/* What more than one pair takes. HASH_REPORT alone would do with one as well, but then Linux's
 * driver (7.3: virtnet_rss_update_by_qpairs()) has a number in what HASH_CONFIG reserves. */
#define STEERING (BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_RSS) | BIT(VIRTIO_NET_F_HASH_REPORT))

#define CVQ_BURST 16
#define DATA_BURST 8

struct net {
	struct loop *loop;
	struct netio io;
};

void net_describe(struct vduse_setup *s, const struct net_options *o)
{
	const unsigned groups = o->pairs > 1 ? NET_GROUP_SECOND + 1 : NET_GROUPS;
	const uint64_t control = CONTROL | (o->pairs > 1 ? STEERING : 0);
	struct virtio_net_config config = {.status = htole16(VIRTIO_NET_S_LINK_UP),
					   .max_virtqueue_pairs = htole16((uint16_t)o->pairs),
					   .rss_max_key_size = NETCTL_KEY_MAX,
					   .rss_max_indirection_table_length =
					       htole16(NETCTL_TABLE_MAX),
					   .supported_hash_types = htole32(RSS_TYPES)};

	static_assert(sizeof(config) <= VDUSE_CONFIG_LEN, "the config space fits");
	*s = (struct vduse_setup){.name = o->name,
				  .api = o->api,
				  .device_id = VIRTIO_ID_NET,
				  .features = OFFERED | (VRING_FEATURES & ~o->rings_without) |
					      o->backend_features | (o->private_cvq ? 0 : control),
				  .private_features = o->private_cvq ? control : 0,
				  .queues = 2 * o->pairs + 1,
				  .groups = groups + (o->shape == NET_SHAPE_MLX5),
				  .spaces = NET_SPACES,
				  .config_len = sizeof(config),
				  .breaks = o->breaks,
				  .trace = o->trace,
				  .state = o->state};
	if (o->pairs > 1)
		s->queue_group[NET_CVQ] = NET_GROUP_SECOND;
	s->queue_group[2 * o->pairs] = NET_GROUP_CVQ; /* all others: NET_GROUP_DATA */
	memcpy(config.mac, o->mac, sizeof(config.mac));
	memcpy(s->config, &config, sizeof(config));
}

/* ---- the class ---- */

static bool serve(void *ctx, unsigned q)
{
	struct net *n = ctx;

	netio_begin(&n->io);
	return netio_serve(&n->io, q);
}

static void session(void *ctx)
{
	netio_session(&((struct net *)ctx)->io);
}

static unsigned burst(void *ctx, unsigned q)
{
	struct net *n = ctx;

	return q == netio_cvq(&n->io) ? CVQ_BURST : DATA_BURST;
}

static unsigned *calls(void *ctx)
{
	return &((struct net *)ctx)->io.calls;
}

static const struct loop_class net_class = {serve, session, burst, calls};

static void release(struct net *n)
{
	backend_close(&n->io.backend);
	free(n);
}

int net_start(struct net **out, struct vduse_dev *d, struct backend *b, struct err *e)
{
	struct net *n = calloc(1, sizeof(*n));

	*out = NULL;
	if (!n) {
		if (b)
			backend_close(b);
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", d->name, "%s", "");
	}
	n->io.dev = d;
	n->io.backend = b ? *b : (struct backend){.tap.fd = -1, .pcap.fd = -1};
	n->io.epoch = UINT_MAX; /* no session yet: the first is begun as any other */
	/* Whichever of the receive queues is ready takes what comes. */
	unsigned receive = 0;
	for (unsigned q = NET_RX; q < d->setup.queues - 1; q += 2)
		receive |= 1u << q;
	int ret = loop_start(&n->loop, d, &net_class, n, n->io.backend.tap.fd, receive, e);
	if (ret)
		release(n);
	else
		*out = n;
	return ret;
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
	int ret = n ? loop_stop(n->loop, e) : 0;

	if (n && !ret)
		release(n);
	return ret;
}
