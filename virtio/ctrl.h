/* SPDX-License-Identifier: MIT */
/*
 * The virtio-net control commands (virtio 1.3 section 5.1.6.5): which are well formed, what answer
 * they may get, the state they leave behind, and the commands that lead there again. Pure: bytes
 * in, verdict and state out. It must never see guest memory: its caller has copied the command into
 * private memory first.
 */
#ifndef VIRTIO_CTRL_H
#define VIRTIO_CTRL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The longest command taken, header included. */
#define CTRL_COMMAND_MAX 4096
/** The longest result (section 5.1.6.5, command-specific-result): with the ack, a page. */
#define CTRL_RESULT_MAX 4095
#define CTRL_ANSWER_MAX (1 + CTRL_RESULT_MAX)

/** Pairs of data queues that are kept track of; a device that has more is used as if it had so
 * many. */
#define CTRL_PAIRS_MAX 8
/* What fits into a command, so that no command that is well formed has more. */
#define CTRL_MACS_MAX ((CTRL_COMMAND_MAX - 10) / 6)
#define CTRL_TABLE_MAX 1024
#define CTRL_KEY_MAX 255
#define CTRL_VLANS 4096 /* ids of 12 bits */
#define CTRL_RX_MODES 6 /* indexed by VIRTIO_NET_CTRL_RX_* */

/** What decides which commands are good: the negotiated features, and the config space. */
struct ctrl_rules {
	uint64_t features;
	uint8_t mac[6];	     /* until a command sets another */
	uint16_t max_pairs;  /* max_virtqueue_pairs; 1 without MQ and RSS */
	uint16_t max_table;  /* rss_max_indirection_table_length */
	uint8_t max_key;     /* rss_max_key_size */
	uint32_t hash_types; /* supported_hash_types */
	uint32_t disabled;   /* a bit for each data queue that the driver has not enabled */
};

/** How many pairs of data queues a device has whose driver took @features; the CVQ comes after the
 * last of them (section 5.1.2). @max_pairs: max_virtqueue_pairs. */
unsigned ctrl_pairs(uint64_t features, unsigned max_pairs);

/** Read the rules from a config space of @len bytes. What lies behind its end, or needs a feature
 * that was not negotiated (section 5.1.4), is 0; but for the address, by which a device filters
 * whether or not its driver took VIRTIO_NET_F_MAC. Which queues are enabled is the caller's to say:
 * all. */
void ctrl_rules_read(struct ctrl_rules *r, uint64_t features, const void *config, size_t len);

struct ctrl_coal {
	uint32_t packets, usecs;
};

struct ctrl_hash {
	uint32_t types;
	uint8_t key_len;
	uint8_t key[CTRL_KEY_MAX];
};

/** What the driver has told the device by control commands since its last reset. */
struct ctrl_state {
	uint16_t max_pairs; /* of the rules */
	bool mac_set;	    /* by a command; else it is the config space's */
	uint8_t mac[6];
	bool rx[CTRL_RX_MODES];
	uint16_t unicast, multicast; /* addresses in @macs, in this order */
	uint8_t macs[CTRL_MACS_MAX][6];
	uint64_t vlan[CTRL_VLANS / 64];
	uint16_t pairs; /* in use, by VQ_PAIRS_SET or RSS_CONFIG, whichever came last */
	bool rss;	/* RSS_CONFIG came last: @rss_hash, @unclassified, @table hold */
	struct ctrl_hash rss_hash;
	uint16_t unclassified, entries;
	uint16_t table[CTRL_TABLE_MAX];
	struct ctrl_hash hash; /* HASH_CONFIG's, for automatic steering */
	uint64_t offloads;     /* bits as the features' */
	struct ctrl_coal coal_rx, coal_tx;
	struct ctrl_coal coal[2 * CTRL_PAIRS_MAX]; /* per queue */
};

/** The state after a device reset with these rules: promiscuous until told otherwise, every
 * offload that was negotiated, one pair. */
void ctrl_reset(struct ctrl_state *s, const struct ctrl_rules *r);

/**
 * Whether @cmd (class, command, then data; @len bytes in all) is a command of a negotiated feature,
 * of the length the spec gives it, and counts and indexes only what is there. 0; -EINVAL: not
 * (answer VIRTIO_NET_ERR); -E2BIG: over CTRL_COMMAND_MAX.
 */
int ctrl_validate(const struct ctrl_rules *r, const uint8_t *cmd, size_t len)
    __attribute__((warn_unused_result));

/** How many bytes of result an OK to a command that ctrl_validate() accepted comes with. */
struct ctrl_room {
	size_t min, max;
};
struct ctrl_room ctrl_result_room(const uint8_t *cmd);

/**
 * Whether @len bytes of result, within that room, are what an OK to @cmd must come with: a driver
 * follows the sizes in them.
 */
bool ctrl_result_good(const uint8_t *cmd, const uint8_t *result, size_t len);

/** Commit a command that ctrl_validate() accepted and the device has acknowledged with
 * VIRTIO_NET_OK. */
void ctrl_commit(struct ctrl_state *s, const uint8_t *cmd, size_t len);

/**
 * The commands that bring a device that was just reset, and negotiated the same features, to @s:
 * one at each call, into @cmd; its length, or 0 after the last. *@next begins at 0 and is this
 * function's own.
 */
size_t ctrl_replay(const struct ctrl_state *s, const struct ctrl_rules *r, unsigned *next,
		   uint8_t cmd[CTRL_COMMAND_MAX]);

/** A state's longest rendering, in bytes with its end. */
#define CTRL_PRINT_MAX 0x18000

/** Render @s for a program or for people (docs/control-state.md); the length, less than @size. */
size_t ctrl_json(const struct ctrl_state *s, char *out, size_t size);
size_t ctrl_text(const struct ctrl_state *s, char *out, size_t size);

#endif
