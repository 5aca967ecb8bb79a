// SPDX-License-Identifier: MIT
/*
 * Owns the memory that the net device works on and the order of its driver's steps. It must never
 * use descriptors from NET_OWN_DESCS on, nor write the CVQ's unused ones after DRIVER_OK: the host
 * may have put something there that an attack is to find.
 */
#include "net.h"

#include "arch.h"

#include <stddef.h>
#include <string.h>

#define DEVICE_NET 1
#define CONFIG_PAIRS 8 /* section 5.1.4: max_virtqueue_pairs */

#define RX_BUFFERS NET_OWN_DESCS
#define RX_BUFFER 2048u
/* For a CVQ that has not answered yet: below the host's own deadline, after which it answers with
 * an error. For one that has: above it, since what is not waited for is done in an attempt, where
 * the arena may not change. */
#define CVQ_PATIENCE_MS 500
#define CVQ_PATIENCE_ALIVE_MS 1500
#define CVQ_PATIENCE_MIN_MS 40

static struct {
	struct virtq_memory ring[NET_QUEUES];
	/* Of pairs beside the one that is used: there, and empty. By the queues' indices. */
	struct virtq_memory idle[2 * NET_PAIRS_MAX];
	uint8_t rx[RX_BUFFERS][RX_BUFFER] __attribute__((aligned(64)));
	uint8_t tx_header[NET_HEADER];
	uint8_t tx[NET_FRAME_MAX];
	uint8_t ctrl_header[2];
	uint8_t ctrl_data[64];
	uint8_t ctrl_ack;
} memory __attribute__((aligned(4096)));

static struct virtq idle[2 * NET_PAIRS_MAX];

bool net_find(struct net *n, uint64_t base)
{
	*n = (struct net){.cvq_patience = CVQ_PATIENCE_MS,
			  .index = {NET_RX, NET_TX, NET_CVQ},
			  .pair = NET_LAST_PAIR};
	return virtio_find(&n->dev, base, DEVICE_NET);
}

/* Section 5.1.5 step 4: the address to use, as the configuration has it at first. */
static void read_mac(struct net *n)
{
	if (!(n->dev.features & NET_F_MAC) || n->mac[0])
		return;
	for (uint32_t i = 0; i < sizeof(n->mac); i++)
		n->mac[i] = virtio_config8(&n->dev, i);
}

/* Section 5.1.2: where the queues are depends on MQ. */
static void find_queues(struct net *n)
{
	n->pairs = 1;
	if (n->dev.features & NET_F_MQ)
		n->pairs = virtio_config8(&n->dev, CONFIG_PAIRS) |
			   (uint32_t)virtio_config8(&n->dev, CONFIG_PAIRS + 1) << 8;
	if (n->pairs < 1 || n->pairs > NET_PAIRS_MAX) /* UNTRUSTED: device */
		n->pairs = 1;
	uint32_t pair = n->pair < n->pairs ? n->pair : n->pairs - 1;
	n->index[NET_RX] = 2 * pair;
	n->index[NET_TX] = 2 * pair + 1;
	n->index[NET_CVQ] = 2 * n->pairs;
}

bool net_negotiate(struct net *n, uint64_t wanted)
{
	n->live = false;
	n->cvq_dead = true;
	if (!virtio_reset(&n->dev) || !virtio_negotiate(&n->dev, wanted))
		return false;
	read_mac(n);
	find_queues(n);
	n->cvq_dead = !(n->dev.features & NET_F_CTRL_VQ);
	return true;
}

static uint32_t queues(const struct net *n)
{
	return n->dev.features & NET_F_CTRL_VQ ? NET_QUEUES : NET_CVQ;
}

static bool is_idle(const struct net *n, uint32_t index)
{
	return index / 2 != n->index[NET_RX] / 2;
}

