/* SPDX-License-Identifier: MIT */
/*
 * vDPA devices by name: created, bound to vhost_vdpa and deleted, over the "vdpa" generic netlink
 * family and sysfs. It must never touch a device whose name it was not given.
 */
#ifndef VDPA_NL_H
#define VDPA_NL_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

/** How long nl_dev_del() waits for a client to close the device's node. */
#define NL_CLIENT_WAIT_MS 5000

/**
 * Create vDPA device @name on management device @mgmt ("vduse", "vdpasim_net"), bind it to
 * vhost_vdpa and write the path of its node ("/dev/vhost-vdpa-N") to @path. The parent must be
 * answering already. Needs CAP_NET_ADMIN and a writable /sys/bus/vdpa. On an error the device is
 * deleted again.
 */
int nl_dev_add(const char *mgmt, const char *name, char *path, size_t len, struct err *e);

/** The same with a MAC address, for a management device that takes one (VDUSE's does not). */
int nl_dev_add_mac(const char *mgmt, const char *name, const uint8_t mac[6], char *path, size_t len,
		   struct err *e);

/**
 * Delete vDPA device @name. The kernel would wait, unkillably and with its netlink locked, until a
 * client has closed the device's node (vhost_vdpa_remove); so the node is opened first, which
 * resets the device and needs an answering parent, and the deletion begins only when that works:
 * -EBUSY, with @e, after NL_CLIENT_WAIT_MS. -ENODEV: there is no such device; @e stays as it was.
 */
int nl_dev_del(const char *name, struct err *e);

#endif
