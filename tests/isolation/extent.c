/* SPDX-License-Identifier: MIT */
/* What was covered, against a table of what has to be; see extent.h. */
#include "extent.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define PAGE UINT64_C(4096)
#define RX 1u
#define TX 2u
#define DATA (RX | TX)
#define CVQ 4u
#define TWO_PAIRS 15u /* queues 0 to 3 */
#define QUEUES 4

/** How each attempt must be known to have been made. */
enum proof {
	BY_DEVICE,  /* a data queue's: the trace has its address, refused or in RAM as it should be
		     */
	BY_REFUSAL, /* or the trace has its chain, refused unread */
	BY_RETURN,  /* or the guest got the chain back: there was nothing to translate */
	BY_GUEST,   /* the VMM's doing: the guest saw it refused or without effect */
	BY_ANSWER,  /* ... or carried out, where that is legal */
	BY_NUMBERS, /* by what it counts, below, alone */
};

struct need {
	enum extent extent;
	enum attempt_shape shape;
	unsigned queues; /* each of them, */
	enum proof proof;
	unsigned least;	  /* so many attempts; 0: one in each page of the arena */
	uint64_t touched; /* in all of them together */
	uint64_t hits;
	const char *what;
};

static const struct need needs[] = {
    {EXTENT_INDIRECT, SHAPE_TABLE, DATA, BY_DEVICE, 0, 0, 0, "an indirect table"},
    {EXTENT_INDIRECT, SHAPE_ENTRY, DATA, BY_DEVICE, 0, 0, 0, "an indirect table's entry"},
    {EXTENT_INDIRECT, SHAPE_NESTED, DATA, BY_REFUSAL, 1, 0, 0, "a table in a table"},
    {EXTENT_INDIRECT, SHAPE_LENGTH, DATA, BY_REFUSAL, 4, 0, 0, "a table of an odd length"},
    {EXTENT_INDIRECT, SHAPE_NEXT, DATA, BY_REFUSAL, 1, 0, 0, "a table with next"},
    {EXTENT_INDIRECT, SHAPE_UNAGREED, DATA, BY_REFUSAL, 1, 0, 0, "a table without the feature"},
    {EXTENT_INDIRECT, SHAPE_NESTED, CVQ, BY_GUEST, 2, 2, 0, "a table in a table"},
    {EXTENT_INDIRECT, SHAPE_LENGTH, CVQ, BY_GUEST, 1, 1, 0, "a table of an odd length"},
    {EXTENT_INDIRECT, SHAPE_NEXT, CVQ, BY_GUEST, 1, 1, 0, "a table with next"},
    {EXTENT_INDIRECT, SHAPE_TABLE_END, CVQ, BY_GUEST, 1, 1, 0, "a table that leaves RAM"},
    {EXTENT_INDIRECT, SHAPE_UNAGREED, CVQ, BY_GUEST, 1, 1, 0, "a table without the feature"},

    {EXTENT_STRADDLE, SHAPE_OVER, DATA, BY_DEVICE, 5, 0, 0, "a buffer over an edge"},
    {EXTENT_STRADDLE, SHAPE_ONE, DATA, BY_DEVICE, 4, 0, 0, "a byte at an edge"},
    {EXTENT_STRADDLE, SHAPE_EMPTY, DATA, BY_RETURN, 2, 0, 0, "an empty buffer"},
    {EXTENT_STRADDLE, SHAPE_LONGEST, DATA, BY_REFUSAL, 2, 0, 0, "a buffer of 2^32 - 1"},
    {EXTENT_STRADDLE, SHAPE_RING_DESC, DATA, BY_DEVICE, 1, 0, 0, "a descriptor table over an edge"},
    {EXTENT_STRADDLE, SHAPE_RING_AVAIL, DATA, BY_DEVICE, 1, 0, 0, "an available ring over an edge"},
    {EXTENT_STRADDLE, SHAPE_RING_USED, DATA, BY_DEVICE, 1, 0, 0, "a used ring over an edge"},
    {EXTENT_STRADDLE, SHAPE_OVER, CVQ, BY_GUEST, 2, 2, 0, "a buffer over an edge"},
    {EXTENT_STRADDLE, SHAPE_ONE, CVQ, BY_GUEST, 1, 1, 0, "a byte at an edge"},
    {EXTENT_STRADDLE, SHAPE_LONGEST, CVQ, BY_GUEST, 2, 2, 0, "a buffer of 2^32 - 1"},
    {EXTENT_STRADDLE, SHAPE_RING_DESC, CVQ, BY_GUEST, 1, 1, 0, "a descriptor table over an edge"},
    {EXTENT_STRADDLE, SHAPE_RING_AVAIL, CVQ, BY_GUEST, 1, 1, 0, "an available ring over an edge"},
    {EXTENT_STRADDLE, SHAPE_RING_USED, CVQ, BY_GUEST, 1, 1, 0, "a used ring over an edge"},

    {EXTENT_SWEEP, SHAPE_SWEEP, RX, BY_NUMBERS, 1, 128, 0, "a sweep"},
    {EXTENT_SWEEP, SHAPE_SWEEP, TX, BY_NUMBERS, 1, 256, 0, "a sweep"},

    {EXTENT_TOCTOU, SHAPE_FLIPS, CVQ, BY_NUMBERS, 1, 10000, 20, "flips beside commands"},

    {EXTENT_RESET, SHAPE_IN_FLIGHT, CVQ, BY_NUMBERS, 8, 0, 8, "a reset with a command in flight"},
    {EXTENT_RESET, SHAPE_STORM, CVQ, BY_NUMBERS, 2, 10, 0, "a storm of resets"},
    {EXTENT_RESET, SHAPE_PROBE, TX, BY_DEVICE, 3, 0, 0, "a read of CVQ memory after a reset"},

    {EXTENT_SWAP, SHAPE_SAME_RING, DATA, BY_DEVICE, 1, 0, 0, "one ring for it and the CVQ"},
    {EXTENT_SWAP, SHAPE_CROSSED, TX, BY_DEVICE, 1, 0, 0, "the CVQ's ring"},
    {EXTENT_SWAP, SHAPE_SHADOW_RING, DATA, BY_DEVICE, 1, 0, 0, "the shadow ring"},
    {EXTENT_SWAP, SHAPE_CVQ_RING, CVQ, BY_ANSWER, 3, 3, 0, "a ring at CVQ memory"},
    {EXTENT_SWAP, SHAPE_SELECT, CVQ, BY_GUEST, 1, 8, 0, "queues that there are not"},
    {EXTENT_SWAP, SHAPE_PROBE, TX, BY_DEVICE, 2, 0, 0, "a read of CVQ memory afterwards"},

    {EXTENT_RENEGOTIATE, SHAPE_NO_CVQ, CVQ, BY_GUEST, 2, 2, 0, "a start without CTRL_VQ"},
    {EXTENT_RENEGOTIATE, SHAPE_NOT_OFFERED, CVQ, BY_GUEST, 1, 32, 0, "features not offered"},
    {EXTENT_RENEGOTIATE, SHAPE_LATE, CVQ, BY_GUEST, 1, 1, 0, "features after FEATURES_OK"},
    {EXTENT_RENEGOTIATE, SHAPE_EARLY, CVQ, BY_GUEST, 1, 1, 0, "DRIVER_OK without FEATURES_OK"},
    {EXTENT_RENEGOTIATE, SHAPE_PROBE, TX, BY_DEVICE, 6, 0, 0, "a read of CVQ memory after each"},

    {EXTENT_MOVES, SHAPE_RING_DESC, TWO_PAIRS, BY_DEVICE, 1, 1, 0, "descriptors in CVQ memory"},
    {EXTENT_MOVES, SHAPE_RING_AVAIL, TWO_PAIRS, BY_DEVICE, 1, 1, 0, "a driver's ring there"},
    {EXTENT_MOVES, SHAPE_RING_USED, TWO_PAIRS, BY_DEVICE, 1, 1, 0, "a device's ring there"},
    {EXTENT_MOVES, SHAPE_PROBE, TWO_PAIRS, BY_DEVICE, 0, 0, 0, "a buffer"},

    {EXTENT_NOTIFY, SHAPE_NOTIFY, CVQ, BY_GUEST, 1, 1024, 0, "numbers of no queue"},
    {EXTENT_NOTIFY, SHAPE_NOTIFY_OTHERS, CVQ, BY_GUEST, 1, 32, 1, "others in the CVQ's place"},
    {EXTENT_NOTIFY, SHAPE_EARLY, CVQ, BY_GUEST, 1, 1, 1, "notifications before DRIVER_OK"},
    {EXTENT_NOTIFY, SHAPE_PROBE, TX, BY_DEVICE, 1, 0, 0, "a read of CVQ memory afterwards"},

    {EXTENT_FLOOD, SHAPE_KICKS, CVQ, BY_NUMBERS, 1, 500, 1, "a flood of kicks"},
    {EXTENT_FLOOD, SHAPE_COMMANDS, CVQ, BY_NUMBERS, 2, 128, 128, "a flood of commands"},
    {EXTENT_FLOOD, SHAPE_RESETS, CVQ, BY_NUMBERS, 1, 10, 1, "a flood of resets"},
    {EXTENT_FLOOD, SHAPE_PROBE, TX, BY_DEVICE, 2, 0, 0, "a read of CVQ memory afterwards"},

    {EXTENT_CONFIG, SHAPE_WRITES, CVQ, BY_GUEST, 1, 256, 0, "writes to the config space"},
    {EXTENT_CONFIG, SHAPE_WIDTHS, CVQ, BY_GUEST, 1, 300, 0, "accesses of odd widths"},
    {EXTENT_CONFIG, SHAPE_READS, CVQ, BY_NUMBERS, 1, 10, 1, "reads while the MAC changes"},
    {EXTENT_CONFIG, SHAPE_PROBE, TX, BY_DEVICE, 1, 0, 0, "a read of CVQ memory afterwards"},
};

