/* SPDX-License-Identifier: MIT */
/* The driver's side of vdpa_sim_net's queues; see sim.h. It must never be taken for how a driver
 * should be. */
#include "sim.h"

#include "../../vdpa/vduse/wait.h"

#include <errno.h>
#include <sys/eventfd.h>

static iova_t pointer(const volatile void *p)
{
	return iova((uintptr_t)p);
}

int sim_queue_open(const struct world *w, unsigned q, struct sim_queue *s, struct err *e)
{
	s->kick_fd = eventfd(0, EFD_CLOEXEC);
	if (s->kick_fd < 0)
		return err_set(e, ERR_INTERNAL, errno, "eventfd", WORLD_NAME, "%s", "");
	int ret = vhost_set_vring_num(&w->client, q, SIM_NUM, e);
	if (!ret)
		ret = vhost_set_vring_base(&w->client, q, 0, e);
	if (!ret)
		ret = vhost_set_vring_addr(&w->client, q, pointer(s->desc), pointer(&s->avail),
					   pointer(&s->used), e);
	if (!ret)
		ret = vhost_set_vring_kick(&w->client, q, s->kick_fd, e);
	return ret ? ret : vhost_set_vring_enable(&w->client, q, true, e);
}

void sim_describe(struct sim_queue *s, unsigned n, const void *at, uint32_t len, bool writable,
		  int next)
{
	s->desc[n] = (struct vring_desc){.addr = (uintptr_t)at,
					 .len = len,
					 .flags = (uint16_t)((writable ? VRING_DESC_F_WRITE : 0) |
							     (next >= 0 ? VRING_DESC_F_NEXT : 0)),
					 .next = (uint16_t)(next >= 0 ? next : 0)};
}

void sim_offer(struct sim_queue *s, uint16_t head)
{
	s->avail.ring[s->avail.idx % SIM_NUM] = head;
	__atomic_store_n(&s->avail.idx, (uint16_t)(s->avail.idx + 1), __ATOMIC_RELEASE);
}

void sim_kick(const struct sim_queue *s)
{
	wait_signal(s->kick_fd);
}

bool sim_wait(const struct sim_queue *s, uint16_t count, unsigned ms)
{
	for (int64_t until = world_ms() + ms; world_ms() < until; wait_ms(1))
		if (__atomic_load_n(&s->used.idx, __ATOMIC_ACQUIRE) == count)
			return true;
	return false;
}
