/* SPDX-License-Identifier: MIT */
/*
 * Row 33: what a daemon can say in answer to a command. The shadow ring has two entries and one
 * command in flight, whose head is 0 and whose answer is one byte; all else is a lie. It must never
 * call a lie what an honest device may do.
 */
#include "row.h"

#include <stddef.h>

#define ON(control) (1U << CONTROL_##control)
/* The VMM's own deadline is a second (CVQ_DEADLINE_MS); the rest is for a busy machine. */
#define BOUND_MS 2000
#define REFUSED (MAY_ERR | MUST_RESET)

static struct fault *lie(struct faults *f, struct fault *new, uint32_t set, uint32_t may,
			 uint32_t controls)
{
	(void)f;
	new->kind = FAULT_LIE;
	new->may = may;
	new->controls = controls;
	new->bound_ms = BOUND_MS;
	new->lie.set = set;
	new->waits = set &(LIE_NO_ANSWER | LIE_NO_CALL | LIE_STALE | LIE_LATE);
	return new;
}

static void add_id(struct faults *f, uint32_t id)
{
	lie(f, fault_add(f, "used-id 0x%x", id), LIE_ID, REFUSED, ON(ID))->lie.id = id;
}

static void add_len(struct faults *f, uint32_t len)
{
	lie(f, fault_add(f, "used-length 0x%x", len), LIE_LEN, REFUSED, ON(LEN))->lie.len = len;
}

static void add_index(struct faults *f, int32_t by)
{
	lie(f, fault_add(f, "used-index %+d", by), LIE_INDEX, REFUSED, ON(INDEX))->lie.index = by;
}

static void add_ack(struct faults *f, uint8_t ack)
{
	lie(f, fault_add(f, "ack 0x%02x", ack), LIE_ACK, REFUSED, ON(ACK))->lie.ack = ack;
}

static bool is_in(const uint32_t *list, size_t n, uint32_t value)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == value)
			return true;
	return false;
}

#define IS_IN(list, value) is_in(list, sizeof(list) / sizeof((list)[0]), (uint32_t)(value))

/* Out of range, and right again if only some of its bits are looked at. */
static const uint32_t ids[] = {1, 2, 0x100, 0x10000, 0x80000000, 0xffffffff};
static const uint32_t lens[] = {0, 2, 0x101, 0x10001, 0x80000001, 0xffffffff};
static const uint32_t indices[] = {2,	  3,	  (uint32_t)-1,	    (uint32_t)-2,
				   0x100, 0x7fff, (uint32_t)-0x8000};
static const uint32_t acks[] = {2, 0x7f, 0x80, 0xff};

static void list_edges(struct faults *f)
{
	for (unsigned i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		add_id(f, ids[i]);
	for (unsigned i = 0; i < sizeof(lens) / sizeof(*lens); i++)
		add_len(f, lens[i]);
	for (unsigned i = 0; i < sizeof(indices) / sizeof(*indices); i++)
		add_index(f, (int32_t)indices[i]);
	for (unsigned i = 0; i < sizeof(acks) / sizeof(*acks); i++)
		add_ack(f, (uint8_t)acks[i]);
}

/* Every power of two with its neighbours, and every byte; but those, and what is right. */
static void list_rest(struct faults *f)
{
	uint32_t last = 0; /* 2 + 1 is 4 - 1 */

	for (unsigned bit = 1; bit < 32; bit++)
		for (uint32_t d = 0; d < 3; d++) {
			uint32_t n = (1u << bit) - 1 + d;
			if (n == last)
				continue;
			last = n;
			if (!IS_IN(ids, n))
				add_id(f, n);
			if (n != 1 && !IS_IN(lens, n))
				add_len(f, n);
			if (bit < 16 && n != 1 && !IS_IN(indices, n))
				add_index(f, (int32_t)n);
		}
	for (unsigned ack = 2; ack < 256; ack++)
		if (!IS_IN(acks, ack))
			add_ack(f, (uint8_t)ack);
}

static void list_times(struct faults *f)
{
	struct fault *new;

	lie(f, fault_add(f, "no answer"), LIE_NO_ANSWER | LIE_NO_CALL, REFUSED, ON(NO_DEADLINE));
	lie(f, fault_add(f, "no answer, one call"), LIE_NO_ANSWER, REFUSED, ON(NO_DEADLINE));
	lie(f, fault_add(f, "an answer, no call"), LIE_NO_CALL, MAY_ERR | MUST_RESET,
	    ON(NO_DEADLINE));
	lie(f, fault_add(f, "no answer, a flood of calls"), LIE_NO_ANSWER | LIE_CALLS, REFUSED,
	    ON(NO_DEADLINE))
	    ->lie.ms = 900;
	lie(f, fault_add(f, "the last answer again"), LIE_STALE, REFUSED, ON(NO_DEADLINE));
	lie(f, fault_add(f, "an answer too late"), LIE_LATE, REFUSED, ON(LATE))->lie.ms = 1100;
	new = lie(f, fault_add(f, "an answer just in time"), LIE_LATE, MAY_OK, 0);
	new->lie.ms = 300; /* the rest of the second is for a slow machine */
}

static void list_shapes(struct faults *f)
{
	struct fault *new;

	lie(f, fault_add(f, "no ack byte"), LIE_NO_ACK, REFUSED, ON(ACK));
	new =
	    lie(f, fault_add(f, "two answers at once"), LIE_INDEX | LIE_STALE, REFUSED, ON(INDEX));
	new->lie.index = 2;
	new->waits = false;
	lie(f, fault_add(f, "two answers in turn"), LIE_AGAIN, MAY_OK | MAY_ERR | MUST_RESET,
	    ON(UNASKED));
	lie(f, fault_add(f, "an answer before the command"), LIE_EARLY, MAY_ANY, 0);
	new = lie(f, fault_add(f, "answers that flicker"), LIE_FLIP, MAY_ANY, 0);
	new->lie.ms = 40;
	lie(f, fault_add(f, "flags and event of ones"), LIE_FLAGS, MAY_OK, 0);
	new = lie(f, fault_add(f, "a flood of config changes"), LIE_CONFIG, MAY_OK, 0);
	new->lie.ms = 200;
	new = lie(f, fault_add(f, "a flood of calls"), LIE_CALLS, MAY_OK, 0);
	new->lie.ms = 200;
}

void list_answers(struct faults *f, bool full)
{
	list_times(f);
	list_shapes(f);
	list_edges(f);
	if (full)
		list_rest(f);
}
