/* SPDX-License-Identifier: MIT */
/*
 * The model of the shadow CVQ as a whole: what vdpa/cvq.h promises of it, on the model's ring and
 * commands. Every chain that is taken is given back once; the device sees one command at a time,
 * and only good ones; and a device that broke a rule is neither asked nor heard again.
 */
#include "model.h"

#include <string.h>

#define OK 0
#define ERR 1

/* Section 2.7.8.2: the answer is written before the index that tells of it. */
static unsigned finish_with(struct model_cvq *c, const struct model_chain *chain, uint8_t ack,
			    const uint8_t *result, size_t len)
{
	uint32_t written = 0;

	for (unsigned i = chain->readable; i < chain->readable + chain->writable; i++)
		for (uint32_t n = 0; n < chain->buffer[i].len && written <= len; n++, written++)
			*model_byte(c->ram, chain->buffer[i].at + n) =
			    written ? result[written - 1] : ack;
	model_give_back(c->ram, &c->ring, c->head, written);
	c->in_flight = false;
	return model_notify(c->ram, &c->ring) ? MODEL_INTERRUPT : 0;
}

static unsigned finish(struct model_cvq *c, const struct model_chain *chain, uint8_t ack)
{
	return finish_with(c, chain, ack, NULL, 0);
}

/* The chain's readable bytes, as far as a command can be long, and one more. */
static size_t gather(const struct model_cvq *c, uint8_t *out)
{
	size_t len = 0;

	for (unsigned i = 0; i < c->chain.readable; i++)
		for (uint32_t n = 0; n < c->chain.buffer[i].len && len <= MODEL_COMMAND_MAX; n++)
			out[len++] = *model_byte(c->ram, c->chain.buffer[i].at + n);
	return len;
}

static unsigned take(struct model_cvq *c)
{
	size_t len = gather(c, c->command);

	if (c->dead || c->chain.writable_len == 0 ||
	    !model_command(c->features, &c->net, c->command, len))
		return finish(c, &c->chain, ERR);
	size_t least, most, there = (size_t)c->chain.writable_len - 1;
	model_room(c->command, &least, &most);
	if (there < least)
		return finish(c, &c->chain, ERR);
	c->room = there < most ? there : most;
	c->len = len;
	c->in_flight = true;
	return MODEL_KICK;
}

unsigned model_cvq_kick(struct model_cvq *c)
{
	const struct model_chain nothing = {0};
	unsigned todo = 0, taken = 0;

	while (!c->in_flight) {
		if (taken++ == c->ring.num)
			return todo | MODEL_MORE;
		enum model_next next = model_next(c->ram, &c->ring, &c->head, &c->chain);
		if (next == MODEL_NOTHING)
			break;
		if (next == MODEL_BROKEN)
			return todo | MODEL_GUEST_BROKE;
		c->ring.taken++;
		todo |= next == MODEL_GOOD ? take(c) : finish(c, &nothing, ERR);
	}
	return todo;
}

unsigned model_cvq_answer(struct model_cvq *c, bool good, uint8_t ack, const uint8_t *result,
			  size_t len)
{
	if (c->dead)
		return 0;
	if (!good || !c->in_flight || (ack == OK && !model_result(c->command, result, len))) {
		c->dead = true;
		return MODEL_DEVICE_BROKE | (c->in_flight ? finish(c, &c->chain, ERR) : 0);
	}
	if (ack == OK)
		model_settings_apply(&c->settings, c->command, c->len);
	/* With an error a result means nothing. */
	unsigned todo = finish_with(c, &c->chain, ack, result, ack == OK ? len : 0);
	return todo | model_cvq_kick(c);
}

unsigned model_cvq_timeout(struct model_cvq *c)
{
	c->dead = true;
	unsigned todo = finish(c, &c->chain, ERR) | MODEL_DEVICE_BROKE;
	return todo | model_cvq_kick(c);
}
