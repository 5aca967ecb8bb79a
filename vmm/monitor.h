/* SPDX-License-Identifier: MIT */
/*
 * What `ringfence run --monitor FD` says to whoever judges the run, over a SOCK_SEQPACKET socket:
 * the memory files, every record of the guest, and a pause at each attempt's edges so that the
 * judge can look at the arena with the vCPUs stopped. The VMM must never wait for the judge without
 * a deadline.
 */
#ifndef VMM_MONITOR_H
#define VMM_MONITOR_H

#include "../guest/abi.h"

#include <stdbool.h>
#include <stdint.h>

enum monitor_type {
	/*
	 * VMM -> judge, once: struct monitor_hello, with three fds (SCM_RIGHTS): guest RAM, arena
	 * readable, arena writable, in this order.
	 */
	MONITOR_HELLO = 1,
	/*
	 * VMM -> judge: a guest's struct report with its payload, as it came: UNTRUSTED. For
	 * REPORT_BEGIN and REPORT_END all vCPUs are stopped until the judge answers.
	 */
	MONITOR_RECORD = 2,
	/* judge -> VMM: the answer to a BEGIN or END; no payload. */
	MONITOR_GO = 3,
};

struct monitor_hello {
	uint64_t ram_size;
	uint64_t arena_iova;
	uint64_t arena_readable; /* bytes; the readable part comes first */
	uint64_t arena_writable;
	uint64_t arena_offset[2]; /* where the two parts begin in their files: 0, unless broken */
	uint32_t cvq_index;	  /* which virtqueue the device knows as the CVQ */
	uint32_t cvq_asid;	  /* the ASID the CVQ's group was put into */
};

struct monitor_msg {
	uint32_t type;
	uint32_t len; /* bytes of payload */
	union {
		struct monitor_hello hello;
		uint8_t record[sizeof(struct report) + REPORT_PAYLOAD_MAX];
	};
};

#define MONITOR_GO_DEADLINE_MS 2000

struct err;
struct report_record;

/*
 * The VMM's side. A judge that is gone, answers wrongly or does not take or give an answer within
 * MONITOR_GO_DEADLINE_MS is an error, and the run cannot be judged any more: the caller ends it.
 */

/** Whether @fd can be a monitor at all; ERR_USAGE if not. Marks it close-on-exec. */
int monitor_check(int fd, struct err *e);

/** Send @hello and the files of guest RAM and of both parts of the arena. */
int monitor_hello(int fd, const struct monitor_hello *hello, const int files[3], struct err *e);

/** Send @r; and for a BEGIN or END wait for the judge's GO. */
int monitor_record(int fd, const struct report_record *r, struct err *e);

/** Whether @type asks for the vCPUs to be stopped until the judge has looked. */
static inline bool monitor_stops(uint32_t type)
{
	return type == REPORT_BEGIN || type == REPORT_END;
}

#endif
