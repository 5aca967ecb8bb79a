/* SPDX-License-Identifier: MIT */
/* The receive filter; see filter.h. It must never change what it judges by. */
#include "filter.h"

#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <stdbool.h>
#include <string.h>

#define BIT(n) (1ull << (n))
#define TAG_AT 12u /* where a VLAN's tag follows both addresses */

static bool listed(const struct netctl_macs *m, unsigned kind, const uint8_t mac[6])
{
	uint32_t from = kind ? m->count[0] : 0;

	for (uint32_t i = from; i < from + m->count[kind]; i++)
		if (!memcmp(m->address[i], mac, 6))
			return true;
	return false;
}

/* Sections 5.1.6.5.1 and 5.1.6.5.2: a mode that suppresses comes before one that lets all in. */
static const char *destination(const struct netctl *c, const uint8_t mac[6])
{
	static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const bool *mode = c->rx_mode;

	if (!memcmp(mac, everybody, 6))
		return mode[VIRTIO_NET_CTRL_RX_NOBCAST] ? "broadcast" : NULL;
	if (mac[0] & 1) {
		if (mode[VIRTIO_NET_CTRL_RX_NOMULTI])
			return "multicast";
		return mode[VIRTIO_NET_CTRL_RX_ALLMULTI] || listed(&c->macs, 1, mac) ? NULL
										     : "multicast";
	}
	if (mode[VIRTIO_NET_CTRL_RX_NOUNI])
		return "unicast";
	return mode[VIRTIO_NET_CTRL_RX_ALLUNI] || !memcmp(mac, c->mac, 6) ||
		       listed(&c->macs, 0, mac)
		   ? NULL
		   : "unicast";
}

/* Section 5.1.6.5.3; a frame without a tag belongs to no VLAN and is let in. */
static bool in_vlan(const struct netctl *c, const uint8_t *frame, size_t len)
{
	if (len < TAG_AT + 4 || frame[TAG_AT] != ETH_P_8021Q >> 8 ||
	    frame[TAG_AT + 1] != (ETH_P_8021Q & 0xff))
		return true;
	return c->vlan[(frame[TAG_AT + 2] & 0x0f) << 8 | frame[TAG_AT + 3]];
}

const char *filter_refuses(const struct netctl *c, uint64_t features, const uint8_t *frame,
			   size_t len)
{
	const char *why = NULL;

	if (len < ETH_HLEN)
		return "short";
	if (features & BIT(VIRTIO_NET_F_CTRL_RX)) {
		if (c->rx_mode[VIRTIO_NET_CTRL_RX_PROMISC]) /* all frames, VLANs' included */
			return NULL;
		why = destination(c, frame);
	}
	if (!why && (features & BIT(VIRTIO_NET_F_CTRL_VLAN)) && !in_vlan(c, frame, len))
		why = "vlan";
	return why;
}
