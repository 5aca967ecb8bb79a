/* SPDX-License-Identifier: MIT */
/*
 * The network device's chains; see netio.h. It must never leave a chain that it took uncompleted.
 * All chains and what is in them is UNTRUSTED: driver. What is refused is completed with length 0.
 */
#include "netio.h"

#include "../statefile.h"
#include "rss.h"
#include "wait.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

void netio_session(struct netio *n)
{
	if (n->epoch == n->dev->epoch)
		return;
	n->epoch = n->dev->epoch;
	n->calls = 0;
	n->begun = false;
	n->ctl = &n->state[0];
	n->next = &n->state[1];
	memset(n->ctl, 0, sizeof(*n->ctl));
	memset(n->frame, 0, sizeof(n->frame));
	memset(n->arrived, 0, sizeof(n->arrived));
	n->arrived_len = 0;
	memset(n->command, 0, sizeof(n->command));
	memset(n->flow_pair, 0, sizeof(n->flow_pair));
}

/* Whoever asks for the state wants it to be there before the driver sees its answer. */
static void tell_state(struct netio *n)
{
	struct trace *trace = n->dev->setup.trace;
	const char *path = n->dev->setup.state;
	struct err e = {0};

	if (!trace && !path)
		return;
	(void)netctl_json(n->ctl, &n->can, n->print, sizeof(n->print));
	trace_json(trace, "state", "state", n->print);
	if (!path || n->state_failed)
		return;
	if (!statefile_is_json(path))
		(void)netctl_text(n->ctl, &n->can, n->print, sizeof(n->print));
	n->state_failed = statefile_write(path, n->print, &e) != 0;
	if (n->state_failed)
		fprintf(stderr, "ringfence device: %s\n", e.text);
}

/* Section 5.1.4: more than one pair is there only for a driver that took MQ or RSS. */
static void read_ability(struct netctl_ability *can, const struct vduse_dev *d)
{
	const uint64_t pairs = 1ull << VIRTIO_NET_F_MQ | 1ull << VIRTIO_NET_F_RSS;
	struct virtio_net_config c;

	memcpy(&c, d->setup.config, sizeof(c));
	*can = (struct netctl_ability){.pairs =
					   d->features & pairs ? le16toh(c.max_virtqueue_pairs) : 1,
				       .table = le16toh(c.rss_max_indirection_table_length),
				       .key = c.rss_max_key_size,
				       .hash_types = le32toh(c.supported_hash_types)};
	memcpy(can->mac, c.mac, sizeof(can->mac));
}

void netio_begin(struct netio *n)
{
	if (n->begun)
		return;
	n->begun = true;
	backend_begin(&n->backend, n->dev->features);
	n->header = n->backend.header;
	read_ability(&n->can, n->dev);
	if (!(n->dev->features & 1ull << VIRTIO_NET_F_CTRL_VQ))
		return;
	netctl_reset(n->ctl, &n->can, n->dev->features);
	tell_state(n);
}

unsigned netio_cvq(const struct netio *n)
{
	return n->begun ? 2u * n->can.pairs : NET_CVQ;
}

