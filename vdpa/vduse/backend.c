/* SPDX-License-Identifier: MIT */
/* The network device's backends; see backend.h. It must never trust a header of the driver's. */
#include "backend.h"

#include "filter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STALE_MAX 4096 /* frames: above what a tap's queue holds */

int backend_open(struct backend *b, enum backend_kind kind, const char *interface,
		 const char *capture, struct err *e)
{
	*b = (struct backend){.kind = kind, .tap.fd = -1, .pcap.fd = -1};
	int ret = kind == BACKEND_TAP ? tap_open(&b->tap, interface, e) : 0;

	if (!ret)
		ret = pcap_open(&b->pcap, capture, e);
	if (ret)
		backend_close(b);
	return ret;
}

void backend_close(struct backend *b)
{
	tap_close(&b->tap);
	pcap_close(&b->pcap);
}

uint64_t backend_features(const struct backend *b)
{
	return b->kind == BACKEND_TAP ? b->tap.features : 0;
}

/* As a NIC without a driver loses what arrives: what the tap has kept is not this session's. */
static void drop_stale(struct backend *b)
{
	uint8_t frame[BACKEND_HEADER_MAX];

	for (unsigned i = 0; i < STALE_MAX; i++)
		if (tap_receive(&b->tap, frame, sizeof(frame)) < 0)
			return;
}

size_t backend_header(uint64_t features)
{
	return features & 1ull << VIRTIO_NET_F_HASH_REPORT ? sizeof(struct virtio_net_hdr_v1_hash)
							   : sizeof(struct virtio_net_hdr_v1);
}

void backend_begin(struct backend *b, uint64_t features)
{
	b->features = features;
	b->offloads = offload_initial(features);
	b->header = backend_header(features);
	if (b->kind == BACKEND_TAP) {
		(void)tap_set_offloads(&b->tap, b->offloads); /* it has them: tap_open() tried */
		(void)tap_set_header(&b->tap, b->header);     /* as it tried a shorter one */
		drop_stale(b);
	}
}

void backend_switch(struct backend *b, uint64_t offloads)
{
	b->offloads = offloads;
	if (b->kind == BACKEND_TAP)
		(void)tap_set_offloads(&b->tap, offloads);
}

void backend_capture(struct backend *b, const void *frame, size_t len)
{
	struct err e = {0};

	if (pcap_frame(&b->pcap, frame, len, &e))
		fprintf(stderr, "ringfence device: %s\n", e.text);
}

const char *backend_send(struct backend *b, struct virtio_net_hdr_v1 *header, size_t len)
{
	const char *why;

	backend_capture(b, (uint8_t *)header + b->header, len);
	if (b->kind != BACKEND_TAP)
		return NULL;
	why = offload_sent(header, b->features, len);
	if (why)
		return why;
	/* Section 5.1.6.2: of a frame that is sent, nothing is said by the rest. */
	memset(header + 1, 0, b->header - sizeof(*header));
	/* Its interface may be down, or the kernel without memory: a network loses frames. */
	return tap_send(&b->tap, header, b->header + len) < 0 ? "tap" : NULL;
}

size_t backend_receive(struct backend *b, struct virtio_net_hdr_v1 *header, size_t room,
		       const struct netctl *c, const char **why)
{
	*why = NULL;
	if (b->kind != BACKEND_TAP)
		return 0;
	ssize_t n = tap_receive(&b->tap, header, b->header + room);
	if (n <= (ssize_t)b->header)
		return 0;
	size_t len = (size_t)n - b->header;
	/* The kernel cuts without a word, so a frame that fills the room may have been longer. */
	*why = len == room ? "length" : offload_received(header, b->offloads);
	if (!*why)
		*why = filter_refuses(c, b->features, (const uint8_t *)header + b->header, len);
	return len;
}
