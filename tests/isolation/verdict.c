/* SPDX-License-Identifier: MIT */
/*
 * The verdict, as a list of questions in order of weight: was a breach seen, did the run come to
 * its end, can the oracles be trusted, was enough tried. It must never let a later question excuse
 * an earlier answer.
 */
#include "verdict.h"

#include "extent.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PAGE 4096u
#define GROWTH_KB 512u /* between the first attempt and the end */
#define SCAN_SPACE (UINT64_C(4) << 30)

const char *verdict_name(enum verdict v)
{
	static const char *const names[] = {"held", "breached", "not tested", "failed", "skipped"};

	static_assert(sizeof(names) / sizeof(names[0]) == VERDICT_SKIPPED + 1,
		      "one name for each verdict");
	return names[v];
}

const char *sight_text(uint32_t saw)
{
	if (saw & SAW_SECRET)
		return saw & SAW_CHANGE ? "secret read, arena overwritten" : "secret read";
	if (saw & SAW_CHANGE)
		return "arena overwritten";
	if (saw & SAW_REACH)
		return "arena reached by a data queue (trace)";
	if (saw & SAW_EXECUTE)
		return "code run in each page of the arena";
	if (saw & SAW_SCAN)
		return "a secret found by each search";
	if (saw & SAW_FORGED)
		return "a command that was not judged reached the device (trace)";
	if (saw & SAW_STRAY)
		return "the CVQ left its memory or its ASID (trace)";
	return saw & SAW_ALLOWED ? "what must be refused was let through" : "nothing seen";
}

/* Fill @f and say that the question was answered. */
static bool __attribute__((format(printf, 3, 4)))
answer(struct finding *f, enum verdict v, const char *fmt, ...)
{
	va_list args;

	f->verdict = v;
	va_start(args, fmt);
	vsnprintf(f->reason, sizeof(f->reason), fmt, args);
	va_end(args);
	return true;
}

/* Ring state changes when the device restarts or serves a command, of which a trace with gaps may
 * not tell; a canary never does. */
static bool attempt_changed(const struct attempt *at, bool gaps)
{
	return at->diff.canary_words || (at->diff.other_words && !at->busy && !gaps);
}

static bool has_gaps(const struct evidence *ev)
{
	return ev->trace.overflow || (!ev->trace.ended && !ev->untraced);
}

static const struct attempt *first_change(const struct evidence *ev)
{
	for (uint32_t i = 0; i < ev->attempts; i++)
		if (attempt_changed(&ev->attempt[i], has_gaps(ev)))
			return &ev->attempt[i];
	return NULL;
}

static bool in_page(const struct report_mark *m, uint64_t page)
{
	return m->address - page < PAGE;
}

/* Code was put into each page of the arena, and ran there. */
static bool executed(const struct evidence *ev)
{
	const struct monitor_hello *h = &ev->hello;
	uint64_t size = h->arena_readable + h->arena_writable, pages = 0;

	for (uint64_t off = 0; off < size; off += PAGE)
		for (uint32_t i = 0; i < ev->attempts; i++) {
			const struct attempt *at = &ev->attempt[i];

			if (at->mark.queue == REPORT_CPU_EXECUTE &&
			    in_page(&at->mark, h->arena_iova + off) &&
			    at->mark.outcome == OUTCOME_COMPLETED &&
			    attempt_changed(at, has_gaps(ev))) {
				pages++;
				break;
			}
		}
	return size && pages == size / PAGE;
}

/* Every search of a whole range found a secret, and there was one. */
static bool searches_found(const struct evidence *ev)
{
	unsigned searches = 0;

	for (uint32_t i = 0; i < ev->attempts; i++) {
		if (ev->attempt[i].mark.queue != REPORT_CPU_SCAN)
			continue;
		if (!ev->attempt[i].secrets)
			return false;
		searches++;
	}
	return searches > 0;
}

/* An attempt, not only the device's own course, took a data queue into the arena. */
static bool reached(const struct evidence *ev)
{
	if (!ev->trace.data_in_arena.count)
		return false;
	for (uint32_t i = 0; i < ev->attempts; i++)
		if (ev->attempt[i].aimed_arena)
			return true;
	return false;
}

static const struct attempt *first_allowed(const struct evidence *ev)
{
	for (uint32_t i = 0; i < ev->attempts; i++)
		if (ev->attempt[i].mark.outcome == OUTCOME_ALLOWED)
			return &ev->attempt[i];
	return NULL;
}

