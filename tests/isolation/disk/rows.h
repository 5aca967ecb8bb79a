/* SPDX-License-Identifier: MIT */
/*
 * The rows of a block parent: rings and buffers of its one queue all over what is not guest RAM. It
 * must never count an attempt that has no legal request before and after it.
 */
#ifndef ISOLATION_DISK_ROWS_H
#define ISOLATION_DISK_ROWS_H

#include "../tally.h"
#include "driver.h"

struct disk_row {
	unsigned number; /* of the catalogue: its first of this kind */
	const char *name, *claim;
	unsigned from, to; /* kinds of attempt, [from, to) */
};

#define DISK_ROWS 2
extern const struct disk_row disk_rows[DISK_ROWS];

/** What an attack is made with. */
struct bench {
	struct driver *driver;
	int file; /* the disk, from the outside */
	struct tally *tally;
};

/** Every attempt of @row. An error is one of the host's; what the device does wrong is counted. */
int disk_row_run(const struct disk_row *row, struct bench *b, struct err *e);

/** Count every address outside guest RAM that the device's trace says it has translated. -errno if
 * there is no trace, or none that ends. */
int disk_judge_trace(const char *path, struct tally *t);

#endif
