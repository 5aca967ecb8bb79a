/* SPDX-License-Identifier: MIT */
/*
 * The network device's answers to control commands (virtio 1.3 section 5.1.6.5), and what they
 * leave behind. Pure, and on purpose not virtio/ctrl.c, which judges the same commands for the VMM:
 * the two must agree by the specification, never by sharing code.
 */
#ifndef VDUSE_NETCTL_H
#define VDUSE_NETCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The longest command read at all. */
#define NETCTL_COMMAND_MAX 4096

struct netctl {
	uint8_t mac[6];
	bool rx_mode[6]; /* indexed by VIRTIO_NET_CTRL_RX_* */
};

/**
 * Carry out @cmd (class, command and data: @len bytes) under the negotiated @features.
 * VIRTIO_NET_OK, or VIRTIO_NET_ERR with @c untouched: not negotiated, unknown, or not exactly as
 * long as it must be.
 */
uint8_t netctl_run(struct netctl *c, uint64_t features, const uint8_t *cmd, size_t len);

#endif
