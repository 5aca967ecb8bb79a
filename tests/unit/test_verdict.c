/* SPDX-License-Identifier: MIT */
/*
 * The table of rows and the verdict: a good run is held, and every single thing that may be wrong
 * with one is seen. Built with tests/isolation/{matrix,verdict,evidence}.c and vdpa/breaks.c.
 */
#include "good_extent.h"
#include "test.h"

#include "../isolation/matrix.h"
#include "../isolation/verdict.h"

#include <stdlib.h>

#define PAGE UINT64_C(4096)
#define RAM (UINT64_C(32) << 20)

static struct attempt *add(struct evidence *ev, uint32_t queue, uint64_t address, uint64_t length)
{
	struct attempt *at = evidence_next(ev);

	assert_non_null(at);
	at->mark = (struct report_mark){.attempt = ev->attempts,
					.queue = queue,
					.address = address,
					.length = length,
					.touched = 1};
	ev->attempts++;
	return at;
}

static void add_queue_attempts(struct evidence *ev)
{
	uint64_t arena = ev->hello.arena_iova;

	for (uint32_t q = 0; q < 2; q++) {
		for (uint64_t page = arena - PAGE; page <= arena + 6 * PAGE; page += PAGE) {
			struct attempt *at = add(ev, q, page, 1024);

			at->aimed_ram = page < RAM;
			at->aimed_refused = page >= RAM;
		}
	}
}

static void add_cpu_attempts(struct evidence *ev)
{
	add(ev, REPORT_CPU_SCAN, 0, UINT64_C(4) << 30)->mark.touched = 4096;
	for (uint64_t off = 0; off < 6 * PAGE; off += PAGE) {
		uint64_t page = ev->hello.arena_iova + off;

		add(ev, REPORT_CPU_READ, page, PAGE);
		add(ev, REPORT_CPU_WRITE, page + 4032, 8);
		add(ev, REPORT_CPU_EXECUTE, page + 4040, 8)->mark.outcome =
		    page < RAM ? OUTCOME_COMPLETED : OUTCOME_FAULTED;
	}
}

/* What an isolated run of @row leaves behind when nothing is wrong. */
static struct evidence good(const struct row *row)
{
	struct evidence ev = {
	    .end = END_COMPLETE,
	    .hello_seen = true,
	    .done_seen = true,
	    .scan_stride = 1 << 20,
	    .hello = {.ram_size = RAM,
		      .arena_iova = row->placement == PLACE_HOLE ? 0x40000000 : 0x1000000,
		      .arena_readable = 4 * PAGE,
		      .arena_writable = 2 * PAGE,
		      .cvq_index = 2,
		      .cvq_asid = 1},
	    .steps_ok = {5, 5},
	    .arena = {.seen = true, .counted = true, .canary_lines = 379, .page_least = 61},
	    .trace = {.read = true, .ended = true, .data_ok = 100, .cvq_ok = 60},
	};

	if (row->attack->extent == EXTENT_CPU) {
		add_cpu_attempts(&ev);
	} else if (row->attack->extent == EXTENT_RAM) {
		for (int i = 0; i < 2; i++)
			add(&ev, REPORT_CPU_SCAN, 0, RAM)->mark.touched = RAM / 8;
	} else if (row->attack->extent <= EXTENT_BUFFERS) {
		add_queue_attempts(&ev);
	} else {
		good_extent(&ev, row->attack->extent);
	}
	ev.done.attempts = ev.attempts;
	return ev;
}

static void test_texts(void **state)
{
	(void)state;
	assert_string_equal(sight_text(SAW_SECRET), "secret read");
	assert_string_equal(sight_text(SAW_SECRET | SAW_REACH), "secret read");
	assert_string_equal(sight_text(SAW_SECRET | SAW_CHANGE), "secret read, arena overwritten");
	assert_string_equal(sight_text(SAW_CHANGE | SAW_REACH), "arena overwritten");
	assert_string_equal(sight_text(SAW_REACH), "arena reached by a data queue (trace)");
	assert_string_equal(sight_text(SAW_STRAY), "the CVQ left its memory or its ASID (trace)");
	assert_string_equal(sight_text(SAW_FORGED | SAW_STRAY),
			    "a command that was not judged reached the device (trace)");
	assert_string_equal(sight_text(SAW_ALLOWED), "what must be refused was let through");
	assert_string_equal(sight_text(0), "nothing seen");
}

/* The rows that a guest runs. */
static unsigned guest_rows(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < matrix_rows(); i++)
		n += !matrix_row(i).attack->program;
	return n;
}

static struct row guest_row(unsigned want)
{
	unsigned i = 0;

	while (matrix_row(i).attack->program || want--)
		i++;
	return matrix_row(i);
}

