/* SPDX-License-Identifier: MIT */
/*
 * /dev/vhost-vdpa-N: one function per ioctl and IOTLB message, named after it, and no policy.
 * It must never decide which memory goes into which ASID: only iotlb.c calls the map functions.
 *
 * All return 0 or -errno with @e filled in (call, queue or range, errno, and what it means there);
 * rules are drivers/vhost/vdpa.c's. Most can block while the parent answers a message; none has a
 * time limit of its own, so they are called from the device's thread only.
 */
#ifndef VDPA_VHOST_H
#define VDPA_VHOST_H

#include "../virtio/addr.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** An open vhost-vDPA device; @path is borrowed and names it in errors. */
struct vhost {
	int fd;
	const char *path;
};

/** Access a mapping gives the device. */
enum vhost_perm { VHOST_PERM_RO = 1, VHOST_PERM_RW = 3 };

/** Backend feature bits, as masks. */
#define VHOST_F_IOTLB_MSG_V2 (1ull << 1)
#define VHOST_F_IOTLB_ASID (1ull << 3)
#define VHOST_F_SUSPEND (1ull << 4)
#define VHOST_F_DESC_ASID (1ull << 7)
#define VHOST_F_ENABLE_AFTER_DRIVER_OK (1ull << 6)

int vhost_open(struct vhost *v, const char *path, struct err *e);
void vhost_close(struct vhost *v);

int vhost_set_owner(const struct vhost *v, struct err *e);
int vhost_get_device_id(const struct vhost *v, uint32_t *id, struct err *e);
int vhost_get_backend_features(const struct vhost *v, uint64_t *features, struct err *e);
int vhost_set_backend_features(const struct vhost *v, uint64_t features, struct err *e);
int vhost_get_features(const struct vhost *v, uint64_t *features, struct err *e);
int vhost_set_features(const struct vhost *v, uint64_t features, struct err *e);
int vhost_get_status(const struct vhost *v, uint8_t *status, struct err *e);
int vhost_set_status(const struct vhost *v, uint8_t status, struct err *e);
int vhost_get_config(const struct vhost *v, void *buf, uint32_t len, struct err *e);
int vhost_get_config_size(const struct vhost *v, uint32_t *size, struct err *e);
int vhost_get_iova_range(const struct vhost *v, iova_t *first, iova_t *last, struct err *e);

int vhost_get_vqs_count(const struct vhost *v, uint32_t *count, struct err *e);
int vhost_get_group_num(const struct vhost *v, uint32_t *groups, struct err *e);
int vhost_get_as_num(const struct vhost *v, uint32_t *spaces, struct err *e);
int vhost_get_vring_max(const struct vhost *v, uint16_t *num, struct err *e);
int vhost_get_vring_group(const struct vhost *v, unsigned q, uint32_t *group, struct err *e);
/** Of its rings; only where VHOST_F_DESC_ASID is offered. */
int vhost_get_vring_desc_group(const struct vhost *v, unsigned q, uint32_t *group, struct err *e);
int vhost_set_group_asid(const struct vhost *v, uint32_t group, uint32_t asid, struct err *e);

int vhost_set_vring_num(const struct vhost *v, unsigned q, uint16_t num, struct err *e);
/** Split: the available index. Packed: the places where the next available (low half) and the next
 * used descriptor lie, each with its wrap counter in bit 15. */
int vhost_set_vring_base(const struct vhost *v, unsigned q, uint32_t base, struct err *e);
int vhost_set_vring_addr(const struct vhost *v, unsigned q, iova_t desc, iova_t driver,
			 iova_t device, struct err *e);
int vhost_set_vring_kick(const struct vhost *v, unsigned q, int fd, struct err *e);
int vhost_set_vring_call(const struct vhost *v, unsigned q, int fd, struct err *e);
int vhost_set_config_call(const struct vhost *v, int fd, struct err *e);
int vhost_set_vring_enable(const struct vhost *v, unsigned q, bool on, struct err *e);

/** IOTLB UPDATE: [at, at + size) of @asid becomes the memory at @host, which must be MAP_SHARED of
 * a file. */
int vhost_iotlb_map(const struct vhost *v, uint32_t asid, iova_t at, uint64_t size,
		    const void *host, enum vhost_perm perm, struct err *e);
/** IOTLB INVALIDATE: every region of @asid that touches [at, at + size) goes, whole. */
int vhost_iotlb_unmap(const struct vhost *v, uint32_t asid, iova_t at, uint64_t size,
		      struct err *e);

#endif
