/* SPDX-License-Identifier: MIT */
/*
 * K6: the kernel's own driver waits for a control command by spinning, with the RTNL held, for as
 * long as the VDUSE daemon does not answer. Ours stops serving for a while and then goes on, so
 * that the kernel comes back.
 */
#include "known.h"

#include "../../vdpa/nl.h"
#include "../../vdpa/vduse/net.h"
#include "../../vdpa/vduse/wait.h"

#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define DRIVERS "/sys/bus/vdpa/drivers/"
#define SPIN_MS 3000

static bool find_interface(char name[IFNAMSIZ])
{
	const char *nets = "/sys/class/net";
	struct dirent *entry;
	bool found = false;
	DIR *d = opendir(nets);

	while (d && !found && (entry = readdir(d))) {
		char path[300], target[512] = "";
		snprintf(path, sizeof(path), "%s/%.200s", nets, entry->d_name);
		if (readlink(path, target, sizeof(target) - 1) < 0)
			continue;
		found = strstr(target, "/" WORLD_NAME "/") != NULL;
		if (found)
			snprintf(name, IFNAMSIZ, "%.15s", entry->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

/* `ip link set NAME address 52:54:00:00:00:66`, which is one command on the CVQ. */
static int set_address(struct world *w, void *name)
{
	struct ifreq req = {
	    .ifr_hwaddr = {.sa_family = ARPHRD_ETHER, .sa_data = {0x52, 0x54, 0, 0, 0, 0x66}}};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)w;
	snprintf(req.ifr_name, IFNAMSIZ, "%.15s", (const char *)name);
	return ioctl(s, SIOCSIFHWADDR, &req) ? errno : 0;
}

/* Anything that takes the RTNL will do, on any other interface. */
static int set_loopback_up(void *unused)
{
	struct ifreq req = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)unused;
	int ret = ioctl(s, SIOCSIFFLAGS, &req) ? -errno : 0;
	close(s);
	return ret;
}

/* Clock ticks that process @pid has spent in the kernel. */
static long kernel_ticks(pid_t pid)
{
	char path[64];
	long ticks = -1;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "re");
	if (f &&
	    fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %ld", &ticks) != 1)
		ticks = -1;
	if (f)
		fclose(f);
	return ticks;
}

static int bind_to_virtio(struct known_run *r, char interface[IFNAMSIZ])
{
	int ret = nl_dev_add("vduse", WORLD_NAME, r->world.path, sizeof(r->world.path), &r->e);

	r->world.path[0] = '\0'; /* no client of ours from here on */
	if (!ret)
		ret = world_write(DRIVERS "vhost_vdpa/unbind", WORLD_NAME);
	if (!ret)
		ret = world_write(DRIVERS "virtio_vdpa/bind", WORLD_NAME);
	for (int i = 0; !ret && i < 200 && !find_interface(interface); i++)
		wait_ms(10);
	if (!ret && !interface[0])
		ret = -ENODEV;
	return ret ? err_set(&r->e, ERR_HOST, -ret, "bind to virtio_vdpa", WORLD_NAME, "%s", "")
		   : 0;
}

/* With nobody serving: the command, and whoever else wants the RTNL. Served again at the end. */
static enum known_verdict starve(struct known_run *r, char *interface, struct net **net)
{
	int ret, code;

	if (net_stop(*net, &r->e))
		return known_failed(r);
	pid_t pid = world_fork(set_address, NULL, interface);
	ret = raw_wait(pid, 500);
	struct caller *other = caller_start(set_loopback_up, NULL);
	long begin = kernel_ticks(pid);
	kill(pid, SIGKILL);
	bool unkillable = ret == -ETIMEDOUT && raw_wait(pid, SPIN_MS) == -ETIMEDOUT;
	long spun = kernel_ticks(pid) - begin;
	bool blocked = !caller_wait(other, 1, &code);

	if (net_start(net, r->world.dev, NULL, &r->e))
		return known_failed(r);
	bool ended = !unkillable || raw_wait(pid, 5000) != -ETIMEDOUT;
	bool freed = caller_wait(other, 5000, &code);
	long all = SPIN_MS * sysconf(_SC_CLK_TCK) / 1000;
	if (!unkillable || !blocked || spun < all / 4) /* on a CPU that others want too */
		return known_gone(r,
				  "the command %s, %ld ticks of %ld in the kernel; the RTNL was %s",
				  unkillable ? "waited" : "came back or could be killed", spun, all,
				  blocked ? "held" : "free");
	return known_shows(
	    r,
	    "the command on %s could not be killed for %d ms, spent %ld ticks of %ld "
	    "in the kernel, and kept an ioctl on lo waiting; %s when the daemon went on",
	    interface, SPIN_MS, spun, all,
	    ended && freed ? "both came back" : "they did not come back");
}

static enum known_verdict run(struct known_run *r)
{
	const struct net_options options = {
	    .name = WORLD_NAME, .api = 1, .pairs = 1, .mac = {0x52, 0x54, 0, 0, 0, 1}};
	struct vduse_facts facts;
	struct vduse_setup setup;
	struct net *net = NULL;
	char interface[IFNAMSIZ] = "";

	if (access(DRIVERS "virtio_vdpa", F_OK))
		return known_skip(r, "needs CONFIG_VIRTIO_VDPA, or the module virtio_vdpa loaded");
	if (vduse_probe(&facts, &r->e))
		return known_failed(r);
	if (!facts.ctrl_vq_offered)
		return known_skip(r,
				  "this kernel does not let VDUSE offer VIRTIO_NET_F_CTRL_VQ, for "
				  "this very reason");
	net_describe(&setup, &options);
	if (vduse_create(&r->world.dev, &setup, &r->e) ||
	    net_start(&net, r->world.dev, NULL, &r->e))
		return known_failed(r);
	enum known_verdict verdict =
	    bind_to_virtio(r, interface) ? known_failed(r) : starve(r, interface, &net);

	struct err ignored = {0};
	(void)nl_dev_del(WORLD_NAME, &ignored);
	(void)net_stop(net, &ignored);
	return verdict;
}

const struct known k6 = {
    .name = "k6",
    .title = "a CVQ behind virtio_vdpa with a stopped daemon spins in the kernel, RTNL held",
    .needs = NEED_VDUSE,
    .destructive = true,
    .seconds = 40,
    .run = run,
};