static void test_matrix(void **state)
{
	(void)state;
	for (unsigned i = 0; i < matrix_rows(); i++) {
		struct row row = matrix_row(i);
		const char *id[CONTROLS_MAX];

		assert_true(row.attack->number >= 1 && row.attack->number <= 36);
		assert_true(matrix_controls(&row, id) >= 1);
		assert_true(row.attack->program || row.attack->demand != 0);
		assert_true(row.attack->placed || row.placement == PLACE_HOLE);
		assert_true(strlen(row.name) < sizeof(row.name) - 1);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(row.name, matrix_row(j).name);
	}
	assert_string_equal(guest_row(0).name, "vduse/hole/cpu-scan");
	assert_string_equal(matrix_row(0).name, "process/edges");
}

static void test_matrix_controls(void **state)
{
	unsigned controls = 0;

	(void)state;
	/* Every break serves some row; skip-check alone stands for one of its checks. */
	for (unsigned b = 0; b < BREAK_COUNT; b++)
		controls += matrix_has_control(break_table[b].name);
	assert_int_equal(controls, BREAK_COUNT - 1);
	for (unsigned c = 0; c < CHECK_COUNT; c++) {
		char name[80];

		snprintf(name, sizeof(name), "skip-check=%s", check_table[c].name);
		if (!matrix_has_control(name))
			fail_msg("%s", name);
	}
	assert_false(matrix_has_control("no-such"));
}

static bool in_default(const char *control)
{
	for (unsigned i = 0; i < matrix_rows(); i++) {
		struct row row = matrix_row(i);
		if (matrix_sample(&row) && matrix_row_has_control(&row, control))
			return true;
	}
	return false;
}

/* What ./prove runs: every attack where our device can show it, on vdpa_sim some, all of a given
 * device; each with a control, among them one of each kind. */
static void test_default_set(void **state)
{
	static const char *const kinds[] = {"merge-asid",   "no-asid-ack",
					    "shared-memfd", "memslot",
					    "ignore-group", "trust-reset",
					    "double-fetch", "passthrough",
					    "unsealed",	    "skip-check=mmio-write-width",
					    "no-deadline",  "keep-groups",
					    "lax-kernel",   "no-reset-deadline"};
	unsigned sim = 0;

	(void)state;
	for (unsigned i = 0; i < matrix_rows(); i++) {
		struct row row = matrix_row(i), all = row;
		const char *id[CONTROLS_MAX];
		bool whole = row.parent == PARENT_PROCESS || row.parent == PARENT_GIVEN ||
			     (row.parent == PARENT_VDUSE && row.placement == PLACE_HOLE);
		bool in = matrix_sample(&row);

		assert_true(in || !whole);
		sim += in && row.parent == PARENT_SIM;
		assert_true(!in || matrix_controls(&row, id) >= 1);
		assert_true(matrix_controls(&row, id) <= matrix_controls(&all, id));
	}
	assert_true(sim >= 16);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!in_default(kinds[i]))
			fail_msg("no row of the default set has %s", kinds[i]);
}

static void test_good_is_held(void **state)
{
	(void)state;
	for (unsigned i = 0; i < guest_rows(); i++) {
		struct row row = guest_row(i);
		struct evidence ev = good(&row);
		struct finding f = verdict_isolated(&row, &ev);

		const char *how = row.attack->held[row.placement], *unit = row.attack->unit;
		char counted[280], grouped[32];
		uint64_t n = 0;

		for (uint32_t a = 0; a < ev.attempts; a++)
			if (!row.attack->unit_shape ||
			    ev.attempt[a].mark.shape == (uint32_t)row.attack->unit_shape)
				n += ev.attempt[a].mark.touched;
		snprintf(counted, sizeof(counted), "%s; %s %s", how, tally_grouped(n, grouped),
			 unit ? unit : "");
		assert_string_equal(f.reason, unit ? counted : how);
		assert_int_equal(f.verdict, VERDICT_HELD);
		assert_int_equal(f.saw, 0);
		evidence_free(&ev);
	}
}

