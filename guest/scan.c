// SPDX-License-Identifier: MIT
/*
 * Owns how a search is shared out and how its findings are told. It must never report from any CPU
 * but 0.
 */
#include "scan.h"

#include "cpus.h"
#include "report.h"

#define SCAN_MS 300000 /* half of GPA space in steps of 4 KiB, each a VMM exit: minutes */

void scan_found(struct finding *f, uint64_t at)
{
	if (f->leaks < LEAKS_MAX)
		f->leak[f->leaks++] = at;
}

uint64_t scan_share(const struct scan *s, uint64_t count, unsigned cpu)
{
	return count * cpu / s->cpus;
}

void scan_end(struct run *r, const struct finding *found, unsigned count)
{
	uint64_t touched = 0, faults = 0;

	for (unsigned i = 0; i < count; i++) {
		touched += found[i].touched;
		faults += found[i].faults;
		for (unsigned leak = 0; leak < found[i].leaks; leak++)
			report_leak(found[i].leak[leak], found[i].leak[leak]);
	}
	attempt_end(r, faults ? OUTCOME_FAULTED : OUTCOME_COMPLETED, touched);
}

/*
 * One CPU after the other: when two vCPUs leave the guest at the same time again and again,
 * QEMU 7.2's emulation of nested SVM has been seen to lose its address translation once in some
 * 100,000 exits, which ends in a triple fault of the guest or of the lab's kernel.
 */
void scan_run(struct run *r, void (*work)(unsigned cpu, void *scan))
{
	static struct scan scan;

	scan = (struct scan){.machine = &r->machine, .cpus = r->cpus};
	for (unsigned cpu = 0; cpu < r->cpus; cpu++) {
		if (!cpus_run(cpu, work, &scan, SCAN_MS))
			run_step(r, "all CPUs scan", false);
	}
	scan_end(r, scan.found, r->cpus);
}
