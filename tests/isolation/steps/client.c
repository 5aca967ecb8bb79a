/* SPDX-License-Identifier: MIT */
/* The client's stages; see client.h. It must never go on after one that failed. */
#include "client.h"

#include "../../../vdpa/vduse/wait.h"

#include <errno.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BIT(n) (1ull << (n))
#define FOUND (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define WANTED                                                                                     \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM) | BIT(VIRTIO_NET_F_MAC) |         \
	 BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR))
#define CONTROL (BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR))

const struct layout isolated = {
    .data_asid = 0, .cvq_asid = 1, .data_in = 1u << 0, .arena_in = 1u << 1};

/* ---- opening ---- */

int client_make(struct client *c, const char *path, enum place place, uint32_t breaks,
		bool private_cvq, struct err *e)
{
	*c = (struct client){.vhost = {.fd = -1},
			     .path = path,
			     .place = place,
			     .breaks = breaks,
			     .private_cvq = private_cvq};
	for (unsigned q = 0; q < QUEUES; q++) {
		c->kick_fd[q] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		c->call_fd[q] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (c->kick_fd[q] < 0 || c->call_fd[q] < 0)
			return err_set(e, ERR_INTERNAL, errno, "eventfd", path, "%s", "");
	}
	return 0;
}

void client_drop(struct client *c)
{
	client_close(c);
	for (unsigned q = 0; q < QUEUES; q++) {
		close(c->kick_fd[q]);
		close(c->call_fd[q]);
	}
}

static int read_facts(struct client *c, struct err *e)
{
	uint64_t offered;
	int ret = vhost_get_backend_features(&c->vhost, &c->backend, e);

	if (!ret)
		ret = vhost_get_features(&c->vhost, &offered, e);
	if (!ret)
		ret = vhost_get_vqs_count(&c->vhost, &c->facts.queues, e);
	if (!ret)
		ret = vhost_get_group_num(&c->vhost, &c->facts.groups, e);
	if (!ret)
		ret = vhost_get_as_num(&c->vhost, &c->facts.spaces, e);
	if (!ret)
		ret = vhost_get_vring_max(&c->vhost, &c->facts.num_max, e);
	if (ret)
		return ret;
	c->features = WANTED & (offered | (c->private_cvq ? CONTROL : 0));
	if (!(c->backend & VHOST_F_IOTLB_ASID) || c->facts.queues < QUEUES || c->facts.groups < 2 ||
	    c->facts.spaces < SPACES || c->features != WANTED)
		return err_set(e, ERR_HOST, ENOTSUP, "device", c->path,
			       "it has %u queues, %u groups, %u address spaces, features 0x%llx, "
			       "backend features 0x%llx: not what these rows need",
			       c->facts.queues, c->facts.groups, c->facts.spaces,
			       (unsigned long long)offered, (unsigned long long)c->backend);
	return 0;
}

int client_open(struct client *c, struct err *e)
{
	int ret = vhost_open(&c->vhost, c->path, e);

	c->running = false;
	memset(c->mapped, 0, sizeof(c->mapped));
	if (!ret)
		ret = vhost_set_owner(&c->vhost, e);
	if (!ret)
		ret = read_facts(c, e);
	if (ret)
		client_close(c);
	return ret;
}

void client_close(struct client *c)
{
	vhost_close(&c->vhost);
	c->running = false;
}

/* ---- stages ---- */

int client_reset(struct client *c, struct err *e)
{
	c->running = false;
	return vhost_set_status(&c->vhost, 0, e);
}

/* SET_STATUS returns 0 even if the parent refused (finding K13). */
static int set_status(const struct client *c, uint8_t status, struct err *e)
{
	uint8_t now;
	int ret = vhost_set_status(&c->vhost, status, e);

	if (!ret)
		ret = vhost_get_status(&c->vhost, &now, e);
	if (!ret && now != status)
		ret = err_set(e, ERR_HOST, EIO, "VHOST_VDPA_SET_STATUS", c->path,
			      "0x%02x was written, 0x%02x is read", status, now);
	return ret;
}

