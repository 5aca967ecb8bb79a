/* SPDX-License-Identifier: MIT */
/*
 * The hash of a frame (virtio 1.3 section 5.1.6.4.3): which of its addresses and ports it is made
 * of, and its value. Pure. It must never look past a frame's end, whatever the lengths in it say.
 */
#ifndef VDUSE_RSS_H
#define VDUSE_RSS_H

#include "netctl.h"

#include <linux/virtio_net.h>

/** The hash types that there are (supported_hash_types); those with IPv6 options are not. */
#define RSS_TYPES                                                                                  \
	(VIRTIO_NET_RSS_HASH_TYPE_IPv4 | VIRTIO_NET_RSS_HASH_TYPE_TCPv4 |                          \
	 VIRTIO_NET_RSS_HASH_TYPE_UDPv4 | VIRTIO_NET_RSS_HASH_TYPE_IPv6 |                          \
	 VIRTIO_NET_RSS_HASH_TYPE_TCPv6 | VIRTIO_NET_RSS_HASH_TYPE_UDPv6)

struct rss_hash {
	uint16_t report; /* VIRTIO_NET_HASH_REPORT_...; _NONE: there is no value */
	uint32_t value;
};

/**
 * The hash of @frame, @len bytes from the destination address on, by the types and the key in @h; a
 * key that is too short goes on with zeroes. UNTRUSTED: driver, or whoever sent it
 */
struct rss_hash rss_hash(const struct netctl_hash *h, const uint8_t *frame, size_t len);

/**
 * A number of the flow that @frame belongs to, the same for what goes and what comes: automatic
 * steering looks for the queue that a flow is sent on (section 5.1.6.5.6.1). UNTRUSTED: as above
 */
uint32_t rss_flow(const uint8_t *frame, size_t len);

#endif
