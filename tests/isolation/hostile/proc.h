/* SPDX-License-Identifier: MIT */
/*
 * What a process has, as the kernel tells it: for what a VMM must not pile up, and for how long its
 * vCPUs waited for a CPU of the host's. It must never be asked about a process that may have been
 * replaced: only of a child that was not reaped.
 */
#ifndef HOSTILE_PROC_H
#define HOSTILE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_VCPUS 8

struct proc {
	unsigned fds, threads;
	uint64_t size_kb, anon_kb; /* VmSize, RssAnon */
	pid_t vcpu[PROC_VCPUS];	   /* its vCPUs' threads, 0: none */
};

/** False: it is gone, or going. */
bool proc_look(struct proc *p, pid_t pid);

/** Open what tells how long each vCPU waited; -1 for one that is not there. The caller closes them.
 */
void proc_open_waits(const struct proc *p, pid_t pid, int fd[PROC_VCPUS]);
/** How long each vCPU, since its start, was ready to run and did not. */
void proc_waited(const int fd[PROC_VCPUS], uint64_t waited_ns[PROC_VCPUS]);

/** Whether it is on its way out: what it still waits for, it does in the kernel. */
bool proc_leaving(pid_t pid);

#endif
