/* SPDX-License-Identifier: MIT */
/* Frames and commands; see dma.h. It must never wait without a deadline. */
#include "dma.h"

#include "../../../vdpa/clock.h"
#include "../../../vdpa/vduse/wait.h"

#include <linux/virtio_net.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 2

/* The call is a hint: used entries tell. */
bool dma_take(struct client *c, unsigned q, uint32_t *len, unsigned ms)
{
	int64_t until = clock_ms() + ms;
	uint64_t calls;
	uint32_t head;

	for (;;) {
		if (ring_take(&c->ring[q], &head, len))
			return true;
		int left = clock_left(until);
		if (!left)
			return false;
		struct pollfd p = {.fd = c->call_fd[q], .events = POLLIN};
		if (poll(&p, 1, left < LOOK_MS ? left : LOOK_MS) > 0 &&
		    read(p.fd, &calls, sizeof(calls)) < 0)
			wait_ms(1);
	}
}

/* One buffer is posted at most: one that was not used takes the next frame, wherever that is to go.
 */
static void post_buffer(struct client *c, uint64_t to)
{
	ring_describe(&c->ring[RX], 0, to, DMA_HEADERS + DMA_LEN, true, -1);
	if (!ring_in_flight(&c->ring[RX]))
		ring_offer(&c->ring[RX], 0);
}

static void post_frame(struct client *c, uint64_t from)
{
	uint8_t *head = c->set->data.at + HEAD;

	memset(head, 0, DMA_HEADERS);
	memset(head + 12, 0xff, 6); /* broadcast: vdpa_sim drops what is not for its own address */
	ring_describe(&c->ring[TX], 0, DATA_AT + HEAD, DMA_HEADERS, false, 1);
	ring_describe(&c->ring[TX], 1, from, DMA_LEN, false, -1);
	ring_offer(&c->ring[TX], 0);
	client_kick(c, TX);
}

struct moved dma_move(struct client *c, uint64_t from, uint64_t to, unsigned tx_ms, unsigned rx_ms)
{
	struct moved m = {false, false};
	uint32_t len = 0;

	if (!c->running || c->stuck[TX])
		return m;
	post_buffer(c, to);
	post_frame(c, from);
	m.sent = dma_take(c, TX, &len, tx_ms);
	m.received = dma_take(c, RX, &len, m.sent ? rx_ms : 0) && len == DMA_HEADERS + DMA_LEN;
	c->stuck[TX] = !m.sent;
	return m;
}

static bool has_mac(const struct client *c, const uint8_t mac[6])
{
	uint8_t now[6] = {0};
	struct err e = {0};

	return !vhost_get_config(&c->vhost, now, sizeof(now), &e) && !memcmp(now, mac, sizeof(now));
}

enum did dma_command(struct client *c, struct spot command, struct spot ack, unsigned ms)
{
	uint8_t cmd[8] = {
	    VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, 0x02, 0x53, 0x54, 0x45, 0, ++c->mac};
	struct ring *r = &c->ring[CVQ];
	uint32_t len = 0;

	if (!c->running || c->stuck[CVQ])
		return DID_NOTHING;
	memcpy(command.host, cmd, sizeof(cmd));
	*ack.host = DMA_UNSET;
	ring_describe(r, 0, command.at, sizeof(cmd), false, 1);
	ring_describe(r, 1, ack.at, 1, true, -1);
	ring_offer(r, 0);
	client_kick(c, CVQ);
	bool used = dma_take(c, CVQ, &len, ms);
	bool changed = has_mac(c, cmd + 2);
	c->stuck[CVQ] = !used;
	if (used && *ack.host == VIRTIO_NET_OK)
		return changed ? DID : DID_WRONG;
	if (changed)
		return DID_WRONG;
	return used && *ack.host == VIRTIO_NET_ERR ? DID_REFUSE : DID_NOTHING;
}

struct spot dma_arena_command(const struct client *c)
{
	return (struct spot){c->set->arena.iova.v + ARENA_PAGE, arena_page(&c->set->arena, 1)};
}

struct spot dma_arena_ack(const struct client *c)
{
	return (struct spot){c->set->arena.iova.v + ARENA_READABLE + ARENA_PAGE,
			     arena_page(&c->set->arena, ARENA_READABLE / ARENA_PAGE + 1)};
}
