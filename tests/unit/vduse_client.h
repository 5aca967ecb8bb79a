/* SPDX-License-Identifier: MIT */
/*
 * A client and driver of the VDUSE network device, behind the fake kernel: a ring for each queue,
 * of which the CVQ's lies at the very IOVAs of the first, but in ASID 1. Its waits end after 3
 * seconds.
 */
#ifndef VDUSE_CLIENT_H
#define VDUSE_CLIENT_H

#include "../../vdpa/vduse/backend.h"
#include "../../vdpa/vduse/net.h"
#include "fake_vduse.h"
#include "guest_ring.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <sys/eventfd.h>
#include <time.h>

#define CLIENT_MAC "\x02\x00\x00\x00\x00\x01"
#define CLIENT_CONTROL                                                                             \
	(1ull << VIRTIO_NET_F_CTRL_VQ | 1ull << VIRTIO_NET_F_CTRL_RX |                             \
	 1ull << VIRTIO_NET_F_CTRL_RX_EXTRA | 1ull << VIRTIO_NET_F_CTRL_MAC_ADDR |                 \
	 1ull << VIRTIO_NET_F_CTRL_VLAN | 1ull << VIRTIO_NET_F_GUEST_ANNOUNCE |                    \
	 1ull << VIRTIO_NET_F_CTRL_GUEST_OFFLOADS | 1ull << VIRTIO_NET_F_NOTF_COAL |               \
	 1ull << VIRTIO_NET_F_VQ_NOTF_COAL)
#define CLIENT_FEATURES                                                                            \
	(1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_ACCESS_PLATFORM |                           \
	 1ull << VIRTIO_NET_F_MAC | 1ull << VIRTIO_NET_F_STATUS |                                  \
	 1ull << VIRTIO_NET_F_GUEST_CSUM | 1ull << VIRTIO_RING_F_INDIRECT_DESC | CLIENT_CONTROL)
/* And what else is offered of how rings are used. */
#define CLIENT_OFFERED                                                                             \
	(CLIENT_FEATURES | 1ull << VIRTIO_RING_F_EVENT_IDX | 1ull << VIRTIO_F_RING_PACKED)
#define CLIENT_STATUS                                                                              \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)

/* Pairs that the device has, and the queue that this client takes for its CVQ. */
static unsigned client_pairs = 1, client_cvq = NET_CVQ;
/* The IOVA of each ring's memory. */
static uint64_t client_base[AS_QUEUES_MAX] = {0x100000, 0x200000, 0x100000};

static inline unsigned client_queues(void)
{
	return 2 * client_pairs + 1;
}

/** The groups of a device with so many pairs. */
static inline unsigned client_group(unsigned q)
{
	if (q == 2 * client_pairs)
		return NET_GROUP_CVQ;
	return q == NET_CVQ ? NET_GROUP_SECOND : NET_GROUP_DATA;
}

/** The client of a device with @pairs, that takes MQ or does not. Before client_map(). */
static inline void client_is(unsigned pairs, bool mq)
{
	client_pairs = pairs;
	client_cvq = mq ? 2 * pairs : NET_CVQ;
	for (unsigned q = 0; q < client_queues(); q++)
		client_base[q] = q == client_cvq ? 0x100000 : 0x100000 * (q + 1ull);
}

struct client {
	struct guest_ring ring[AS_QUEUES_MAX];
	struct fake_memory mem[AS_QUEUES_MAX];
	struct vduse_dev *dev;
	struct net *net;
	struct trace *trace; /* NULL, or the test's */
	const char *state;
	struct backend *backend; /* NULL, or the test's, which the device takes over */
	struct err e;
};

static inline int client_ask(uint32_t type, struct vduse_dev_request *req)
{
	struct vduse_dev_response resp;

	req->type = type;
	return fake_vduse_ask(req, &resp);
}

static inline int client_status(uint8_t status)
{
	struct vduse_dev_request req = {.s.status = status};

	return client_ask(VDUSE_SET_STATUS, &req);
}

static inline int client_asid(uint32_t group, uint32_t asid)
{
	struct vduse_dev_request req = {.vq_group_asid = {group, asid}};

	return client_ask(VDUSE_SET_VQ_GROUP_ASID, &req);
}

static inline int client_iotlb(uint32_t asid)
{
	struct vduse_dev_request req = {.iova_v2 = {.last = ~0ull, .asid = asid}};

	return client_ask(VDUSE_UPDATE_IOTLB, &req);
}

/** As the kernel does it: its own flag follows the answer. */
static inline int client_ready(uint32_t q, bool ready)
{
	struct vduse_dev_request req = {.vq_ready = {q, ready}};
	int ret = fake_vduse.has_features ? client_ask(VDUSE_SET_VQ_READY, &req) : 0;

	if (ret == VDUSE_REQ_RESULT_OK) {
		fake_vduse_lock();
		fake_vduse.vq[q].ready = ready;
		fake_vduse_unlock();
	}
	return ret;
}

