/* SPDX-License-Identifier: MIT */
/*
 * A tap: an interface of the host's whose other end is the device. It must never make its caller
 * wait: what cannot be sent or received at once is not.
 */
#ifndef VDUSE_TAP_H
#define VDUSE_TAP_H

#include "../err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TAP_NAME_LEN 16 /* IFNAMSIZ */

struct tap {
	int fd; /* readable when there is a frame; -1: none */
	char name[TAP_NAME_LEN];
	uint64_t features; /* offloads it has, as feature bits of a network device */
};

/**
 * Make the interface @name, or one of the kernel's naming if it is NULL, and find out what it can
 * do. It goes away with tap_close(), or with the process; giving it an address and setting it up is
 * left to the host. EPERM: that needs CAP_NET_ADMIN; EBUSY: it has another user.
 */
int tap_open(struct tap *t, const char *name, struct err *e);
void tap_close(struct tap *t);

/**
 * Let the interface hand out frames whose checksums are left to the driver, and that are longer
 * than its MTU, as the feature bits in @offloads say (VIRTIO_NET_F_GUEST_...). 0 or -errno.
 */
int tap_set_offloads(const struct tap *t, uint64_t offloads);

/** How long the header before each frame is, from sizeof(struct virtio_net_hdr_v1) on, as it is at
 * first; what is longer is zeroes. 0 or -errno. */
int tap_set_header(const struct tap *t, size_t len);

/** Send or receive a frame behind its header. The length, or -errno. */
ssize_t tap_send(const struct tap *t, const void *frame, size_t len);
ssize_t tap_receive(const struct tap *t, void *frame, size_t room);

#endif
