/* SPDX-License-Identifier: MIT */
/* virtio-net control commands and the state they leave; see ctrl.h. No I/O, no guest memory. */
#include "ctrl.h"

#include "check.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>

#define HEADER 2 /* class, command */

/* One command that is known: its feature, and how many bytes of data it must carry. */
struct command {
	uint8_t class, code;
	uint8_t feature;
	size_t data_len;
};

static const struct command commands[] = {
    {VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, VIRTIO_NET_F_CTRL_RX, 1},
    {VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, VIRTIO_NET_F_CTRL_RX, 1},
    {VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, VIRTIO_NET_F_CTRL_MAC_ADDR, 6},
};

static bool negotiated(uint64_t features, unsigned bit)
{
	return (features >> bit) & 1;
}

void ctrl_reset(struct ctrl_state *s, uint64_t features)
{
	*s = (struct ctrl_state){.promisc = negotiated(features, VIRTIO_NET_F_CTRL_RX)};
}

int ctrl_validate(uint64_t features, const uint8_t *cmd, size_t len)
{
	if (CHECK(CTRL_LONG, len > CTRL_COMMAND_MAX))
		return -E2BIG;
	if (CHECK(CTRL_SHORT, len < HEADER))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *c = &commands[i];
		if (c->class != cmd[0] || c->code != cmd[1])
			continue;
		if (CHECK(CTRL_FEATURE, !negotiated(features, c->feature)) ||
		    CHECK(CTRL_LENGTH, len != HEADER + c->data_len))
			return -EINVAL;
		return 0;
	}
	return CHECK(CTRL_UNKNOWN, true) ? -EINVAL : 0;
}

void ctrl_commit(struct ctrl_state *s, const uint8_t *cmd, size_t len)
{
	if (cmd[0] == VIRTIO_NET_CTRL_MAC && len == HEADER + sizeof(s->mac)) {
		memcpy(s->mac, cmd + HEADER, sizeof(s->mac));
		s->mac_set = true;
	} else if (cmd[0] == VIRTIO_NET_CTRL_RX && cmd[1] == VIRTIO_NET_CTRL_RX_PROMISC) {
		s->promisc = cmd[HEADER] != 0;
	} else if (cmd[0] == VIRTIO_NET_CTRL_RX && cmd[1] == VIRTIO_NET_CTRL_RX_ALLMULTI) {
		s->allmulti = cmd[HEADER] != 0;
	}
}
