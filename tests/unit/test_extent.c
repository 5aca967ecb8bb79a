/* SPDX-License-Identifier: MIT */
/*
 * What rows 8 to 29 must have covered: a run that did all of it and no more is complete, and the
 * same run without any one attempt, proof or number is not. Built with tests/isolation/extent.c.
 */
#include "good_extent.h"

#include "../isolation/extent.h"

#include <stdlib.h>

#define RAM (UINT64_C(32) << 20)

static struct attack attack;
static struct row row = {.attack = &attack};
static char why[200];

static struct evidence complete(enum extent extent, enum placement placement)
{
	struct evidence ev = {
	    .scan_stride = 1 << 20,
	    .hello = {.ram_size = RAM,
		      .arena_iova = placement == PLACE_HOLE ? 0x40000000 : 0x1000000,
		      .arena_readable = 4 * GOOD_PAGE,
		      .arena_writable = 2 * GOOD_PAGE,
		      .cvq_index = 2,
		      .cvq_asid = 1}};

	attack.extent = extent;
	row.placement = placement;
	good_extent(&ev, extent);
	return ev;
}

static bool left_out(const struct evidence *ev)
{
	why[0] = 0;
	bool left = extent_left_out(&row, ev, why, sizeof(why));
	assert_int_equal(left, why[0] != 0);
	return left;
}

static const struct good_attempts *kind_of(enum extent extent, const struct attempt *at)
{
	for (size_t i = 0; i < GOOD_ATTEMPTS; i++)
		if (good_attempts[i].extent == extent && good_attempts[i].shape == at->mark.shape &&
		    good_attempts[i].queue == at->mark.queue)
			return &good_attempts[i];
	fail();
	return NULL;
}

/* What can be wrong with one attempt. */
enum flaw { MISSING, UNPROVEN, WRONG_WAY, UNTOUCHED, NO_HIT, FLAWS };

static bool spoil(struct evidence *ev, uint32_t i, enum flaw flaw, enum extent extent)
{
	struct attempt *at = &ev->attempt[i];
	const struct good_attempts *g = kind_of(extent, at);

	switch (flaw) {
	case MISSING:
		*at = ev->attempt[--ev->attempts];
		return true;
	case UNPROVEN:
		at->aimed_ram = at->aimed_refused = at->chains_refused = 0;
		at->mark.outcome = OUTCOME_NO_ANSWER;
		return g->proof != GOOD_NUMBERS;
	case WRONG_WAY:
		if (g->proof != GOOD_DEVICE || g->shape == SHAPE_LONGEST)
			return false;
		at->chains_refused = 1; /* the chain was refused, but nobody saw the address */
		uint32_t ram = at->aimed_ram;
		at->aimed_ram = at->aimed_refused;
		at->aimed_refused = ram;
		return true;
	case UNTOUCHED:
		at->mark.touched = 0;
		return g->touched > 0;
	case NO_HIT:
		at->mark.hits = 0;
		return g->hits > 0;
	default:
		return false;
	}
}

static void each_attempt_counts(void **state)
{
	unsigned tried = 0;

	(void)state;
	for (unsigned p = 0; p < 2; p++)
		for (enum extent x = EXTENT_INDIRECT; x <= EXTENT_CONFIG; x++) {
			struct evidence ev = complete(x, (enum placement)p);
			uint32_t attempts = ev.attempts;

			if (left_out(&ev))
				fail_msg("extent %d: %s", x, why);
			assert_true(attempts > 0);
			evidence_free(&ev);
			for (uint32_t i = 0; i < attempts * FLAWS; i++) {
				ev = complete(x, (enum placement)p);
				bool due = spoil(&ev, i / FLAWS, (enum flaw)(i % FLAWS), x);
				if (due && !left_out(&ev))
					fail_msg("extent %d, attempt %u, flaw %u", x, i / FLAWS,
						 i % FLAWS);
				tried += due;
				evidence_free(&ev);
			}
		}
	assert_true(tried > 400);
}

static void no_row_is_tested_by_nothing(void **state)
{
	(void)state;
	for (unsigned x = 0; x <= EXTENT_CONFIG + 1; x++) {
		struct evidence ev = complete((enum extent)x, PLACE_HOLE);

		ev.attempts = 0;
		assert_true(left_out(&ev));
		evidence_free(&ev);
	}
}

/* Nothing of an empty buffer is translated: a device may as well give it back. */
static void an_empty_buffer_comes_back(void **state)
{
	struct evidence ev = complete(EXTENT_STRADDLE, PLACE_HOLE);

	(void)state;
	for (uint32_t i = 0; i < ev.attempts; i++)
		if (ev.attempt[i].mark.shape == SHAPE_EMPTY)
			ev.attempt[i].chains_refused = 0;
	assert_false(left_out(&ev));
	evidence_free(&ev);
}

