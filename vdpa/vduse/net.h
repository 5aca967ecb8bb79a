/* SPDX-License-Identifier: MIT */
/*
 * A virtio network device on VDUSE: pairs of RX and TX, a CVQ, and a backend (backend.h) in place
 * of a network. A frame that is looped back comes on the RX of its pair, and is lost if there is no
 * buffer; one of a tap's comes on the pair that its flow is sent on, and waits; with RSS, both come
 * where that says.
 * It must never let data queues, however busy, keep a control command waiting.
 */
#ifndef VDUSE_NET_H
#define VDUSE_NET_H

#include "dev.h"

struct backend;

/** The queues of a driver that has not taken MQ (section 5.1.2). With MQ, pair p has RX in 2 p and
 * TX in 2 p + 1, and the CVQ comes after all pairs. */
enum net_queue { NET_RX, NET_TX, NET_CVQ, NET_QUEUES };
#define NET_PAIRS_MAX 8

/**
 * The CVQ's group is its own, so that a client can put it into an address space of its own. Which
 * queue it is depends on the features, and groups must be known before: where there is more than
 * one pair, queue 2 is in a group of its own too.
 */
enum net_group { NET_GROUP_DATA, NET_GROUP_CVQ, NET_GROUPS, NET_GROUP_SECOND = NET_GROUPS };

/**
 * How queues are grouped. As mlx5_vdpa has it, descriptors of data queues can be in one group more,
 * so that there are more groups than address spaces; VDUSE cannot tell a client which queues' they
 * are (it has no get_vq_desc_group), so that no queue is in it.
 */
enum net_shape { NET_SHAPE_NET, NET_SHAPE_MLX5 };

#define NET_SPACES 2
/** The largest frame there can be: 64 KiB of IP, less one, and the Ethernet header. */
#define NET_FRAME_MAX 65549

struct net_options {
	const char *name;
	int api; /* as in struct vduse_setup */
	uint8_t mac[6];
	unsigned pairs; /* 1 to NET_PAIRS_MAX */
	enum net_shape shape;
	bool private_cvq; /* CTRL_VQ is not offered, but served to a client that accepts it */
	uint64_t backend_features; /* added to what is offered */
	uint64_t rings_without;	   /* of INDIRECT_DESC, EVENT_IDX, RING_PACKED: not offered */
	uint32_t breaks;
	struct trace *trace; /* borrowed, may be NULL */
	const char *state;   /* a file to keep the control state in, or NULL; borrowed */
};

/** What to create, for vduse_create(). */
void net_describe(struct vduse_setup *s, const struct net_options *o);

struct net;

/**
 * Start serving @d, made from net_describe(). It borrows @d until net_stop(), and takes over what
 * @b holds, on error too. A NULL @b is a loopback.
 */
int net_start(struct net **out, struct vduse_dev *d, struct backend *b, struct err *e);

/**
 * Ask the driver to announce itself (section 5.1.6.5.4): the config space says so until it has, and
 * the driver is interrupted. -ENODEV: there is none that has negotiated it. From any thread.
 */
int net_announce(struct vduse_dev *d);

/**
 * Stop serving. -ETIMEDOUT: the thread is stuck in a client's memory; @n and its device must be
 * left alone.
 */
int net_stop(struct net *n, struct err *e);

#endif
