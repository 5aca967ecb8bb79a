/* SPDX-License-Identifier: MIT */
/*
 * The report device of guest/abi.h: takes the guest's records, copies each once and judges the
 * copy. It must never believe a record, nor let one reach a terminal as it came.
 */
#ifndef VMM_REPORT_H
#define VMM_REPORT_H

#include "../guest/abi.h"
#include "../virtio/gmem.h"
#include "bus.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/** A record in private memory, its type and length checked. The payload is still UNTRUSTED: guest.
 */
struct report_record {
	uint32_t type; /* enum report_type */
	uint32_t len;  /* what the type asks for; 0 .. REPORT_PAYLOAD_MAX for REPORT_TEXT */
	union {
		uint8_t bytes[REPORT_PAYLOAD_MAX];
		struct report_step step;
		struct report_mark mark;
		struct report_leak leak;
		struct report_done done;
	};
};

/**
 * Copy the record at @at out of guest memory. -EINVAL: unaligned, an unknown type, or a length that
 * its type does not have; -E2BIG: longer than REPORT_PAYLOAD_MAX; -EFAULT: not wholly in guest RAM.
 */
int report_take(const struct gmem *mem, gpa_t at, struct report_record *out)
    __attribute__((warn_unused_result));

/**
 * The record as one line for people, without newline, in printable ASCII whatever the guest put
 * into it; cut to fit @len (at least 1) bytes, NUL included.
 */
void report_format(const struct report_record *r, char *buf, size_t len);

/** The device. Guests that ring on several CPUs at once are served one by one, and share one
 * status. */
struct report_device {
	const struct gmem *mem;
	/** A good record; on the vCPU's thread, one at a time, and it returns before the doorbell
	 * does. */
	void (*record)(void *ctx, const struct report_record *r);
	void *ctx;
	pthread_mutex_t lock;
	uint32_t status; /* errno of the last record */
};

void report_init(struct report_device *d, const struct gmem *mem,
		 void (*record)(void *ctx, const struct report_record *r), void *ctx);
void report_destroy(struct report_device *d);

/** A struct bus_device's access function; @ctx is the struct report_device. */
void report_access(void *ctx, struct bus_access *a);

#endif
