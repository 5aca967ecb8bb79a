/* SPDX-License-Identifier: MIT */
/* A kernel and a parent in memory; see fake_vhost.h. */
#include "fake_vhost.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct fake fake;

void fake_reset(void)
{
	fake = (struct fake){.backend_offered = VHOST_F_IOTLB_MSG_V2 | VHOST_F_IOTLB_ASID,
			     .features = ~0ull,
			     .device_id = 1,
			     .config = 0x5a,
			     .queues = 3,
			     .groups = 2,
			     .spaces = 2,
			     .iova_last = ~0ull,
			     .group = {0, 0, 1},
			     .group_after_live = {0, 0, 1}};
}

static int called(const char *name, struct err *e)
{
	size_t n = strlen(fake.calls);

	snprintf(fake.calls + n, sizeof(fake.calls) - n, "%s ", name);
	if (fake.fail_call && !strcmp(fake.fail_call, name)) {
		if (fake.fail_skip == 0)
			return err_set(e, ERR_HOST, EIO, name, "fake", "%s", "");
		fake.fail_skip--;
	}
	return 0;
}

#define CALLED(e)                                                                                  \
	do {                                                                                       \
		int called_ret = called(__func__ + 6, e);                                          \
		if (called_ret)                                                                    \
			return called_ret;                                                         \
	} while (0)

int vhost_open(struct vhost *v, const char *path, struct err *e)
{
	*v = (struct vhost){.fd = -1, .path = path};
	if (fake.stall_ms)
		usleep(fake.stall_ms * 1000);
	CALLED(e);
	return 0;
}

void vhost_close(struct vhost *v)
{
	(void)v;
	struct err e = {0};
	(void)called("close", &e);
}

int vhost_set_owner(const struct vhost *v, struct err *e)
{
	(void)v;
	CALLED(e);
	return 0;
}

#define GETTER(name, type, field)                                                                  \
	int vhost_##name(const struct vhost *v, type *out, struct err *e)                          \
	{                                                                                          \
		(void)v;                                                                           \
		CALLED(e);                                                                         \
		*out = (type)(field);                                                              \
		return 0;                                                                          \
	}

GETTER(get_device_id, uint32_t, fake.device_id)
GETTER(get_backend_features, uint64_t, fake.backend_offered)
GETTER(get_features, uint64_t, fake.features)
GETTER(get_status, uint8_t, fake.status)
GETTER(get_config_size, uint32_t, fake.pairs ? 10 : 8)
GETTER(get_vqs_count, uint32_t, fake.queues)
GETTER(get_group_num, uint32_t, fake.groups)
GETTER(get_as_num, uint32_t, fake.spaces)
GETTER(get_vring_max, uint16_t, 256)

int vhost_get_config(const struct vhost *v, void *buf, uint32_t len, struct err *e)
{
	(void)v;
	CALLED(e);
	memset(buf, fake.config, len);
	if (len >= 10)
		memcpy((uint8_t *)buf + 8, &fake.pairs, 2);
	return 0;
}

int vhost_get_iova_range(const struct vhost *v, iova_t *first, iova_t *last, struct err *e)
{
	(void)v;
	CALLED(e);
	*first = iova(fake.iova_first);
	*last = iova(fake.iova_last);
	return 0;
}

int vhost_set_backend_features(const struct vhost *v, uint64_t features, struct err *e)
{
	(void)v;
	CALLED(e);
	fake.backend_acked = features;
	return 0;
}

int vhost_set_features(const struct vhost *v, uint64_t features, struct err *e)
{
	(void)v;
	CALLED(e);
	fake.driver_features = features;
	return 0;
}

int vhost_set_status(const struct vhost *v, uint8_t status, struct err *e)
{
	(void)v;
	if (fake.stall_ms)
		usleep(fake.stall_ms * 1000);
	CALLED(e);
	if (status == 0 && fake.answers_late && fake.queue[2].num)
		fake_device_answer(0, 0, 1, 1);
	fake.status = status & (uint8_t)~fake.refuses_status;
	if (status == 0) {
		memset(fake.queue, 0, sizeof(fake.queue));
		fake.used_idx = 0;
	}
	return 0;
}

int vhost_get_vring_group(const struct vhost *v, unsigned q, uint32_t *group, struct err *e)
{
	(void)v;
	CALLED(e);
	*group = fake.status & 4 ? fake.group_after_live[q] : fake.group[q];
	return 0;
}

int vhost_get_vring_desc_group(const struct vhost *v, unsigned q, uint32_t *group, struct err *e)
{
	(void)v;
	CALLED(e);
	assert(fake.backend_offered & VHOST_F_DESC_ASID);
	*group = fake.status & 4 ? fake.desc_group_after_live[q] : fake.desc_group[q];
	return 0;
}

int vhost_set_group_asid(const struct vhost *v, uint32_t group, uint32_t asid, struct err *e)
{
	(void)v;
	CALLED(e);
	if (group >= fake.queues) /* finding K19 */
		return err_set(e, ERR_HOST, ENOBUFS, "vhost_set_group_asid", "group", "%u", group);
	assert(group < fake.groups && asid < fake.spaces);
	fake.group_asid[group] = asid;
	return 0;
}

