/* SPDX-License-Identifier: MIT */
/*
 * A trace, the device's or the VMM's: one JSON object a line, in the order things happened, for a
 * judge who was not there. It must never drop or shorten a line in silence: a line that could not
 * be kept leaves an "overflow" line or a failed trace behind.
 */
#ifndef VDPA_TRACE_H
#define VDPA_TRACE_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

/** Lines of one run. The line after them says {"ev":"overflow"}, and nothing follows it. */
#define TRACE_LINES_MAX (1u << 20)

struct trace;

/**
 * Start a trace in @path, whose old contents are lost; a regular file, so that writing it never
 * waits for a reader. A NULL @path gives a NULL trace, which every function here takes and ignores.
 */
int trace_open(struct trace **out, const char *path, struct err *e);

/**
 * One line: {"t":<ns, CLOCK_MONOTONIC>,"ev":"@ev"} with @members, in JSON and beginning with a
 * comma, added.
 */
void trace_event(struct trace *t, const char *ev, const char *members, ...)
    __attribute__((format(printf, 3, 4)));

/** The same of something that happened at @when, by that clock; 0 is now. */
void trace_event_at(struct trace *t, uint64_t when, const char *ev, const char *members, ...)
    __attribute__((format(printf, 4, 5)));
#define TRACE_TEXT_MAX 512 /* bytes of a string; what is longer is cut */

/** One line with a member @name that is JSON of any length, and as long as it is; or that is a
 * string of any bytes. */
void trace_json(struct trace *t, const char *ev, const char *name, const char *json);
void trace_text(struct trace *t, const char *ev, const char *name, const char *text);

/** One address translation, or its refusal (@why is set then, and @ino 0). */
struct trace_translation {
	uint64_t t; /* as trace_event_at()'s @when */
	unsigned queue, group, asid;
	uint64_t iova, len;
	bool write; /* by the device */
	uint64_t ino;
	const char *why;
};
void trace_translate(struct trace *t, const struct trace_translation *x);

/**
 * Write what is buffered. Called whenever its thread goes idle, so that a killed device leaves its
 * trace.
 */
void trace_flush(struct trace *t);

/** Whether a line was lost because the file could not be written. */
bool trace_failed(struct trace *t);

/**
 * Write the rest and an {"ev":"end"} line. The error tells of the first line lost, whenever that
 * was.
 */
int trace_close(struct trace *t, struct err *e);

#endif
