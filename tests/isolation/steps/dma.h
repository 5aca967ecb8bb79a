/* SPDX-License-Identifier: MIT */
/*
 * What the device does for the client: a frame that is sent comes back, so that bytes move from any
 * address that TX may read to any that RX may write; a control command sets a new MAC address. It
 * must never take silence for an answer that came.
 */
#ifndef ISOLATION_STEPS_DMA_H
#define ISOLATION_STEPS_DMA_H

#include "client.h"

/** A frame: the headers, then as many bytes as are moved. */
#define DMA_HEADERS (12u + 14u) /* virtio_net_hdr_v1, Ethernet */
#define DMA_LEN 512u

/** How long what must work may take (client.patience_ms, less under a break, where most of it does
 * not); how long nothing must happen. */
#define LEGAL_MS 2000u
#define BROKEN_MS 200u
#define NOTHING_MS 20u

struct moved {
	bool sent;     /* TX's chain was completed */
	bool received; /* all of it came back on RX */
};

/**
 * Move DMA_LEN bytes from IOVA @from to @to (behind DMA_HEADERS bytes of headers), both as the data
 * queues see them. Waits for TX's completion for @tx_ms, and then for RX's for @rx_ms. A TX that
 * does not complete is stuck.
 */
struct moved dma_move(struct client *c, uint64_t from, uint64_t to, unsigned tx_ms, unsigned rx_ms);

/** The next used entry of queue @q, within @ms. */
bool dma_take(struct client *c, unsigned q, uint32_t *len, unsigned ms);

/** Where the bytes end up in a buffer. */
static inline const void *dma_payload(const void *buffer)
{
	return (const uint8_t *)buffer + DMA_HEADERS;
}

enum did {
	DID,	     /* acked OK, and the address is the new one */
	DID_REFUSE,  /* acked with an error, and the address is the old one */
	DID_NOTHING, /* not completed, or without an ack; the address is the old one */
	DID_WRONG,   /* ack and address contradict each other */
};

/** An address as the device and as we see it. */
struct spot {
	uint64_t at;
	uint8_t *host;
};

/** What an ack holds until it is written. */
#define DMA_UNSET 0xeeu

/** Set another MAC address, with the command and its ack in those places. Waits for @ms. */
enum did dma_command(struct client *c, struct spot command, struct spot ack, unsigned ms);
/** The arena's own places for them. */
struct spot dma_arena_command(const struct client *c);
struct spot dma_arena_ack(const struct client *c);

#endif
