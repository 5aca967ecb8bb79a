/* SPDX-License-Identifier: MIT */
/*
 * K23: vringh asks for leave to read where it writes a used ring's index, so that vdpa_sim writes
 * two bytes into memory that is mapped for reading only. The ring lies across two mappings: its
 * index at the end of the first, its entries in the second, which the device may write.
 */
#include "known.h"
#include "sim.h"

#include "../../vdpa/vduse/wait.h"

#include <errno.h>
#include <linux/vhost.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <sys/eventfd.h>

#define PAGE 4096u

/* What the device sees, page by page: its own, one to read, one to write. */
struct shared {
	struct sim_queue cvq; /* but for its used ring */
	uint8_t set_mac[8], ack;
	uint8_t pad[PAGE - sizeof(struct sim_queue) - 9];
	uint8_t read_only[PAGE - 4];
	uint16_t used_flags, used_idx;
	vring_used_elem_t used_ring[PAGE / 8];
};
_Static_assert(sizeof(struct shared) == 3 * PAGE, "three pages");

static iova_t pointer(const volatile void *p)
{
	return iova((uintptr_t)p);
}

static int map_page(struct known_run *r, const struct memory *m, unsigned page, int perm)
{
	const uint8_t *at = m->at + page * PAGE;
	int ret = world_message(&r->world, VHOST_IOTLB_UPDATE, 0, (uintptr_t)at, PAGE, at, perm);

	return ret ? err_set(&r->e, ERR_HOST, -ret, "VHOST_IOTLB_UPDATE", r->world.path, "page %u",
			     page)
		   : 0;
}

static int open_queue(struct known_run *r, struct shared *s)
{
	const struct vhost *v = &r->world.client;
	int ret = vhost_set_vring_num(v, WORLD_CVQ, SIM_NUM, &r->e);

	s->cvq.kick_fd = eventfd(0, EFD_CLOEXEC);
	if (!ret && s->cvq.kick_fd < 0)
		ret = err_set(&r->e, ERR_INTERNAL, errno, "eventfd", WORLD_NAME, "%s", "");
	if (!ret)
		ret = vhost_set_vring_base(v, WORLD_CVQ, 0, &r->e);
	if (!ret)
		ret = vhost_set_vring_addr(v, WORLD_CVQ, pointer(s->cvq.desc),
					   pointer(&s->cvq.avail), pointer(&s->used_flags), &r->e);
	if (!ret)
		ret = vhost_set_vring_kick(v, WORLD_CVQ, s->cvq.kick_fd, &r->e);
	return ret ? ret : vhost_set_vring_enable(v, WORLD_CVQ, true, &r->e);
}

static int start(struct known_run *r, const struct memory *m, struct shared *s)
{
	int ret = world_open_sim(&r->world, &r->e);

	if (!ret)
		ret = world_client(&r->world, &r->e);
	if (!ret)
		ret = map_page(r, m, 0, VHOST_ACCESS_RW);
	if (!ret)
		ret = map_page(r, m, 1, VHOST_ACCESS_RO);
	if (!ret)
		ret = map_page(r, m, 2, VHOST_ACCESS_RW);
	if (!ret)
		ret = world_negotiate(&r->world, SIM_FEATURES, &r->e);
	if (!ret)
		ret = open_queue(r, s);
	return ret ? ret : world_driver_ok(&r->world, &r->e);
}

static bool wait_for(const volatile uint8_t *byte, uint8_t other_than, unsigned ms)
{
	for (int64_t until = world_ms() + ms; world_ms() < until; wait_ms(1))
		if (__atomic_load_n(byte, __ATOMIC_ACQUIRE) != other_than)
			return true;
	return false;
}

static enum known_verdict run(struct known_run *r)
{
	struct memory m;

	if (memory_make(&m, sizeof(struct shared), &r->e))
		return known_failed(r);
	struct shared *s = (struct shared *)(void *)m.at;
	if (start(r, &m, s)) {
		if (r->e.code == ENODEV)
			return known_skip(r, "needs CONFIG_VDPA_SIM_NET (modprobe vdpa_sim_net)");
		return known_failed(r);
	}
	static const uint8_t set_mac[8] = {
	    VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, 0x52, 0x54, 0, 0, 0, 0x23};
	for (unsigned i = 0; i < sizeof(set_mac); i++)
		s->set_mac[i] = set_mac[i];
	s->ack = 9;
	sim_describe(&s->cvq, 0, s->set_mac, sizeof(s->set_mac), false, 1);
	sim_describe(&s->cvq, 1, &s->ack, 1, true, -1);
	sim_offer(&s->cvq, 0);
	sim_kick(&s->cvq);
	if (!wait_for(&s->ack, 9, 2000)) {
		err_set(&r->e, ERR_INTERNAL, ETIMEDOUT, "control queue", r->world.path,
			"its command was not answered");
		return known_failed(r);
	}
	if (wait_for((const volatile uint8_t *)&s->used_idx, 0, 500))
		return known_shows(r, "the device wrote 0x%04x into a page it may only read",
				   s->used_idx);
	return known_gone(r, "a used index in a page for reading only was left alone");
}

const struct known k23 = {
    .name = "k23",
    .title = "vdpa_sim writes used indices into memory mapped for reading only",
    .run = run,
};
