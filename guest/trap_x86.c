// SPDX-License-Identifier: MIT
/*
 * Owns the x86 CPU's tables and what happens on a trap: an exception in a probe is the probe's
 * answer, any other is told and ends the guest. It must never swallow one that no probe asked for.
 */
#include "trap_x86.h"
#include "arch.h"
#include "report.h"

struct tss {
	uint32_t reserved0;
	uint64_t rsp0;
	uint64_t unused[11];
	uint16_t reserved1;
	uint16_t iomap;
} __attribute__((packed));

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct gate {
	uint64_t low, high;
};

const uint64_t probe_code = 0xc3c3c3c3c3c3c3c3; /* ret */

extern const char trap_entries[], trap_spurious[];
extern const char probe_read_insn[], probe_write_insn[], probe_fault[];
extern const char probe_user_done[], probe_user_landing[];
bool probe_user(uint64_t at, uint64_t user_rsp, void *tss_rsp0);
void trap(struct trap_frame *f);

uint8_t stacks[CPUS_MAX << STACK_SHIFT] __attribute__((aligned(1 << STACK_SHIFT)));
static uint64_t user_stack[64] __attribute__((aligned(16)));

static struct gate idt[256] __attribute__((aligned(16)));
static struct tss tss[CPUS_MAX] __attribute__((aligned(16)));
static uint64_t gdt[TSS_FIRST / 8 + 2 * CPUS_MAX] __attribute__((aligned(16))) = {
    [KERNEL_CODE / 8] = 0x00af9b000000ffff,
    [KERNEL_DATA / 8] = 0x00cf93000000ffff,
    [USER_DATA / 8] = 0x00cff3000000ffff,
    [USER_CODE / 8] = 0x00affb000000ffff,
};

/* A gate to ring 0 that leaves interrupts off (AMD64 manual volume 2, section 4.8.4). */
static void gate_set(unsigned vector, const char *entry)
{
	uint64_t at = (uintptr_t)entry;

	idt[vector].low =
	    (at & 0xffff) | KERNEL_CODE << 16 | 0x8eULL << 40 | (at >> 16 & 0xffff) << 48;
	idt[vector].high = at >> 32;
}

static void tss_descriptor(unsigned cpu)
{
	uint64_t at = (uintptr_t)&tss[cpu], limit = sizeof(tss[cpu]) - 1;
	uint64_t *d = &gdt[TSS_FIRST / 8 + 2 * cpu];

	d[0] = limit | (at & 0xffffff) << 16 | 0x89ULL << 40 | (at >> 24 & 0xff) << 56;
	d[1] = at >> 32;
}

/* Every CPU writes the same gates, so that none has to wait for another. FS and GS are left alone:
 * libfdt's stack protector reads FS:0x28, which with the base of 0 that we start with is RAM. */
void arch_cpu_init(unsigned cpu)
{
	struct table_pointer gdtr = {sizeof(gdt) - 1, (uintptr_t)gdt};
	struct table_pointer idtr = {sizeof(idt) - 1, (uintptr_t)idt};

	for (unsigned v = 0; v < TRAP_VECTORS; v++)
		gate_set(v, trap_entries + 16 * v);
	gate_set(VECTOR_SPURIOUS, trap_spurious);
	tss[cpu].iomap = sizeof(tss[cpu]);
	tss_descriptor(cpu);
	__asm__ volatile("lgdt %0\n\t"
			 "lidt %1\n\t"
			 "push %2\n\t"
			 "lea 1f(%%rip), %%rax\n\t"
			 "push %%rax\n\t"
			 "lretq\n"
			 "1:\n\t"
			 "mov %3, %%ss\n\t"
			 "mov %3, %%ds\n\t"
			 "mov %3, %%es\n\t"
			 "ltr %4"
			 :
			 : "m"(gdtr), "m"(idtr), "i"(KERNEL_CODE), "r"(KERNEL_DATA),
			   "r"((uint16_t)(TSS_FIRST + 16 * cpu))
			 : "rax", "memory");
	apic_cpu_init(cpu);
}

static bool probe_trapped(struct trap_frame *f)
{
	if (f->rip == (uintptr_t)probe_read_insn || f->rip == (uintptr_t)probe_write_insn) {
		f->rip = (uintptr_t)probe_fault;
		return true;
	}
	if ((f->cs & 3) == 3) {
		f->rax = f->rip == (uintptr_t)probe_user_landing;
		f->rip = (uintptr_t)probe_user_done;
		f->cs = KERNEL_CODE;
		f->ss = KERNEL_DATA;
		f->rflags = RFLAGS_FIXED;
		f->rsp = (uintptr_t)(f + 1); /* RSP0: see probe_user */
		return true;
	}
	return false;
}

void trap(struct trap_frame *f)
{
	uint64_t cr2;

	if (f->vector >= VECTOR_TICK) {
		apic_interrupt(f->vector);
		return;
	}
	if (probe_trapped(f))
		return;
	/* On another CPU this may spoil a record of CPU 0's; the run is lost anyway. */
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	report_line(&(struct line){
	    .text = "unexpected exception: vector, error, RIP, CR2",
	    .value = {f->vector, f->error, f->rip, cr2},
	    .values = 4,
	});
	arch_halt();
}

/* Let ring 3 at the page of @at: set the user bit on each level of the VMM's page tables above it.
 */
static void user_allow(uint64_t at)
{
	const uint64_t address = 0x000ffffffffff000, present = 1, user = 4, leaf = 0x80;
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	for (uint64_t table = cr3 & address, shift = 39; shift >= 12; shift -= 9) {
		uint64_t *entry = (uint64_t *)(uintptr_t)(table + (at >> shift & 511) * 8);

		if (!(*entry & present))
			break;
		*entry |= user;
		if (shift < 39 && (*entry & leaf))
			break;
		table = *entry & address;
	}
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

/*
 * The call is made in ring 3. Where there is no memory KVM's emulator cannot fetch the instruction
 * and queues #UD, but for ring 0 it also ends KVM_RUN with KVM_INTERNAL_ERROR_EMULATION, which is
 * for the VMM to get over (handle_emulation_failure()); ring 3 keeps the fault between KVM and us.
 * What code may be fetched does not depend on the ring: EPT, NPT and memory slots know none.
 */
bool probe_call(uint64_t at)
{
	uint64_t *sp = &user_stack[sizeof(user_stack) / sizeof(*user_stack) - 1];
	uint16_t tr;

	__asm__ volatile("str %0" : "=r"(tr));
	*sp = (uintptr_t)probe_user_landing;
	user_allow(at);
	user_allow((uintptr_t)probe_user_landing);
	user_allow((uintptr_t)sp);
	return probe_user(at, (uintptr_t)sp, &tss[(tr - TSS_FIRST) / 16].rsp0);
}
