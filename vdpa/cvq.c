/* SPDX-License-Identifier: MIT */
/*
 * The story of a control command; see cvq.h.
 *
 *   guest ring --pop--> chain --copy once--> command --validate--> shadow ring --> device
 *   guest ring <-push-- chain <-- one ack byte <-- commit, if OK <-- one completion, checked
 *
 * A command that is late is answered with VIRTIO_NET_ERR, and the device is not asked again before
 * its next reset: it might still act on that command, and then nobody would know its state.
 */
#include "cvq.h"

#include "../virtio/check.h"
#include "breaks.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

int cvq_start(struct cvq *c, const struct gmem *m, struct arena *a, uint64_t features, uint32_t num,
	      gpa_t desc, gpa_t driver, gpa_t device)
{
	*c = (struct cvq){.mem = m, .features = features};
	int ret = queue_init(&c->guest, m, num, desc, driver, device);
	if (ret)
		return ret;
	c->guest.indirect = features >> VIRTIO_RING_F_INDIRECT_DESC & 1;
	svq_init(&c->shadow, a);
	ctrl_reset(&c->state, features);
	return 0;
}

/* Give the chain back with its ack byte, where there is room for one. */
static unsigned complete(struct cvq *c, uint8_t ack)
{
	uint32_t written = 0;

	c->in_flight = false;
	if (!queue_write(&c->chain, c->mem, &ack, 1)) /* not if there is no room for it */
		written = 1;
	if (queue_push(&c->guest, c->mem, c->chain.head, written))
		return CVQ_GUEST_BROKE;
	return queue_wants_interrupt(&c->guest, c->mem) ? CVQ_INTERRUPT : 0;
}

/* Copy the popped chain's command once, judge the copy and forward that. */
static unsigned forward(struct cvq *c)
{
	int64_t n =
	    queue_read(&c->chain, c->mem, c->command, sizeof(c->command)); /* UNTRUSTED: guest */

	if (n < 0 || CHECK(CVQ_DEAD, c->dead) || CHECK(CVQ_ACK_ROOM, c->chain.writable_len == 0) ||
	    CHECK(CVQ_VALIDATE, ctrl_validate(c->features, c->command, (size_t)n) != 0))
		return complete(c, VIRTIO_NET_ERR);
	if (broken(c->breaks, BREAK_DOUBLE_FETCH))
		(void)queue_read(&c->chain, c->mem, c->command, sizeof(c->command));
	c->len = (size_t)n;
	c->in_flight = true;
	svq_submit(&c->shadow, c->command, c->len);
	return CVQ_KICK;
}

unsigned cvq_guest_kick(struct cvq *c)
{
	unsigned todo = 0;

	for (unsigned n = 0; !CHECK(CVQ_ONE, c->in_flight); n++) {
		if (CHECK(CVQ_SHARE, n == c->guest.num))
			return todo | CVQ_MORE;
		int ret = queue_pop(&c->guest, c->mem, &c->chain);
		if (ret == 0)
			break;
		if (ret == 1)
			todo |= forward(c);
		else if (ret == -EBADMSG)
			todo |= complete(c, VIRTIO_NET_ERR);
		else
			return todo | CVQ_GUEST_BROKE;
	}
	return todo;
}

unsigned cvq_device_call(struct cvq *c)
{
	uint8_t ack;

	if (CHECK(CVQ_LATE, c->dead))
		return 0;
	int ret = svq_poll(&c->shadow, &ack); /* UNTRUSTED: device */
	if (ret == 0)
		return 0;
	if (ret < 0) {
		c->dead = true;
		return CVQ_DEVICE_BROKE |
		       (CHECK(CVQ_UNASKED, !c->in_flight) ? 0u : complete(c, VIRTIO_NET_ERR));
	}
	if (!CHECK(CVQ_COMMIT, ack != VIRTIO_NET_OK)) {
		ctrl_commit(&c->state, c->command, c->len);
		if (c->committed)
			c->committed(c->ctx, &c->state);
	}
	return complete(c, ack) | cvq_guest_kick(c);
}

unsigned cvq_timeout(struct cvq *c)
{
	c->dead = true;
	return complete(c, VIRTIO_NET_ERR) | CVQ_DEVICE_BROKE | cvq_guest_kick(c);
}