/* Without a trace on purpose, what does not rest on it holds, and nothing else. */
static void test_untraced(void **state)
{
	unsigned without = 0;

	(void)state;
	for (unsigned i = 0; i < guest_rows(); i++) {
		struct row row = guest_row(i);
		struct evidence ev = good(&row);

		ev.trace = (struct trace_finding){0};
		for (uint32_t a = 0; a < ev.attempts; a++) { /* all that a trace would say */
			ev.attempt[a].aimed_ram = ev.attempt[a].aimed_refused = 0;
			ev.attempt[a].chains_refused = ev.attempt[a].commands = 0;
			ev.attempt[a].resets = 0;
			ev.attempt[a].busy = false;
		}
		assert_int_equal(verdict_isolated(&row, &ev).verdict, VERDICT_FAILED);
		ev.untraced = "a given device";
		bool held = verdict_isolated(&row, &ev).verdict == VERDICT_HELD;
		assert_int_equal(held, !matrix_needs_trace(&row));
		/* Nor what canaries and snapshots show of a given device, and of no other. */
		if (row.attack->demand & SAW_REACH)
			assert_int_equal(held,
					 row.parent == PARENT_GIVEN &&
					     (row.attack->demand & (SAW_SECRET | SAW_CHANGE)));
		without += held;
		evidence_free(&ev);
	}
	assert_true(without >= 4);
}

/* ---- one thing wrong ---- */

static void secret(struct evidence *ev)
{
	ev->canary = (struct canary_finding){.secrets = 1, .address = 0x1234};
}

static void canary_changed(struct evidence *ev)
{
	ev->attempt[0].diff =
	    (struct arena_diff){.canary_words = 2, .other_words = 3, .first = 0x4008};
	ev->attempt[0].busy = true;
}

static void ring_changed_at_rest(struct evidence *ev)
{
	ev->attempt[0].diff = (struct arena_diff){.other_words = 1, .first = 0x4000};
	ev->attempt[0].busy = false;
}

static void files_bad(struct evidence *ev)
{
	strcpy(ev->arena.files_bad, "the readable arena is not sealed");
}

static void data_in_arena(struct evidence *ev)
{
	ev->trace.data_in_arena =
	    (struct stray){.count = 2, .queue = 1, .asid = 0, .iova = 0x40000000};
	ev->attempt[0].aimed_arena = 1;
}

static void data_elsewhere(struct evidence *ev)
{
	ev->trace.data_elsewhere.count = 1;
}

static void data_in_cvq_asid(struct evidence *ev)
{
	ev->trace.data_in_cvq_asid.count = 1;
}

static void cvq_outside(struct evidence *ev)
{
	ev->trace.cvq_outside.count = 1;
}

static void cvq_wrong_asid(struct evidence *ev)
{
	ev->trace.cvq_wrong_asid.count = 1;
}

static void forged(struct evidence *ev)
{
	ev->trace.odd = (struct odd_commands){.count = 2, .class = 127, .code = 1, .len = 8};
}

static void allowed(struct evidence *ev)
{
	ev->attempt[0].mark.outcome = OUTCOME_ALLOWED;
}

static void vmm_grew(struct evidence *ev)
{
	ev->memory = (struct memory_finding){true, {1000, 1513}, {2000, 2000}};
}

static void daemon_grew(struct evidence *ev)
{
	ev->memory = (struct memory_finding){true, {1000, 900}, {2000, 2513}};
}

static void grew_a_little(struct evidence *ev)
{
	ev->memory = (struct memory_finding){true, {1000, 1512}, {2000, 2512}};
}

static void breach_and_death(struct evidence *ev)
{
	secret(ev);
	ev->end = END_DAEMON_DIED;
}

static void daemon_died(struct evidence *ev)
{
	ev->end = END_DAEMON_DIED;
	snprintf(ev->detail, sizeof(ev->detail), "the daemon was killed");
}

static void not_run(struct evidence *ev)
{
	ev->end = END_NOT_RUN;
}

static void host_cannot(struct evidence *ev)
{
	ev->end = END_HOST_CANNOT;
	snprintf(ev->detail, sizeof(ev->detail), "no /dev/kvm");
}

static void no_trace(struct evidence *ev)
{
	ev->trace.read = false;
}

static void bad_line(struct evidence *ev)
{
	ev->trace.bad_line = 7;
}

/* Whether a command was served then is among what was lost. */
static void ring_changed_in_a_gap(struct evidence *ev)
{
	ring_changed_at_rest(ev);
	ev->trace.overflow = true;
}

static void ring_changed_after_its_end(struct evidence *ev)
{
	ring_changed_at_rest(ev);
	ev->trace.ended = false;
}

static void overflow(struct evidence *ev)
{
	ev->trace.overflow = true;
}

static void cut_off(struct evidence *ev)
{
	ev->trace.ended = false;
}

static void no_hello(struct evidence *ev)
{
	ev->hello_seen = false;
}

static void lie(struct evidence *ev)
{
	ev->canary = (struct canary_finding){.lies = 1, .address = 0x1000};
}

static void step_before(struct evidence *ev)
{
	ev->steps_failed[0] = 1;
	snprintf(ev->failed_step, sizeof(ev->failed_step), "tx-loopback");
}

