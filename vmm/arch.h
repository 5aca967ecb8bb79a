/* SPDX-License-Identifier: MIT */
/*
 * What each architecture provides to the machine: vm_ARCH.c and vcpu_ARCH.c implement it, one pair
 * is built. It must never grow anything that an architecture could share: that belongs into vm.c or
 * vcpu.c.
 */
#ifndef VMM_ARCH_H
#define VMM_ARCH_H

#include "../vdpa/err.h"
#include "../virtio/gmem.h"

#include <elf.h>
#include <stdint.h>

#if defined(__x86_64__)
#define ARCH_ELF_MACHINE EM_X86_64
#else
#error "no vm_ARCH.c and vcpu_ARCH.c for this architecture"
#endif

/* What lies below GUEST_LOAD_MIN; the rest there belongs to vm_ARCH.c. */
#define ARCH_FDT_GPA 0x10000u
#define ARCH_FDT_MAX 0x10000u

struct vm;
struct kvm_run;

/** Right after KVM_CREATE_VM: the interrupt controller, and what KVM wants before the first vCPU.
 */
int arch_vm_init(struct vm *vm, struct err *e);

/** What guest/abi.h promises to be in memory at the start (x86: page tables and a GDT). */
int arch_boot_memory(const struct vm *vm, const struct gmem *mem, struct err *e);

/** Set vCPU @id with fd @fd to the start state of guest/abi.h, runnable. */
int arch_vcpu_init(const struct vm *vm, int fd, unsigned id, gpa_t entry, gpa_t fdt, struct err *e);

/**
 * An exit that only this architecture knows. 0: dealt with, go on. Otherwise the vCPU can't go on
 * and
 * @why (of @len bytes) says why. UNTRUSTED: guest
 */
int arch_vcpu_exit(int fd, struct kvm_run *run, char *why, size_t len)
    __attribute__((warn_unused_result));

#endif
