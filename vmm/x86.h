/* SPDX-License-Identifier: MIT */
/*
 * What vm_x86.c and vcpu_x86.c share: where boot structures lie, and the bits of the manuals they
 * use. It must never be included by a file whose name does not say x86.
 */
#ifndef VMM_X86_H
#define VMM_X86_H

#include "../vdpa/err.h"
#include "vm.h"

/* Below GUEST_LOAD_MIN; see arch.h for the FDT. */
#define X86_PML4 0x1000u
#define X86_PDPT 0x2000u
#define X86_PD 0x3000u /* four of them, only without 1 GiB pages */
#define X86_PDS 4u
#define X86_GDT 0x7000u
#define X86_GDT_ENTRIES 3u
#define X86_SEL_CODE 0x08u
#define X86_SEL_DATA 0x10u

#define X86_PTE_PRESENT 0x001u
#define X86_PTE_WRITE 0x002u
#define X86_PTE_LARGE 0x080u

#define X86_CR0_PE 0x00000001u
#define X86_CR0_MP 0x00000002u
#define X86_CR0_ET 0x00000010u
#define X86_CR0_NE 0x00000020u
#define X86_CR0_WP 0x00010000u
#define X86_CR0_PG 0x80000000u
#define X86_CR4_PAE 0x00000020u
#define X86_EFER_LME 0x00000100u
#define X86_EFER_LMA 0x00000400u

#define X86_CPUID_PDPE1GB (1u << 26) /* leaf 0x80000001, EDX */
#define X86_VECTOR_UD 6u

struct kvm_cpuid2;

/** All the CPUID that KVM can show a guest, to be freed by the caller. */
int x86_cpuid(const struct vm *vm, struct kvm_cpuid2 **out, struct err *e);

#endif
