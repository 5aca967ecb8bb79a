/* SPDX-License-Identifier: MIT */
/*
 * vDPA devices by name: created, bound to vhost_vdpa and deleted, over the "vdpa" generic netlink family
 * and sysfs. It must never touch a device whose name it was not given.
 */
#ifndef VDPA_NL_H
#define VDPA_NL_H

#include "err.h"

#include <stddef.h>

/**
 * Create vDPA device @name on management device @mgmt ("vduse", "vdpasim_net"), bind it to vhost_vdpa and
 * write the path of its node ("/dev/vhost-vdpa-N") to @path. The parent must be answering already.
 * Needs CAP_NET_ADMIN and a writable /sys/bus/vdpa.
 */
int nl_dev_add(const char *mgmt, const char *name, char *path, size_t len, struct err *e);

/** Delete vDPA device @name. Waits for its node to be closed (the kernel's own rule). -ENODEV: no such device. */
int nl_dev_del(const char *name, struct err *e);

#endif
