/* SPDX-License-Identifier: MIT */
/* The kernel's side of VDUSE, in memory; see fake_vduse.h. Rules are vduse_dev.c's. */
#undef _FORTIFY_SOURCE /* or open() could not be defined here */
#include "fake_vduse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NODES "/dev/vduse/"
#define ANSWER_MS 3000

struct fake_vduse fake_vduse = {.peer = -1};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void fake_vduse_reset(void)
{
	if (fake_vduse.peer >= 0)
		close(fake_vduse.peer);
	free(fake_vduse.region);
	fake_vduse =
	    (struct fake_vduse){.api = VDUSE_API_VERSION_1, .has_features = true, .peer = -1};
}

void fake_vduse_lock(void)
{
	pthread_mutex_lock(&lock);
}

void fake_vduse_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

void fake_vduse_map(uint32_t asid, uint64_t start, uint64_t size, uint8_t perm, int fd,
		    uint64_t offset)
{
	struct fake_vduse *f = &fake_vduse;

	fake_vduse_lock();
	if ((f->regions & (f->regions - 1)) == 0) { /* full at each power of two */
		struct fake_region *more = realloc(f->region, (2 * f->regions + 1) * sizeof(*more));
		if (!more)
			abort();
		f->region = more;
	}
	f->region[f->regions++] =
	    (struct fake_region){asid, start, start + size - 1, offset, perm, fd};
	fake_vduse_unlock();
}

int fake_memory_make(struct fake_memory *m, size_t size, int fill, void *at)
{
	struct stat st;

	*m = (struct fake_memory){.fd = memfd_create("client", MFD_CLOEXEC), .size = size};
	if (m->fd < 0 || ftruncate(m->fd, (off_t)size) || fstat(m->fd, &st))
		return -1;
	m->at = mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | (at ? MAP_FIXED : 0), m->fd, 0);
	if (m->at == MAP_FAILED)
		return -1;
	m->ino = st.st_ino;
	memset(m->at, fill, size);
	return 0;
}

void fake_memory_drop(struct fake_memory *m)
{
	/* Something must stay where it was: it may be in the middle of a test's own data. */
	if (mmap(m->at, m->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0) != m->at)
		abort();
	close(m->fd);
}

/* ---- ioctls, under the lock: 0, an fd or -errno ---- */

static int get_fd(struct vduse_iotlb_entry_v2 *v)
{
	struct fake_vduse *f = &fake_vduse;

	f->asked++;
	f->ask = *v;
	if (v->asid >= FAKE_SPACES || v->start > v->last)
		return -EINVAL;
	for (unsigned i = 0; i < f->regions; i++) {
		const struct fake_region *r = &f->region[i];
		if (!f->lies && (r->asid != v->asid || r->start > v->last || v->start > r->last))
			continue;
		v->start = r->start;
		v->last = r->last;
		v->offset = r->offset;
		v->perm = r->perm;
		return dup(r->fd); /* without CLOEXEC, as receive_fd() makes it */
	}
	return -EPERM;
}

static int get_fd_v0(struct vduse_iotlb_entry *v)
{
	struct vduse_iotlb_entry_v2 v2 = {.start = v->start, .last = v->last};
	int fd = get_fd(&v2);

	*v = (struct vduse_iotlb_entry){v2.offset, v2.start, v2.last, v2.perm};
	return fd;
}

static int set_config(size_t offset, size_t len, const uint8_t *bytes)
{
	if (offset > sizeof(fake_vduse.config) || len > sizeof(fake_vduse.config) - offset)
		return -EINVAL;
	memcpy(fake_vduse.config + offset, bytes, len);
	return 0;
}

static int create(const struct vduse_dev_config *c)
{
	fake_vduse.made = *c;
	fake_vduse.created = true;
	return set_config(0, c->config_size, c->config);
}

static int control(unsigned long request, void *arg)
{
	switch (request) {
	case VDUSE_GET_API_VERSION:
		*(uint64_t *)arg = fake_vduse.api;
		return 0;
	case VDUSE_SET_API_VERSION:
		return *(uint64_t *)arg <= fake_vduse.api ? 0 : -EINVAL;
	case VDUSE_SET_FEATURES:
		return fake_vduse.has_features ? 0 : -EINVAL;
	case VDUSE_CREATE_DEV:
		return create(arg);
	case VDUSE_DESTROY_DEV:
		fake_vduse.destroyed = true;
		return strcmp(arg, fake_vduse.made.name) ? -EINVAL : 0;
	default:
		return -ENOTTY;
	}
}

