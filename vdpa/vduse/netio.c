/* SPDX-License-Identifier: MIT */
/*
 * The network device's chains; see netio.h. It must never leave a chain that it took uncompleted.
 * All chains and what is in them is UNTRUSTED: driver. What is refused is completed with length 0.
 */
#include "netio.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

void netio_session(struct netio *n)
{
	if (n->epoch == n->dev->epoch)
		return;
	n->epoch = n->dev->epoch;
	n->calls = 0;
	n->ctl = (struct netctl){0};
	memcpy(n->ctl.mac, n->dev->setup.config, sizeof(n->ctl.mac));
	memset(n->frame, 0, sizeof(n->frame));
	memset(n->command, 0, sizeof(n->command));
}

/* ---- chains ---- */

static struct vring_queue *ring(struct netio *n, unsigned q)
{
	return &n->dev->queue[q].ring;
}

static void trace_why(struct netio *n, const char *ev, unsigned q, const char *why)
{
	trace_event(n->dev->setup.trace, ev, ",\"q\":%u,\"why\":\"%s\"", q, why);
}

static void give_back(struct netio *n, unsigned q, uint16_t head, uint32_t len)
{
	if (vring_push(ring(n, q), &n->dev->as, head, len))
		trace_why(n, "stop", q, ring(n, q)->stopped);
	else
		n->calls |= 1u << q;
}

static void refuse(struct netio *n, unsigned q, uint16_t head, const char *why)
{
	trace_why(n, "bad", q, why);
	give_back(n, q, head, 0);
}

/* 1: @c holds a chain; 0: none there, or no ring any more; -EBADMSG: a bad one was given back. */
static int take(struct netio *n, unsigned q, struct vring_chain *c)
{
	int ret = vring_pop(ring(n, q), &n->dev->as, c);

	if (ret == -EPIPE) {
		trace_why(n, "stop", q, ring(n, q)->stopped);
		return 0;
	}
	if (ret == -EBADMSG)
		refuse(n, q, c->head, c->bad);
	return ret;
}

/* ---- frames ---- */

/* The frame, @len bytes behind the header, comes back to the driver (section 5.1.6.4). */
static void deliver(struct netio *n, size_t len)
{
	/* Without MRG_RXBUF it is 1 all the same (section 5.1.6.4.1). */
	const struct virtio_net_hdr_v1 header = {.num_buffers = 1};
	struct vring_chain *c = &n->rx_chain;
	bool fresh;

	if (!vduse_queue_ready(n->dev, NET_RX, &fresh) || take(n, NET_RX, c) != 1) {
		trace_why(n, "drop", NET_RX, "no buffer");
		return;
	}
	memcpy(n->frame, &header, NETIO_HEADER);
	if (c->readable)
		refuse(n, NET_RX, c->head, "readable");
	else if (vring_write(ring(n, NET_RX), &n->dev->as, c, n->frame, NETIO_HEADER + len))
		refuse(n, NET_RX, c->head, "buffer");
	else
		give_back(n, NET_RX, c->head, (uint32_t)(NETIO_HEADER + len));
}

bool netio_send(struct netio *n)
{
	struct vring_chain *c = &n->chain;
	int ret = take(n, NET_TX, c);

	if (ret != 1)
		return ret != 0;
	if (c->writable)
		refuse(n, NET_TX, c->head, "writable");
	else if (c->readable_len <= NETIO_HEADER || c->readable_len > sizeof(n->frame))
		refuse(n, NET_TX, c->head, "length");
	else if (vring_read(ring(n, NET_TX), &n->dev->as, c, n->frame, c->readable_len))
		refuse(n, NET_TX, c->head, "buffer");
	else {
		deliver(n, c->readable_len - NETIO_HEADER);
		give_back(n, NET_TX, c->head, 0);
	}
	return true;
}

/* ---- control commands ---- */

/*
 * What the command would leave behind is made the state only once the answer is written; the config
 * space shows a new address, as section 5.1.6.5.2 asks, before the driver can see the answer.
 */
static void answer(struct netio *n, const struct vring_chain *c, uint8_t ack,
		   const struct netctl *next, size_t len)
{
	bool known = len >= 2;

	trace_event(n->dev->setup.trace, "cvq", ",\"class\":%d,\"cmd\":%d,\"len\":%zu,\"ack\":%u",
		    known ? n->command[0] : -1, known ? n->command[1] : -1, len, ack);
	if (vring_write(ring(n, NET_CVQ), &n->dev->as, c, &ack, sizeof(ack))) {
		refuse(n, NET_CVQ, c->head, "buffer");
		return;
	}
	if (ack == VIRTIO_NET_OK) {
		if (memcmp(n->ctl.mac, next->mac, sizeof(next->mac)))
			(void)vduse_set_config(n->dev, offsetof(struct virtio_net_config, mac),
					       next->mac, sizeof(next->mac));
		n->ctl = *next;
	}
	give_back(n, NET_CVQ, c->head, sizeof(ack));
}

bool netio_control(struct netio *n)
{
	struct vring_chain *c = &n->chain;
	struct netctl next = n->ctl;
	uint8_t ack = VIRTIO_NET_ERR;

	if (!(n->dev->features & (1ull << VIRTIO_NET_F_CTRL_VQ)))
		return false; /* the queue is none then, whoever enabled it */
	int ret = take(n, NET_CVQ, c);
	if (ret != 1)
		return ret != 0;
	if (c->writable_len < sizeof(ack)) {
		refuse(n, NET_CVQ, c->head, "no ack");
		return true;
	}
	memset(n->command, 0, 2); /* a short command must not be taken for the last one's class */
	if (c->readable_len <= sizeof(n->command) &&
	    !vring_read(ring(n, NET_CVQ), &n->dev->as, c, n->command, c->readable_len))
		ack = netctl_run(&next, n->dev->features, n->command, c->readable_len);
	answer(n, c, ack, &next, c->readable_len);
	return true;
}