static void step_after(struct evidence *ev)
{
	ev->steps_failed[1] = 1;
	snprintf(ev->failed_step, sizeof(ev->failed_step), "cvq-mac");
}

static void done_failed(struct evidence *ev)
{
	ev->done.failed = 1;
}

static void no_step_before(struct evidence *ev)
{
	ev->steps_ok[0] = 0;
}

static void no_step_after(struct evidence *ev)
{
	ev->steps_ok[1] = 0;
}

static void not_counted(struct evidence *ev)
{
	ev->arena.counted = false;
}

static void few_canaries(struct evidence *ev)
{
	ev->arena.page_least = CANARY_PAGE_LEAST - 1;
}

static void no_data(struct evidence *ev)
{
	ev->trace.data_ok = 0;
}

static void no_cvq(struct evidence *ev)
{
	ev->trace.cvq_ok = 0;
}

static void miscount(struct evidence *ev)
{
	ev->done.attempts++;
}

static void leave_out_last(struct evidence *ev)
{
	ev->attempts--;
	ev->done.attempts--;
}

/* The last page of the arena, by queue 1: the neighbour behind it comes last. */
static void leave_out_page(struct evidence *ev)
{
	ev->attempt[ev->attempts - 2] = ev->attempt[ev->attempts - 1];
	leave_out_last(ev);
}

static void never_reached(struct evidence *ev)
{
	ev->attempt[3].aimed_ram = ev->attempt[3].aimed_refused = 0;
}

static void refused_unread(struct evidence *ev)
{
	never_reached(ev);
	ev->attempt[3].chains_refused = 1;
}

static void page_never_reached(struct evidence *ev)
{
	ev->attempt[3].aimed_ram = ev->attempt[3].aimed_refused = 0;
	ev->attempt[11].aimed_ram = ev->attempt[11].aimed_refused = 0;
	ev->attempt[3].chains_refused = ev->attempt[11].chains_refused = 1;
}

static void wrong_way(struct evidence *ev)
{
	struct attempt *at = &ev->attempt[3];
	uint32_t ram = at->aimed_ram;

	at->aimed_ram = at->aimed_refused;
	at->aimed_refused = ram;
}

static void cpu_left_out(struct evidence *ev)
{
	ev->attempt[ev->attempts - 1].mark.touched = 0;
}

static void no_scan(struct evidence *ev)
{
	ev->attempt[0].mark.touched = 4095;
}

static void half_a_scan(struct evidence *ev)
{
	ev->attempt[0].mark.length /= 2;
}

static void scan_from_above(struct evidence *ev)
{
	ev->attempt[0].mark.address = PAGE;
}

static void too_few_touched(struct evidence *ev)
{
	ev->attempt[0].mark.touched = RAM / PAGE - 1;
}

static void just_enough_canaries(struct evidence *ev)
{
	ev->arena.page_least = CANARY_PAGE_LEAST;
}

static void just_enough_touched(struct evidence *ev)
{
	ev->attempt[0].mark.touched = RAM / PAGE;
}

static void no_neighbours(struct evidence *ev)
{
	memmove(ev->attempt, ev->attempt + 1, 15 * sizeof(*ev->attempt));
	ev->attempt[6] = ev->attempt[5];
	ev->attempt[7] = ev->attempt[5];
	ev->attempt[14] = ev->attempt[13];
	ev->attempts = ev->done.attempts = 15;
}

static void untouched(struct evidence *ev)
{
	ev->attempt[ev->attempts - 1].mark.touched = 0;
}

#define QUEUES 0x7c /* rows 3 to 7, as bits 1 << (attack - 1) */
#define RINGS 0x1c
#define BUFFERS 0x60
#define CPU 0x01
#define ALL 0x7fffffff