static int set_up(const struct vduse_vq_config *c)
{
	if (c->index >= FAKE_QUEUES)
		return -EINVAL;
	fake_vduse.setup[c->index] = *c;
	return 0;
}

static int get_info(struct vduse_vq_info *info)
{
	if (info->index >= FAKE_QUEUES)
		return -EINVAL;
	uint32_t index = info->index;
	*info = fake_vduse.vq[index];
	info->index = index;
	return 0;
}

static int device(unsigned long request, void *arg)
{
	const struct vduse_vq_eventfd *kick = arg;
	const struct vduse_config_data *data = arg;

	switch (request) {
	case VDUSE_IOTLB_GET_FD:
		return get_fd_v0(arg);
	case VDUSE_IOTLB_GET_FD2:
		return fake_vduse.api < VDUSE_API_VERSION_1 ? -ENOTTY : get_fd(arg);
	case VDUSE_DEV_GET_FEATURES:
		*(uint64_t *)arg = fake_vduse.features;
		return 0;
	case VDUSE_DEV_SET_CONFIG:
		return set_config(data->offset, data->length, data->buffer);
	case VDUSE_VQ_SETUP:
		return set_up(arg);
	case VDUSE_VQ_GET_INFO:
		return get_info(arg);
	case VDUSE_VQ_SETUP_KICKFD:
		fake_vduse.kick_fd[kick->index % FAKE_QUEUES] = kick->fd;
		return 0;
	case VDUSE_VQ_INJECT_IRQ:
		fake_vduse.irqs[*(uint32_t *)arg % FAKE_QUEUES]++;
		return 0;
	case VDUSE_DEV_INJECT_CONFIG_IRQ:
		fake_vduse.config_irqs++;
		return 0;
	default:
		return -ENOTTY;
	}
}

static int carry_out(unsigned long request, void *arg)
{
	struct fake_vduse *f = &fake_vduse;

	if (request == f->fail_request && f->fail_times > 0) {
		if (f->fail_skip == 0) {
			f->fail_times--;
			return -f->fail_errno;
		}
		f->fail_skip--;
	}
	int ret = control(request, arg);
	return ret == -ENOTTY ? device(request, arg) : ret;
}

/* ---- what the device calls instead of the C library's ---- */

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;

	va_start(args, request);
	void *arg = va_arg(args, void *);
	va_end(args);
	if (request == TUNSETVNETHDRSZ) {
		fake_vduse_lock();
		fake_vduse.header = *(const int *)arg;
		fake_vduse_unlock();
		return 0;
	}
	if (request == TUNSETOFFLOAD) {
		fake_vduse_lock();
		fake_vduse.offloads = (unsigned long)(uintptr_t)arg;
		fake_vduse_unlock();
		return 0;
	}
	if (_IOC_TYPE(request) != VDUSE_BASE)
		return (int)syscall(SYS_ioctl, fd, request, arg);
	fake_vduse_lock();
	int ret = carry_out(request, arg);
	fake_vduse_unlock();
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

static int open_node(const char *name)
{
	int ends[2];

	if (!strcmp(name, "control"))
		return eventfd(0, EFD_CLOEXEC); /* any fd will do */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends))
		return -1;
	fake_vduse.peer = ends[1];
	return ends[0];
}

int open(const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (strncmp(path, NODES, strlen(NODES)))
		return openat(AT_FDCWD, path, flags, mode);
	if (fake_vduse.fail_open && !strcmp(path + strlen(NODES), fake_vduse.fail_open)) {
		errno = EACCES;
		return -1;
	}
	return open_node(path + strlen(NODES));
}

int fake_vduse_ask(struct vduse_dev_request *req, struct vduse_dev_response *resp)
{
	static uint32_t id;
	struct pollfd p = {.fd = fake_vduse.peer, .events = POLLIN};

	req->request_id = ++id;
	if (write(p.fd, req, sizeof(*req)) != sizeof(*req) || poll(&p, 1, ANSWER_MS) != 1 ||
	    read(p.fd, resp, sizeof(*resp)) != sizeof(*resp) || resp->request_id != id)
		return -1;
	return (int)resp->result;
}