static uint32_t sights(const struct evidence *ev)
{
	uint32_t saw = 0;

	if (ev->canary.secrets)
		saw |= SAW_SECRET;
	if (first_change(ev))
		saw |= SAW_CHANGE;
	if (reached(ev))
		saw |= SAW_REACH;
	if (executed(ev))
		saw |= SAW_EXECUTE;
	if (searches_found(ev))
		saw |= SAW_SCAN;
	if (ev->trace.cvq_outside.count || ev->trace.cvq_wrong_asid.count)
		saw |= SAW_STRAY;
	if (ev->trace.odd.count)
		saw |= SAW_FORGED;
	if (first_allowed(ev))
		saw |= SAW_ALLOWED;
	return saw;
}

static bool breach_in_trace(struct finding *f, const struct trace_finding *t)
{
	const struct {
		const struct stray *stray;
		const char *what;
	} strays[] = {
	    {&t->data_in_arena, "arena reached"},
	    {&t->data_elsewhere, "memory reached that is neither guest RAM nor the arena"},
	    {&t->data_in_cvq_asid, "the CVQ's ASID used"},
	    {&t->cvq_outside, "memory outside the CVQ's arena, or its read-only half, reached"},
	    {&t->cvq_wrong_asid, "another ASID than the CVQ's own used"},
	};

	for (size_t i = 0; i < sizeof(strays) / sizeof(strays[0]); i++) {
		const struct stray *s = strays[i].stray;

		if (s->count)
			return answer(f, VERDICT_BREACHED,
				      "%s by queue %u in ASID %u at 0x%" PRIx64 " (trace, %" PRIu64
				      " times)",
				      strays[i].what, s->queue, s->asid, s->iova, s->count);
	}
	return false;
}

static bool breached(struct finding *f, const struct evidence *ev)
{
	const struct attempt *changed = first_change(ev), *allowed = first_allowed(ev);
	const struct odd_commands *odd = &ev->trace.odd;

	if (ev->canary.secrets)
		return answer(f, VERDICT_BREACHED, "secret read at 0x%" PRIx64 " (%u lines)",
			      ev->canary.address, ev->canary.secrets);
	if (changed)
		return answer(
		    f, VERDICT_BREACHED,
		    "arena changed at offset 0x%" PRIx64 " (%u words) in attempt %u at 0x%" PRIx64,
		    changed->diff.first, changed->diff.canary_words + changed->diff.other_words,
		    changed->mark.attempt, changed->mark.address);
	if (ev->arena.files_bad[0])
		return answer(f, VERDICT_BREACHED, "%s", ev->arena.files_bad);
	if (breach_in_trace(f, &ev->trace))
		return true;
	if (odd->count)
		return answer(f, VERDICT_BREACHED,
			      "the device got a command that no driver may send: class %" PRId64
			      ", command %" PRId64 ", %" PRIu64 " bytes (trace, %" PRIu64 " times)",
			      odd->class, odd->code, odd->len, odd->count);
	return allowed && answer(f, VERDICT_BREACHED,
				 "what must be refused was let through in attempt %u (kind %u, "
				 "queue %u) at 0x%" PRIx64,
				 allowed->mark.attempt, allowed->mark.shape, allowed->mark.queue,
				 allowed->mark.address);
}

static bool did_not_end(struct finding *f, const struct evidence *ev)
{
	if (ev->end == END_COMPLETE)
		return false;
	return answer(f, ev->end == END_HOST_CANNOT ? VERDICT_SKIPPED : VERDICT_FAILED, "%s",
		      ev->detail);
}

static bool trace_blind(struct finding *f, const struct evidence *ev)
{
	const struct trace_finding *t = &ev->trace;

	if (ev->untraced) /* nothing that needs it gets this far: see episode.c */
		return false;
	if (!t->read)
		return answer(f, VERDICT_FAILED, "the daemon left no trace");
	if (t->bad_line)
		return answer(f, VERDICT_FAILED, "trace line %" PRIu64 " makes no sense",
			      t->bad_line);
	if (t->overflow)
		return answer(f, VERDICT_FAILED, "the daemon's trace overflowed");
	if (!t->ended)
		return answer(f, VERDICT_FAILED, "the daemon's trace was cut off");
	return false;
}

/* Whether the trace and the arena can be believed at all. */
static bool blind(struct finding *f, const struct evidence *ev)
{
	if (trace_blind(f, ev))
		return true;
	if (!ev->hello_seen || !ev->arena.seen)
		return answer(f, VERDICT_FAILED, "the VMM did not show the arena");
	return false;
}