static const struct {
	void (*spoil)(struct evidence *ev);
	uint32_t rows;
	enum verdict verdict;
	const char *says;
} spoils[] = {
    {secret, ALL, VERDICT_BREACHED, "secret read at 0x1234"},
    {canary_changed, ALL, VERDICT_BREACHED, "arena changed at offset 0x4008 (5 words)"},
    {ring_changed_at_rest, ALL, VERDICT_BREACHED, "arena changed at offset 0x4000"},
    {files_bad, ALL, VERDICT_BREACHED, "not sealed"},
    {data_in_arena, ALL, VERDICT_BREACHED, "arena reached by queue 1 in ASID 0 at 0x40000000"},
    {data_elsewhere, ALL, VERDICT_BREACHED, "neither guest RAM nor the arena"},
    {data_in_cvq_asid, ALL, VERDICT_BREACHED, "the CVQ's ASID used"},
    {cvq_outside, ALL, VERDICT_BREACHED, "outside the CVQ's arena"},
    {cvq_wrong_asid, ALL, VERDICT_BREACHED, "another ASID"},
    {forged, ALL, VERDICT_BREACHED, "class 127, command 1, 8 bytes"},
    {allowed, ALL, VERDICT_BREACHED, "let through in attempt"},
    {vmm_grew, ALL, VERDICT_FAILED, "the VMM grew from 1000 to 1513 KiB"},
    {daemon_grew, ALL, VERDICT_FAILED, "the daemon grew from 2000 to 2513 KiB"},
    {grew_a_little, ALL, VERDICT_HELD, ""},
    {breach_and_death, ALL, VERDICT_BREACHED, "secret read"},
    {daemon_died, ALL, VERDICT_FAILED, "the daemon was killed"},
    {not_run, ALL, VERDICT_FAILED, ""},
    {host_cannot, ALL, VERDICT_SKIPPED, "no /dev/kvm"},
    {no_trace, ALL, VERDICT_FAILED, "no trace"},
    {bad_line, ALL, VERDICT_FAILED, "line 7"},
    {overflow, ALL, VERDICT_FAILED, "overflowed"},
    {ring_changed_in_a_gap, ALL, VERDICT_FAILED, "overflowed"},
    {ring_changed_after_its_end, ALL, VERDICT_FAILED, "cut off"},
    {cut_off, ALL, VERDICT_FAILED, "cut off"},
    {no_hello, ALL, VERDICT_FAILED, "did not show the arena"},
    {lie, ALL, VERDICT_FAILED, "but it is none"},
    {step_before, ALL, VERDICT_FAILED, "tx-loopback failed before"},
    {step_after, ALL, VERDICT_FAILED, "cvq-mac failed after"},
    {done_failed, ALL, VERDICT_FAILED, "1 failed operations"},
    {no_step_before, ALL, VERDICT_NOT_TESTED, "before the attack"},
    {no_step_after, ALL, VERDICT_NOT_TESTED, "after the attack"},
    {not_counted, ALL, VERDICT_NOT_TESTED, "no attempt"},
    {few_canaries, ALL, VERDICT_FAILED, "too few canaries"},
    {no_data, ALL, VERDICT_NOT_TESTED, "no data queue"},
    {no_cvq, ALL, VERDICT_NOT_TESTED, "the CVQ was not used"},
    {miscount, ALL, VERDICT_FAILED, "attempts"},
    {leave_out_last, CPU | 0x02, VERDICT_NOT_TESTED, ""}, /* the scan of 4 GiB; the second of RAM */
    {untouched, CPU | 0x02, VERDICT_NOT_TESTED, ""},
    {cpu_left_out, CPU, VERDICT_NOT_TESTED, "5000 was not read, written and executed"},
    {no_scan, CPU, VERDICT_NOT_TESTED, "4 GiB"},
    {half_a_scan, CPU, VERDICT_NOT_TESTED, "4 GiB"},
    {scan_from_above, CPU, VERDICT_NOT_TESTED, "4 GiB"},
    {half_a_scan, 0x02, VERDICT_NOT_TESTED, "searched 1 times"},
    {scan_from_above, 0x02, VERDICT_NOT_TESTED, "searched 1 times"},
    {too_few_touched, 0x02, VERDICT_NOT_TESTED, "searched 1 times"},
    {just_enough_touched, 0x02, VERDICT_HELD, ""},
    {just_enough_canaries, ALL, VERDICT_HELD, ""},
    {no_neighbours, QUEUES, VERDICT_HELD, ""},
    {leave_out_page, QUEUES, VERDICT_NOT_TESTED, "page 0x"},
    {never_reached, QUEUES, VERDICT_NOT_TESTED, "did not reach the device"},
    {wrong_way, QUEUES, VERDICT_NOT_TESTED, "did not reach the device"},
    {refused_unread, RINGS, VERDICT_NOT_TESTED, "did not reach the device"},
    {refused_unread, BUFFERS, VERDICT_HELD, ""},
    {page_never_reached, QUEUES, VERDICT_NOT_TESTED, "never tried the arena's page 0x"},
};

static void test_one_thing_wrong(void **state)
{
	(void)state;
	for (size_t s = 0; s < sizeof(spoils) / sizeof(spoils[0]); s++) {
		for (unsigned i = 0; i < guest_rows(); i++) {
			struct row row = guest_row(i);
			struct evidence ev = good(&row);
			struct finding f;

			if (spoils[s].rows >> (row.attack->number - 1) & 1) {
				spoils[s].spoil(&ev);
				f = verdict_isolated(&row, &ev);
				if (f.verdict != spoils[s].verdict ||
				    !strstr(f.reason, spoils[s].says))
					fail_msg("%s, spoil %zu: %s: %s", row.name, s,
						 verdict_name(f.verdict), f.reason);
				bool step =
				    spoils[s].spoil == step_before || spoils[s].spoil == step_after;
				assert_int_equal(f.legal_failed,
						 step && row.attack->extent != EXTENT_FLOOD);
			}
			evidence_free(&ev);
		}
	}
}