unsigned netio_pairs(const struct netio *n)
{
	return n->ctl->pairs ? n->ctl->pairs : 1; /* without CTRL_VQ there is no more than that */
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

/* Sections 5.1.6.4.3 and 5.1.6.4.4: what is hashed, by RSS' parameters where that was negotiated,
 * and is told. */
static struct rss_hash hash(const struct netio *n, uint8_t *frame, size_t len)
{
	const struct netctl *c = n->ctl;
	bool rss = n->dev->features >> VIRTIO_NET_F_RSS & 1;
	struct rss_hash h = rss_hash(rss ? &c->rss_hash : &c->hash, frame + n->header, len);
	/* As the specification has them; Linux's structure has the first in halves. */
	const struct {
		uint32_t value;
		uint16_t report, padding;
	} tell = {htole32(h.value), htole16(h.report), 0};

	static_assert(sizeof(struct virtio_net_hdr_v1) + sizeof(tell) == BACKEND_HEADER_MAX,
		      "the rest of the header");
	if (n->header == BACKEND_HEADER_MAX)
		memcpy(frame + sizeof(struct virtio_net_hdr_v1), &tell, sizeof(tell));
	return h;
}

/* Section 5.1.6.5.7: the queue for @frame, a header and @len bytes; @automatic, where steering is
 * that. */
static unsigned steer(const struct netio *n, uint8_t *frame, size_t len, unsigned automatic)
{
	const struct netctl *c = n->ctl;
	struct rss_hash h = hash(n, frame, len);

	if (!c->rss_length)
		return automatic;
	return 2u * (h.report == VIRTIO_NET_HASH_REPORT_NONE
			 ? c->rss_default
			 : c->rss_table[h.value & (c->rss_length - 1)]);
}

static const char no_buffer[] = "no buffer";

/* @frame, a header and @len bytes, goes to the driver on @rx (section 5.1.6.4). NULL, or why it
 * does not. */
static const char *deliver(struct netio *n, unsigned rx, const uint8_t *frame, size_t len)
{
	struct vring_chain *c = &n->rx_chain;
	bool fresh;

	if (!vduse_queue_ready(n->dev, rx, &fresh))
		return "not ready";
	if (take(n, rx, c) != 1)
		return no_buffer;
	if (c->readable)
		refuse(n, rx, c->head, "readable");
	else if (vring_write(ring(n, rx), &n->dev->as, c, frame, n->header + len))
		refuse(n, rx, c->head, "buffer");
	else {
		backend_capture(&n->backend, frame + n->header, len);
		give_back(n, rx, c->head, (uint32_t)(n->header + len));
	}
	return NULL;
}

/* What is sent on a pair comes back on that pair: so does automatic steering, which looks for the
 * queue that a flow is sent on (section 5.1.6.5.6.1). */
static void loop_back(struct netio *n, unsigned tx, size_t len)
{
	/* Without MRG_RXBUF it is 1 all the same (section 5.1.6.4.1). */
	const struct virtio_net_hdr_v1 header = {.num_buffers = htole16(1)};

	memcpy(n->frame, &header, sizeof(header));
	unsigned rx = steer(n, n->frame, len, tx - 1);
	const char *why = deliver(n, rx, n->frame, len);
	if (why)
		trace_why(n, "drop", rx, why);
}

static uint8_t *pair_of_flow(struct netio *n, const uint8_t *frame, size_t len)
{
	return &n->flow_pair[rss_flow(frame + n->header, len) % NETIO_FLOWS];
}

/* Section 5.1.6.5.6.1: what comes goes to the pair that its flow is sent on; any in use may have
 * what is of none. */
static unsigned automatic_queue(struct netio *n, const uint8_t *frame, size_t len)
{
	unsigned pairs = netio_pairs(n);

	if (n->ctl->rss_length || pairs == 1)
		return NET_RX; /* without a look at the frame, where it would decide nothing */
	const uint8_t *sent = pair_of_flow(n, frame, len);
	return 2 * (*sent && *sent <= pairs ? *sent - 1u : (unsigned)(sent - n->flow_pair) % pairs);
}

static void pass_on(struct netio *n, unsigned tx, size_t len)
{
	if (n->backend.kind == BACKEND_TAP)
		*pair_of_flow(n, n->frame, len) = (uint8_t)(tx / 2 + 1);
	const char *why = backend_send(&n->backend, (void *)n->frame, len);

	if (why)
		trace_why(n, "drop", tx, why);
	else if (n->backend.kind == BACKEND_LOOPBACK)
		loop_back(n, tx, len);
}

static bool send(struct netio *n, unsigned tx)
{
	struct vring_chain *c = &n->chain;
	int ret = take(n, tx, c);

	if (ret != 1)
		return ret != 0;
	if (c->writable)
		refuse(n, tx, c->head, "writable");
	else if (c->readable_len <= n->header || c->readable_len > n->header + NET_FRAME_MAX)
		refuse(n, tx, c->head, "length");
	else if (vring_read(ring(n, tx), &n->dev->as, c, n->frame, c->readable_len))
		refuse(n, tx, c->head, "buffer");
	else {
		pass_on(n, tx, c->readable_len - n->header);
		give_back(n, tx, c->head, 0);
	}
	return true;
}

static bool receive(struct netio *n)
{
	const char *why = NULL;
	unsigned rx = NET_RX;

	if (!n->arrived_len)
		n->arrived_len = backend_receive(&n->backend, (void *)n->arrived, NET_FRAME_MAX + 1,
						 n->ctl, &why);
	if (!n->arrived_len)
		return false;
	if (!why) {
		rx = steer(n, n->arrived, n->arrived_len,
			   automatic_queue(n, n->arrived, n->arrived_len));
		why = deliver(n, rx, n->arrived, n->arrived_len);
		if (why == no_buffer)
			return false; /* it waits, and the tap with it, for the driver's next kick
				       */
	}
	if (why)
		trace_why(n, "drop", rx, why);
	n->arrived_len = 0;
	return true;
}

/* ---- control commands ---- */

/* The config space shows a new address, and an announcement that was heard, before the driver can
 * see the answer (sections 5.1.6.5.2 and 5.1.6.5.4). */
static void show_in_config(struct netio *n)
{
	const struct netctl *next = n->next;
	const struct virtio_net_config *c = (const void *)n->dev->setup.config;

	if (memcmp(n->ctl->mac, next->mac, sizeof(next->mac)))
		(void)vduse_set_config(n->dev, offsetof(struct virtio_net_config, mac), next->mac,
				       sizeof(next->mac));
	if (n->ctl->acks != next->acks)
		(void)vduse_set_config(n->dev, offsetof(struct virtio_net_config, status),
				       &c->status, sizeof(c->status));
}

/* A kick on a pair that was not in use has been forgotten; and where a frame that waits is to go,
 * there may be a buffer. */
static void kick_pairs(struct netio *n)
{
	for (unsigned p = n->ctl->pairs; p < n->next->pairs; p++)
		wait_signal(n->dev->kick_fd[2 * p + 1]);
	if (n->command[0] == VIRTIO_NET_CTRL_MQ)
		for (unsigned p = 0; p < n->can.pairs; p++)
			wait_signal(n->dev->kick_fd[2 * p]);
}

/* What the command would leave behind is made the state only once the answer is written. */
static void answer(struct netio *n, const struct vring_chain *c, uint8_t ack, size_t len)
{
	const struct netctl_result *r = &n->result;
	struct netctl *before = n->ctl;
	bool known = len >= 2;

	trace_event(n->dev->setup.trace, "cvq", ",\"class\":%d,\"cmd\":%d,\"len\":%zu,\"ack\":%u",
		    known ? n->command[0] : -1, known ? n->command[1] : -1, len, ack);
	uint8_t bytes[1 + NETCTL_RESULT_MAX] = {ack};
	memcpy(bytes + 1, r->bytes, r->len);
	if (vring_write(ring(n, netio_cvq(n)), &n->dev->as, c, bytes, 1 + r->len)) {
		refuse(n, netio_cvq(n), c->head, "buffer");
		return;
	}
	if (ack == VIRTIO_NET_OK) {
		show_in_config(n);
		if (n->ctl->offloads != n->next->offloads)
			backend_switch(&n->backend, n->next->offloads);
		kick_pairs(n);
		n->ctl = n->next;
		n->next = before;
		tell_state(n);
	}
	give_back(n, netio_cvq(n), c->head, 1 + (uint32_t)r->len);
}

/* Of the commands only these two ask for it (section 5.1.6.5.9.1). */
static void find_disabled(struct netio *n)
{
	if (n->command[0] != VIRTIO_NET_CTRL_NOTF_COAL)
		return;
	n->can.disabled = 0;
	for (unsigned q = 0; q < 2u * n->can.pairs; q++)
		n->can.disabled |= (uint32_t)!vduse_queue_enabled(n->dev, q) << q;
}

static bool control(struct netio *n)
{
	struct vring_chain *c = &n->chain;
	uint8_t ack = VIRTIO_NET_ERR;

	if (!(n->dev->features & (1ull << VIRTIO_NET_F_CTRL_VQ)))
		return false; /* the queue is none then, whoever enabled it */
	int ret = take(n, netio_cvq(n), c);
	if (ret != 1)
		return ret != 0;
	if (c->writable_len < sizeof(ack)) {
		refuse(n, netio_cvq(n), c->head, "no ack");
		return true;
	}
	n->result = (struct netctl_result){.room = c->writable_len - sizeof(ack)};
	memset(n->command, 0, 2); /* a short command must not be taken for the last one's class */
	if (c->readable_len <= sizeof(n->command) &&
	    !vring_read(ring(n, netio_cvq(n)), &n->dev->as, c, n->command, c->readable_len)) {
		find_disabled(n);
		ack = netctl_run(n->ctl, n->next, &n->can, n->dev->features, n->command,
				 c->readable_len, &n->result);
	}
	answer(n, c, ack, c->readable_len);
	return true;
}

bool netio_serve(struct netio *n, unsigned q)
{
	if (q == netio_cvq(n))
		return control(n);
	if (q % 2)
		return q / 2 < netio_pairs(n) && send(n, q);
	/* Any that may be chosen is reason to look whether something has come. What is looped back
	 * takes its buffer when it does. */
	return q / 2 < (n->ctl->rss_length ? n->can.pairs : netio_pairs(n)) && receive(n);
}
