/* SPDX-License-Identifier: MIT */
/*
 * /dev/vduse/control, as far as it is used for a device's life and for cleaning up alike; see
 * dev.h. It must never be told a name that vduse_name_ok() has not passed.
 */
#include "dev.h"

#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vduse.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define RETRY_MS 10
#define RETRIES 100 /* a second */

bool vduse_name_ok(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < VDUSE_NAME_LEN && name[0] != '.' && strcmp(name, "control") &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
		   len;
}

int vduse_open_control(struct err *e)
{
	int fd = open(VDUSE_CONTROL, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, ERR_HOST, errno, "open", VDUSE_CONTROL, "%s",
			       errno == ENOENT ? "this kernel has no VDUSE: modprobe vduse, or use "
						 "one with CONFIG_VDPA_USER"
					       : "run it as root, or as a user who may open it");
	return fd;
}

/*
 * EBUSY for as long as there is the vDPA device, or somebody has the node open: a process that is
 * dying, or one that looks at every new device.
 */
int vduse_delete(int control_fd, const char *name)
{
	char full[VDUSE_NAME_MAX] = "", vdpa[sizeof("/sys/bus/vdpa/devices/") + VDUSE_NAME_LEN];
	struct stat st;
	int ret = 0;

	snprintf(full, sizeof(full), "%s", name);
	snprintf(vdpa, sizeof(vdpa), "/sys/bus/vdpa/devices/%s", name);
	for (int i = 0; i < RETRIES; i++) {
		ret = ioctl(control_fd, VDUSE_DESTROY_DEV, full) ? -errno : 0;
		if (ret != -EBUSY || !stat(vdpa, &st))
			break;
		wait_ms(RETRY_MS);
	}
	return ret;
}
