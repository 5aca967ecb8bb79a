/* SPDX-License-Identifier: MIT */
/*
 * The story of a control command; see cvq.h.
 *
 *   guest ring --pop--> chain --copy once--> command --validate--> shadow ring --> device
 *   guest ring <-push-- chain <-- ack and result <-- commit, if OK <-- one completion, checked
 *
 * A command that is late is answered with VIRTIO_NET_ERR, and the device is not asked again before
 * its next reset: it might still act on that command, and then nobody would know its state.
 */
#include "cvq.h"

#include "../virtio/check.h"
#include "breaks.h"

#include <errno.h>
#include <linux/virtio_net.h>

int cvq_start(struct cvq *c, const struct gmem *m, struct arena *a, const struct ctrl_rules *rules,
	      uint32_t num, gpa_t desc, gpa_t driver, gpa_t device)
{
	*c = (struct cvq){.mem = m, .rules = *rules};
	int ret = queue_init(&c->guest, m, rules->features, num, desc, driver, device);
	if (ret)
		return ret;
	svq_init(&c->shadow, a, rules->features);
	ctrl_reset(&c->state, rules);
	return 0;
}

/* What is no check of ours. */
static const struct check_info device_err = {"device-err", "the device says ERR"};
static const struct check_info device_late = {"device-late", "the device does not answer in time"};

static void tell(struct cvq *c, uint8_t ack)
{
	if (c->answered)
		c->answered(c->ctx, c, ack);
}

static unsigned guest_broke(struct cvq *c)
{
	c->broke = check_why();
	return CVQ_GUEST_BROKE;
}

/* Give the chain back with the ack in @answer and so many bytes of result behind it. */
static unsigned complete_with(struct cvq *c, const uint8_t *answer, size_t result)
{
	uint32_t written = 0;

	c->in_flight = false;
	if (!queue_write(&c->chain, c->mem, answer, 1 + result)) /* if there is room for it */
		written = 1 + (uint32_t)result;
	if (queue_push(&c->guest, c->mem, &c->chain, written))
		return guest_broke(c);
	return queue_wants_interrupt(&c->guest, c->mem) ? CVQ_INTERRUPT : 0;
}

/* The command comes to nothing, for the reason in @why. */
static unsigned refuse(struct cvq *c)
{
	static const uint8_t ack = VIRTIO_NET_ERR;

	tell(c, ack);
	return complete_with(c, &ack, 0);
}

/* The chain's room for a result, as far as the command has one; false: less than it must have. */
static bool find_room(const struct cvq *c, size_t *room)
{
	struct ctrl_room want = ctrl_result_room(c->command);
	uint64_t there = c->chain.writable_len ? c->chain.writable_len - 1 : 0;

	*room = there < want.max ? (size_t)there : want.max;
	return !CHECK(CVQ_RESULT_ROOM, *room < want.min);
}

/* Whether the private copy, of @n bytes, may go to the device; else @why says what refuses it. */
static bool judge(struct cvq *c, int64_t n, size_t *room)
{
	bool asked =
	    n >= 0 && !CHECK(CVQ_DEAD, c->dead) && !CHECK(CVQ_ACK_ROOM, c->chain.writable_len == 0);
	int ret = asked ? ctrl_validate(&c->rules, c->command, (size_t)n) : -EINVAL;

	c->why = check_why(); /* before CVQ_VALIDATE, which says less */
	if (!asked || CHECK(CVQ_VALIDATE, ret != 0))
		return false;
	bool fits = find_room(c, room);
	if (!fits)
		c->why = check_why();
	return fits;
}

/* Copy the popped chain's command once, judge the copy and forward that. */
static unsigned forward(struct cvq *c)
{
	size_t room;
	int64_t n =
	    queue_read(&c->chain, c->mem, c->command, sizeof(c->command)); /* UNTRUSTED: guest */

	if (!judge(c, n, &room))
		return refuse(c);
	if (broken(c->breaks, BREAK_DOUBLE_FETCH))
		(void)queue_read(&c->chain, c->mem, c->command, sizeof(c->command));
	c->len = (size_t)n;
	c->in_flight = true;
	svq_submit(&c->shadow, c->command, c->len, room);
	return CVQ_KICK;
}

unsigned cvq_guest_kick(struct cvq *c)
{
	unsigned todo = 0;

	check_forget();
	for (unsigned n = 0; !CHECK(CVQ_ONE, c->in_flight); n++) {
		if (CHECK(CVQ_SHARE, n == c->guest.num))
			return todo | CVQ_MORE;
		int ret = queue_pop(&c->guest, c->mem, &c->chain);
		if (ret == 0)
			break;
		c->why = check_why(); /* if this one is malformed */
		if (ret == 1)
			todo |= forward(c);
		else if (ret == -EBADMSG)
			todo |= refuse(c);
		else
			return todo | guest_broke(c);
	}
	return todo;
}

/* The device's answer to the command in flight, judged: 1, 0 if there is none, or -EPROTO. */
static int take_answer(struct cvq *c, size_t *result)
{
	int ret = svq_poll(&c->shadow, c->answer, result); /* UNTRUSTED: device */

	if (ret <= 0)
		return ret;
	if (c->answer[0] != VIRTIO_NET_OK)
		*result = 0; /* section 5.1.6.5.9: it means nothing then */
	else if (CHECK(CVQ_RESULT, !ctrl_result_good(c->command, c->answer + 1, *result)))
		return -EPROTO;
	return 1;
}

unsigned cvq_device_call(struct cvq *c)
{
	size_t result = 0;

	check_forget();
	if (CHECK(CVQ_LATE, c->dead))
		return 0;
	int ret = take_answer(c, &result);
	if (ret == 0)
		return 0;
	if (ret < 0) {
		c->why = c->broke = check_why();
		c->dead = true;
		return CVQ_DEVICE_BROKE | (CHECK(CVQ_UNASKED, !c->in_flight) ? 0u : refuse(c));
	}
	c->why = c->answer[0] == VIRTIO_NET_OK ? NULL : &device_err;
	tell(c, c->answer[0]);
	if (!CHECK(CVQ_COMMIT, c->answer[0] != VIRTIO_NET_OK)) {
		ctrl_commit(&c->state, c->command, c->len);
		if (c->committed)
			c->committed(c->ctx, &c->state);
	}
	return complete_with(c, c->answer, result) | cvq_guest_kick(c);
}

unsigned cvq_timeout(struct cvq *c)
{
	c->why = c->broke = &device_late;
	c->dead = true;
	return refuse(c) | CVQ_DEVICE_BROKE | cvq_guest_kick(c);
}