static bool canaries_missing(struct finding *f, const struct evidence *ev)
{
	if (!ev->arena.counted)
		return answer(f, VERDICT_NOT_TESTED, "no attempt was begun");
	if (ev->arena.page_least < CANARY_PAGE_LEAST)
		return answer(
		    f, VERDICT_FAILED,
		    "too few canaries to see by: a page of the arena holds %u lines, %u wanted",
		    ev->arena.page_least, CANARY_PAGE_LEAST);
	return false;
}

static bool guest_in_trouble(struct finding *f, const struct row *row, const struct evidence *ev)
{
	if (ev->canary.lies)
		return answer(f, VERDICT_FAILED,
			      "the guest claims to have read a secret at 0x%" PRIx64
			      ", but it is none",
			      ev->canary.address);
	if (ev->steps_failed[0] || ev->steps_failed[1]) {
		/* That all goes on is what the floods are about. */
		f->legal_failed = row->attack->extent != EXTENT_FLOOD;
		return answer(f, VERDICT_FAILED, "legal operation %s failed %s the attack",
			      ev->failed_step, ev->steps_failed[0] ? "before" : "after");
	}
	if (ev->done.failed)
		return answer(f, VERDICT_FAILED, "the guest counts %u failed operations",
			      ev->done.failed);
	if (!ev->steps_ok[0] || !ev->steps_ok[1])
		return answer(f, VERDICT_NOT_TESTED, "no legal operation was made %s the attack",
			      ev->steps_ok[0] ? "after" : "before");
	return false;
}

/* What a flood fills must be emptied again. */
static bool grew(struct finding *f, const struct evidence *ev)
{
	const struct memory_finding *m = &ev->memory;
	const struct {
		const char *who;
		const uint32_t *kb;
	} both[] = {{"VMM", m->vmm_kb}, {"daemon", m->daemon_kb}};

	for (size_t i = 0; m->seen && i < 2; i++)
		if (both[i].kb[1] > both[i].kb[0] + GROWTH_KB)
			return answer(f, VERDICT_FAILED,
				      "the %s grew from %u to %u KiB of its own memory",
				      both[i].who, both[i].kb[0], both[i].kb[1]);
	return false;
}

/* The legal operations have to have gone through the paths that the attack is about. Without a
 * trace, that they were answered has to do. */
static bool paths_unused(struct finding *f, const struct evidence *ev)
{
	if (ev->untraced)
		return false;
	if (!ev->trace.data_ok)
		return answer(f, VERDICT_NOT_TESTED, "no data queue was used (trace)");
	if (!ev->trace.cvq_ok)
		return answer(f, VERDICT_NOT_TESTED, "the CVQ was not used (trace)");
	return false;
}

static bool covers(const struct report_mark *m, uint64_t from, uint64_t len)
{
	return m->address <= from && m->length >= len && from - m->address <= m->length - len;
}

/* Attempts of @queue, or of a kind of CPU access, that aim into the page at @page. */
static unsigned aimed_at(const struct evidence *ev, uint32_t queue, uint64_t page)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < ev->attempts; i++) {
		const struct report_mark *m = &ev->attempt[i].mark;

		n += m->queue == queue && m->length && m->touched && in_page(m, page);
	}
	return n;
}

/* Code runs in guest RAM, and nowhere else: an attempt that ended otherwise is not what it says. */
static bool execution_odd(struct finding *f, const struct evidence *ev)
{
	for (uint32_t i = 0; i < ev->attempts; i++) {
		const struct report_mark *m = &ev->attempt[i].mark;
		uint32_t want =
		    m->address < ev->hello.ram_size ? OUTCOME_COMPLETED : OUTCOME_FAULTED;

		if (m->queue == REPORT_CPU_EXECUTE && m->outcome != want)
			return answer(f, VERDICT_FAILED, "execution at 0x%" PRIx64 " %s",
				      m->address,
				      want == OUTCOME_FAULTED ? "did not fault, where no memory is"
							      : "failed, where guest RAM is");
	}
	return false;
}

