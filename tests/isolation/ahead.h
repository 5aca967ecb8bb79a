/* SPDX-License-Identifier: MIT */
/*
 * Rows about our own process that were run ahead, on the machine that boots the lab: there they
 * take seconds, in an emulated machine minutes. One line of JSON for each run. It must never hold a
 * row that needs a kernel.
 */
#ifndef ISOLATION_AHEAD_H
#define ISOLATION_AHEAD_H

#include "../../vdpa/err.h"
#include "evidence.h"

#include <stdio.h>

struct ahead; /* the lines of a file */

/** Write what became of @row's run under @brk (NULL: isolated). */
void ahead_write(FILE *f, const char *row, const char *brk, const struct evidence *ev);

/** Read a file of such lines; ahead_free() what comes in *@out. */
int ahead_read(struct ahead **out, const char *path, struct err *e);
void ahead_free(struct ahead *a);

/** What became of @row's run under @brk, in *@ev; a run that is not there failed. */
void ahead_find(const struct ahead *a, const char *row, const char *brk, struct evidence *ev);

#endif
