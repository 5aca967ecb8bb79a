// SPDX-License-Identifier: MIT
/*
 * Row 1 of the catalogue: a CPU reads, writes and executes where the CVQ arena is said to lie, and
 * reads all over the GPA space. It must never write to the device windows nor to memory the guest
 * lives in.
 */
#include "attack.h"

#include "arch.h"
#include "scan.h"

#define GPA_SPACE (4ULL << 30)

/* The last line of a page: no ring structure of the arena reaches it, so a write there shows in the
 * canaries but lets the shadow ring live, and with it the legal operations after the attack. */
#define WRITE_OFFSET (PAGE - CANARY_LINE)

/* A bus answers for a hole with all ones, or all zeroes. */
static bool looks_empty(uint64_t word)
{
	return word == 0 || word == ~0ULL;
}

/*
 * Read the first word of each line of a page. Outside RAM each read costs a VMM exit, so unless
 * @whole the page is left after its first line if that looks like no memory.
 */
static void scan_page(const struct machine *m, struct finding *f, uint64_t page, bool whole)
{
	for (uint64_t at = page; at < page + PAGE; at += CANARY_LINE) {
		uint64_t inverted;

		f->touched++;
		if (!probe_read(at, &inverted))
			f->faults++;
		else if (inverted == m->magic_inverted)
			scan_found(f, at);
		else if (!whole && looks_empty(inverted))
			return;
	}
}

static void attempt_read(struct run *r, uint64_t page)
{
	struct finding f = {0};

	attempt_begin(r, REPORT_CPU_READ, page, PAGE);
	scan_page(&r->machine, &f, page, true);
	scan_end(r, &f, 1);
}

static void attempt_write(struct run *r, uint64_t page)
{
	uint64_t at = page + WRITE_OFFSET;
	bool done;

	attempt_begin(r, REPORT_CPU_WRITE, at, sizeof(uint64_t));
	done = probe_write(at, probe_code);
	attempt_end(r, done ? OUTCOME_COMPLETED : OUTCOME_FAULTED, 1);
}

/* The code is put there first, if that can be done; it returns at once. */
static void attempt_execute(struct run *r, uint64_t page)
{
	uint64_t at = page + WRITE_OFFSET + sizeof(uint64_t);
	bool done;

	attempt_begin(r, REPORT_CPU_EXECUTE, at, sizeof(uint64_t));
	probe_write(at, probe_code);
	done = probe_call(at);
	attempt_end(r, done ? OUTCOME_COMPLETED : OUTCOME_FAULTED, 1);
}

static void scan_gpa_space(unsigned cpu, void *scan)
{
	struct scan *s = scan;
	const struct machine *m = s->machine;
	uint64_t pages = GPA_SPACE / m->scan_stride;

	for (uint64_t i = scan_share(s, pages, cpu); i < scan_share(s, pages, cpu + 1); i++) {
		uint64_t page = i * m->scan_stride;

		scan_page(m, &s->found[cpu], page, machine_has_ram(m, page));
	}
}

void attack_cpu(struct run *r)
{
	const struct machine *m = &r->machine;
	uint64_t end = m->arena + m->arena_size + PAGES_BESIDE * PAGE;

	for (uint64_t page = m->arena - PAGES_BESIDE * PAGE; page < end; page += PAGE) {
		attempt_read(r, page);
		attempt_write(r, page);
		attempt_execute(r, page);
	}
	attempt_begin(r, REPORT_CPU_SCAN, 0, GPA_SPACE);
	scan_run(r, scan_gpa_space);
}
