/* SPDX-License-Identifier: MIT */
/*
 * How the guest tells the host anything: the records of abi.h through the report device. It must
 * never leave a canary's magic behind in the guest's own memory.
 */
#ifndef GUEST_REPORT_H
#define GUEST_REPORT_H

#include "abi.h"

#include <stdbool.h>

/** A line of text for people, followed by up to four values in hexadecimal. */
struct line {
	const char *text;
	uint64_t value[4];
	unsigned values;
};

/** Find the report device at @base; false if none of our version is there. Nothing is sent before.
 */
bool report_init(uint64_t base);

void report_line(const struct line *line);
void report_step(uint32_t phase, const char *name, bool ok);
/** A REPORT_BEGIN or REPORT_END. */
void report_mark(enum report_type type, const struct report_mark *mark);
/** The canary line that the CPU sees at @gpa was read at @address, see struct report_leak. */
void report_leak(uint64_t address, uint64_t gpa);
void report_done(uint32_t failed, uint32_t attempts);

/** How many records the host refused. */
uint32_t report_refused(void);

#endif
