/* SPDX-License-Identifier: MIT */
/*
 * What the network device does with one chain: send and loop back a frame, or carry out a control
 * command. Under the device's lock throughout. It must never keep anything of one session for the
 * next.
 */
#ifndef VDUSE_NETIO_H
#define VDUSE_NETIO_H

#include "net.h"
#include "netctl.h"

#include <linux/virtio_net.h>

#define NETIO_HEADER sizeof(struct virtio_net_hdr_v1)

struct netio {
	struct vduse_dev *dev; /* borrowed */
	unsigned calls;	       /* a bit per queue that has completed chains and not called */
	unsigned epoch;	       /* of the session that the rest belongs to */
	bool begun;	       /* @can and @ctl are the session's: its features are known */
	struct netctl_ability can;
	struct netctl ctl, next; /* as it is, and as a command would leave it */
	struct netctl_result result;
	struct vring_chain chain, rx_chain;
	uint8_t frame[NETIO_HEADER + NET_FRAME_MAX];
	uint8_t command[NETCTL_COMMAND_MAX];
	bool state_failed;
	char print[NETCTL_PRINT_MAX];
};

/**
 * If a reset has come in between: nothing of the last session is left, and nothing is owed to it.
 */
void netio_session(struct netio *n);

/** A queue is ready, so that the features are known: begin the session's control state. */
void netio_begin(struct netio *n);

/** Serve one chain of a queue that is ready. False: there is nothing more to do on it. */
bool netio_send(struct netio *n);
bool netio_control(struct netio *n);

#endif
