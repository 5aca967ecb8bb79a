/* SPDX-License-Identifier: MIT */
/*
 * Evidence that another `ringfence prove` of the same build and options has gathered, in a lab of
 * its own beside this one: a file of records, one for each run, that grows while it is read. It
 * must never give out a record that has not come whole, nor a verdict: who reads it judges.
 */
#ifndef ISOLATION_GATHER_H
#define ISOLATION_GATHER_H

#include "../../vdpa/err.h"
#include "report.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

/** A run's name, the same in both: its row, which time, and its break. */
#define GATHER_NAME 160
void gather_name(char name[GATHER_NAME], const struct row_result *row, const struct run *run);

/** Append @run's evidence and flush it. 0 or -errno. */
int gather_write(FILE *f, const char *name, const struct run *run)
    __attribute__((warn_unused_result));

/** What has come so far. For any thread. */
struct gather {
	pthread_mutex_t lock;
	FILE *f;
	struct gathered *run; /* not taken yet */
	unsigned runs, taken;
	bool broken; /* the file is none of ours: nothing more is read of it */
};

/** Begin to read @path, which may not be there yet. */
int gather_open(struct gather *g, const char *path, struct err *e);
void gather_close(struct gather *g);

/**
 * If the run of that name has come, move its tries and evidence into @run, whose own must be empty.
 * Each is given out once.
 */
bool gather_take(struct gather *g, const char *name, struct run *run);

#endif
