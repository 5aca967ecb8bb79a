/* SPDX-License-Identifier: MIT */
/*
 * The network device's answers to control commands (virtio 1.3 section 5.1.6.5), what they leave
 * behind, and that written down. Pure, and on purpose nothing of virtio/ctrl.c's, which judges the
 * same commands for the VMM: the two accounts must agree by the specification, never by sharing
 * code.
 */
#ifndef VDUSE_NETCTL_H
#define VDUSE_NETCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The longest command read at all, and the longest result. */
#define NETCTL_COMMAND_MAX 4096
#define NETCTL_RESULT_MAX 64

/** What the device is able to do, as its config space says; it has at most this many queues. */
#define NETCTL_QUEUES_MAX 16
#define NETCTL_TABLE_MAX 128
#define NETCTL_KEY_MAX 40
struct netctl_ability {
	uint8_t mac[6];
	uint16_t pairs, table; /* at most NETCTL_QUEUES_MAX / 2, NETCTL_TABLE_MAX */
	uint8_t key;	       /* at most NETCTL_KEY_MAX */
	uint32_t hash_types;
	uint32_t disabled; /* a bit for each data queue that the driver has not enabled */
};

/** Packets and microseconds until a notification. */
struct netctl_delay {
	uint32_t packets, usecs;
};

struct netctl_hash {
	uint32_t types;
	uint8_t key[NETCTL_KEY_MAX];
	uint8_t key_len;
};

/** The filter tables: unicast and multicast addresses one after the other. */
struct netctl_macs {
	uint32_t count[2];
	uint8_t address[NETCTL_COMMAND_MAX / 6][6];
};

struct netctl {
	uint8_t mac[6];
	bool rx_mode[6]; /* indexed by VIRTIO_NET_CTRL_RX_* */
	struct netctl_macs macs;
	bool vlan[4096];
	uint16_t pairs;	     /* in use */
	uint32_t rss_length; /* of the table; 0: steering is automatic */
	uint16_t rss_default, rss_table[NETCTL_TABLE_MAX];
	struct netctl_hash rss_hash, hash;
	uint64_t offloads;
	struct netctl_delay kind[2]; /* receive and transmit queues */
	struct netctl_delay queue[NETCTL_QUEUES_MAX];
	unsigned acks; /* ANNOUNCE_ACKs since the reset: each clears VIRTIO_NET_S_ANNOUNCE */
};

/** A result on its way to the driver; it has room for @room bytes. */
struct netctl_result {
	size_t room, len;
	uint8_t bytes[NETCTL_RESULT_MAX];
};

/** As a reset leaves it, and features that were negotiated since. */
void netctl_reset(struct netctl *c, const struct netctl_ability *can, uint64_t features);

/**
 * Carry out @cmd (class, command and data: @len bytes) under the negotiated @features.
 * VIRTIO_NET_OK, with what it makes of @c in @next and @r->len bytes of result, or VIRTIO_NET_ERR
 * without a result and with @next of no meaning: not negotiated, unknown, not exactly as long as it
 * must be, or beyond what the device can do. The state is large: who keeps @next swaps the two,
 * rather than to copy it.
 */
uint8_t netctl_run(const struct netctl *c, struct netctl *next, const struct netctl_ability *can,
		   uint64_t features, const uint8_t *cmd, size_t len, struct netctl_result *r);

/** Room for either rendering, with its end. */
#define NETCTL_PRINT_MAX 0x18000

/** Write the state into @out as JSON, or as text for people: docs/control-state.md. The length. */
size_t netctl_json(const struct netctl *c, const struct netctl_ability *can, char *out,
		   size_t size);
size_t netctl_text(const struct netctl *c, const struct netctl_ability *can, char *out,
		   size_t size);

#endif