#define NEEDS (sizeof(needs) / sizeof(needs[0]))

/* Fill @why and say that something was left out. */
static bool __attribute__((format(printf, 3, 4)))
left_out(char *why, size_t len, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, len, fmt, args);
	va_end(args);
	return true;
}

/*
 * A refused DMA looks to the guest like one that never was (both are a chain that comes back, or
 * does not): so the device itself must have been seen to try the address.
 */
bool extent_device_tried(const struct evidence *ev, const struct attempt *at)
{
	uint64_t from = at->mark.address, room = ev->hello.ram_size - from;
	bool ram = from < ev->hello.ram_size && at->mark.length <= room;

	return ram ? at->aimed_ram : at->aimed_refused;
}

static bool proven(const struct evidence *ev, const struct attempt *at, enum proof proof)
{
	switch (proof) {
	case BY_DEVICE:
		return extent_device_tried(ev, at);
	case BY_REFUSAL:
		return at->chains_refused || extent_device_tried(ev, at);
	case BY_RETURN:
		return at->chains_refused || at->mark.outcome == OUTCOME_COMPLETED;
	case BY_GUEST:
		return at->mark.outcome == OUTCOME_REFUSED;
	case BY_ANSWER:
		return at->mark.outcome == OUTCOME_REFUSED || at->mark.outcome == OUTCOME_COMPLETED;
	case BY_NUMBERS:
		return true;
	}
	return false;
}

