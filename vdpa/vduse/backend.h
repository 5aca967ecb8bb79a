/* SPDX-License-Identifier: MIT */
/*
 * What the network device has in place of a network: nothing that answers (sink), itself
 * (loopback), or an interface of the host's (tap); and the capture of what passes. It must never
 * keep its caller waiting.
 */
#ifndef VDUSE_BACKEND_H
#define VDUSE_BACKEND_H

#include "netctl.h"
#include "offload.h"
#include "pcap.h"
#include "tap.h"

enum backend_kind { BACKEND_LOOPBACK, BACKEND_SINK, BACKEND_TAP };

struct backend {
	enum backend_kind kind;
	struct tap tap;
	struct pcap pcap;
	/* The session's: */
	uint64_t features; /* negotiated */
	uint64_t offloads; /* what is on of VIRTIO_NET_F_GUEST_... */
	size_t header;	   /* how long it is before each frame */
};

/** The longest header, and how long it is by the negotiated @features (section 5.1.6). */
#define BACKEND_HEADER_MAX sizeof(struct virtio_net_hdr_v1_hash)
size_t backend_header(uint64_t features);

/** Make it; @interface (may be NULL) is a tap's name, @capture (may be NULL) a file. */
int backend_open(struct backend *b, enum backend_kind kind, const char *interface,
		 const char *capture, struct err *e);
void backend_close(struct backend *b);

/** Features it adds to what the device offers. */
uint64_t backend_features(const struct backend *b);

/** What a session begins with: these features, and no frame from before it. */
void backend_begin(struct backend *b, uint64_t features);

/** The driver has switched offloads. */
void backend_switch(struct backend *b, uint64_t offloads);

/**
 * A frame of @len bytes, which the driver has sent, behind its header, all of it. NULL, or why it
 * is lost. Loopback has nothing to do here.
 */
const char *backend_send(struct backend *b, struct virtio_net_hdr_v1 *header, size_t len);

/**
 * The next frame for the driver, behind its header, where there is @room for the frame. *@why is
 * NULL, or why the driver must not see it. Its length; 0: there is none at present.
 */
size_t backend_receive(struct backend *b, struct virtio_net_hdr_v1 *header, size_t room,
		       const struct netctl *c, const char **why);

/** A frame has passed, in either direction. */
void backend_capture(struct backend *b, const void *frame, size_t len);

#endif