static bool lay_out(struct net *n, struct virtq *q, uint32_t index, struct virtq_memory *m)
{
	uint32_t max = virtio_queue_select(&n->dev, index);

	if (max < 2 * NET_OWN_DESCS)
		return false;
	virtq_init(q, (uint16_t)(max < VIRTQ_MAX ? max : VIRTQ_MAX), m, n->dev.features);
	return true;
}

bool net_lay_out(struct net *n)
{
	for (uint32_t i = 0; i < queues(n); i++)
		if (!lay_out(n, &n->q[i], n->index[i], &memory.ring[i]))
			return false;
	for (uint32_t i = 0; i < 2 * n->pairs; i++)
		if (is_idle(n, i) && !lay_out(n, &idle[i], i, &memory.idle[i]))
			return false;
	return true;
}

static void enable(struct net *n, uint32_t index, const struct virtq *q)
{
	virtio_write(&n->dev, VREG_QUEUE_SEL, index);
	virtio_queue_enable(&n->dev, q);
}

void net_enable(struct net *n)
{
	for (uint32_t i = 0; i < 2 * n->pairs; i++)
		if (is_idle(n, i))
			enable(n, i, &idle[i]);
	for (uint32_t i = 0; i < queues(n); i++)
		enable(n, n->index[i], &n->q[i]);
	n->live = true;
}

void net_notify(struct net *n, enum net_queue queue)
{
	virtio_notify(&n->dev, n->index[queue]);
}

/* Of what an honest driver made available. */
static void kick(struct net *n, enum net_queue queue)
{
	if (virtq_wants_kick(&n->q[queue]))
		net_notify(n, queue);
}

bool net_setup(struct net *n, const struct net_aim *aim)
{
	if (!net_negotiate(n, NET_FEATURES | n->takes) || !net_lay_out(n))
		return false;
	if (aim)
		virtq_aim(&n->q[aim->queue], aim->part, aim->iova, aim->ram);
	net_enable(n);
	return true;
}

static void rx_post(struct net *n, uint16_t buffer)
{
	memset(memory.rx[buffer], 0, RX_BUFFER);
	virtq_submit(&n->q[NET_RX], buffer,
		     &(struct virtq_buf){(uintptr_t)memory.rx[buffer], RX_BUFFER, true}, 1);
}

void net_rx_fill(struct net *n)
{
	for (uint16_t i = 0; i < RX_BUFFERS; i++)
		rx_post(n, i);
}

void net_go(struct net *n)
{
	const uint8_t pairs[2] = {(uint8_t)n->pairs, (uint8_t)(n->pairs >> 8)};

	virtio_driver_ok(&n->dev);
	if (n->q[NET_RX].avail_idx)
		kick(n, NET_RX);
	/* Section 5.1.6.5.6: until then there is the first pair only. */
	if (n->dev.features & NET_F_MQ)
		net_command(n, NET_CTRL_MQ, NET_CTRL_MQ_VQ_PAIRS_SET, pairs, sizeof(pairs));
}

bool net_start(struct net *n)
{
	if (!net_setup(n, NULL))
		return false;
	net_rx_fill(n);
	net_go(n);
	return true;
}

/* To everyone, so that it comes back whatever address and RX mode the device has at the moment. */
static void build_frame(struct net *n, uint32_t len)
{
	static const uint8_t type[2] = {0x88, 0xb5}; /* IEEE 802: for local experiments */

	n->frames++;
	n->frame_len = len;
	memset(memory.tx, 0xff, 6);
	memcpy(memory.tx + 6, n->mac, 6);
	memcpy(memory.tx + 12, type, 2);
	for (uint32_t i = NET_FRAME_MIN; i < len; i++)
		memory.tx[i] = (uint8_t)(n->frames * 29 + i * 7 + (i >> 8));
}

bool net_tx_idle(struct net *n)
{
	uint16_t head;
	uint32_t len;

	if (!n->live)
		return false;
	while (virtq_pop(&n->q[NET_TX], &head, &len))
		;
	return n->q[NET_TX].avail_idx == n->q[NET_TX].used_idx;
}