struct sum {
	unsigned attempts;
	uint64_t touched, hits;
	const struct attempt *unproven;
};

static struct sum sum_up(const struct evidence *ev, const struct need *n, unsigned queue)
{
	struct sum s = {0};

	for (uint32_t i = 0; i < ev->attempts; i++) {
		const struct attempt *at = &ev->attempt[i];

		if (at->mark.shape != n->shape || at->mark.queue != queue)
			continue;
		s.attempts++;
		s.touched += at->mark.touched;
		s.hits += at->mark.hits;
		if (!s.unproven && !proven(ev, at, n->proof))
			s.unproven = at;
	}
	return s;
}

static bool page_left_out(const struct evidence *ev, const struct need *n, unsigned queue,
			  char *why, size_t len)
{
	const struct monitor_hello *h = &ev->hello;

	for (uint64_t off = 0; off < h->arena_readable + h->arena_writable; off += PAGE) {
		bool aimed = false;

		for (uint32_t i = 0; i < ev->attempts; i++) {
			const struct report_mark *m = &ev->attempt[i].mark;

			aimed |= m->shape == n->shape && m->queue == queue && m->touched &&
				 m->address - (h->arena_iova + off) < PAGE;
		}
		if (!aimed)
			return left_out(why, len,
					"queue %u did not try %s in the arena's page 0x%" PRIx64,
					queue, n->what, h->arena_iova + off);
	}
	return false;
}

