/* SPDX-License-Identifier: MIT */
/*
 * A pulse for the lab's CPUs: on each somebody waits to be woken by another CPU, and wakes the next
 * one himself if nobody came. So a CPU that has lost its timer's interrupt gets another CPU's
 * instead, and with that its own, which is pending still. It must never wait for one CPU only.
 *
 * QEMU 7.2's TCG loses one now and then: a CPU that runs nested SVM guests changes the word of its
 * pending interrupts in VMRUN and #VMEXIT without a lock (target/i386/tcg/sysemu/svm_helper.c),
 * while a timer's thread sets a bit there. One such CPU was deaf for 188 s, and the kernel called
 * it a lockup. Where there is one CPU only, the launcher's WIRE_PULSEs do the same.
 */
#include "init.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PULSE_MS 25
#define PULSE_CPUS 64
#define PRIORITY 2 /* the wakened one runs at once, else there is no interrupt */

struct heart {
	int self, next; /* eventfds */
};

static void *beat(void *arg)
{
	const struct heart *h = arg;
	struct pollfd p = {.fd = h->self, .events = POLLIN};
	uint64_t n = 1;

	for (;;) {
		if (poll(&p, 1, PULSE_MS) > 0)
			(void)!read(h->self, &n, sizeof(n));
		else
			(void)!write(h->next, &(uint64_t){1}, sizeof(n));
	}
	return NULL;
}

static int start(struct heart *h, unsigned cpu)
{
	const struct sched_param priority = {.sched_priority = PRIORITY};
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &priority);
	int ret = pthread_create(&thread, &attr, beat, h);
	pthread_attr_destroy(&attr);
	return ret;
}

void pulse_start(void)
{
	static struct heart heart[PULSE_CPUS];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int ret = 0;

	if (cpus < 2 || cpus > PULSE_CPUS)
		return; /* nobody to be woken by but the launcher */
	for (long i = 0; i < cpus; i++)
		heart[i].self = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (long i = 0; i < cpus; i++)
		heart[i].next = heart[(i + 1) % cpus].self;
	for (long i = 0; ret == 0 && i < cpus; i++)
		ret = start(&heart[i], (unsigned)i);
	if (ret)
		fprintf(stderr, "ringfence-init: pthread_create(pulse): %s\n", strerror(ret));
}
