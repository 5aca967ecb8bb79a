/* SPDX-License-Identifier: MIT */
/*
 * The rows that a host-side client runs against a real kernel and a real parent, step by step: what
 * can be said of them without running them. Data only.
 */
#ifndef ISOLATION_STEPS_TABLE_H
#define ISOLATION_STEPS_TABLE_H

#include <stdbool.h>

enum steps_index {
	STEPS_ROW_GROUPS,
	STEPS_ROW_RINGS,
	STEPS_ROW_UNMAPPED,
	STEPS_ROW_BATCHES,
	STEPS_ROW_BAD_MAPS,
	STEPS_ROW_MAPS,
	STEPS_ROW_SUSPEND,
	STEPS_ROW_RESIDUE,
	STEPS_ROWS,
};

struct steps_row {
	unsigned number;	     /* of the catalogue */
	const char *name;	     /* "group-asid" */
	const char *claim;	     /* what holding means, one line */
	const char *const *controls; /* names of breaks, to NULL; the device's mean something on
					VDUSE only */
	bool by_groups;		     /* how a parent's queues are grouped makes a difference */
};

extern const struct steps_row steps_rows[STEPS_ROWS];

#endif
