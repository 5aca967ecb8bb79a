/* SPDX-License-Identifier: MIT */
/*
 * All vCPUs of a machine: one thread each, started, paused, resumed and stopped together.
 * It must never wait without a deadline for a vCPU, and never run one while a pause holds.
 */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include "../vdpa/err.h"
#include "../virtio/addr.h"
#include "arch.h"
#include "bus.h"
#include "vm.h"

#include <stdbool.h>

#define VCPUS_MAX 8

struct vcpus_config {
	const struct vm *vm; /* borrowed, like the bus, until vcpus_stop() has succeeded */
	const struct bus *bus, *ports; /* handlers run on the vCPU's thread */
	unsigned count;		       /* 1 .. VCPUS_MAX */
	struct arch_start start;
	/**
	 * vCPU @id cannot go on; called on its thread, at most once per vCPU. @why is one line.
	 * @code is arch_vcpu_exit()'s, or KVM_RUN's.
	 */
	void (*ended)(void *ctx, unsigned id, int code, const char *why);
	void *ctx;
};

struct vcpus;

/** Make the vCPUs in their start state; none runs yet. Installs a handler for SIGRTMIN,
 * process-wide. */
int vcpus_create(struct vcpus **out, const struct vcpus_config *cfg, struct err *e);
/** Start the threads. After a failure some may run: vcpus_stop() as after a success. */
int vcpus_start(struct vcpus *all, struct err *e);

/**
 * Hold every vCPU outside the guest; from any thread, a bus handler's as well. False if one of them
 * did not leave the guest within @deadline_ms. Pauses nest; each is followed by one vcpus_resume(),
 * after a failure too.
 */
bool vcpus_pause(struct vcpus *all, unsigned deadline_ms) __attribute__((warn_unused_result));
void vcpus_resume(struct vcpus *all);

/**
 * One line to @say for each vCPU, of where in the guest it is: for whoever asks why one has not
 * come to its end. Holds them all for that, at most @deadline_ms.
 */
void vcpus_where(struct vcpus *all, unsigned deadline_ms, void (*say)(void *ctx, const char *line),
		 void *ctx);

/**
 * End all vCPUs and join their threads; not from one of them. False if one is still stuck after
 * @deadline_ms: then nothing that a handler may touch can be freed, and vcpus_destroy() must not be
 * called.
 */
bool vcpus_stop(struct vcpus *all, unsigned deadline_ms) __attribute__((warn_unused_result));
/** Free everything; only before vcpus_start() or after a successful vcpus_stop(). NULL is fine. */
void vcpus_destroy(struct vcpus *all);

#endif
