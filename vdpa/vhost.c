/* SPDX-License-Identifier: MIT */
/* The vhost-vDPA character device; see vhost.h. One function per call; no policy, no retries. */
#include "vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char *open_remedy(int code)
{
	switch (code) {
	case ENOENT:
		return "no such vhost-vDPA device: create one ('ringfence device') and load "
		       "vhost_vdpa";
	case EBUSY:
		return "another process has it open (a forked child counts): stop that one first";
	case EACCES:
	case EPERM:
		return "run as root, or give this user access to the device node";
	case EIO:
		return "the parent did not answer the reset that an open is: is its process alive?";
	default:
		return "";
	}
}

int vhost_open(struct vhost *v, const char *path, struct err *e)
{
	*v = (struct vhost){.fd = open(path, O_RDWR | O_CLOEXEC), .path = path};
	if (v->fd < 0) {
		int code = errno;
		return err_set(e, ERR_HOST, code, "open", path, "%s", open_remedy(code));
	}
	return 0;
}

void vhost_close(struct vhost *v)
{
	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
}

static int call(const struct vhost *v, unsigned long request, const char *name, void *arg,
		struct err *e)
{
	if (ioctl(v->fd, request, arg) < 0)
		return err_set(e, ERR_HOST, errno, name, v->path, "%s",
			       errno == EIO ? "the parent refused or did not answer"
			       : errno == ENOTTY
				   ? "not a vhost-vDPA device, or a kernel too old for it"
			       : errno == EOPNOTSUPP ? "the parent does not support it"
						     : "");
	return 0;
}

/* As call(), for what concerns one queue, group or range that the error should name. */
static int call_on(const struct vhost *v, unsigned long request, const char *name, const char *what,
		   uint32_t n, void *arg, struct err *e)
{
	char object[160];

	if (ioctl(v->fd, request, arg) == 0)
		return 0;
	int code = errno;
	snprintf(object, sizeof(object), "%s, %s %u", v->path, what, n);
	return err_set(e, ERR_HOST, code, name, object, "%s",
		       code == EIO ? "the parent refused or did not answer" : "");
}

int vhost_set_owner(const struct vhost *v, struct err *e)
{
	return call(v, VHOST_SET_OWNER, "VHOST_SET_OWNER", NULL, e);
}

int vhost_get_device_id(const struct vhost *v, uint32_t *id, struct err *e)
{
	return call(v, VHOST_VDPA_GET_DEVICE_ID, "VHOST_VDPA_GET_DEVICE_ID", id, e);
}

int vhost_get_backend_features(const struct vhost *v, uint64_t *features, struct err *e)
{
	return call(v, VHOST_GET_BACKEND_FEATURES, "VHOST_GET_BACKEND_FEATURES", features, e);
}

int vhost_set_backend_features(const struct vhost *v, uint64_t features, struct err *e)
{
	return call(v, VHOST_SET_BACKEND_FEATURES, "VHOST_SET_BACKEND_FEATURES", &features, e);
}

int vhost_get_features(const struct vhost *v, uint64_t *features, struct err *e)
{
	return call(v, VHOST_GET_FEATURES, "VHOST_GET_FEATURES", features, e);
}

int vhost_set_features(const struct vhost *v, uint64_t features, struct err *e)
{
	return call(v, VHOST_SET_FEATURES, "VHOST_SET_FEATURES", &features, e);
}

int vhost_get_status(const struct vhost *v, uint8_t *status, struct err *e)
{
	return call(v, VHOST_VDPA_GET_STATUS, "VHOST_VDPA_GET_STATUS", status, e);
}

int vhost_set_status(const struct vhost *v, uint8_t status, struct err *e)
{
	return call(v, VHOST_VDPA_SET_STATUS, "VHOST_VDPA_SET_STATUS", &status, e);
}

int vhost_get_config(const struct vhost *v, void *buf, uint32_t len, struct err *e)
{
	struct vhost_vdpa_config *c = calloc(1, sizeof(*c) + len);
	int ret;

	if (!c)
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", "config space", "%s", "");
	c->len = len;
	ret = call(v, VHOST_VDPA_GET_CONFIG, "VHOST_VDPA_GET_CONFIG", c, e);
	if (!ret)
		memcpy(buf, c->buf, len);
	free(c);
	return ret;
}

int vhost_get_config_size(const struct vhost *v, uint32_t *size, struct err *e)
{
	return call(v, VHOST_VDPA_GET_CONFIG_SIZE, "VHOST_VDPA_GET_CONFIG_SIZE", size, e);
}

int vhost_get_iova_range(const struct vhost *v, iova_t *first, iova_t *last, struct err *e)
{
	struct vhost_vdpa_iova_range r = {0, 0};
	int ret = call(v, VHOST_VDPA_GET_IOVA_RANGE, "VHOST_VDPA_GET_IOVA_RANGE", &r, e);

	*first = iova(r.first);
	*last = iova(r.last);
	return ret;
}

int vhost_get_vqs_count(const struct vhost *v, uint32_t *count, struct err *e)
{
	return call(v, VHOST_VDPA_GET_VQS_COUNT, "VHOST_VDPA_GET_VQS_COUNT", count, e);
}

int vhost_get_group_num(const struct vhost *v, uint32_t *groups, struct err *e)
{
	return call(v, VHOST_VDPA_GET_GROUP_NUM, "VHOST_VDPA_GET_GROUP_NUM", groups, e);
}

int vhost_get_as_num(const struct vhost *v, uint32_t *spaces, struct err *e)
{
	return call(v, VHOST_VDPA_GET_AS_NUM, "VHOST_VDPA_GET_AS_NUM", spaces, e);
}