bool net_send(struct net *n, uint32_t len)
{
	const struct virtq_buf chain[] = {
	    {(uintptr_t)memory.tx_header, NET_HEADER, false},
	    {(uintptr_t)memory.tx, len, false},
	};

	if (!net_tx_idle(n))
		return false;
	build_frame(n, len);
	virtq_submit(&n->q[NET_TX], 0, chain, 2);
	kick(n, NET_TX);
	return true;
}

void net_copy_frame(void *dst, uint32_t len)
{
	memcpy(dst, memory.tx, len);
}

bool net_wait(struct net *n, enum net_queue queue, uint64_t deadline)
{
	return n->live && virtio_wait(&n->dev, &n->q[queue], deadline);
}

bool net_receive(struct net *n, struct net_frame *f, uint64_t deadline)
{
	uint32_t len;

	for (;;) {
		if (!net_wait(n, NET_RX, deadline) || !virtq_pop(&n->q[NET_RX], &f->buffer, &len))
			return false;
		/* UNTRUSTED: device. An id that is no buffer of ours, or a length out of it, is no
		 * frame. */
		if (f->buffer < RX_BUFFERS && len >= NET_HEADER && len <= RX_BUFFER)
			break;
	}
	f->data = memory.rx[f->buffer] + NET_HEADER;
	f->len = len - NET_HEADER;
	return true;
}

bool net_is_sent(const struct net *n, const struct net_frame *f)
{
	return f->len == n->frame_len && memcmp(f->data, memory.tx, f->len) == 0;
}

void net_rx_return(struct net *n, const struct net_frame *f)
{
	rx_post(n, f->buffer);
	kick(n, NET_RX);
}

/* A CVQ that is dead in every start is to cost the run no more than about twice the first wait. */
static void lose_patience(struct net *n)
{
	n->cvq_patience /= 2;
	if (n->cvq_patience < CVQ_PATIENCE_MIN_MS)
		n->cvq_patience = CVQ_PATIENCE_MIN_MS;
}

bool net_await_command(struct net *n)
{
	if (net_wait(n, NET_CVQ, deadline_in(n->cvq_patience)))
		return true;
	n->cvq_dead = true;
	lose_patience(n);
	return false;
}

int net_command(struct net *n, uint8_t class, uint8_t cmd, const void *data, uint32_t len)
{
	struct virtq *q = &n->q[NET_CVQ];
	struct virtq_buf chain[3];
	unsigned count = 0;
	uint16_t head;
	uint8_t ack;

	if (!n->live || n->cvq_dead || len > sizeof(memory.ctrl_data))
		return NET_NO_ANSWER;
	memory.ctrl_header[0] = class;
	memory.ctrl_header[1] = cmd;
	memory.ctrl_ack = 0xff;
	chain[count++] = (struct virtq_buf){(uintptr_t)memory.ctrl_header, 2, false};
	if (len) {
		memcpy(memory.ctrl_data, data, len);
		chain[count++] = (struct virtq_buf){(uintptr_t)memory.ctrl_data, len, false};
	}
	chain[count++] = (struct virtq_buf){(uintptr_t)&memory.ctrl_ack, 1, true};
	virtq_submit(q, q->avail_idx % 2 ? NET_OWN_DESCS / 2 : 0, chain, count);
	kick(n, NET_CVQ);

	if (!net_await_command(n) || !virtq_pop(q, &head, &len))
		return NET_NO_ANSWER;
	ack = __atomic_load_n(&memory.ctrl_ack, __ATOMIC_RELAXED);
	if (ack == NET_OK)
		n->cvq_patience = CVQ_PATIENCE_ALIVE_MS;
	else if (virtio_read(&n->dev, VREG_STATUS) & VSTATUS_NEEDS_RESET)
		lose_patience(n); /* the VMM has given up on the device */
	return ack;
}
