/* SPDX-License-Identifier: MIT */
/*
 * What the guest asks of its architecture: CPUs, interrupts, time, MMIO, and accesses that may
 * fault. Everything behind it lies in files named *_x86.*; nothing in front of it may know one
 * architecture.
 *
 * Interrupts are off everywhere but inside arch_sleep(), so handlers race with no other code.
 */
#ifndef GUEST_ARCH_H
#define GUEST_ARCH_H

#define CPUS_MAX 8
#define STACK_SHIFT 14 /* 16 KiB for each CPU */

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stdint.h>

#define TICK_MS 4

/** Descriptor tables, trap handlers and interrupt controller of CPU @cpu, which is the caller. */
void arch_cpu_init(unsigned cpu);
/** Start the tick on the calling CPU and let the device interrupt at @gsi come to it. */
void arch_irq_init(uint32_t gsi);

/** Ticks seen so far; it stands still while interrupts are off, so it measures waits and nothing
 * else. */
uint64_t arch_ticks(void);
/** A counter that goes on at one rate, alike on all CPUs, whatever they do. */
uint64_t arch_cycles(void);
/** Tick every @ms from now on, a multiple of TICK_MS: a guest that waits for long costs its host
 * the less. */
void arch_tick_every(unsigned ms);
/** Halt until an interrupt has been handled; one that is already pending ends it at once. */
void arch_sleep(void);
/** Whether the device has interrupted since the last call. */
bool arch_device_irq(void);
/** Make CPU @cpu, which has been through arch_cpu_init(), return from arch_sleep(). */
void arch_wake(unsigned cpu);
/** A moment's rest in a loop that waits for another CPU. */
void arch_pause(void);
/** Never run this CPU again. */
_Noreturn void arch_halt(void);

uint32_t mmio_read32(uint64_t at);
uint8_t mmio_read8(uint64_t at);
void mmio_write32(uint64_t at, uint32_t value);
/** The same in one access of @width bytes: 1, 2, 4 or 8. */
uint64_t mmio_read(uint64_t at, unsigned width);
void mmio_write(uint64_t at, unsigned width, uint64_t value);

/**
 * One access to memory that may not be there: false if it took a CPU exception. What is read comes
 * back inverted, so that a canary's magic does not get into the guest's own memory through a local
 * variable.
 */
bool probe_read(uint64_t at, uint64_t *inverted);
bool probe_write(uint64_t at, uint64_t value);
/** Call the code at @at; true if it returned. */
bool probe_call(uint64_t at);
/** Eight bytes of code, wherever in it one starts: it returns to its caller at once. */
extern const uint64_t probe_code;

/** The time @ms from now, at least one tick, as a value of arch_ticks(). */
static inline uint64_t deadline_in(unsigned ms)
{
	return arch_ticks() + (ms + TICK_MS - 1) / TICK_MS + 1;
}

static inline bool deadline_passed(uint64_t deadline)
{
	return arch_ticks() >= deadline;
}

#endif
#endif