static void a_ring_there_may_be_used_where_there_is_ram(void **state)
{
	(void)state;
	struct evidence ev = complete(EXTENT_SWAP, PLACE_ALIASED);
	for (uint32_t i = 0; i < ev.attempts; i++)
		if (ev.attempt[i].mark.shape == SHAPE_CVQ_RING)
			ev.attempt[i].mark.outcome = OUTCOME_COMPLETED;
	assert_false(left_out(&ev));
	evidence_free(&ev);
}

/* RAM and the arena do not overlap here, so what ends in RAM must not reach past its end. */
static void an_aim_over_the_end_of_ram_is_refused(void **state)
{
	struct evidence ev = complete(EXTENT_FLOOD, PLACE_HOLE);
	struct attempt at = {.mark = {.address = RAM - 64, .length = 64}};

	(void)state;
	at.aimed_ram = 1;
	assert_true(extent_device_tried(&ev, &at));
	at.mark.length = 65;
	assert_false(extent_device_tried(&ev, &at));
	at.aimed_refused = 1;
	assert_true(extent_device_tried(&ev, &at));
	at.mark.address = UINT64_MAX - 7; /* and where it wraps */
	at.mark.length = 16;
	assert_true(extent_device_tried(&ev, &at));
	at.aimed_refused = 0;
	assert_false(extent_device_tried(&ev, &at));
	evidence_free(&ev);
}

static void every_power_is_swept(void **state)
{
	(void)state;
	for (unsigned q = 0; q < 2; q++)
		for (unsigned d = 0; d < 3; d++)
			for (unsigned n = 0; n < 64; n++) {
				struct evidence ev = complete(EXTENT_SWEEP, PLACE_HOLE);
				bool due = ev.trace.swept[q][d] >> n & 1;

				ev.trace.swept[q][d] &= ~(UINT64_C(1) << n);
				assert_int_equal(left_out(&ev), due);
				evidence_free(&ev);
			}
	for (unsigned bit = 0; bit < 12; bit++) {
		struct evidence ev = complete(EXTENT_SWEEP, PLACE_HOLE);

		ev.trace.swept_pages[bit / 6] &= ~(1u << bit % 6);
		assert_true(left_out(&ev));
		evidence_free(&ev);
	}
}

/* The attempt of that shape. */
static struct attempt *of(struct evidence *ev, enum attempt_shape shape)
{
	for (uint32_t i = 0; i < ev->attempts; i++)
		if (ev->attempt[i].mark.shape == shape)
			return &ev->attempt[i];
	fail();
	return NULL;
}

static void some_flips_reach_the_device_and_some_do_not(void **state)
{
	static const struct {
		uint32_t commands, hits;
		bool left_out;
	} tries[] = {{19, 20, false}, {5, 20, false}, {4, 20, true},
		     {0, 20, true},   {20, 20, true}, {30, 20, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		struct evidence ev = complete(EXTENT_TOCTOU, PLACE_HOLE);

		of(&ev, SHAPE_FLIPS)->commands = tries[i].commands;
		of(&ev, SHAPE_FLIPS)->mark.hits = tries[i].hits;
		assert_int_equal(left_out(&ev), tries[i].left_out);
		evidence_free(&ev);
	}
}

static void resets_reach_the_device(void **state)
{
	struct evidence ev;

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		ev = complete(EXTENT_RESET, PLACE_HOLE);
		ev.attempt[i].resets = 0;
		assert_true(left_out(&ev));
		evidence_free(&ev);
	}
	ev = complete(EXTENT_RESET, PLACE_HOLE);
	for (uint32_t i = 0; i < ev.attempts; i++)
		if (ev.attempt[i].mark.shape == SHAPE_STORM)
			ev.attempt[i].commands = 1; /* the one after it */
	assert_true(left_out(&ev));
	row.parent = PARENT_SIM;
	assert_false(left_out(&ev));
	row.parent = PARENT_VDUSE;
	evidence_free(&ev);
	ev = complete(EXTENT_RESET, PLACE_HOLE);
	of(&ev, SHAPE_IN_FLIGHT)->commands--; /* it had been given no more than was answered, */
	assert_true(left_out(&ev));
	row.parent = PARENT_SIM; /* but where the one after the reset is not for the device */
	assert_false(left_out(&ev));
	row.parent = PARENT_VDUSE;
	of(&ev, SHAPE_IN_FLIGHT)->commands++;
	of(&ev, SHAPE_IN_FLIGHT)->mark.hits = 0; /* all had been answered */
	ev.attempt[3].mark.hits = 2;
	assert_true(left_out(&ev));
	evidence_free(&ev);
}

