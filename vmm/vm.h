/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine as KVM knows it: its fds, memory slots, and the event fds that let queues
 * work without a VMM exit. It must never decide which memory the guest's CPUs see: machine.c does.
 */
#ifndef VMM_VM_H
#define VMM_VM_H

#include "../vdpa/err.h"
#include "../virtio/addr.h"

#include <stddef.h>
#include <stdint.h>

struct vm {
	int kvm, fd;	 /* /dev/kvm, and the VM */
	size_t run_size; /* of each vCPU's struct kvm_run and what follows it */
	unsigned vcpus_max;
	uint32_t slots; /* memory slots in use */
};

/** What a struct vm holds before vm_open() and after vm_close(). */
#define VM_CLOSED                                                                                  \
	{                                                                                          \
		.kvm = -1, .fd = -1                                                                \
	}

/**
 * Open /dev/kvm, check what this VMM needs of it by asking (never by version), and make a VM with
 * its interrupt controller. ERR_HOST with a remedy when the host cannot. On failure nothing is left
 * behind.
 */
int vm_open(struct vm *vm, struct err *e);
/** Takes VM_CLOSED, too. All vCPUs must be gone. */
void vm_close(struct vm *vm);

/** Let the guest's CPUs see @size bytes at @host (multiples of 4 KiB) at @at, readable and
 * writable. */
int vm_add_memory(struct vm *vm, gpa_t at, uint64_t size, void *host, struct err *e);

/** As that, but to read only: a write is an exit, or an ioeventfd's. */
int vm_add_readable(struct vm *vm, gpa_t at, uint64_t size, const void *host, struct err *e);

/** A 32-bit write of @match to @at signals @fd and causes no exit. */
int vm_ioeventfd(struct vm *vm, gpa_t at, uint32_t match, int fd, struct err *e);

/** Each signal of @fd is an edge on interrupt line @gsi. Several fds may share one line. */
int vm_irqfd(struct vm *vm, uint32_t gsi, int fd, struct err *e);

#endif
