/* SPDX-License-Identifier: MIT */
/*
 * The header before a frame (virtio 1.3 section 5.1.6): what its sender may ask for, by what was
 * negotiated. Pure. It must never let through a field that it has not judged.
 */
#ifndef VDUSE_OFFLOAD_H
#define VDUSE_OFFLOAD_H

#include <linux/virtio_net.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Judge @h, which the driver has put before a frame of @len bytes, under the negotiated @features,
 * and leave in it what counts. NULL, or why it is refused. UNTRUSTED: driver
 */
const char *offload_sent(struct virtio_net_hdr_v1 *h, uint64_t features, size_t len);

/**
 * Make of @h, a tap's, what the driver may see now that @offloads (VIRTIO_NET_F_GUEST_...) are on.
 * NULL, or why the frame must be dropped: it was queued when more was on.
 */
const char *offload_received(struct virtio_net_hdr_v1 *h, uint64_t offloads);

/** Those of @features that a driver can switch: what is on after a reset. */
uint64_t offload_initial(uint64_t features);

#endif
