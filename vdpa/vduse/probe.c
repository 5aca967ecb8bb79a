/* SPDX-License-Identifier: MIT */
/*
 * What this kernel's VDUSE can do, and tidying up after a device whose process is dead; see dev.h.
 * It must never take a device away from a process that serves it, nor a vDPA device that is not
 * VDUSE's.
 */
#include "dev.h"

#include "../nl.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vduse.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BIT(n) (1ull << (n))
#define RETRIES 100
#define RETRY_MS 10

/* ---- facts ---- */

/* Create a device and delete it again: its nodes are all there is to see. 0 or -errno. */
static int try_device(int control, uint64_t api, uint64_t features)
{
	struct vduse_dev_config c = {.vendor_id = 0x5246,
				     .device_id = VIRTIO_ID_NET,
				     .features = features,
				     .vq_num = 3,
				     .vq_align = 4096,
				     .ngroups = api ? 1 : 0,
				     .nas = api ? 1 : 0};

	snprintf(c.name, sizeof(c.name), "ringfence-probe-%d", (int)getpid());
	if (ioctl(control, VDUSE_CREATE_DEV, &c))
		return -errno;
	(void)vduse_delete(control, c.name);
	return 0;
}

static int probe_control(int control, struct vduse_facts *f, struct err *e)
{
	const uint64_t base = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM);
	uint64_t features = 0, api;

	if (ioctl(control, VDUSE_GET_API_VERSION, &f->api))
		return err_set(e, ERR_HOST, errno, "VDUSE_GET_API_VERSION", VDUSE_CONTROL, "%s",
			       "");
	api = f->api < VDUSE_API_VERSION_1 ? f->api : VDUSE_API_VERSION_1;
	if (ioctl(control, VDUSE_SET_API_VERSION, &api))
		return err_set(e, ERR_HOST, errno, "VDUSE_SET_API_VERSION", VDUSE_CONTROL, "%s",
			       "");
	if (!ioctl(control, VDUSE_GET_FEATURES, &features)) { /* new in 7.3 */
		f->queue_ready = features & BIT(VDUSE_F_QUEUE_READY);
		f->suspend = features & BIT(VDUSE_F_SUSPEND);
	}
	int ret = try_device(control, api, base);
	if (ret)
		return err_set(
		    e, ERR_HOST, -ret, "VDUSE_CREATE_DEV", "probe", "%s",
		    ret == -EPERM ? "a network device needs CAP_NET_ADMIN: run it as root" : "");
	f->ctrl_vq_offered = !try_device(control, api, base | BIT(VIRTIO_NET_F_CTRL_VQ));
	return 0;
}

int vduse_probe(struct vduse_facts *f, struct err *e)
{
	*f = (struct vduse_facts){0};
	int control = open(VDUSE_CONTROL, O_RDWR | O_CLOEXEC);
	if (control < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
		return 0;
	if (control < 0)
		return err_set(e, ERR_HOST, errno, "open", VDUSE_CONTROL,
			       "run it as root, or as a user who may open it");
	f->present = true;
	int ret = probe_control(control, f, e);
	close(control);
	return ret;
}

/* ---- cleaning up ---- */

struct refuser {
	int fd;
	atomic_bool stop;
};

/* Whatever is asked of the dead device fails, so that neither its client nor we have to wait. */
static void *refuse_messages(void *arg)
{
	struct refuser *r = arg;
	struct vduse_dev_request req;

	while (!atomic_load(&r->stop)) {
		struct pollfd p = {.fd = r->fd, .events = POLLIN};
		if (poll(&p, 1, RETRY_MS) <= 0)
			continue;
		if (p.revents & POLLERR)
			break; /* broken: the kernel fails them itself */
		if (read(r->fd, &req, sizeof(req)) != (ssize_t)sizeof(req))
			continue;
		struct vduse_dev_response resp = {.request_id = req.request_id,
						  .result = VDUSE_REQ_RESULT_FAILED};
		if (write(r->fd, &resp, sizeof(resp)) < 0)
			continue; /* whoever asked has given up */
	}
	return NULL;
}

/* Open the dead device. -ENOENT: there is none; EBUSY for longer than a death takes: it is not. */
static int take_over(const char *name, struct err *e)
{
	char path[sizeof("/dev/vduse/") + VDUSE_NAME_LEN];
	int fd = -1;

	snprintf(path, sizeof(path), "/dev/vduse/%s", name);
	for (int i = 0; i < RETRIES; i++) {
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0 || errno != EBUSY)
			break;
		wait_ms(RETRY_MS);
	}
	if (fd >= 0 || errno == ENOENT)
		return fd >= 0 ? fd : -ENOENT;
	return err_set(
	    e, ERR_HOST, errno, "open", path,
	    errno == EBUSY
		? "a device of this name is being served: stop it, or choose another --name"
		: "it cannot be cleaned up: run it as root");
}

static int delete_vdpa(const char *name, int fd, struct err *e)
{
	struct refuser r = {.fd = fd};
	pthread_t thread;
	int ret = pthread_create(&thread, NULL, refuse_messages, &r);

	if (ret)
		return err_set(e, ERR_INTERNAL, ret, "pthread_create", name, "%s", "");
	ret = nl_dev_del(name, e);
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL); /* it polls for RETRY_MS at most */
	return ret == -ENODEV ? 0 : ret;
}

static int destroy(const char *name, struct err *e)
{
	int control = vduse_open_control(e);

	if (control < 0)
		return control;
	int ret = vduse_delete(control, name);
	close(control);
	if (ret && ret != -EINVAL) /* EINVAL: somebody else was faster */
		return err_set(e, ERR_HOST, -ret, "VDUSE_DESTROY_DEV", name,
			       "stop what uses it, then try again");
	return 0;
}

int vduse_cleanup(const char *name, struct err *e)
{
	if (!vduse_name_ok(name))
		return err_set(e, ERR_USAGE, EINVAL, "device name", name,
			       "1 to 63 of A-Z a-z 0-9 . _ -");
	/* A VDUSE device outlives its vDPA device: without one, nothing of that name is ours. */
	int fd = take_over(name, e);
	if (fd < 0)
		return fd == -ENOENT && e->kind == ERR_NONE ? 0 : fd;
	int ret = delete_vdpa(name, fd, e);
	close(fd);
	return ret ? ret : destroy(name, e);
}