static int ack(const struct client *c, struct err *e)
{
	uint64_t want = VHOST_F_IOTLB_MSG_V2 | BIT(VHOST_BACKEND_F_IOTLB_BATCH) |
			(c->backend & VHOST_F_SUSPEND);

	if (!broken(c->breaks, BREAK_NO_ASID_ACK))
		want |= VHOST_F_IOTLB_ASID;
	if (c->persist)
		want |= BIT(VHOST_BACKEND_F_IOTLB_PERSIST);
	return vhost_set_backend_features(&c->vhost, want, e);
}

int client_negotiate(struct client *c, struct err *e)
{
	int ret = ack(c, e); /* first: a reset goes by what is acked */

	if (!ret)
		ret = client_reset(c, e);
	if (!ret)
		ret = set_status(c, FOUND, e);
	if (!ret)
		ret = vhost_set_features(&c->vhost, c->features, e);
	if (!ret)
		ret = set_status(c, FOUND | VIRTIO_CONFIG_S_FEATURES_OK, e);
	return ret;
}

int client_groups(struct client *c, const struct layout *l, struct err *e)
{
	int ret = 0;

	c->layout = *l;
	for (unsigned q = 0; !ret && q < QUEUES; q++)
		ret = vhost_get_vring_group(&c->vhost, q, &c->group[q], e);
	if (!ret && (c->group[CVQ] == c->group[RX] || c->group[CVQ] == c->group[TX]))
		ret = err_set(e, ERR_HOST, ENOTSUP, "VHOST_VDPA_GET_VRING_GROUP", c->path,
			      "the CVQ is not alone in its group, %u", c->group[CVQ]);
	if (ret || client_trusts(c))
		return ret;
	ret = vhost_set_group_asid(&c->vhost, c->group[CVQ], client_asid(c, l->cvq_asid), e);
	for (unsigned q = 0; !ret && q < CVQ; q++)
		ret = vhost_set_group_asid(&c->vhost, c->group[q], client_asid(c, l->data_asid), e);
	return ret;
}

static void lay_out_rings(struct client *c)
{
	const struct arena *a = &c->set->arena;
	uint8_t *data = c->set->data.at;

	ring_init(&c->ring[RX], data + RX_RING, iova(DATA_AT + RX_RING),
		  data + RX_RING + RING_USED_AT, iova(DATA_AT + RX_RING + RING_USED_AT));
	ring_init(&c->ring[TX], data + TX_RING, iova(DATA_AT + TX_RING),
		  data + TX_RING + RING_USED_AT, iova(DATA_AT + TX_RING + RING_USED_AT));
	ring_init(&c->ring[CVQ], a->readable, a->iova, a->writable,
		  iova(a->iova.v + ARENA_READABLE));
}

static int tell_ring(const struct client *c, unsigned q, struct err *e)
{
	const struct ring *r = &c->ring[q];
	int ret = vhost_set_vring_num(&c->vhost, q, RING_NUM, e);

	if (!ret)
		ret = vhost_set_vring_base(&c->vhost, q, 0, e);
	if (!ret)
		ret = vhost_set_vring_addr(&c->vhost, q, r->desc_at, r->avail_at, r->used_at, e);
	if (!ret)
		ret = vhost_set_vring_kick(&c->vhost, q, c->kick_fd[q], e);
	/* The same one each time, and never while the device runs: finding K1. */
	if (!ret)
		ret = vhost_set_vring_call(&c->vhost, q, c->call_fd[q], e);
	return ret ? ret : vhost_set_vring_enable(&c->vhost, q, true, e);
}

int client_rings(struct client *c, struct err *e)
{
	int ret = 0;

	lay_out_rings(c);
	memset(c->stuck, 0, sizeof(c->stuck));
	for (unsigned q = 0; !ret && q < QUEUES; q++)
		ret = tell_ring(c, q, e);
	return ret;
}

int client_driver_ok(struct client *c, struct err *e)
{
	int ret = set_status(c, FOUND | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK, e);

	c->running = ret == 0;
	return ret;
}

int client_start(struct client *c, const struct layout *l, struct err *e)
{
	int ret = client_negotiate(c, e);

	if (!ret)
		ret = client_groups(c, l, e);
	if (!ret)
		ret = client_maps(c, l, e);
	if (!ret)
		ret = client_rings(c, e);
	return ret ? ret : client_driver_ok(c, e);
}

void client_kick(const struct client *c, unsigned q)
{
	wait_signal(c->kick_fd[q]);
}
