/* SPDX-License-Identifier: MIT */
/*
 * The virtio-net control commands (virtio 1.3 section 5.1.6.5): which are well formed, and the
 * state they leave behind. Pure: bytes in, verdict and state out. It must never see guest memory:
 * its caller has copied the command into private memory first.
 */
#ifndef VIRTIO_CTRL_H
#define VIRTIO_CTRL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The longest command taken, header included. */
#define CTRL_COMMAND_MAX 4096

/** What the driver has told the device by control commands since its last reset. */
struct ctrl_state {
	bool mac_set; /* a MAC_ADDR_SET was acknowledged; before that the config space's address
			 holds */
	uint8_t mac[6];
	bool promisc, allmulti;
};

/** The state after a device reset with these negotiated features (section 5.1.6.5.1: promiscuous
 * until told). */
void ctrl_reset(struct ctrl_state *s, uint64_t features);

/**
 * Whether @cmd (class, command, then data; @len bytes in all) is a command of a negotiated feature,
 * of the exact length the spec gives it. 0; -EINVAL: not (answer VIRTIO_NET_ERR); -E2BIG: over
 * CTRL_COMMAND_MAX.
 */
int ctrl_validate(uint64_t features, const uint8_t *cmd, size_t len)
    __attribute__((warn_unused_result));

/** Commit a command that ctrl_validate() accepted and the device has acknowledged with
 * VIRTIO_NET_OK. */
void ctrl_commit(struct ctrl_state *s, const uint8_t *cmd, size_t len);

#endif