/* Each in a session that the CVQ has moved for, from where a command went through it. */
static void the_cvq_moves_before_each_attempt(void **state)
{
	static const uint32_t other[][2] = {{0, 0}, {2, 2}, {8, 8}, {2, 0}, {8, 0}};

	(void)state;
	struct evidence ev = complete(EXTENT_MOVES, PLACE_HOLE);
	for (uint32_t i = 0; i < ev.attempts; i++) {
		struct attempt *at = &ev.attempt[i], good = *at;

		for (size_t o = 0; o < sizeof(other) / sizeof(other[0]); o++) {
			at->cvq = other[o][0];
			at->cvq_before = other[o][1];
			assert_true(left_out(&ev));
		}
		at->cvq = good.cvq_before; /* the other way */
		at->cvq_before = good.cvq;
		assert_true(left_out(&ev));
		*at = good;
	}
	assert_false(left_out(&ev));
	ev.hello.cvq_index = 4; /* its second pair is its last */
	for (uint32_t i = 0; i < ev.attempts; i++) {
		ev.attempt[i].cvq = ev.attempt[i].cvq == 8 ? 4 : 2;
		ev.attempt[i].cvq_before = ev.attempt[i].cvq == 4 ? 2 : 4;
	}
	assert_true(left_out(&ev));
	evidence_free(&ev);
}

static void in_full_each_part_is_in_each_page(void **state)
{
	struct evidence ev = complete(EXTENT_MOVES, PLACE_HOLE);
	uint32_t before = ev.attempts;

	(void)state;
	ev.scan_stride = 4096;
	assert_true(left_out(&ev));
	for (size_t i = 0; i < GOOD_ATTEMPTS; i++)
		for (unsigned n = 1; good_attempts[i].extent == EXTENT_MOVES &&
				     good_attempts[i].count && n < GOOD_PAGES;
		     n++)
			good_attempt(&ev, &good_attempts[i], ev.hello.arena_iova + n * GOOD_PAGE);
	assert_false(left_out(&ev));
	assert_int_equal(ev.attempts - before, 3 * 4 * 5);
	for (uint32_t i = 0; i < ev.attempts; i++) {
		ev.attempt[i].mark.touched = 0;
		assert_true(left_out(&ev));
		ev.attempt[i].mark.touched = 1;
	}
	evidence_free(&ev);
}

static void notifications_bring_the_device_nothing(void **state)
{
	struct evidence ev = complete(EXTENT_NOTIFY, PLACE_HOLE);

	(void)state;
	of(&ev, SHAPE_NOTIFY)->commands = 1;
	assert_true(left_out(&ev));
	of(&ev, SHAPE_NOTIFY)->commands = 0;
	of(&ev, SHAPE_NOTIFY)->busy = true;
	assert_true(left_out(&ev));
	of(&ev, SHAPE_NOTIFY)->busy = false;
	assert_false(left_out(&ev));
	ev.scan_stride = 4096; /* --full: all 2^16, but for the three that there are */
	of(&ev, SHAPE_NOTIFY)->mark.touched = 65532;
	assert_true(left_out(&ev));
	of(&ev, SHAPE_NOTIFY)->mark.touched = 65533;
	assert_false(left_out(&ev));
	evidence_free(&ev);
}

static void floods_reach_the_device(void **state)
{
	struct evidence ev = complete(EXTENT_FLOOD, PLACE_HOLE);

	(void)state;
	of(&ev, SHAPE_RESETS)->resets = 1;
	assert_true(left_out(&ev));
	of(&ev, SHAPE_RESETS)->resets = 2;
	of(&ev, SHAPE_RESETS)->mark.touched = 48; /* of so many, some are overtaken, but not most */
	assert_true(left_out(&ev));
	of(&ev, SHAPE_RESETS)->mark.touched = 47;
	assert_false(left_out(&ev));
	of(&ev, SHAPE_KICKS)->busy = false;
	assert_true(left_out(&ev));
	of(&ev, SHAPE_KICKS)->busy = true;
	/* Both floods of commands: that of known ones must come to the device. */
	for (uint32_t i = 0; i < ev.attempts; i++)
		if (ev.attempt[i].mark.shape == SHAPE_COMMANDS)
			ev.attempt[i].commands = 0;
	assert_true(left_out(&ev));
	of(&ev, SHAPE_COMMANDS)->commands = 1000;
	ev.memory.seen = false;
	assert_true(left_out(&ev));
	ev.memory.seen = true;
	assert_false(left_out(&ev));
	evidence_free(&ev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_attempt_counts),
	    cmocka_unit_test(no_row_is_tested_by_nothing),
	    cmocka_unit_test(an_empty_buffer_comes_back),
	    cmocka_unit_test(a_ring_there_may_be_used_where_there_is_ram),
	    cmocka_unit_test(an_aim_over_the_end_of_ram_is_refused),
	    cmocka_unit_test(every_power_is_swept),
	    cmocka_unit_test(some_flips_reach_the_device_and_some_do_not),
	    cmocka_unit_test(resets_reach_the_device),
	    cmocka_unit_test(the_cvq_moves_before_each_attempt),
	    cmocka_unit_test(in_full_each_part_is_in_each_page),
	    cmocka_unit_test(notifications_bring_the_device_nothing),
	    cmocka_unit_test(floods_reach_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
