/* SPDX-License-Identifier: MIT */
/*
 * What machine.c (a machine's life) and assemble.c (its parts) share. It must never be included by
 * anything else.
 */
#ifndef VMM_MACHINE_IMPL_H
#define VMM_MACHINE_IMPL_H

#include "bus.h"
#include "machine.h"
#include "net.h"
#include "ram.h"
#include "report.h"
#include "vcpu.h"
#include "vm.h"

#include <pthread.h>

struct machine {
	struct machine_config cfg;
	struct ram ram;
	struct device *dev;
	struct vm vm;
	struct net net;
	struct report_device report;
	struct bus bus;
	struct vcpus *vcpus;
	gpa_t entry;
	bool stuck; /* device_open() gave up on a thread that may still come back to us */
	int end_fd; /* readable once @end is filled */
	pthread_mutex_t lock;
	bool ended; /* under the lock, as @end */
	struct machine_end end;
};

/** Make all parts and connect them; what is there after a failure is machine_destroy()'s. */
int machine_assemble(struct machine *m, struct err *e);

/** A guest's record, for the report device. UNTRUSTED: guest */
void machine_on_record(void *machine, const struct report_record *r);

/** vCPU @id cannot go on. */
void machine_on_vcpu_ended(void *machine, unsigned id, const char *why);

#endif
