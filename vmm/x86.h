/* SPDX-License-Identifier: MIT */
/*
 * What vm_x86.c and vcpu_x86.c share: where boot structures lie, and the bits of the manuals they
 * use. It must never be included by a file whose name does not say x86.
 */
#ifndef VMM_X86_H
#define VMM_X86_H

#include "../vdpa/err.h"
#include "../virtio/gmem.h"
#include "vm.h"

#include <stdbool.h>

/*
 * Below GUEST_LOAD_MIN, all of it but the tables at X86_ACPI RAM to a Linux guest, which reads it
 * before it uses it for anything else; see arch.h for the FDT.
 */
#define X86_PML4 0x1000u
#define X86_PDPT 0x2000u
#define X86_PD 0x3000u /* four of them, only without 1 GiB pages */
#define X86_PDS 4u
#define X86_GDT 0x7000u
#define X86_GDT_ENTRIES 4u
#define X86_SEL_CODE 0x08u
#define X86_SEL_DATA 0x10u
#define X86_BOOT_PARAMS 0x8000u /* Linux's "zero page", or PVH's start info */
#define X86_CMDLINE 0x20000u
#define X86_CMDLINE_MAX 0x10000u
#define X86_LOW_RAM_END 0x9fc00u /* where a PC has its EBDA, and then no RAM up to 1 MiB */
#define X86_ACPI 0xe0000u	 /* where a kernel that is told of no RSDP searches for it */

#define X86_PORT_KBD 0x60u /* to 0x64 */
#define X86_PORT_SERIAL 0x3f8u
#define X86_GSI_SERIAL 4u
#define X86_PORT_PANIC 0x505u
#define X86_LAPIC 0xfee00000u
#define X86_LAPIC_ISR 0x100u
#define X86_LAPIC_IRR 0x200u
#define X86_IOAPIC 0xfec00000u

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

#define X86_LINUX_SEL_SHIFT 8u /* Linux's __BOOT_CS and __BOOT_DS are one entry further on */
#define X86_MSR_MTRR_DEF_TYPE 0x2ffu
#define X86_MSR_TSC 0x10u
#define X86_MSR_TSC_DEADLINE 0x6e0u
#define X86_MTRR_ENABLE 0x800u
#define X86_MTRR_WRITE_BACK 6u

#define X86_CPUID_PDPE1GB (1u << 26) /* leaf 0x80000001, EDX */
#define X86_CPUID_HTT (1u << 28)     /* leaf 1, EDX: ids of more than one CPU */
#define X86_VECTOR_UD 6u

struct kvm_cpuid2;

/** All the CPUID that KVM can show a guest, to be freed by the caller. */
int x86_cpuid(const struct vm *vm, struct kvm_cpuid2 **out, struct err *e);

/**
 * Give the vCPU with fd @fd that CPUID, as CPU @id of @count; to Linux (@topology) as one of
 * @count cores of one socket.
 */
int x86_set_cpuid(const struct vm *vm, int fd, unsigned id, unsigned count, bool topology,
		  struct err *e);

/** The identity map and a GDT; Linux's GDT (@for_linux) has its entries at Linux's selectors. */
int x86_boot_tables(const struct vm *vm, const struct gmem *mem, bool for_linux, struct err *e);

#endif
