/* SPDX-License-Identifier: MIT */
/*
 * A VDUSE device's life; see dev.h. Rules are vduse_ioctl()'s and vduse_dev_ioctl()'s in
 * drivers/vdpa/vdpa_user/vduse_dev.c. It must never leave a device behind when it returns an error.
 */
#include "dev.h"

#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vduse.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define QUEUE_READY_AND_SUSPEND ((1ull << VDUSE_F_QUEUE_READY) | (1ull << VDUSE_F_SUSPEND))
#define RETRY_MS 10
#define RETRIES 100 /* a second: for a node to appear, or its last user to go */

/* ---- create ---- */

static int choose_version(struct vduse_dev *d, struct err *e)
{
	uint64_t have, want, features = QUEUE_READY_AND_SUSPEND;

	if (ioctl(d->control_fd, VDUSE_GET_API_VERSION, &have))
		return err_set(e, ERR_HOST, errno, "VDUSE_GET_API_VERSION", VDUSE_CONTROL, "%s",
			       "");
	if (d->setup.api == 1 && have < VDUSE_API_VERSION_1)
		return err_set(e, ERR_HOST, ENOTSUP, "VDUSE_GET_API_VERSION", VDUSE_CONTROL,
			       "this kernel knows API 0 only, with one group and one address "
			       "space: use Linux 7.0 or newer");
	want = d->setup.api >= 0 ? (uint64_t)d->setup.api : have;
	if (want > VDUSE_API_VERSION_1)
		want = VDUSE_API_VERSION_1;
	if (ioctl(d->control_fd, VDUSE_SET_API_VERSION, &want))
		return err_set(e, ERR_HOST, errno, "VDUSE_SET_API_VERSION", VDUSE_CONTROL,
			       "version %llu", (unsigned long long)want);
	d->as.api = want;
	/* New in 7.3, EINVAL before. Not with API 0: devices of that age know nothing of it. */
	d->has_queue_ready = want > 0 && !ioctl(d->control_fd, VDUSE_SET_FEATURES, &features);
	return 0;
}

static int create(struct vduse_dev *d, struct err *e)
{
	const struct vduse_setup *s = &d->setup;
	struct vduse_dev_config *c = calloc(1, sizeof(*c) + s->config_len);

	if (!c)
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", d->name, "%s", "");
	memcpy(c->name, d->name, sizeof(d->name));
	c->vendor_id = 0x5246; /* "RF" */
	c->device_id = s->device_id;
	c->features = s->features;
	c->vq_num = s->queues;
	c->vq_align = 4096;
	c->ngroups = d->as.api ? d->as.groups : 0;
	c->nas = d->as.api ? d->as.spaces : 0;
	c->config_size = (uint32_t)s->config_len;
	memcpy(c->config, s->config, s->config_len);
	int ret = ioctl(d->control_fd, VDUSE_CREATE_DEV, c) ? -errno : 0;
	free(c);

	if (ret == -EPERM)
		return err_set(e, ERR_HOST, EPERM, "VDUSE_CREATE_DEV", d->name,
			       "a network device needs CAP_NET_ADMIN");
	if (ret == -EEXIST)
		return err_set(e, ERR_HOST, EEXIST, "VDUSE_CREATE_DEV", d->name,
			       "choose another --name");
	if (ret == -EINVAL && (s->features & (1ull << VIRTIO_NET_F_CTRL_VQ)))
		return err_set(e, ERR_HOST, EINVAL, "VDUSE_CREATE_DEV", d->name,
			       "this kernel does not let VDUSE offer VIRTIO_NET_F_CTRL_VQ: use "
			       "--private-cvq here and in the VMM, or the lab's patched kernel");
	if (ret)
		return err_set(e, ERR_HOST, -ret, "VDUSE_CREATE_DEV", d->name, "%s", "");
	d->created = true;
	return 0;
}

static int open_node(struct vduse_dev *d, struct err *e)
{
	char path[sizeof("/dev/vduse/") + VDUSE_NAME_LEN];

	snprintf(path, sizeof(path), "/dev/vduse/%s", d->name);
	for (int i = 0; i < RETRIES; i++) {
		d->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (d->fd >= 0 || errno != ENOENT)
			break;
		wait_ms(RETRY_MS);
	}
	if (d->fd < 0)
		return err_set(e, ERR_HOST, errno, "open", path, "its node did not come up");
	d->as.fd = d->fd;
	return 0;
}

/* Every queue: VDPA_CMD_DEV_NEW is EINVAL otherwise (vduse_dev_is_ready). */
static int set_up_queues(struct vduse_dev *d, struct err *e)
{
	for (unsigned q = 0; q < d->as.queues; q++) {
		struct vduse_vq_config c = {
		    .index = q, .max_size = VDUSE_RING_MAX, .group = d->as.queue_group[q]};
		if (ioctl(d->fd, VDUSE_VQ_SETUP, &c))
			return err_set(e, ERR_HOST, errno, "VDUSE_VQ_SETUP", d->name,
				       "queue %u in group %u", q, c.group);
	}
	return 0;
}

