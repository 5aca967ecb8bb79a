/* SPDX-License-Identifier: MIT */
/*
 * A virtio-net driver (virtio 1.3 section 5.1) for one device: frames out and in, control commands.
 * Honest in all but net_setup()'s aim, and never more than one frame and one command in flight.
 */
#ifndef GUEST_NET_H
#define GUEST_NET_H

#include "virtio_mmio.h"

/* Section 5.1.2: a pair of queues and the CVQ. With MQ the pair is the device's last, or another
 * one that was asked for, so that these are no indices: struct net has those. */
enum net_queue { NET_RX, NET_TX, NET_CVQ, NET_QUEUES };
#define NET_PAIRS_MAX 8
#define NET_LAST_PAIR UINT32_MAX

/* Feature bits, section 5.1.3. */
#define NET_F_MAC (1ULL << 5)
#define NET_F_STATUS (1ULL << 16)
#define NET_F_CTRL_VQ (1ULL << 17)
#define NET_F_CTRL_RX (1ULL << 18)
#define NET_F_MQ (1ULL << 22)
#define NET_F_CTRL_MAC_ADDR (1ULL << 23)
/* What the driver wants of them. */
#define NET_FEATURES                                                                               \
	(VIRTIO_F_VERSION_1 | NET_F_MAC | NET_F_STATUS | NET_F_CTRL_VQ | NET_F_CTRL_RX |           \
	 NET_F_CTRL_MAC_ADDR)

#define NET_HEADER 12	 /* struct virtio_net_hdr, section 5.1.6 */
#define NET_FRAME_MIN 14 /* an Ethernet header */
#define NET_FRAME_MAX 1514

/* Descriptors: the driver's own lie below, an attack may use those from here on. */
#define NET_OWN_DESCS 8

/* Section 5.1.6.5: struct virtio_net_ctrl's classes, commands and answers. */
#define NET_CTRL_RX 0
#define NET_CTRL_RX_PROMISC 0
#define NET_CTRL_MAC 1
#define NET_CTRL_MQ 4
#define NET_CTRL_MQ_VQ_PAIRS_SET 0
#define NET_CTRL_MAC_ADDR_SET 1
#define NET_OK 0
#define NET_ERR 1
#define NET_NO_ANSWER (-1)

/** A part of a data queue's rings to be set up where the driver has no business. */
struct net_aim {
	enum net_queue queue;
	enum virtq_part part;
	uint64_t iova;
	bool ram; /* there is RAM of ours there */
};

struct net {
	struct virtio dev;
	struct virtq q[NET_QUEUES];
	uint32_t index[NET_QUEUES]; /* which of the device's they are */
	uint32_t pairs;		    /* that the device has for this driver, */
	uint32_t pair;	/* ... of which it uses this one, if there is such, else the last */
	uint64_t takes; /* features that net_setup() takes beside NET_FEATURES */
	uint8_t mac[6];
	uint32_t frames; /* sent so far: seeds the next one's pattern */
	uint32_t frame_len;
	unsigned cvq_patience; /* ms; shrinks while the CVQ does not answer at all */
	bool live;	       /* set up without an error: the queues can be used */
	bool cvq_dead;	       /* it left a command unanswered; only a reset mends that */
};

/** Look for the device whose registers are at @base. */
bool net_find(struct net *n, uint64_t base);

/** The steps of net_setup(), between which an attack may do as it likes: reset and negotiate; lay
 * out empty rings; tell the device of them. */
bool net_negotiate(struct net *n, uint64_t wanted);
bool net_lay_out(struct net *n);
void net_enable(struct net *n);
/** Reset and set up again, up to DRIVER_OK; @aim may be NULL. No RX buffers are posted. */
bool net_setup(struct net *n, const struct net_aim *aim);
/** Post all RX buffers. */
void net_rx_fill(struct net *n);
/** DRIVER_OK. The device takes its time: what it answers first says that it has started. */
void net_go(struct net *n);
/** All of it, as a driver that means no harm. */
bool net_start(struct net *n);

/** Notify the device of @queue, whether it asked for that or not. */
void net_notify(struct net *n, enum net_queue queue);
/** Send a frame of @len bytes with a pattern of its own; false if the last one is still out. */
bool net_send(struct net *n, uint32_t len);
/** Lay the frame that net_send() sent last out at @dst too, which has room for @len bytes of it. */
void net_copy_frame(void *dst, uint32_t len);
/** Take back what TX has finished; whether nothing is left out there. */
bool net_tx_idle(struct net *n);

/** A frame that came in: @data lies in the driver's buffer until net_rx_return(). */
struct net_frame {
	const uint8_t *data;
	uint32_t len;
	uint16_t buffer;
};
/** The next frame, waiting for it until @deadline. */
bool net_receive(struct net *n, struct net_frame *f, uint64_t deadline);
/** Whether @f is what net_send() sent last. */
bool net_is_sent(const struct net *n, const struct net_frame *f);
/** Wipe the frame and post its buffer again. */
void net_rx_return(struct net *n, const struct net_frame *f);

/** A control command: its ack byte, or NET_NO_ANSWER. */
int net_command(struct net *n, uint8_t class, uint8_t cmd, const void *data, uint32_t len);
/** Wait until the CVQ has something to take back, with what is left of the patience with it; if it
 * has not, it is dead. */
bool net_await_command(struct net *n);
/** Wait until @queue has something to take back. */
bool net_wait(struct net *n, enum net_queue queue, uint64_t deadline);

#endif