/* RAM ends where it ends: the first address behind it must be refused. */
static void test_edge_of_ram(void **state)
{
	struct row row = guest_row(3);
	struct evidence ev = good(&row);

	(void)state;
	ev.hello.ram_size = ev.hello.arena_iova - PAGE;
	assert_int_equal(verdict_isolated(&row, &ev).verdict, VERDICT_HELD);
	ev.hello.ram_size++;
	assert_int_equal(verdict_isolated(&row, &ev).verdict, VERDICT_NOT_TESTED);
	evidence_free(&ev);
}

/* A restart lays the rings out anew: that alone is no breach. */
static void test_ring_changed_by_restart(void **state)
{
	struct row row = guest_row(3);
	struct evidence ev = good(&row);

	(void)state;
	ring_changed_at_rest(&ev);
	ev.attempt[0].busy = true;
	assert_int_equal(verdict_isolated(&row, &ev).verdict, VERDICT_HELD);
	evidence_free(&ev);
}

/* ---- controls ---- */

static void show(struct evidence *ev, uint32_t saw)
{
	if (saw & SAW_SECRET)
		secret(ev);
	if (saw & SAW_CHANGE)
		canary_changed(ev);
	if (saw & SAW_REACH)
		data_in_arena(ev);
	if (saw & SAW_STRAY)
		cvq_outside(ev);
	if (saw & SAW_FORGED)
		forged(ev);
	if (saw & SAW_ALLOWED)
		allowed(ev);
}

static void try_control(const struct row *row, const char *name, uint32_t saw)
{
	struct evidence ev = good(row);
	bool enough = (matrix_demand(row, name) & ~saw) == 0;

	show(&ev, saw);
	ev.steps_failed[0] = ev.done.failed = 1; /* a broken CVQ need not work */
	struct finding f = verdict_control(row, name, &ev);
	assert_int_equal(f.saw, saw);
	assert_int_equal(f.verdict, enough ? VERDICT_BREACHED : VERDICT_NOT_TESTED);
	daemon_died(&ev);
	assert_int_equal(verdict_control(row, name, &ev).verdict, VERDICT_FAILED);
	ev.end = END_COMPLETE;
	cut_off(&ev);
	assert_int_equal(verdict_control(row, name, &ev).verdict, VERDICT_FAILED);
	ev.trace.ended = true;
	ev.attempts = 0;
	assert_int_equal(verdict_control(row, name, &ev).verdict, VERDICT_NOT_TESTED);
	evidence_free(&ev);
}

static void test_controls(void **state)
{
	static const uint32_t sight[] = {SAW_SECRET, SAW_CHANGE, SAW_REACH,
					 SAW_STRAY,  SAW_FORGED, SAW_ALLOWED};

	(void)state;
	for (unsigned i = 0; i < guest_rows(); i++) {
		struct row row = guest_row(i);
		const char *name[CONTROLS_MAX];
		unsigned n = matrix_controls(&row, name);

		if (row.attack->demand & SAW_SCAN)
			continue; /* test_controls_of_scans() */
		for (unsigned c = 0; c < n; c++) {
			assert_true(matrix_demand(&row, name[c]) != 0);
			for (uint32_t set = 0; set < 1u << 6; set++) {
				uint32_t saw = 0;

				for (unsigned s = 0; s < 6; s++)
					saw |= set >> s & 1 ? sight[s] : 0;
				try_control(&row, name[c], saw);
			}
		}
	}
}

/* What a control must show is the row's own demand, unless the row says otherwise. */
static void test_demands(void **state)
{
	static const struct control_demand other[] = {{"b", SAW_STRAY}, {NULL, 0}};
	struct attack a = {.demand = SAW_SECRET};
	struct row row = {.attack = &a};

	(void)state;
	assert_int_equal(matrix_demand(&row, "b"), SAW_SECRET);
	a.demands = other;
	assert_int_equal(matrix_demand(&row, "a"), SAW_SECRET);
	assert_int_equal(matrix_demand(&row, "b"), SAW_STRAY);
}

/* The guest's code ran in each page of the arena, where it was put. */
static void ran_everywhere(struct evidence *ev)
{
	for (uint32_t i = 0; i < ev->attempts; i++)
		if (ev->attempt[i].mark.queue == REPORT_CPU_EXECUTE) {
			ev->attempt[i].mark.outcome = OUTCOME_COMPLETED;
			ev->attempt[i].diff.canary_words = 1;
		}
}

