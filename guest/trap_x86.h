/* SPDX-License-Identifier: MIT */
/*
 * What start_x86.S, trap_x86.c and apic_x86.c share about x86 traps. No other file may include it.
 */
#ifndef GUEST_TRAP_X86_H
#define GUEST_TRAP_X86_H

#define KERNEL_CODE 0x08
#define KERNEL_DATA 0x10
#define USER_DATA 0x1b /* requested privilege level 3 */
#define USER_CODE 0x23
#define TSS_FIRST 0x28

#define RFLAGS_FIXED 0x2 /* the bit that is always set; interrupts off */

/* #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC, #SX: a set of 1 << vector */
#define VECTORS_WITH_ERROR 0x60227d00

#define VECTOR_TICK 32
#define VECTOR_DEVICE 33
#define VECTOR_WAKE 34
#define TRAP_VECTORS 35
#define VECTOR_SPURIOUS 255

#ifndef __ASSEMBLER__

#include <stdint.h>

/** As trap_common in start_x86.S and the CPU leave it on the stack. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/** Enable the calling CPU's local APIC. */
void apic_cpu_init(unsigned cpu);
/** Handle the interrupt of @vector, one of VECTOR_TICK, VECTOR_DEVICE and VECTOR_WAKE. */
void apic_interrupt(uint64_t vector);

#endif
#endif
