/* SPDX-License-Identifier: MIT */
/*
 * Owns the guest's entry on x86-64, its trap entries and the accesses that may fault.
 * It must never decide anything: what to do about a trap is for trap_x86.c.
 */
#include "arch.h"
#include "trap_x86.h"

/* Every CPU starts here as guest/abi.h says: RDI the FDT, RSI the CPU's number, and no stack. */
	.section .text.start, "ax"
	.globl _start
_start:
	cmp $CPUS_MAX, %rsi
	jae park
	cld
	lea 1(%rsi), %rsp
	shl $STACK_SHIFT, %rsp
	add $stacks, %rsp
	xor %ebp, %ebp
	call guest_start
park:
	cli
	hlt
	jmp park

	.text

/*
 * Trap entries, 16 bytes for each vector: each pushes what the CPU left out, so that all leave the same
 * struct trap_frame.
 */
	.align 16
	.globl trap_entries
trap_entries:
	.set vector, 0
	.rept TRAP_VECTORS
	.align 16
	.if ((VECTORS_WITH_ERROR >> vector) & 1) == 0
	push $0
	.endif
	push $vector
	jmp trap_common
	.set vector, vector + 1
	.endr

trap_common:
	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, %rdi
	cld
	call trap
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp
	iretq

/* A spurious interrupt must not be acknowledged (Intel SDM volume 3, "Spurious Interrupt"). */
	.globl trap_spurious
trap_spurious:
	iretq

/* bool probe_read(uint64_t at, uint64_t *inverted), bool probe_write(uint64_t at, uint64_t value) */
	.globl probe_read, probe_read_insn, probe_write, probe_write_insn, probe_fault
probe_read:
probe_read_insn:
	mov (%rdi), %rax
	not %rax
	mov %rax, (%rsi)
	mov $1, %eax
	ret
probe_write:
probe_write_insn:
	mov %rsi, (%rdi)
	mov $1, %eax
	ret
probe_fault: /* trap() comes back here when one of the two accesses took an exception */
	xor %eax, %eax
	ret

/*
 * bool probe_user(uint64_t at, uint64_t user_rsp, void *tss_rsp0): run the code at @at in ring 3 until
 * its first exception. RSP is a multiple of 16 where it becomes RSP0, so that the CPU pushes the trap's
 * frame right below it, and trap() finds this stack again at the frame's end.
 */
	.globl probe_user, probe_user_done, probe_user_landing
probe_user:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	sub $8, %rsp
	mov %rsp, (%rdx)
	push $USER_DATA
	push %rsi
	push $RFLAGS_FIXED
	push $USER_CODE
	push %rdi
	iretq
probe_user_done: /* trap() comes back here with its answer in RAX */
	add $8, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret
probe_user_landing: /* where code called in ring 3 returns to: the #GP here says that it did */
	hlt

	.section .note.GNU-stack, "", @progbits