/** GET_VQ_STATE's available index, or -1. */
static inline int client_state(uint32_t q)
{
	struct vduse_dev_request req = {.type = VDUSE_GET_VQ_STATE, .vq_state.index = q};
	struct vduse_dev_response resp;

	if (fake_vduse_ask(&req, &resp))
		return -1;
	assert_int_equal(resp.vq_state.index, q);
	return resp.vq_state.split.avail_index;
}

static inline void client_kick(unsigned q)
{
	assert_int_equal(eventfd_write(fake_vduse.kick_fd[q], 1), 0);
}

static inline void client_features(uint64_t features)
{
	fake_vduse_lock();
	fake_vduse.features = features;
	fake_vduse_unlock();
}

/** From a reset to DRIVER_OK, all queues ready. */
static inline void client_start(uint64_t features)
{
	assert_int_equal(client_status(0), 0);
	client_features(features);
	assert_int_equal(client_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER), 0);
	assert_int_equal(client_status(CLIENT_STATUS), 0);
	for (unsigned q = 0; q < client_queues(); q++)
		assert_int_equal(client_asid(client_group(q), q == client_cvq), 0);
	for (unsigned q = 0; q < client_queues(); q++)
		assert_int_equal(client_ready(q, true), 0);
	assert_int_equal(client_status(CLIENT_STATUS | VIRTIO_CONFIG_S_DRIVER_OK), 0);
}

static inline void client_pause(void)
{
	nanosleep(&(struct timespec){0, 200000}, NULL);
}

/** Wait until @q's used index is @want, and let it rest: it must not go on. */
static inline void client_used(struct client *c, unsigned q, uint16_t want)
{
	volatile uint16_t *idx = &ring_used(&c->ring[q])->idx;

	for (unsigned i = 0; i < 15000 && *idx != want; i++)
		client_pause();
	client_pause();
	assert_int_equal(*idx, want);
}

static inline struct vring_used_elem *client_last(struct client *c, unsigned q)
{
	struct vring_used *used = ring_used(&c->ring[q]);

	return &used->ring[(uint16_t)(used->idx - 1) % RING_NUM];
}

/** Offer a chain of one descriptor, @at in the ring's memory, without a kick. */
static inline void client_offer(struct client *c, unsigned q, uint32_t at, uint32_t len,
				unsigned flags)
{
	struct guest_ring *r = &c->ring[q];
	unsigned head = r->avail_idx % RING_NUM;

	ring_set(r, head, client_base[q] + at, len, flags, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ring_offer(r, head);
}

/** Empty rings, as the kernel tells of them. */
static inline void client_rings(struct client *c)
{
	fake_vduse_lock();
	for (unsigned q = 0; q < client_queues(); q++) {
		memset(c->ring[q].ram, 0, RING_RAM);
		c->ring[q].avail_idx = 0;
		fake_vduse.vq[q] =
		    (struct vduse_vq_info){.num = RING_NUM,
					   .desc_addr = client_base[q] + RING_DESC,
					   .driver_addr = client_base[q] + RING_AVAIL,
					   .device_addr = client_base[q] + RING_USED};
	}
	fake_vduse_unlock();
}

static inline int client_map(struct client *c)
{
	for (unsigned q = 0; q < client_queues(); q++) {
		if (fake_memory_make(&c->mem[q], RING_RAM, 0, c->ring[q].ram))
			return -1;
		fake_vduse_map(q == client_cvq, client_base[q], RING_RAM, VDUSE_ACCESS_RW,
			       c->mem[q].fd, 0);
	}
	client_rings(c);
	return 0;
}

/** The device, served; nothing of a client yet. Knobs of the fake are set before. */
static inline int client_open(struct client *c, int api, bool private_cvq)
{
	struct net_options o = {.name = "unit",
				.api = api,
				.pairs = client_pairs,
				.private_cvq = private_cvq,
				.backend_features = c->backend ? backend_features(c->backend) : 0,
				.trace = c->trace,
				.state = c->state};
	struct vduse_setup s;

	c->e = (struct err){0};
	memcpy(o.mac, CLIENT_MAC, 6);
	net_describe(&s, &o);
	int ret = vduse_create(&c->dev, &s, &c->e);
	return ret ? ret : net_start(&c->net, c->dev, c->backend, &c->e);
}

static inline int client_close(struct client *c)
{
	int ret = net_stop(c->net, &c->e);

	if (!ret)
		ret = vduse_destroy(c->dev, &c->e);
	c->net = NULL;
	c->dev = NULL;
	for (unsigned q = 0; q < client_queues(); q++)
		fake_memory_drop(&c->mem[q]);
	return ret;
}

#endif