static void searches_find(struct evidence *ev)
{
	for (uint32_t i = 0; i < ev->attempts; i++)
		if (ev->attempt[i].mark.queue == REPORT_CPU_SCAN)
			ev->attempt[i].secrets = 1;
	secret(ev);
}

/* The last attempt of that kind. */
static struct attempt *last(struct evidence *ev, uint32_t kind)
{
	for (uint32_t i = ev->attempts; i-- > 0;)
		if (ev->attempt[i].mark.queue == kind)
			return &ev->attempt[i];
	fail();
	return NULL;
}

static const char *any_control(const struct row *row)
{
	const char *name[CONTROLS_MAX];

	assert_true(matrix_controls(row, name) > 0);
	return name[0];
}

static void test_controls_of_scans(void **state)
{
	(void)state;
	for (unsigned i = 0; i < guest_rows(); i++) {
		struct row row = guest_row(i);
		struct evidence ev;

		if (!(row.attack->demand & SAW_SCAN))
			continue;
		ev = good(&row);
		ran_everywhere(&ev);
		searches_find(&ev);
		assert_int_equal(verdict_control(&row, any_control(&row), &ev).verdict,
				 VERDICT_BREACHED);
		last(&ev, REPORT_CPU_SCAN)->secrets = 0; /* one search was blind */
		assert_int_equal(verdict_control(&row, any_control(&row), &ev).verdict,
				 VERDICT_NOT_TESTED);
		last(&ev, REPORT_CPU_SCAN)->secrets = 1;
		if (row.attack->demand &
		    SAW_EXECUTE) { /* in one page nothing ran, or nothing new */
			struct attempt *at = last(&ev, REPORT_CPU_EXECUTE);

			at->mark.outcome = OUTCOME_FAULTED;
			assert_int_equal(verdict_control(&row, any_control(&row), &ev).verdict,
					 VERDICT_NOT_TESTED);
			at->mark.outcome = OUTCOME_COMPLETED;
			at->diff.canary_words = 0;
			assert_int_equal(verdict_control(&row, any_control(&row), &ev).verdict,
					 VERDICT_NOT_TESTED);
		}
		evidence_free(&ev);
	}
}

static void test_execution_must_end_as_it_should(void **state)
{
	(void)state;
	for (unsigned i = 0; i < guest_rows(); i++) {
		struct row row = guest_row(i);
		struct evidence ev;

		if (row.attack->extent != EXTENT_CPU)
			continue;
		ev = good(&row);
		last(&ev, REPORT_CPU_EXECUTE)->mark.outcome =
		    row.placement == PLACE_HOLE ? OUTCOME_COMPLETED : OUTCOME_FAULTED;
		assert_int_equal(verdict_isolated(&row, &ev).verdict, VERDICT_FAILED);
		last(&ev, REPORT_CPU_EXECUTE)->mark.queue = REPORT_CPU_WRITE; /* or is never made */
		assert_int_equal(verdict_isolated(&row, &ev).verdict, VERDICT_NOT_TESTED);
		evidence_free(&ev);
	}
}

static void test_try_again(void **state)
{
	(void)state;
	for (enum verdict v = VERDICT_HELD; v <= VERDICT_SKIPPED; v++) {
		for (enum episode_end end = END_NOT_RUN; end <= END_PROGRAM_DIED; end++) {
			struct finding f = {.verdict = v};
			struct evidence ev = {.end = end, .hello_seen = true};

			assert_int_equal(verdict_try_again(&f, &ev),
					 v == VERDICT_NOT_TESTED && end == END_COMPLETE);
			f.legal_failed = v == VERDICT_FAILED;
			assert_int_equal(verdict_try_again(&f, &ev),
					 (v == VERDICT_NOT_TESTED || v == VERDICT_FAILED) &&
					     end == END_COMPLETE);
			ev.hello_seen = false; /* it was no guest's */
			assert_int_equal(verdict_try_again(&f, &ev),
					 v == VERDICT_FAILED && end == END_COMPLETE);
			ev.tally.unit[0] = 'x'; /* but a program's */
			assert_int_equal(verdict_try_again(&f, &ev),
					 (v == VERDICT_NOT_TESTED || v == VERDICT_FAILED) &&
					     end == END_COMPLETE);
		}
	}
}