/* How long a dead device holds its client up. The default is 30 s, so this may well fail. */
static void lower_timeout(const struct vduse_dev *d)
{
	char path[sizeof("/sys/class/vduse//msg_timeout") + VDUSE_NAME_LEN], text[16];
	int len = snprintf(text, sizeof(text), "%d\n", VDUSE_MSG_TIMEOUT_S);

	snprintf(path, sizeof(path), "/sys/class/vduse/%s/msg_timeout", d->name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, text, (size_t)len) < 0)
		trace_event(d->as.trace, "msg_timeout", ",\"ok\":false");
	close(fd);
}

static int make_event_fd(struct err *e)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return fd < 0 ? err_set(e, ERR_INTERNAL, errno, "eventfd", "event fd", "%s", "") : fd;
}

static struct vduse_dev *new_device(const struct vduse_setup *s)
{
	struct vduse_dev *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->setup = *s;
	snprintf(d->name, sizeof(d->name), "%s", s->name);
	d->setup.name = d->name;
	d->control_fd = d->fd = d->stop_fd = d->wake_fd = -1;
	for (unsigned q = 0; q < AS_QUEUES_MAX; q++)
		d->kick_fd[q] = -1;
	pthread_mutex_init(&d->lock, NULL);
	return d;
}

static int make_event_fds(struct vduse_dev *d, struct err *e)
{
	d->stop_fd = make_event_fd(e);
	d->wake_fd = make_event_fd(e);
	for (unsigned q = 0; q < d->setup.queues; q++)
		d->kick_fd[q] = make_event_fd(e);
	return e->kind == ERR_NONE ? 0 : -EMFILE;
}

/* API 0 has one group in one address space. */
static void lay_out_spaces(struct vduse_dev *d)
{
	const struct vduse_setup *s = &d->setup;

	d->as.queues = s->queues;
	d->as.groups = d->as.api ? s->groups : 1;
	d->as.spaces = d->as.api ? s->spaces : 1;
	for (unsigned q = 0; q < s->queues; q++)
		d->as.queue_group[q] = d->as.api ? s->queue_group[q] : 0;
	d->as.breaks = s->breaks;
	d->as.trace = s->trace;
}

int vduse_create(struct vduse_dev **out, const struct vduse_setup *s, struct err *e)
{
	struct vduse_dev *d = new_device(s);

	*out = NULL;
	if (!d)
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", s->name, "%s", "");
	int ret = make_event_fds(d, e);
	if (!ret)
		ret = d->control_fd = vduse_open_control(e);
	if (ret >= 0)
		ret = choose_version(d, e);
	if (!ret) {
		lay_out_spaces(d);
		vduse_queues_reset(d);
		ret = create(d, e);
	}
	if (!ret)
		ret = open_node(d, e);
	if (!ret)
		ret = set_up_queues(d, e);
	if (!ret) {
		lower_timeout(d);
		ret = vduse_start_answering(d, e);
	}
	if (ret) {
		struct err ignored = {0};
		(void)vduse_destroy(d, &ignored); /* the first error is the one to tell */
		return ret;
	}
	*out = d;
	return 0;
}

/* ---- destroy ---- */

static int delete_device(struct vduse_dev *d, struct err *e)
{
	int ret = vduse_delete(d->control_fd, d->name);

	if (ret)
		return err_set(
		    e, ERR_HOST, -ret, "VDUSE_DESTROY_DEV", d->name,
		    "its vDPA device is still there: stop its client, then: vdpa dev del %s",
		    d->name);
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

int vduse_destroy(struct vduse_dev *d, struct err *e)
{
	if (!d)
		return 0;
	int ret = vduse_stop_answering(d, e);
	if (ret)
		return ret; /* the thread still uses all of it */

	as_drop_all(&d->as);
	close_fd(d->fd);
	if (d->created)
		ret = delete_device(d, e);
	close_fd(d->control_fd);
	close_fd(d->stop_fd);
	close_fd(d->wake_fd);
	for (unsigned q = 0; q < AS_QUEUES_MAX; q++)
		close_fd(d->kick_fd[q]);
	pthread_mutex_destroy(&d->lock);
	free(d);
	return ret;
}

/* ---- small calls ---- */

int vduse_get_features(const struct vduse_dev *d, uint64_t *features)
{
	return ioctl(d->fd, VDUSE_DEV_GET_FEATURES, features) ? -errno : 0;
}

int vduse_set_config(struct vduse_dev *d, size_t offset, const void *data, size_t len)
{
	union {
		struct vduse_config_data c;
		uint8_t room[sizeof(struct vduse_config_data) + VDUSE_CONFIG_LEN];
	} u = {.c = {.offset = (uint32_t)offset, .length = (uint32_t)len}};

	if (len > VDUSE_CONFIG_LEN || offset > d->setup.config_len ||
	    len > d->setup.config_len - offset)
		return -EINVAL;
	memcpy(u.c.buffer, data, len);
	d->config_changed = true;
	return ioctl(d->fd, VDUSE_DEV_SET_CONFIG, &u.c) ? -errno : 0;
}

int vduse_config_call(struct vduse_dev *d)
{
	return ioctl(d->fd, VDUSE_DEV_INJECT_CONFIG_IRQ) ? -errno : 0;
}
