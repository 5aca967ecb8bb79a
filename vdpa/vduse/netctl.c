/* SPDX-License-Identifier: MIT */
/* Control commands; see netctl.h. It must never look past a command's length. UNTRUSTED: driver */
#include "netctl.h"

#include <linux/virtio_net.h>
#include <string.h>

#define HEADER 2u /* class, command */

static bool negotiated(uint64_t features, unsigned bit)
{
	return features >> bit & 1;
}

static bool set_rx_mode(struct netctl *c, uint64_t features, uint8_t mode, const uint8_t *data,
			size_t len)
{
	bool extra = mode >= VIRTIO_NET_CTRL_RX_ALLUNI;

	if (mode > VIRTIO_NET_CTRL_RX_NOBCAST || len != 1 || data[0] > 1 ||
	    !negotiated(features, extra ? VIRTIO_NET_F_CTRL_RX_EXTRA : VIRTIO_NET_F_CTRL_RX))
		return false;
	c->rx_mode[mode] = data[0];
	return true;
}

static bool set_mac(struct netctl *c, uint64_t features, const uint8_t *data, size_t len)
{
	if (len != sizeof(c->mac) || !negotiated(features, VIRTIO_NET_F_CTRL_MAC_ADDR))
		return false;
	memcpy(c->mac, data, sizeof(c->mac));
	return true;
}

uint8_t netctl_run(struct netctl *c, uint64_t features, const uint8_t *cmd, size_t len)
{
	bool ok = false;

	if (len < HEADER)
		return VIRTIO_NET_ERR;
	if (cmd[0] == VIRTIO_NET_CTRL_RX)
		ok = set_rx_mode(c, features, cmd[1], cmd + HEADER, len - HEADER);
	else if (cmd[0] == VIRTIO_NET_CTRL_MAC && cmd[1] == VIRTIO_NET_CTRL_MAC_ADDR_SET)
		ok = set_mac(c, features, cmd + HEADER, len - HEADER);
	return ok ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
}
