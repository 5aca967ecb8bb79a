/* SPDX-License-Identifier: MIT */
/*
 * The guest's other CPUs: they sleep until CPU 0 has a piece of work for one of them. CPU 0 is the
 * only one that drives the device and reports; no other may.
 */
#ifndef GUEST_CPUS_H
#define GUEST_CPUS_H

#include <stdbool.h>

/** Wait up to @ms until @count CPUs are there, CPU 0 included; returns how many are. */
unsigned cpus_wait(unsigned count, unsigned ms);
/** Let CPU @cpu, another one that has nothing to do, do @work while this one goes on. */
void cpus_start(unsigned cpu, void (*work)(unsigned cpu, void *arg), void *arg);
/** Wait until CPU @cpu has nothing to do, @ms at most; whether it has not. */
bool cpus_join(unsigned cpu, unsigned ms);
/** Let CPU @cpu do @work while this one sleeps; false if that took longer than @ms. */
bool cpus_run(unsigned cpu, void (*work)(unsigned cpu, void *arg), void *arg, unsigned ms);
/** What all CPUs but 0 do. */
_Noreturn void cpus_serve(unsigned cpu);

#endif
