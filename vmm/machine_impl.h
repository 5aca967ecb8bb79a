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
#include "power.h"
#include "ram.h"
#include "report.h"
#include "serial.h"
#include "tty.h"
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
	struct bus bus, ports;
	/* Of a Linux guest only. */
	struct power power;
	struct serial serial;
	struct tty *tty;
	int serial_fd;	     /* its interrupt: an irqfd */
	unsigned panic_seen; /* how much of a panic's first words it has just sent */

	struct vcpus *vcpus;
	struct arch_start start;
	bool stuck;   /* device_open() gave up on a thread that may still come back to us */
	int end_fd;   /* readable once @end is filled */
	int panic_fd; /* a timer, which runs from a panic on */
	pthread_mutex_t lock;
	bool ended, panicked; /* under the lock, as @end */
	struct machine_end end;
};

/** Make all parts and connect them; what is there after a failure is machine_destroy()'s. */
int machine_assemble(struct machine *m, struct err *e);

/** A guest's record, for the report device. UNTRUSTED: guest */
void machine_on_record(void *machine, const struct report_record *r);

/** vCPU @id cannot go on. */
void machine_on_vcpu_ended(void *machine, unsigned id, int code, const char *why);

/** A Linux guest at one of power.h's doors; and each byte that it sends to its console. */
void machine_on_power(void *machine, enum power_event what, const char *by);
void machine_on_console(void *machine, uint8_t c);
/** Its console's user wants the end. */
void machine_on_quit(void *machine);

#endif