static bool need_left_out(const struct evidence *ev, const struct need *n, unsigned queue,
			  char *why, size_t len)
{
	struct sum s = sum_up(ev, n, queue);

	if (!n->least && page_left_out(ev, n, queue, why, len))
		return true;
	if (s.attempts < n->least)
		return left_out(why, len, "queue %u tried %s %u times, not %u", queue, n->what,
				s.attempts, n->least);
	if (s.unproven)
		return left_out(why, len, "attempt %u, queue %u, %s at 0x%" PRIx64 ", %s",
				s.unproven->mark.attempt, queue, n->what, s.unproven->mark.address,
				n->proof <= BY_RETURN ? "did not reach the device (trace)"
						      : "was not answered");
	if (s.touched < n->touched || s.hits < n->hits)
		return left_out(why, len,
				"%s: %" PRIu64 " tried and %" PRIu64 " hit, %" PRIu64
				" and %" PRIu64 " are the least",
				n->what, s.touched, s.hits, n->touched, n->hits);
	return false;
}

/* ---- what a table cannot say ---- */

/* Every 2^n - 1, 2^n and 2^n + 1, but for RX, which writes, those in guest RAM. */
static bool power_left_out(const struct evidence *ev, char *why, size_t len)
{
	for (unsigned q = 0; q < 2; q++)
		for (unsigned n = 0; n < 64; n++)
			for (unsigned d = 0; d < 3; d++) {
				uint64_t at = (UINT64_C(1) << n) + d - 1;
				bool due = q == 1 || (at >= ev->hello.ram_size && at + PAGE > at);

				if (due && !(ev->trace.swept[q][d] >> n & 1))
					return left_out(
					    why, len, "queue %u never tried 0x%" PRIx64 " (trace)",
					    q, at);
			}
	return false;
}

static bool sweep_left_out(const struct evidence *ev, char *why, size_t len)
{
	const struct monitor_hello *h = &ev->hello;
	uint32_t pages = (1u << (h->arena_readable + h->arena_writable) / PAGE) - 1;

	for (unsigned q = 0; q < 2; q++)
		if ((ev->trace.swept_pages[q] & pages) != pages)
			return left_out(why, len,
					"queue %u did not try every page of the arena (trace)", q);
	return power_left_out(ev, why, len);
}

/* Of what was flipped, some must have come to the device, and some not. */
static bool flips_left_out(const struct evidence *ev, char *why, size_t len)
{
	for (uint32_t i = 0; i < ev->attempts; i++) {
		const struct attempt *at = &ev->attempt[i];

		if (at->mark.shape == SHAPE_FLIPS && at->commands >= 5 &&
		    at->mark.hits > at->commands)
			return false;
	}
	return left_out(why, len,
			"of the commands that were flipped, none or all reached the device");
}

/*
 * The device was reset each time, and once at least when it had been given more commands than the
 * guest had answers to (and one after the reset, which the VMM refuses by itself on vdpa_sim).
 */
static bool reset_left_out(const struct row *row, const struct evidence *ev, char *why, size_t len)
{
	const uint64_t more = row->parent == PARENT_SIM ? 1 : 2;
	bool in_flight = false, stormed = false;

	for (uint32_t i = 0; i < ev->attempts; i++) {
		const struct attempt *at = &ev->attempt[i];

		if (at->mark.shape != SHAPE_IN_FLIGHT && at->mark.shape != SHAPE_STORM)
			continue;
		if (!at->resets)
			return left_out(why, len, "attempt %u did not reset the device (trace)",
					at->mark.attempt);
		stormed |= at->mark.shape == SHAPE_STORM && at->commands >= more;
		in_flight |= at->mark.shape == SHAPE_IN_FLIGHT && at->mark.hits &&
			     at->commands >= at->mark.touched + more;
	}
	if (!stormed)
		return left_out(why, len, "no command reached the device in a storm of resets");
	return !in_flight &&
	       left_out(why, len, "no command was at the device and unanswered when it was reset");
}

