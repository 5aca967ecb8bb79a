/* SPDX-License-Identifier: MIT */
/*
 * Where the honest device and what falsifies it meet: the linker puts these functions before those
 * of vdpa/vduse/ and of libc (--wrap). It must never change anything for a process that is no
 * hostile daemon: the judge is linked with the same.
 */
#include "daemon.h"

#include "../../../guest/abi.h"
#include "../../../vdpa/vduse/netctl.h"

#include <linux/vduse.h>
#include <linux/virtio_net.h>
#include <unistd.h>

#define COMMAND_LEN 8u /* class, command, MAC address */

/* The linker's names for a symbol under --wrap. */
int __wrap_vring_push(struct vring_queue *v, struct as_table *t, uint16_t head, uint32_t len);
int __wrap_vring_write(const struct vring_queue *v, struct as_table *t, const struct vring_chain *c,
		       const void *src, size_t len);
void __wrap_vduse_queue_call(struct vduse_dev *d, unsigned q);
ssize_t __wrap_write(int fd, const void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len);
/* As netctl.h declares it, which the linker does not compare. */
__typeof__(netctl_run) __real_netctl_run, __wrap_netctl_run;

int __wrap_vring_push(struct vring_queue *v, struct as_table *t, uint16_t head, uint32_t len)
{
	return hostile.dev && v->index == NET_CVQ ? lie_push(v, t, head, len)
						  : __real_vring_push(v, t, head, len);
}

int __wrap_vring_write(const struct vring_queue *v, struct as_table *t, const struct vring_chain *c,
		       const void *src, size_t len)
{
	return hostile.dev && v->index == NET_CVQ ? lie_ack(v, t, c, src, len)
						  : __real_vring_write(v, t, c, src, len);
}

void __wrap_vduse_queue_call(struct vduse_dev *d, unsigned q)
{
	if (hostile.dev && q == NET_CVQ)
		lie_call(d, q);
	else
		__real_vduse_queue_call(d, q);
}

/* A command that says what the guest wants, as guest/abi.h has it. */
uint8_t __wrap_netctl_run(const struct netctl *c, struct netctl *next,
			  const struct netctl_ability *can, uint64_t features, const uint8_t *cmd,
			  size_t len, struct netctl_result *r)
{
	uint8_t ack = __real_netctl_run(c, next, can, features, cmd, len, r);

	atomic_store(&hostile.op, 0);
	if (!hostile.dev || len != COMMAND_LEN || cmd[0] != VIRTIO_NET_CTRL_MAC ||
	    ((uint32_t)cmd[2] << 16 | (uint32_t)cmd[3] << 8 | cmd[4]) != CONTAIN_PREFIX ||
	    cmd[5] < CONTAIN_ASK)
		return ack;
	atomic_store(&hostile.op, cmd[5]);
	return hostile_asked(cmd[5], (unsigned)cmd[6] << 8 | cmd[7]) ? ack : VIRTIO_NET_ERR;
}

ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	ssize_t n = __real_read(fd, buf, len);

	if (hostile.dev && fd == hostile.dev->fd && n == sizeof(struct vduse_dev_request))
		life_read(buf);
	return n;
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	if (hostile.dev && fd == hostile.dev->fd && len == sizeof(struct vduse_dev_response) &&
	    !life_answer(fd, buf))
		return (ssize_t)len;
	return __real_write(fd, buf, len);
}
