/* SPDX-License-Identifier: MIT */
/* The header before a frame; see offload.h. It must never use a bit that is not known to it. */
#include "offload.h"

#include <endian.h>
#include <stdbool.h>

#define BIT(n) (1ull << (n))

/* Whether segmentation of @type is among @features, as these bits name it. */
static bool segments(uint8_t type, uint64_t features, unsigned tso4, unsigned tso6)
{
	return type == VIRTIO_NET_HDR_GSO_NONE ||
	       (type == VIRTIO_NET_HDR_GSO_TCPV4 && (features & BIT(tso4))) ||
	       (type == VIRTIO_NET_HDR_GSO_TCPV6 && (features & BIT(tso6)));
}

const char *offload_sent(struct virtio_net_hdr_v1 *h, uint64_t features, size_t len)
{
	/* Section 5.1.6.2.2: bits that are not recognized are ignored. */
	h->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	h->num_buffers = 0;
	if (h->flags && !(features & BIT(VIRTIO_NET_F_CSUM)))
		return "checksum";
	if (h->flags && (size_t)le16toh(h->csum_start) + le16toh(h->csum_offset) + 2 > len)
		return "checksum offset";
	if (!segments(h->gso_type, features, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6))
		return "segmentation";
	/* Section 5.1.6.2.1: with segmentation there is a checksum to be made. */
	if (h->gso_type != VIRTIO_NET_HDR_GSO_NONE && (!h->flags || h->gso_size == 0))
		return "segment";
	if (!h->flags)
		h->csum_start = h->csum_offset = 0;
	if (h->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		h->hdr_len = h->gso_size = 0;
	return NULL;
}

const char *offload_received(struct virtio_net_hdr_v1 *h, uint64_t offloads)
{
	h->num_buffers = htole16(1); /* section 5.1.6.4.1: without MRG_RXBUF all the same */
	if (!segments(h->gso_type, offloads, VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6))
		return "segmentation";
	if (offloads & BIT(VIRTIO_NET_F_GUEST_CSUM)) {
		h->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID;
		return NULL;
	}
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		return "checksum";
	h->flags = 0;
	return NULL;
}

uint64_t offload_initial(uint64_t features)
{
	return features & (BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4) |
			   BIT(VIRTIO_NET_F_GUEST_TSO6));
}