int vhost_get_vring_max(const struct vhost *v, uint16_t *num, struct err *e)
{
	return call(v, VHOST_VDPA_GET_VRING_NUM, "VHOST_VDPA_GET_VRING_NUM", num, e);
}

int vhost_get_vring_group(const struct vhost *v, unsigned q, uint32_t *group, struct err *e)
{
	struct vhost_vring_state s = {.index = q};
	int ret =
	    call_on(v, VHOST_VDPA_GET_VRING_GROUP, "VHOST_VDPA_GET_VRING_GROUP", "queue", q, &s, e);

	*group = s.num;
	return ret;
}

int vhost_get_vring_desc_group(const struct vhost *v, unsigned q, uint32_t *group, struct err *e)
{
	struct vhost_vring_state s = {.index = q};
	int ret = call_on(v, VHOST_VDPA_GET_VRING_DESC_GROUP, "VHOST_VDPA_GET_VRING_DESC_GROUP",
			  "queue", q, &s, e);

	*group = s.num;
	return ret;
}

int vhost_set_group_asid(const struct vhost *v, uint32_t group, uint32_t asid, struct err *e)
{
	struct vhost_vring_state s = {.index = group, .num = asid};

	return call_on(v, VHOST_VDPA_SET_GROUP_ASID, "VHOST_VDPA_SET_GROUP_ASID", "group", group,
		       &s, e);
}

int vhost_set_vring_num(const struct vhost *v, unsigned q, uint16_t num, struct err *e)
{
	struct vhost_vring_state s = {.index = q, .num = num};

	return call_on(v, VHOST_SET_VRING_NUM, "VHOST_SET_VRING_NUM", "queue", q, &s, e);
}

int vhost_set_vring_base(const struct vhost *v, unsigned q, uint32_t base, struct err *e)
{
	struct vhost_vring_state s = {.index = q, .num = base};

	return call_on(v, VHOST_SET_VRING_BASE, "VHOST_SET_VRING_BASE", "queue", q, &s, e);
}

int vhost_set_vring_addr(const struct vhost *v, unsigned q, iova_t desc, iova_t driver,
			 iova_t device, struct err *e)
{
	/* The fields say "user address"; for vhost-vDPA they carry IOVAs (vhost_vdpa_vring_ioctl).
	 */
	struct vhost_vring_addr a = {.index = q,
				     .desc_user_addr = desc.v,
				     .avail_user_addr = driver.v,
				     .used_user_addr = device.v};

	return call_on(v, VHOST_SET_VRING_ADDR, "VHOST_SET_VRING_ADDR", "queue", q, &a, e);
}

int vhost_set_vring_kick(const struct vhost *v, unsigned q, int fd, struct err *e)
{
	struct vhost_vring_file f = {.index = q, .fd = fd};

	return call_on(v, VHOST_SET_VRING_KICK, "VHOST_SET_VRING_KICK", "queue", q, &f, e);
}

int vhost_set_vring_call(const struct vhost *v, unsigned q, int fd, struct err *e)
{
	struct vhost_vring_file f = {.index = q, .fd = fd};

	return call_on(v, VHOST_SET_VRING_CALL, "VHOST_SET_VRING_CALL", "queue", q, &f, e);
}

int vhost_set_config_call(const struct vhost *v, int fd, struct err *e)
{
	return call(v, VHOST_VDPA_SET_CONFIG_CALL, "VHOST_VDPA_SET_CONFIG_CALL", &fd, e);
}

int vhost_set_vring_enable(const struct vhost *v, unsigned q, bool on, struct err *e)
{
	struct vhost_vring_state s = {.index = q, .num = on};

	return call_on(v, VHOST_VDPA_SET_VRING_ENABLE, "VHOST_VDPA_SET_VRING_ENABLE", "queue", q,
		       &s, e);
}

static int send_iotlb(const struct vhost *v, uint32_t asid, const struct vhost_iotlb_msg *m,
		      const char *name, struct err *e)
{
	struct vhost_msg_v2 msg = {.type = VHOST_IOTLB_MSG_V2, .asid = asid, .iotlb = *m};
	char object[160];

	ssize_t n = write(v->fd, &msg, sizeof(msg));
	if (n == (ssize_t)sizeof(msg))
		return 0;
	int code = n < 0 ? errno : EIO;
	snprintf(object, sizeof(object), "%s, ASID %u, IOVA 0x%llx + 0x%llx", v->path, asid,
		 (unsigned long long)m->iova, (unsigned long long)m->size);
	/* vhost_chr_write_iter() turns every failure of a message into EFAULT. */
	return err_set(e, ERR_HOST, code, name, object,
		       "the range overlaps another mapping, or the parent refused it");
}

int vhost_iotlb_map(const struct vhost *v, uint32_t asid, iova_t at, uint64_t size,
		    const void *host, enum vhost_perm perm, struct err *e)
{
	struct vhost_iotlb_msg m = {.iova = at.v,
				    .size = size,
				    .uaddr = (uintptr_t)host,
				    .perm = (uint8_t)perm,
				    .type = VHOST_IOTLB_UPDATE};

	return send_iotlb(v, asid, &m, "VHOST_IOTLB_UPDATE", e);
}

int vhost_iotlb_unmap(const struct vhost *v, uint32_t asid, iova_t at, uint64_t size, struct err *e)
{
	struct vhost_iotlb_msg m = {.iova = at.v, .size = size, .type = VHOST_IOTLB_INVALIDATE};

	return send_iotlb(v, asid, &m, "VHOST_IOTLB_INVALIDATE", e);
}