static void test_row(void **state)
{
	struct row row = guest_row(5);
	struct finding held = {.verdict = VERDICT_HELD, .reason = "refused"};
	const char *name[CONTROLS_MAX];
	struct finding c[3];

	(void)state;
	assert_int_equal(matrix_controls(&row, name), 3);
	for (unsigned i = 0; i < 3; i++)
		c[i] = (struct finding){.verdict = VERDICT_BREACHED, .reason = "secret read"};
	assert_int_equal(verdict_row(&row, &held, c, 3).verdict, VERDICT_HELD);
	assert_int_equal(verdict_row(&row, &held, c, 2).verdict, VERDICT_NOT_TESTED);
	assert_int_equal(verdict_row(&row, &held, c, 0).verdict, VERDICT_NOT_TESTED);
	for (unsigned i = 0; i < 3; i++) {
		c[i].verdict = VERDICT_NOT_TESTED;
		struct finding f = verdict_row(&row, &held, c, 3);
		assert_int_equal(f.verdict, VERDICT_NOT_TESTED);
		assert_non_null(strstr(f.reason, name[i]));
		c[i].verdict = VERDICT_HELD;
		assert_int_equal(verdict_row(&row, &held, c, 3).verdict, VERDICT_NOT_TESTED);
		c[i].verdict = VERDICT_FAILED;
		assert_int_equal(verdict_row(&row, &held, c, 3).verdict, VERDICT_FAILED);
		c[i].verdict = VERDICT_BREACHED;
	}
	for (enum verdict v = VERDICT_BREACHED; v <= VERDICT_SKIPPED; v++) {
		held.verdict = v;
		assert_int_equal(verdict_row(&row, &held, c, 3).verdict, v);
	}
}

/* ---- rows that a program runs ---- */

static void test_program(void **state)
{
	struct row row = matrix_row(0);
	struct evidence ev = {.end = END_COMPLETE,
			      .tally = {.legal = 2, .attempts = 12345, .unit = "ranges"}};
	struct finding f = verdict_isolated(&row, &ev);

	(void)state;
	assert_non_null(row.attack->program);
	assert_int_equal(f.verdict, VERDICT_HELD);
	assert_string_equal(f.reason, "12,345 ranges, none let through");
	assert_int_equal(verdict_control(&row, any_control(&row), &ev).verdict, VERDICT_NOT_TESTED);
	ev.tally.legal = 0;
	assert_int_equal(verdict_isolated(&row, &ev).verdict, VERDICT_NOT_TESTED);
	ev.tally = (struct tally){.legal = 2};
	assert_int_equal(verdict_isolated(&row, &ev).verdict, VERDICT_NOT_TESTED);
	ev.tally = (struct tally){.legal = 2, .attempts = 3, .violations = 1};
	assert_int_equal(verdict_isolated(&row, &ev).verdict, VERDICT_BREACHED);
	assert_int_equal(verdict_control(&row, any_control(&row), &ev).verdict, VERDICT_BREACHED);
	/* What did not work is no breach, and shows no control. */
	ev.tally = (struct tally){.legal = 2, .attempts = 3, .failed = 1};
	f = verdict_isolated(&row, &ev);
	assert_int_equal(f.verdict, VERDICT_FAILED);
	assert_true(f.legal_failed);
	assert_int_equal(verdict_control(&row, any_control(&row), &ev).verdict, VERDICT_NOT_TESTED);
	ev.tally.violations = 1;
	assert_int_equal(verdict_isolated(&row, &ev).verdict, VERDICT_BREACHED);
	for (enum episode_end end = END_NOT_RUN; end <= END_PROGRAM_DIED; end++) {
		enum verdict want = end == END_HOST_CANNOT ? VERDICT_SKIPPED : VERDICT_FAILED;

		if (end == END_COMPLETE)
			continue;
		ev = (struct evidence){.end = end, .tally = {.legal = 2, .attempts = 3}};
		assert_int_equal(verdict_isolated(&row, &ev).verdict, want);
		ev.tally.violations = 1; /* what a control did before it died shows nothing */
		assert_int_equal(verdict_control(&row, any_control(&row), &ev).verdict, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_texts),
	    cmocka_unit_test(test_edge_of_ram),
	    cmocka_unit_test(test_matrix),
	    cmocka_unit_test(test_matrix_controls),
	    cmocka_unit_test(test_default_set),
	    cmocka_unit_test(test_program),
	    cmocka_unit_test(test_good_is_held),
	    cmocka_unit_test(test_untraced),
	    cmocka_unit_test(test_one_thing_wrong),
	    cmocka_unit_test(test_ring_changed_by_restart),
	    cmocka_unit_test(test_controls),
	    cmocka_unit_test(test_demands),
	    cmocka_unit_test(test_controls_of_scans),
	    cmocka_unit_test(test_execution_must_end_as_it_should),
	    cmocka_unit_test(test_row),
	    cmocka_unit_test(test_try_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
