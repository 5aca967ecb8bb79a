/* SPDX-License-Identifier: MIT */
/*
 * A 16550A serial port's registers, with a queue on each side. It must never make a vCPU wait: a
 * full queue shows in the line status, and what is sent all the same is lost.
 */
#ifndef VMM_SERIAL_H
#define VMM_SERIAL_H

#include "bus.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIAL_REGISTERS 8
#define SERIAL_TYPED 64	  /* bytes that wait for the guest */
#define SERIAL_SENT 32768 /* bytes of the guest that wait for us */

struct serial_config {
	void (*interrupt)(void *ctx); /* an edge on its line; with the lock held */
	void (*wake)(void *ctx);      /* bytes or room for them are there; with the lock held */
	void (*sent)(void *ctx, uint8_t c); /* each byte of the guest's, before anything else */
	void *ctx;
};

struct serial {
	struct serial_config cfg;
	pthread_mutex_t lock; /* over all that follows */
	uint8_t ier, lcr, mcr, scr;
	uint16_t divisor;
	bool fifos, line; /* whether the FIFOs are on; whether the interrupt line is up */
	bool empty_told;  /* the guest has seen that the transmitter is empty */
	bool overrun;
	uint8_t typed[SERIAL_TYPED], sent[SERIAL_SENT];
	size_t typed_at, typed_count, sent_at, sent_count;
};

void serial_init(struct serial *s, const struct serial_config *cfg);
void serial_destroy(struct serial *s);

/** A struct bus_device's access function; @ctx is the struct serial. */
void serial_access(void *ctx, struct bus_access *a);

/** Take up to @len bytes that the guest has sent. */
size_t serial_take(struct serial *s, uint8_t *buf, size_t len);

/** Give the guest @len bytes; no more than serial_room() are taken, which only grows meanwhile. */
void serial_give(struct serial *s, const uint8_t *buf, size_t len);
size_t serial_room(struct serial *s);

#endif
