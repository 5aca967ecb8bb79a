// SPDX-License-Identifier: MIT
/*
 * Owns interrupts and time on x86: the two 8259s (masked), each CPU's local APIC and the one IOAPIC
 * entry that the device has. It must never enable interrupts anywhere but in arch_sleep().
 */
#include "arch.h"
#include "trap_x86.h"

/*
 * The local APIC's registers as MSRs (x2APIC; AMD64 manual volume 2, chapter 16): for those that
 * lie in memory KVM has to fetch and decode the instruction, at each tick. And the 82093AA
 * IOAPIC's.
 */
#define MSR_APIC_BASE 0x01b
#define MSR_LAPIC_ID 0x802
#define MSR_LAPIC_EOI 0x80b
#define MSR_LAPIC_SPURIOUS 0x80f
#define MSR_LAPIC_ICR 0x830
#define MSR_LAPIC_LVT_TIMER 0x832
#define MSR_LAPIC_TIMER_COUNT 0x838
#define MSR_LAPIC_TIMER_DIVIDE 0x83e

#define APIC_BASE_X2APIC 0x400u

#define SPURIOUS_ENABLE 0x100u
#define ICR_ASSERT 0x4000u
#define TIMER_PERIODIC 0x20000u
#define TIMER_DIVIDE_BY_1 0xbu
#define TIMER_PER_MS 1000000u /* KVM's local APIC timer runs at 1 GHz */

#define IOAPIC 0xfec00000u
#define IOAPIC_SELECT 0x00
#define IOAPIC_WINDOW 0x10
#define IOAPIC_REDIRECT 0x10 /* two registers for each pin */

static volatile uint64_t ticks;
static volatile unsigned ticks_each = 1; /* of the timer's interrupts */
static volatile bool device_irq;
static uint32_t apic_id[CPUS_MAX];

static uint64_t msr_read(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (uint64_t)high << 32 | low;
}

static void msr_write(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

uint32_t mmio_read32(uint64_t at)
{
	uint32_t v;

	__asm__ volatile("movl (%1), %0" : "=r"(v) : "r"(at) : "memory");
	return v;
}

uint8_t mmio_read8(uint64_t at)
{
	uint8_t v;

	__asm__ volatile("movb (%1), %0" : "=q"(v) : "r"(at) : "memory");
	return v;
}

void mmio_write32(uint64_t at, uint32_t value)
{
	__asm__ volatile("movl %0, (%1)" : : "r"(value), "r"(at) : "memory");
}

uint64_t mmio_read(uint64_t at, unsigned width)
{
	uint64_t v = 0;

	if (width == 1)
		__asm__ volatile("movzbl (%1), %k0" : "=r"(v) : "r"(at) : "memory");
	else if (width == 2)
		__asm__ volatile("movzwl (%1), %k0" : "=r"(v) : "r"(at) : "memory");
	else if (width == 4)
		__asm__ volatile("movl (%1), %k0" : "=r"(v) : "r"(at) : "memory");
	else
		__asm__ volatile("movq (%1), %0" : "=r"(v) : "r"(at) : "memory");
	return v;
}

void mmio_write(uint64_t at, unsigned width, uint64_t value)
{
	if (width == 1)
		__asm__ volatile("movb %b0, (%1)" : : "q"(value), "r"(at) : "memory");
	else if (width == 2)
		__asm__ volatile("movw %w0, (%1)" : : "r"(value), "r"(at) : "memory");
	else if (width == 4)
		__asm__ volatile("movl %k0, (%1)" : : "r"(value), "r"(at) : "memory");
	else
		__asm__ volatile("movq %0, (%1)" : : "r"(value), "r"(at) : "memory");
}

/* Unmasked, the 8259s would bring the device's line as one of the CPU's exceptions. */
static void pic_mask(void)
{
	const uint8_t all = 0xff;

	__asm__ volatile("outb %0, $0x21\n\t"
			 "outb %0, $0xa1"
			 :
			 : "a"(all));
}

void apic_cpu_init(unsigned cpu)
{
	if (cpu == 0)
		pic_mask();
	msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	apic_id[cpu] = (uint32_t)msr_read(MSR_LAPIC_ID);
	msr_write(MSR_LAPIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
}

static void ioapic_write(uint32_t reg, uint32_t value)
{
	mmio_write32(IOAPIC + IOAPIC_SELECT, reg);
	mmio_write32(IOAPIC + IOAPIC_WINDOW, value);
}

void arch_irq_init(uint32_t gsi)
{
	/* Fixed delivery to CPU 0, physical, active high, edge: all zero beside the vector. */
	ioapic_write(IOAPIC_REDIRECT + 2 * gsi + 1, apic_id[0] << 24);
	ioapic_write(IOAPIC_REDIRECT + 2 * gsi, VECTOR_DEVICE);

	msr_write(MSR_LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
	msr_write(MSR_LAPIC_LVT_TIMER, TIMER_PERIODIC | VECTOR_TICK);
	arch_tick_every(TICK_MS);
}

void arch_tick_every(unsigned ms)
{
	ticks_each = ms / TICK_MS;
	msr_write(MSR_LAPIC_TIMER_COUNT, ms * TIMER_PER_MS);
}

void apic_interrupt(uint64_t vector)
{
	if (vector == VECTOR_TICK)
		ticks += ticks_each;
	if (vector == VECTOR_DEVICE)
		device_irq = true;
	msr_write(MSR_LAPIC_EOI, 0);
}

uint64_t arch_ticks(void)
{
	return ticks;
}

uint64_t arch_cycles(void)
{
	uint32_t low, high;

	/* What is timed leaves the guest, and so is over when the second reading is made. */
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

bool arch_device_irq(void)
{
	bool was = device_irq;

	device_irq = false;
	return was;
}

/* Interrupts stay off for one instruction after `sti`, so none is lost between it and `hlt`. */
void arch_sleep(void)
{
	__asm__ volatile("sti\n\t"
			 "hlt\n\t"
			 "cli"
			 :
			 :
			 : "memory");
}

void arch_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

void arch_wake(unsigned cpu)
{
	/* These writes, unlike those to memory, wait for no earlier store (SDM vol. 3, 11.12.3). */
	__asm__ volatile("mfence\n\tlfence" : : : "memory");
	msr_write(MSR_LAPIC_ICR, (uint64_t)apic_id[cpu] << 32 | ICR_ASSERT | VECTOR_WAKE);
}

_Noreturn void arch_halt(void)
{
	for (;;)
		__asm__ volatile("cli\n\t"
				 "hlt");
}