static bool cpu_left_out(struct finding *f, const struct evidence *ev)
{
	static const uint32_t kinds[] = {REPORT_CPU_READ, REPORT_CPU_WRITE, REPORT_CPU_EXECUTE};
	const struct monitor_hello *h = &ev->hello;
	bool scanned = false;

	for (uint64_t off = 0; off < h->arena_readable + h->arena_writable; off += PAGE)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			if (!aimed_at(ev, kinds[k], h->arena_iova + off))
				return answer(f, VERDICT_NOT_TESTED,
					      "the arena's page 0x%" PRIx64
					      " was not read, written and executed",
					      h->arena_iova + off);
	if (execution_odd(f, ev))
		return true;
	for (uint32_t i = 0; i < ev->attempts; i++) {
		const struct report_mark *m = &ev->attempt[i].mark;

		scanned |= m->queue == REPORT_CPU_SCAN && covers(m, 0, SCAN_SPACE) &&
			   m->touched >= SCAN_SPACE / ev->scan_stride;
	}
	return !scanned && answer(f, VERDICT_NOT_TESTED, "the 4 GiB of GPA space were not scanned");
}

static bool ram_left_out(struct finding *f, const struct evidence *ev)
{
	unsigned whole = 0;

	for (uint32_t i = 0; i < ev->attempts; i++) {
		const struct report_mark *m = &ev->attempt[i].mark;

		whole += m->queue == REPORT_CPU_SCAN && covers(m, 0, ev->hello.ram_size) &&
			 m->touched >= ev->hello.ram_size / PAGE;
	}
	return whole < 2 &&
	       answer(f, VERDICT_NOT_TESTED, "guest RAM was searched %u times, not twice", whole);
}

/*
 * A refused DMA looks to the guest like one that never was (both are a chain that comes back, or
 * does not): so the device itself must have been seen to try the address, and to end where it
 * should.
 */
static bool device_tried(const struct evidence *ev, const struct attempt *at)
{
	return at->mark.address < ev->hello.ram_size ? at->aimed_ram : at->aimed_refused;
}

/* Without a trace its controls say so: the very same attempts, which got there. */
static bool needs_device_tried(const struct row *row, const struct evidence *ev)
{
	return !ev->untraced || matrix_needs_trace(row);
}

static bool queue_left_out(struct finding *f, const struct row *row, const struct evidence *ev,
			   uint64_t page)
{
	/* The pair that the guest uses is the one before the CVQ. */
	for (uint32_t q = ev->hello.cvq_index - 2; q < ev->hello.cvq_index; q++)
		if (!aimed_at(ev, q, page))
			return answer(f, VERDICT_NOT_TESTED,
				      "queue %u did not try the arena's page 0x%" PRIx64, q, page);
	if (!needs_device_tried(row, ev))
		return false;
	for (uint32_t i = 0; i < ev->attempts; i++) {
		const struct attempt *at = &ev->attempt[i];

		if (in_page(&at->mark, page) && device_tried(ev, at))
			return false;
	}
	return answer(f, VERDICT_NOT_TESTED,
		      "the device never tried the arena's page 0x%" PRIx64 " (trace)", page);
}

static bool queues_left_out(struct finding *f, const struct row *row, const struct evidence *ev,
			    bool buffers)
{
	const struct monitor_hello *h = &ev->hello;

	for (uint64_t off = 0; off < h->arena_readable + h->arena_writable; off += PAGE)
		if (queue_left_out(f, row, ev, h->arena_iova + off))
			return true;
	for (uint32_t i = 0; i < ev->attempts; i++) {
		const struct attempt *at = &ev->attempt[i];

		if (needs_device_tried(row, ev) && !device_tried(ev, at) &&
		    !(buffers && at->chains_refused))
			return answer(f, VERDICT_NOT_TESTED,
				      "attempt %u, queue %u at 0x%" PRIx64
				      ", did not reach the device (trace)",
				      at->mark.attempt, at->mark.queue, at->mark.address);
	}
	return false;
}

static bool too_little_tried(struct finding *f, const struct row *row, const struct evidence *ev)
{
	if (ev->done.attempts != ev->attempts)
		return answer(f, VERDICT_FAILED, "the guest counts %u attempts, %u were seen",
			      ev->done.attempts, ev->attempts);
	switch (row->attack->extent) {
	case EXTENT_CPU:
		return cpu_left_out(f, ev);
	case EXTENT_RAM:
		return ram_left_out(f, ev);
	case EXTENT_RINGS:
		return queues_left_out(f, row, ev, false);
	case EXTENT_BUFFERS:
		return queues_left_out(f, row, ev, true);
	default:
		break;
	}
	char why[200];
	return extent_left_out(row, ev, why, sizeof(why)) &&
	       answer(f, VERDICT_NOT_TESTED, "%s", why);
}

/* What a program says of the row that it ran: the same questions, asked of its tally. */
static struct finding program_isolated(const struct evidence *ev)
{
	const struct tally *t = &ev->tally;
	struct finding f = {0};
	char all[32];