int vhost_set_vring_num(const struct vhost *v, unsigned q, uint16_t num, struct err *e)
{
	(void)v;
	CALLED(e);
	fake.queue[q].num = num;
	return 0;
}

int vhost_set_vring_base(const struct vhost *v, unsigned q, uint32_t base, struct err *e)
{
	(void)v;
	CALLED(e);
	fake.queue[q].base = base;
	return 0;
}

int vhost_set_vring_addr(const struct vhost *v, unsigned q, iova_t desc, iova_t driver,
			 iova_t device, struct err *e)
{
	(void)v;
	CALLED(e);
	fake.queue[q].desc = desc.v;
	fake.queue[q].driver = driver.v;
	fake.queue[q].device = device.v;
	return 0;
}

int vhost_set_vring_kick(const struct vhost *v, unsigned q, int fd, struct err *e)
{
	(void)v;
	CALLED(e);
	fake.queue[q].kick_fd = fd;
	return 0;
}

int vhost_set_vring_call(const struct vhost *v, unsigned q, int fd, struct err *e)
{
	(void)v;
	CALLED(e);
	fake.queue[q].call_fd = fd;
	return 0;
}

int vhost_set_config_call(const struct vhost *v, int fd, struct err *e)
{
	(void)v;
	CALLED(e);
	fake.config_fd = fd;
	return 0;
}

int vhost_set_vring_enable(const struct vhost *v, unsigned q, bool on, struct err *e)
{
	(void)v;
	CALLED(e);
	fake.queue[q].enabled = on;
	return 0;
}

int vhost_iotlb_map(const struct vhost *v, uint32_t asid, iova_t at, uint64_t size,
		    const void *host, enum vhost_perm perm, struct err *e)
{
	(void)v;
	CALLED(e);
	if (fake.drops_asid || !(fake.backend_acked & VHOST_F_IOTLB_ASID))
		asid = 0;
	for (unsigned i = 0; i < fake.maps; i++) {
		const struct fake_map *m = &fake.map[i];
		if (m->asid == asid && at.v <= m->iova + m->size - 1 && m->iova <= at.v + size - 1)
			return err_set(e, ERR_HOST, EFAULT, "iotlb_map", "fake", "overlap");
	}
	if (asid >= fake.spaces || fake.maps == FAKE_MAPS)
		return err_set(e, ERR_HOST, EFAULT, "iotlb_map", "fake", "no such ASID");
	fake.map[fake.maps++] =
	    (struct fake_map){asid, at.v, size, (uint8_t *)(uintptr_t)host, perm};
	return 0;
}

int vhost_iotlb_unmap(const struct vhost *v, uint32_t asid, iova_t at, uint64_t size, struct err *e)
{
	unsigned kept = 0;

	(void)v;
	CALLED(e);
	if (fake.drops_asid)
		asid = 0;
	for (unsigned i = 0; i < fake.maps; i++) {
		const struct fake_map *m = &fake.map[i];
		bool hit =
		    m->asid == asid && at.v <= m->iova + m->size - 1 && m->iova <= at.v + size - 1;
		if (!hit)
			fake.map[kept++] = *m;
	}
	fake.maps = kept;
	return 0;
}

uint8_t *fake_translate(uint32_t asid, uint64_t at, uint64_t len)
{
	for (unsigned i = 0; i < fake.maps; i++) {
		const struct fake_map *m = &fake.map[i];
		if (m->asid == asid && at >= m->iova && at - m->iova < m->size &&
		    len <= m->size - (at - m->iova))
			return m->host + (at - m->iova);
	}
	return NULL;
}

static void *cvq_part(uint64_t at, uint64_t len)
{
	return fake_translate(fake.group_asid[fake.group[2]], at, len);
}

int fake_device_take(uint8_t *cmd, unsigned max)
{
	const struct fake_queue *q = &fake.queue[2];
	const struct vring_avail *avail = cvq_part(q->driver, 8);

	if (!avail || __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE) == fake.used_idx)
		return -1;
	const struct vring_desc *table = cvq_part(q->desc, sizeof(*table) * q->num);
	const struct vring_desc *d = &table[avail->ring[fake.used_idx % q->num]];
	unsigned n = d->len < max ? d->len : max;
	memcpy(cmd, cvq_part(d->addr, d->len), n);
	return (int)d->len;
}

void fake_device_answer(uint8_t ack, uint32_t id, uint32_t len, uint16_t jump)
{
	const struct fake_queue *q = &fake.queue[2];
	const struct vring_desc *table = cvq_part(q->desc, sizeof(*table) * q->num);
	struct vring_used *used = cvq_part(q->device, 4 + 8ull * q->num);

	*(uint8_t *)cvq_part(table[1].addr, 1) = ack;
	used->ring[fake.used_idx % q->num] = (struct vring_used_elem){id, len};
	fake.used_idx = (uint16_t)(fake.used_idx + jump);
	__atomic_store_n(&used->idx, fake.used_idx, __ATOMIC_RELEASE);
	if (q->call_fd > 0)
		(void)eventfd_write(q->call_fd, 1);
}