/* Of --full: every kind in every page of the arena, by every queue. */
static bool pages_left_out(const struct evidence *ev, enum extent extent, char *why, size_t len)
{
	for (size_t i = 0; i < NEEDS; i++)
		for (unsigned q = 0; needs[i].extent == extent && q < QUEUES; q++)
			if ((needs[i].queues >> q & 1) && page_left_out(ev, &needs[i], q, why, len))
				return true;
	return false;
}

/*
 * In each attempt the CVQ had just moved: to behind the first pair where that was aimed, to behind
 * all pairs where it was another; and a command had gone through it where it was before.
 */
static bool moves_left_out(const struct evidence *ev, char *why, size_t len)
{
	const uint32_t last = ev->hello.cvq_index;

	if (last <= QUEUES)
		return left_out(why, len, "the device has no pair that is neither first nor last");
	for (uint32_t i = 0; i < ev->attempts; i++) {
		const struct attempt *at = &ev->attempt[i];
		uint32_t now = at->mark.queue < 2 ? 2 : last, before = now == 2 ? last : 2;

		if (at->cvq != now || at->cvq_before != before)
			return left_out(why, len,
					"attempt %u, queue %u: the CVQ at %u after %u, not at %u "
					"after %u (trace)",
					at->mark.attempt, at->mark.queue, at->cvq, at->cvq_before,
					now, before);
	}
	return ev->scan_stride == PAGE && pages_left_out(ev, EXTENT_MOVES, why, len);
}

/* Numbers of no queue brought the device no command. */
static bool notify_left_out(const struct evidence *ev, char *why, size_t len)
{
	uint64_t all = ev->scan_stride == PAGE ? 0x10000 - 3 : 0;

	for (uint32_t i = 0; i < ev->attempts; i++) {
		const struct attempt *at = &ev->attempt[i];

		if (at->mark.shape != SHAPE_NOTIFY)
			continue;
		if (at->commands || at->busy)
			return left_out(why, len, "the device served a CVQ that nobody used");
		if (at->mark.touched < all)
			return left_out(why, len, "%" PRIu64 " numbers were notified, not 2^16",
					at->mark.touched);
	}
	return false;
}

/* What the guest says of its floods has come to the device: of one of commands, all that are known.
 */
static bool flood_left_out(const struct evidence *ev, char *why, size_t len)
{
	bool told = false;

	for (uint32_t i = 0; i < ev->attempts; i++) {
		const struct attempt *at = &ev->attempt[i];

		if (at->mark.shape == SHAPE_RESETS &&
		    (at->resets < 2 || at->resets < at->mark.touched / 16))
			return left_out(why, len, "the device saw no flood of resets (trace)");
		if (at->mark.shape == SHAPE_KICKS && !at->busy)
			return left_out(why, len, "the device got no command among kicks (trace)");
		told |= at->mark.shape == SHAPE_COMMANDS && at->commands >= at->mark.hits;
	}
	if (!told)
		return left_out(why, len, "the device got no flood of commands (trace)");
	return !ev->memory.seen && left_out(why, len, "nobody looked whether anything grew");
}

bool extent_left_out(const struct row *row, const struct evidence *ev, char *why, size_t len)
{
	enum extent extent = row->attack->extent;
	bool known = false;

	for (size_t i = 0; i < NEEDS; i++) {
		if (needs[i].extent != extent)
			continue;
		known = true;
		for (unsigned q = 0; q < QUEUES; q++)
			if ((needs[i].queues >> q & 1) && need_left_out(ev, &needs[i], q, why, len))
				return true;
	}
	if (!known)
		return left_out(why, len, "this row's extent is unknown");
	switch (extent) {
	case EXTENT_SWEEP:
		return sweep_left_out(ev, why, len);
	case EXTENT_TOCTOU:
		return flips_left_out(ev, why, len);
	case EXTENT_RESET:
		return reset_left_out(row, ev, why, len);
	case EXTENT_MOVES:
		return moves_left_out(ev, why, len);
	case EXTENT_NOTIFY:
		return notify_left_out(ev, why, len);
	case EXTENT_FLOOD:
		return flood_left_out(ev, why, len);
	default:
		return false;
	}
}
