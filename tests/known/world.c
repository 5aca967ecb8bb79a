/* SPDX-License-Identifier: MIT */
/* What reproducers share; see world.h. It must never print, nor outlive a reproducer's process. */
#include "world.h"

#include "../../vdpa/nl.h"
#include "../../vdpa/sim/sim.h"
#include "../../vdpa/vduse/guard.h"
#include "../../vdpa/vduse/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vdpa.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BIT(n) (1ull << (n))

const uint64_t world_features = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM);

int64_t world_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

/* ---- the device ---- */

int world_create(struct world *w, unsigned queues, struct err *e)
{
	const struct vduse_setup setup = {.name = WORLD_NAME,
					  .api = 1,
					  .device_id = VIRTIO_ID_NET,
					  .features = world_features,
					  .queues = queues,
					  .queue_group = {0, 0, 1},
					  .groups = 2,
					  .spaces = 2,
					  .config_len = 16};

	int ret = guard_install(e);
	return ret ? ret : vduse_create(&w->dev, &setup, e);
}

int world_open(struct world *w, struct err *e)
{
	int ret = world_create(w, WORLD_QUEUES, e);

	return ret ? ret : nl_dev_add("vduse", WORLD_NAME, w->path, sizeof(w->path), e);
}

int world_open_sim(struct world *w, struct err *e)
{
	return sim_create(WORLD_NAME, NULL, w->path, sizeof(w->path), e);
}

void world_close(struct world *w)
{
	struct err ignored = {0}; /* the program cleans up by name what is left */

	vhost_close(&w->client);
	if (w->path[0])
		(void)nl_dev_del(WORLD_NAME, &ignored);
	(void)vduse_destroy(w->dev, &ignored);
	*w = (struct world){.client = {.fd = -1}};
}

/* ---- its client ---- */

int world_client(struct world *w, struct err *e)
{
	int ret = vhost_open(&w->client, w->path, e);

	if (!ret)
		ret = vhost_set_owner(&w->client, e);
	if (!ret)
		ret = vhost_set_backend_features(&w->client,
						 VHOST_F_IOTLB_MSG_V2 | VHOST_F_IOTLB_ASID |
						     BIT(VHOST_BACKEND_F_IOTLB_BATCH),
						 e);
	return ret;
}

int world_negotiate(const struct world *w, uint64_t features, struct err *e)
{
	const uint8_t found = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	int ret = vhost_set_status(&w->client, found, e);

	if (!ret)
		ret = vhost_set_features(&w->client, features, e);
	if (!ret)
		ret = vhost_set_status(&w->client, found | VIRTIO_CONFIG_S_FEATURES_OK, e);
	return ret;
}

int world_driver_ok(const struct world *w, struct err *e)
{
	return vhost_set_status(&w->client,
				VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
				    VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK,
				e);
}

int world_message(const struct world *w, int type, uint32_t asid, uint64_t at, uint64_t size,
		  const void *host, int perm)
{
	return raw_message(w->client.fd, type, asid, at, size, host, perm);
}

int world_map(const struct world *w, uint32_t asid, uint64_t at, const struct memory *m, int perm,
	      struct err *e)
{
	int ret = world_message(w, VHOST_IOTLB_UPDATE, asid, at, m->len, m->at, perm);

	return ret ? err_set(e, ERR_HOST, -ret, "VHOST_IOTLB_UPDATE", w->path, "ASID %u", asid) : 0;
}

int world_get_fd(const struct world *w, uint32_t asid, uint64_t at, struct region *region)
{
	return raw_get_fd(w->dev->fd, asid, at, region);
}

bool world_has(const struct world *w, uint32_t asid, uint64_t at)
{
	struct region region;
	int fd = world_get_fd(w, asid, at, &region);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* ---- processes and threads that may hang ---- */

pid_t world_fork(int (*body)(struct world *w, void *arg), struct world *w, void *arg)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(body(w, arg));
	return pid;
}

struct caller {
	pthread_t thread;
	int (*body)(void *arg);
	void *arg;
	atomic_bool back;
	int ret;
};

static void *make_call(void *caller)
{
	struct caller *c = caller;

	c->ret = c->body(c->arg);
	atomic_store(&c->back, true);
	return NULL;
}

/* Never freed: one that hangs in the kernel outlives its reproducer. */
struct caller *caller_start(int (*body)(void *arg), void *arg)
{
	struct caller *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	c->body = body;
	c->arg = arg;
	if (pthread_create(&c->thread, NULL, make_call, c))
		abort();
	pthread_detach(c->thread);
	return c;
}

int caller_wait(struct caller *c, unsigned ms, int *ret)
{
	for (int64_t until = world_ms() + ms; !atomic_load(&c->back); wait_ms(1))
		if (world_ms() >= until)
			return 0;
	*ret = c->ret;
	return 1;
}

/* ---- netlink, without care ---- */

int world_raw_delete(void *name)
{
	struct nl_sock *sk = nl_socket_alloc();
	struct nl_msg *msg = nlmsg_alloc();
	int ret = sk && msg ? genl_connect(sk) : -NLE_NOMEM;
	int family = ret ? ret : genl_ctrl_resolve(sk, VDPA_GENL_NAME);

	if (family >= 0 &&
	    genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, 0, VDPA_CMD_DEV_DEL,
			VDPA_GENL_VERSION) &&
	    !nla_put_string(msg, VDPA_ATTR_DEV_NAME, name)) {
		ret = nl_send_auto(sk, msg);
		if (ret >= 0)
			ret = nl_wait_for_ack(sk);
	}
	nlmsg_free(msg);
	nl_socket_free(sk);
	return ret;
}

int world_ask_netlink(void *unused)
{
	struct nl_sock *sk = nl_socket_alloc();
	int ret = sk ? genl_connect(sk) : -NLE_NOMEM;

	(void)unused;
	if (!ret)
		ret = genl_ctrl_resolve(sk, "nlctrl");
	nl_socket_free(sk);
	return ret;
}

/* ---- the machine ---- */

void world_stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	(void)sched_setaffinity(0, sizeof(set),
				&set); /* if it cannot be had, the deadline still holds */
}

/*
 * Sleeping on a CPU that stops is for ever, and so is waiting for it to flush its TLB, which a
 * first write to a page after a fork does.
 */
void world_brace(void)
{
	world_stay_on(0);
	(void)mlockall(MCL_CURRENT);
}

int world_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

long world_read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	long n = -ENODATA;

	if (!f)
		return -errno;
	if (fscanf(f, "%ld", &n) != 1)
		n = -ENODATA;
	fclose(f);
	return n;
}
