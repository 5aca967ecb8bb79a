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
#include <stdbool.h>
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
struct boot_image;
struct bus;
struct serial;
struct power;

/** How CPUs start: as guest/abi.h says, all at once; or as Linux is booted, one, in one of two
 * ways. */
enum arch_start_mode { ARCH_START_TINY, ARCH_START_LINUX_64, ARCH_START_PVH };

struct arch_start {
	enum arch_start_mode mode;
	gpa_t entry;
	gpa_t info; /* what its first argument points to: the FDT, boot_params, PVH's start info */
};

/** What a Linux guest is told, and where its devices are. */
struct arch_linux {
	const struct boot_image *image;
	uint64_t ram_size;
	unsigned cpus;
	bool by_acpi, by_cmdline, by_fdt; /* where the virtio-mmio device is announced */
	gpa_t mmio;
	uint32_t mmio_size, gsi;
};

/** Right after KVM_CREATE_VM: the interrupt controller, and what KVM wants before the first vCPU.
 */
int arch_vm_init(struct vm *vm, struct err *e);

/** What guest/abi.h promises to be in memory at the start (x86: page tables and a GDT). */
int arch_boot_memory(const struct vm *vm, const struct gmem *mem, struct err *e);

/**
 * The same for a Linux guest: its kernel, initrd, command line and tables into guest RAM. With
 * @by_fdt the FDT is at ARCH_FDT_GPA already. Gives how its first CPU starts.
 */
int arch_boot_linux(const struct vm *vm, const struct gmem *mem, const struct arch_linux *cfg,
		    struct arch_start *start, struct err *e);

/**
 * Devices of a Linux guest that this architecture has its own places for: @serial, whose
 * interrupt @irq_fd is, and @power, on @ports where there is such a bus; and a timer, if it needs
 * one.
 */
int arch_wire_linux(struct vm *vm, struct bus *ports, struct serial *serial, int irq_fd,
		    struct power *power, struct err *e);

/** Set vCPU @id of @count, with fd @fd, to how @start has it. */
int arch_vcpu_init(const struct vm *vm, int fd, unsigned id, unsigned count,
		   const struct arch_start *start, struct err *e);

/**
 * An exit that only this architecture knows; ports are on @ports. 0: dealt with, go on. Otherwise
 * the vCPU can't go on and @why (of @len bytes) says why; -ESHUTDOWN: it has asked for a reset in
 * the roughest of ways. UNTRUSTED: guest
 */
int arch_vcpu_exit(int fd, struct kvm_run *run, const struct bus *ports, char *why, size_t len)
    __attribute__((warn_unused_result));

/** Where a vCPU that is outside its guest stands in it, as one line of at most @len bytes. */
void arch_vcpu_where(int fd, char *text, size_t len);

#endif