	if (t->violations) {
		answer(&f, VERDICT_BREACHED, "%" PRIu64 " of %" PRIu64 " %s: %s", t->violations,
		       t->attempts, t->unit, t->first);
		return f;
	}
	if (did_not_end(&f, ev))
		return f;
	f.legal_failed = t->failed;
	if (t->failed)
		answer(&f, VERDICT_FAILED, "%s", t->first);
	else if (!t->attempts)
		answer(&f, VERDICT_NOT_TESTED, "nothing was attempted");
	else if (!t->legal)
		answer(&f, VERDICT_NOT_TESTED, "no legal operation was made beside the attempts");
	else
		answer(&f, VERDICT_HELD, "%s %s, none let through%s%s",
		       tally_grouped(t->attempts, all), t->unit, t->note[0] ? "; " : "", t->note);
	return f;
}

static struct finding program_control(const struct evidence *ev)
{
	const struct tally *t = &ev->tally;
	struct finding f = {0};

	if (did_not_end(&f, ev))
		return f;
	if (t->violations)
		answer(&f, VERDICT_BREACHED, "noticed");
	else
		answer(&f, VERDICT_NOT_TESTED, "%" PRIu64 " %s, and it was not noticed",
		       t->attempts, t->unit);
	return f;
}

static void held(struct finding *f, const struct row *row, const struct evidence *ev)
{
	const char *how = row->attack->held[row->placement];
	char n[32];
	uint64_t touched = 0;

	for (unsigned i = 0; i < ev->attempts; i++)
		if (!row->attack->unit_shape ||
		    ev->attempt[i].mark.shape == (uint32_t)row->attack->unit_shape)
			touched += ev->attempt[i].mark.touched;
	if (row->attack->unit)
		answer(f, VERDICT_HELD, "%s; %s %s", how, tally_grouped(touched, n),
		       row->attack->unit);
	else
		answer(f, VERDICT_HELD, "%s", how);
}

struct finding verdict_isolated(const struct row *row, const struct evidence *ev)
{
	struct finding f = {.saw = sights(ev)};

	if (row->attack->program)
		return program_isolated(ev);
	if (breached(&f, ev) || did_not_end(&f, ev) || blind(&f, ev) ||
	    guest_in_trouble(&f, row, ev) || canaries_missing(&f, ev) || grew(&f, ev) ||
	    paths_unused(&f, ev) || too_little_tried(&f, row, ev))
		return f;
	if (ev->untraced && row->attack->demand & SAW_REACH)
		answer(&f, VERDICT_HELD, "no secret read, nothing changed (untraced)");
	else
		held(&f, row, ev);
	return f;
}

struct finding verdict_control(const struct row *row, const char *brk, const struct evidence *ev)
{
	struct finding f = {.saw = sights(ev)};
	uint32_t demand = matrix_demand(row, brk) & (ev->untraced ? ~(uint32_t)SAW_REACH : ~0u);
	uint32_t missing = demand & ~f.saw;

	if (row->attack->program)
		return program_control(ev);
	if (did_not_end(&f, ev) || blind(&f, ev))
		return f;
	if (!ev->attempts)
		answer(&f, VERDICT_NOT_TESTED, "it made no attempt");
	else if (missing)
		answer(&f, VERDICT_NOT_TESTED, "not shown: %s", sight_text(missing));
	else
		answer(&f, VERDICT_BREACHED, "%s", sight_text(demand));
	return f;
}

bool verdict_try_again(const struct finding *f, const struct evidence *ev)
{
	return ev->end == END_COMPLETE &&
	       (f->legal_failed ||
		(f->verdict == VERDICT_NOT_TESTED && (ev->hello_seen || ev->tally.unit[0])));
}

struct finding verdict_row(const struct row *row, const struct finding *isolated,
			   const struct finding *controls, unsigned n)
{
	struct finding f = *isolated;
	const char *name[CONTROLS_MAX];
	unsigned want = matrix_controls(row, name);

	if (f.verdict != VERDICT_HELD)
		return f;
	if (n != want || !want) {
		answer(&f, VERDICT_NOT_TESTED, "%u of %u controls were run", n, want);
		return f;
	}
	for (unsigned i = 0; i < n; i++) {
		enum verdict v = controls[i].verdict;

		if (v == VERDICT_BREACHED)
			continue;
		/* A control that could not be broken says that this row could not have seen a
		 * breach. */

		answer(&f, v == VERDICT_FAILED ? VERDICT_FAILED : VERDICT_NOT_TESTED,
		       "control %s: %.200s", name[i], controls[i].reason);
		return f;
	}
	return f;
}
