/* SPDX-License-Identifier: MIT */
/*
 * vDPA devices by name; see nl.h. Netlink through libnl, the driver through sysfs. It must never
 * wait for an answer without a limit, and never leave a device that is only half set up.
 */
#include "nl.h"

#include "clock.h"
#include "lockfile.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vdpa.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUS "/sys/bus/vdpa"
#define AUTOPROBE BUS "/drivers_autoprobe"
#define DRIVER "vhost_vdpa"
#define ANSWER_S 5
#define LOCK_MS 10000
#define STEP_MS 10
#define NODE_WAIT_MS 2000
#define PATH_LEN 256

/* ---- netlink ---- */

/* libnl folds errno values into fewer codes of its own; this keeps the kernel's. */
static int on_error(struct sockaddr_nl *from, struct nlmsgerr *msg, void *arg)
{
	int *code = arg;

	(void)from;
	*code = -msg->error;
	return NL_STOP;
}

static int open_socket(struct nl_sock **sk, int *family, struct err *e)
{
	const struct timeval limit = {.tv_sec = ANSWER_S};

	*sk = nl_socket_alloc();
	if (!*sk)
		return err_set(e, ERR_INTERNAL, ENOMEM, "nl_socket_alloc", "netlink", "%s", "");
	int ret = genl_connect(*sk);
	if (ret == 0 &&
	    setsockopt(nl_socket_get_fd(*sk), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		ret = -NLE_FAILURE;
	if (ret) {
		nl_socket_free(*sk);
		return err_set(e, ERR_HOST, 0, "genl_connect", "netlink",
			       "%s: this kernel needs CONFIG_NET", nl_geterror(ret));
	}
	*family = genl_ctrl_resolve(*sk, VDPA_GENL_NAME);
	if (*family >= 0)
		return 0;
	ret = err_set(e, ERR_HOST, ENOENT, "genl_ctrl_resolve", VDPA_GENL_NAME,
		      "%s: modprobe vdpa, or use a kernel with CONFIG_VDPA", nl_geterror(*family));
	nl_socket_free(*sk);
	return ret;
}

/* Send one command and wait for its verdict: 0 or -errno of the kernel, -EIO if libnl has none. */
static int talk(struct nl_sock *sk, struct nl_msg *msg)
{
	int code = 0;

	nl_socket_modify_err_cb(sk, NL_CB_CUSTOM, on_error, &code);
	int ret = nl_send_auto(sk, msg);
	if (ret >= 0)
		ret = nl_wait_for_ack(sk);
	if (code)
		return -code;
	return ret >= 0 ? 0 : ret == -NLE_AGAIN ? -ETIMEDOUT : -EIO;
}

static int command(uint8_t cmd, const char *mgmt, const char *name, const uint8_t mac[6],
		   struct err *e, int *verdict)
{
	struct nl_sock *sk;
	int family = 0, ret = open_socket(&sk, &family, e);

	if (ret)
		return ret;
	struct nl_msg *msg = nlmsg_alloc();
	if (!msg ||
	    !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, 0, cmd, VDPA_GENL_VERSION) ||
	    (mgmt && nla_put_string(msg, VDPA_ATTR_MGMTDEV_DEV_NAME, mgmt)) ||
	    nla_put_string(msg, VDPA_ATTR_DEV_NAME, name) ||
	    (mac && nla_put(msg, VDPA_ATTR_DEV_NET_CFG_MACADDR, 6, mac)))
		ret = err_set(e, ERR_INTERNAL, ENOMEM, "nlmsg_alloc", name, "%s", "");
	else
		*verdict = talk(sk, msg);
	if (msg)
		nlmsg_free(msg);
	nl_socket_free(sk);
	return ret;
}

static const char *remedy_new(int code)
{
	switch (code) {
	case EPERM:
		return "creating a vDPA device needs CAP_NET_ADMIN: run it as root";
	case ENODEV:
		return "there is no such management device: load its module (modprobe vduse, or "
		       "vdpa_sim_net)";
	case EEXIST:
		return "a vDPA device of that name exists: vdpa dev del it, or choose another name";
	case EINVAL:
		return "there is no such VDUSE device, or not all of its queues are set up";
	case ETIMEDOUT:
		return "the kernel did not answer: is another deletion waiting for a client to "
		       "close its node?";
	default:
		return "";
	}
}

/* ---- sysfs ---- */

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static bool driver_of(const char *name, char driver[PATH_LEN])
{
	char path[PATH_LEN], target[PATH_LEN];

	snprintf(path, sizeof(path), BUS "/devices/%s/driver", name);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	const char *slash = strrchr(target, '/');
	snprintf(driver, PATH_LEN, "%s", slash ? slash + 1 : target);
	return true;
}

/*
 * With autoprobe on, virtio_vdpa would take every new device, and the host would have a network
 * interface, whose driver waits for our CVQ (finding K6). Turned off for the moment that creating
 * takes, and put back: others' devices are none of our business. One after another, or who came
 * second would find it off and create while the first puts it back.
 */
static int autoprobe_off(int *lock, bool *was_on, struct err *e)
{
	char before = '\0';

	*was_on = false;
	*lock = lockfile_take(AUTOPROBE, LOCK_MS);
	if (*lock == -EWOULDBLOCK)
		return err_set(
		    e, ERR_HOST, EWOULDBLOCK, "flock", AUTOPROBE,
		    "another process, such as a ringfence that creates a device, holds the "
		    "lock of this file and does not end: stop it");
	if (*lock < 0)
		return err_set(e, ERR_HOST, -*lock, "open", AUTOPROBE,
			       "modprobe vdpa, and mount /sys");
	if (read(*lock, &before, 1) != 1 || before != '1')
		return 0;
	int ret = write_text(AUTOPROBE, "0");
	if (ret) {
		close(*lock);
		return err_set(e, ERR_HOST, -ret, "write", AUTOPROBE,
			       "run it as root, with a writable /sys");
	}
	*was_on = true;
	return 0;
}

static int create_unbound(const char *mgmt, const char *name, const uint8_t mac[6], struct err *e)
{
	int verdict = 0, lock;
	bool was_on;
	int ret = autoprobe_off(&lock, &was_on, e);

	if (ret)
		return ret;
	ret = command(VDPA_CMD_DEV_NEW, mgmt, name, mac, e, &verdict);
	if (was_on)
		(void)write_text(AUTOPROBE, "1");
	close(lock);
	if (!ret && verdict)
		ret = err_set(e, ERR_HOST, -verdict, "VDPA_CMD_DEV_NEW", name,
			      "management device %s: %s", mgmt, remedy_new(-verdict));
	return ret;
}

static int bind_driver(const char *name, struct err *e)
{
	char path[PATH_LEN * 2], driver[PATH_LEN];
	const char *bind = BUS "/drivers/" DRIVER "/bind";

	if (driver_of(name, driver) && strcmp(driver, DRIVER)) {
		snprintf(path, sizeof(path), BUS "/drivers/%s/unbind", driver);
		(void)write_text(path, name); /* if it stays there, the next step says so */
	}
	int ret = write_text(bind, name);
	/* Another tool's autoprobe may have bound it already. */
	if (ret && driver_of(name, driver) && !strcmp(driver, DRIVER))
		ret = 0;
	if (ret == -ENOENT)
		return err_set(e, ERR_HOST, ENOENT, "open", bind,
			       "modprobe vhost_vdpa, or use a kernel with CONFIG_VHOST_VDPA");
	if (ret)
		return err_set(e, ERR_HOST, -ret, "bind to " DRIVER, name,
			       "run it as root, with a writable /sys");
	return 0;
}

/* /sys/bus/vdpa/devices/NAME/vhost-vdpa-N is there as soon as the driver is bound. */
static bool find_node(const char *name, char *path, size_t len)
{
	char dir[PATH_LEN];
	struct dirent *entry;
	bool found = false;

	snprintf(dir, sizeof(dir), BUS "/devices/%s", name);
	DIR *d = opendir(dir);
	while (d && !found && (entry = readdir(d))) {
		found = !strncmp(entry->d_name, "vhost-vdpa-", 11) &&
			isdigit((unsigned char)entry->d_name[11]) && strlen(entry->d_name) < 24;
		if (found)
			snprintf(path, len, "/dev/%.24s", entry->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

static int wait_node(const char *name, char *path, size_t len, struct err *e)
{
	struct stat st;
	int64_t end = clock_ms() + NODE_WAIT_MS;

	while (clock_ms() < end) {
		if (find_node(name, path, len) && !stat(path, &st) && S_ISCHR(st.st_mode))
			return 0;
		clock_pause(STEP_MS);
	}
	return err_set(e, ERR_HOST, ENOENT, "stat", "/dev/vhost-vdpa-N",
		       "device %s is bound to " DRIVER
		       ", but its node did not come up: mount devtmpfs on /dev",
		       name);
}

/* Names become parts of paths. Longer ones exist, but not from here. */
static int check_name(const char *name, struct err *e)
{
	if (*name && *name != '.' && strlen(name) < 64 && !strchr(name, '/'))
		return 0;
	return err_set(e, ERR_USAGE, EINVAL, "vDPA device name", name,
		       "1 to 63 characters, no '/', no dot first");
}

int nl_dev_add_mac(const char *mgmt, const char *name, const uint8_t mac[6], char *path, size_t len,
		   struct err *e)
{
	int ret = check_name(name, e);

	if (!ret)
		ret = create_unbound(mgmt, name, mac, e);
	if (ret)
		return ret;
	ret = bind_driver(name, e);
	if (!ret)
		ret = wait_node(name, path, len, e);
	if (ret) {
		struct err ignored = {0};
		(void)nl_dev_del(name, &ignored); /* the first error is the one to tell */
	}
	return ret;
}

int nl_dev_add(const char *mgmt, const char *name, char *path, size_t len, struct err *e)
{
	return nl_dev_add_mac(mgmt, name, NULL, path, len, e);
}

/* ---- deletion ---- */

/*
 * Until nobody has the node open. It can be opened by one client at a time, so our opening it
 * tells; any other error than EBUSY means that there is nobody (or no node) to wait for.
 */
static int wait_client(const char *name, struct err *e)
{
	char path[PATH_LEN] = "";
	int64_t end = clock_ms() + NL_CLIENT_WAIT_MS;

	while (clock_ms() < end) {
		if (!find_node(name, path, sizeof(path)))
			return 0;
		int fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0 && errno == EBUSY) {
			clock_pause(STEP_MS);
			continue;
		}
		if (fd >= 0)
			close(fd);
		return 0;
	}
	return err_set(e, ERR_HOST, EBUSY, "open", path,
		       "a client keeps device %s open: stop it, then: vdpa dev del %s", name, name);
}

int nl_dev_del(const char *name, struct err *e)
{
	char path[PATH_LEN];
	struct stat st;
	int verdict = 0, ret = check_name(name, e);

	if (ret)
		return ret;
	snprintf(path, sizeof(path), BUS "/devices/%s", name);
	if (stat(path, &st))
		return -ENODEV;
	ret = wait_client(name, e);
	if (!ret)
		ret = command(VDPA_CMD_DEV_DEL, NULL, name, NULL, e, &verdict);
	if (ret)
		return ret;
	if (verdict == -ENODEV)
		return -ENODEV;
	if (verdict)
		return err_set(e, ERR_HOST, -verdict, "VDPA_CMD_DEV_DEL", name, "%s",
			       verdict == -EPERM ? "it needs CAP_NET_ADMIN: run it as root" : "");
	return 0;
}
