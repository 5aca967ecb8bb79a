/* SPDX-License-Identifier: MIT */
/*
 * The simulator as a device of ours, see sim.h. Whoever keeps one holds a socket of its name, which
 * goes when its process does: the kernel itself would serve an orphan for ever. It must never
 * delete a device that it cannot tell to be a simulator.
 */
#include "sim.h"

#include "../clock.h"
#include "../nl.h"
#include "tracer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MGMT "vdpasim_net"
#define PUMP_MS 10
#define LOOK_MS 500
#define TRACER_NICE (-15)

static int no_simulator(struct err *e)
{
	return err_set(e, ERR_HOST, ENODEV, "VDPA_CMD_DEV_NEW", MGMT,
		       "this kernel has no network simulator: modprobe vdpa_sim_net, or use one "
		       "with CONFIG_VDPA_SIM_NET");
}

int sim_possible(struct err *e)
{
	return access("/sys/devices/" MGMT, F_OK) ? no_simulator(e) : 0;
}

int sim_create(const char *name, const uint8_t mac[6], char *path, size_t len, struct err *e)
{
	struct err own = {0};
	int ret = nl_dev_add_mac(MGMT, name, mac, path, len, &own);

	if (ret && own.code == ENODEV)
		return no_simulator(e);
	if (ret && e->kind == ERR_NONE)
		*e = own;
	return ret;
}

/* ---- whose it is ---- */

/* A socket in the abstract name space: no file, and gone with us. -EADDRINUSE: it is another's. */
static int claim(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "ringfence/vdpa_sim/%s", name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (!bind(fd, (struct sockaddr *)&a,
		  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)))
		return fd;
	int ret = -errno;
	close(fd);
	return ret;
}

static int claim_name(const char *name, struct err *e)
{
	if (strlen(name) > SIM_NAME_MAX)
		return err_set(e, ERR_USAGE, ENAMETOOLONG, "--name", name,
			       "a simulator's has at most %d characters", SIM_NAME_MAX);
	int fd = claim(name);
	if (fd == -EADDRINUSE)
		return err_set(e, ERR_HOST, EBUSY, "bind", name,
			       "another ringfence device keeps a simulator of that name");
	return fd < 0 ? err_set(e, ERR_INTERNAL, -fd, "bind", name, "%s", "") : fd;
}

/* An orphan, by its worker's name, which no other device has. The name is claimed. */
static int remove_orphan(const char *name, struct err *e)
{
	struct err none = {0};

	if (tracer_worker(name, &none) < 0)
		return 0;
	int ret = nl_dev_del(name, e);
	return ret == -ENODEV ? 0 : ret;
}

int sim_cleanup(const char *name, struct err *e)
{
	int claimed = claim_name(name, e);

	if (claimed < 0)
		return claimed;
	int ret = remove_orphan(name, e);
	close(claimed);
	return ret;
}

/* ---- one device ---- */

static int wait_for_end(const struct sim_options *o, struct tracer *t, int signals, struct err *e)
{
	int64_t end = clock_ms() + (int64_t)o->timeout_s * 1000;

	for (;;) {
		struct pollfd p = {.fd = signals, .events = POLLIN};
		struct signalfd_siginfo info;

		if (poll(&p, 1, t ? PUMP_MS : LOOK_MS) > 0 &&
		    read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
			return 0;
		int ret = t ? tracer_pump(t, e) : 0;
		if (ret)
			return ret;
		if (trace_failed(o->trace))
			return -EIO; /* trace_close() says what it was */
		if (o->timeout_s && clock_ms() >= end)
			return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "--timeout", o->name,
				       "its %u s are over", o->timeout_s);
	}
}

static int keep(const struct sim_options *o, struct tracer *t, const char *node, int signals,
		struct err *e)
{
	int ret = t ? tracer_begin(t, o->name, node, e) : 0;

	if (ret)
		return ret;
	/* What is looked up has to be read as fast as a guest can make it, on a busy host too. */
	if (t)
		(void)setpriority(PRIO_PROCESS, 0, TRACER_NICE);
	if (o->verbose)
		fprintf(stderr, "ringfence device: %s: vdpa_sim_net, %s, %s\n", o->name,
			t ? "traced" : "not traced", node);
	printf("ready %s\n", node);
	fflush(stdout);
	return wait_for_end(o, t, signals, e);
}

/* The first error is the one to tell. */
static int first(struct err *e, int ret, const struct err *late, int then)
{
	if (then && e->kind == ERR_NONE)
		*e = *late;
	return ret ? ret : then;
}

static int make_and_keep(const struct sim_options *o, struct tracer *t, int signals, struct err *e)
{
	char node[64];
	struct err late = {0};
	int ret = sim_create(o->name, o->mac, node, sizeof(node), e);

	if (ret)
		return ret;
	ret = keep(o, t, node, signals, e);
	int gone = nl_dev_del(o->name, &late);
	return first(e, ret, &late, gone == -ENODEV ? 0 : gone);
}

int sim_serve(const struct sim_options *o, int signals, struct err *e)
{
	struct tracer *t = NULL;
	struct err late = {0};
	int ret = sim_possible(e);

	if (ret)
		return ret;
	int claimed = claim_name(o->name, e);
	if (claimed < 0)
		return claimed;
	ret = remove_orphan(o->name, e);
	if (!ret && o->trace)
		ret = tracer_open(&t, o->trace, e);
	if (!ret)
		ret = make_and_keep(o, t, signals, e);
	if (t)
		ret = first(e, ret, &late, tracer_close(t, &late));
	close(claimed);
	return ret;
}
