/* SPDX-License-Identifier: MIT */
/*
 * What the network device does with one chain: send a frame, receive one, or carry out a control
 * command. Under the device's lock throughout. It must never keep anything of one session for the
 * next.
 */
#ifndef VDUSE_NETIO_H
#define VDUSE_NETIO_H

#include "backend.h"
#include "net.h"
#include "netctl.h"

#include <linux/virtio_net.h>

#define NETIO_FLOWS 256u

struct netio {
	struct vduse_dev *dev; /* borrowed */
	struct backend backend;
	unsigned calls; /* a bit per queue that has completed chains and not called */
	unsigned epoch; /* of the session that the rest belongs to */
	bool begun;	/* @can and @ctl are the session's: its features are known */
	struct netctl_ability can;
	struct netctl state[2], *ctl, *next; /* as it is, and as a command would leave it */
	struct netctl_result result;
	struct vring_chain chain, rx_chain;
	size_t header; /* how long it is before each frame */
	_Alignas(struct virtio_net_hdr_v1_hash) uint8_t frame[BACKEND_HEADER_MAX + NET_FRAME_MAX];
	/* A frame that has come and waits for a buffer, and its length: 0, none. One byte is for
	 * what is too long. */
	_Alignas(
	    struct virtio_net_hdr_v1_hash) uint8_t arrived[BACKEND_HEADER_MAX + NET_FRAME_MAX + 1];
	size_t arrived_len;
	uint8_t command[NETCTL_COMMAND_MAX];
	/* Of the flows that were sent, by rss_flow(): on which pair, plus 1; 0: none was. */
	uint8_t flow_pair[NETIO_FLOWS];
	bool state_failed;
	char print[NETCTL_PRINT_MAX];
};

/**
 * If a reset has come in between: nothing of the last session is left, and nothing is owed to it.
 */
void netio_session(struct netio *n);

/** A queue is ready, so that the features are known: begin the session's control state. */
void netio_begin(struct netio *n);

/** Which queue is the CVQ, and how many pairs are in use: what the session's features and commands
 * have made of it. */
unsigned netio_cvq(const struct netio *n);
unsigned netio_pairs(const struct netio *n);

/** Serve one chain of queue @q, which is ready. False: there is nothing more to do on it. */
bool netio_serve(struct netio *n, unsigned q);

#endif
