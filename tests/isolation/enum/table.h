/* SPDX-License-Identifier: MIT */
/*
 * The rows that need no kernel, and which of them must notice when a check is left out: what can be
 * said of them without running them. Data only.
 */
#ifndef ISOLATION_ENUM_TABLE_H
#define ISOLATION_ENUM_TABLE_H

#include "../../../vdpa/breaks.h"
#include "../../../virtio/check.h"

#include <stdint.h>

enum enum_index {
	ENUM_ROW_EDGES,
	ENUM_ROW_GAMES,
	ENUM_ROW_CHAINS,
	ENUM_ROW_HEADERS,
	ENUM_ROW_RACES,
	ENUM_ROW_STALE,
	ENUM_ROW_COUNTS,
	ENUM_ROW_SIZES,
	ENUM_ROW_LIVE,
	ENUM_ROW_REGISTERS,
	ENUM_ROW_STATUS,
	ENUM_ROW_IMAGES,
	ENUM_ROW_ANSWERS,
	ENUM_ROWS,
};

struct enum_row {
	unsigned number;   /* of the catalogue */
	const char *name;  /* "chains" */
	const char *unit;  /* what an attempt is: "chains" */
	const char *claim; /* what holding means, one line */
	uint64_t least;	   /* attempts, all there are: with fewer something was left out, and it has
			      not held */
};

extern const struct enum_row enum_rows[ENUM_ROWS];

/** The rows that must notice when @check is left out, as a set of 1 << index into enum_rows; never
 * empty. */
uint32_t enum_noticed_by(enum check_id check);
/** The same for a break that means something here; 0 for others. */
uint32_t enum_noticed_by_break(enum break_id id);

#endif
