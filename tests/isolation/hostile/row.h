/* SPDX-License-Identifier: MIT */
/*
 * The rows that ringfence-hostile runs, their faults and their controls. It must never list a
 * control that none of its faults has to notice.
 */
#ifndef HOSTILE_ROW_H
#define HOSTILE_ROW_H

#include "fault.h"

#define FAULTS_MAX 640

enum control {
	CONTROL_NO_DEADLINE,
	CONTROL_UNASKED,
	CONTROL_INDEX,
	CONTROL_ID,
	CONTROL_LEN,
	CONTROL_ACK,
	CONTROL_LATE,
	CONTROL_UNSEALED,
	CONTROL_SHARED,
	CONTROL_NO_RESET_DEADLINE,
	CONTROL_NO_CLOSE_DEADLINE,
	CONTROL_STALL,
	CONTROL_LEAK,
	CONTROLS
};

/** As --break takes it; indexed by enum control. */
extern const char *const control_names[CONTROLS];
/** Or -1. */
int control_by_name(const char *name);

struct faults {
	unsigned count;
	struct fault fault[FAULTS_MAX];
};

struct hostile_row {
	unsigned number;
	const char *name, *claim, *note;
	uint32_t controls; /* set of enum control */
	void (*list)(struct faults *f, bool full);
};

#define ROWS 3
extern const struct hostile_row hostile_rows[ROWS];
/** Or NULL. */
const struct hostile_row *hostile_row_by_name(const char *name);

/** A new fault at the end of the list, all zero but its name (printf-like). */
struct fault *fault_add(struct faults *f, const char *name, ...)
    __attribute__((format(printf, 2, 3)));

void list_answers(struct faults *f, bool full); /* list_answers.c */
void list_memory(struct faults *f, bool full);	/* list_memory.c */
void list_life(struct faults *f, bool full);	/* list_life.c */

#endif
