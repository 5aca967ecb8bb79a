// SPDX-License-Identifier: MIT
/*
 * Owns the handing out of work to the other CPUs. It must never be called from any but CPU 0.
 */
#include "cpus.h"

#include "arch.h"

#include <stddef.h>

static struct {
	void (*work)(unsigned cpu, void *arg);
	void *arg;
} job;

/* Written by one CPU each, with release ordering; a CPU is done when its number is the job's. */
static struct {
	bool online;
	unsigned job, done;
} state[CPUS_MAX];

unsigned cpus_wait(unsigned count, unsigned ms)
{
	uint64_t deadline = deadline_in(ms);
	unsigned n = 1;

	while (n < count && n < CPUS_MAX) {
		if (__atomic_load_n(&state[n].online, __ATOMIC_ACQUIRE))
			n++;
		else if (deadline_passed(deadline))
			break;
		else
			arch_sleep();
	}
	return n;
}

void cpus_start(unsigned cpu, void (*work)(unsigned cpu, void *arg), void *arg)
{
	job.work = work;
	job.arg = arg;
	__atomic_store_n(&state[cpu].job, state[cpu].job + 1, __ATOMIC_RELEASE);
	arch_wake(cpu);
}

bool cpus_join(unsigned cpu, unsigned ms)
{
	uint64_t deadline = deadline_in(ms);

	while (__atomic_load_n(&state[cpu].done, __ATOMIC_ACQUIRE) != state[cpu].job) {
		if (deadline_passed(deadline))
			return false;
		arch_sleep();
	}
	return true;
}

bool cpus_run(unsigned cpu, void (*work)(unsigned cpu, void *arg), void *arg, unsigned ms)
{
	if (cpu == 0) {
		work(0, arg);
		return true;
	}
	cpus_start(cpu, work, arg);
	return cpus_join(cpu, ms);
}

void cpus_serve(unsigned cpu)
{
	__atomic_store_n(&state[cpu].online, true, __ATOMIC_RELEASE);
	for (;;) {
		unsigned number = __atomic_load_n(&state[cpu].job, __ATOMIC_ACQUIRE);

		if (number == state[cpu].done) {
			arch_sleep();
			continue;
		}
		job.work(cpu, job.arg);
		__atomic_store_n(&state[cpu].done, number, __ATOMIC_RELEASE);
	}
}
