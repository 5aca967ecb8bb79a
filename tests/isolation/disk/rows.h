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

/* Where attempts are aimed at; rows.c has them. */
#define DISK_PLACES 17

/** What an attack is made with. */
struct bench {
	struct driver *driver;
	int file; /* the disk, from the outside */
	struct tally *tally;
	unsigned aimed[DISK_PLACES]; /* attempts, by place */
};

/** Every attempt of @row. An error is one of the host's; what the device does wrong is counted. */
int disk_row_run(const struct disk_row *row, struct bench *b, struct err *e);

/**
 * Count every address outside guest RAM that the device's trace says it has translated; and as a
 * failure each place at which it was refused less often than it was sent there. -errno if there is
 * no trace, or none that ends.
 */
int disk_judge_trace(const char *path, struct bench *b);

#endif
