/* SPDX-License-Identifier: MIT */
/*
 * The machine that the lab kernel boots on: QEMU's command line and its process, which dies with
 * its launcher. It must never get a network, a disk or a monitor.
 */
#ifndef LAB_QEMU_H
#define LAB_QEMU_H

#include "lab.h"

#include <sys/types.h>

struct qemu {
	pid_t pid;
	int console_fd; /* the kernel's console comes out here */
	int wire_fd;	/* frames to and from PID 1 */
	int monitor_fd; /* QEMU's own monitor, asked only by qemu_dump() */
	bool kvm;
};

/** Whether KVM will be used for @accel; -ENODEV-like with @e set if it was asked for and cannot be.
 */
int qemu_choose_accel(enum lab_accel accel, bool *kvm, const char **why_not, struct err *e)
    __attribute__((warn_unused_result));

struct qemu_setup {
	const char *kernel, *append; /* append: more of its command line, or NULL */
	int initrd_fd;
	bool terminal;	 /* the launcher's standard streams become the lab's /dev/hvc0 */
	bool one_cpu;	 /* Linux as a guest needs it: docs/linux-guest.md */
	bool three_cpus; /* a finding stops two (docs/kernel-findings/K1.md) */
	bool sanitized;	 /* the kernel has KASAN and its like */
};

/** Start QEMU; its own messages go to qemu.log in @out. */
int qemu_start(struct qemu *q, const struct qemu_setup *setup, const struct out *out, struct err *e)
    __attribute__((warn_unused_result));

/** Of a lab that hangs: write each CPU's state to cpus.log in @out. Takes up to two seconds. */
void qemu_dump(struct qemu *q, const struct out *out);

/** End it if it still runs, and release everything; returns its wait status. */
int qemu_stop(struct qemu *q);

#endif
