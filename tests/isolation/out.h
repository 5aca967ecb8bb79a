/* SPDX-License-Identifier: MIT */
/*
 * The directory that a run leaves its logs and results in: the user's (--out), or one of its own
 * that goes away when all rows held. It must never remove anything in a directory that it did not
 * make.
 */
#ifndef ISOLATION_OUT_H
#define ISOLATION_OUT_H

#include "../../vdpa/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct out {
	char dir[256];
	bool own; /* ours to remove */
};

/** Use @dir, made if need be; NULL: a new one below TMPDIR or /tmp. */
int out_open(struct out *o, const char *dir, struct err *e);

/** Write the path of @run's directory, DIR/ROW/RUN with ROW's '/' as '.', to @path. */
int out_episode(const struct out *o, const char *row, const char *run, char *path, size_t len,
		struct err *e);

/** Make a directory and those above it, if they are not there. */
int out_make(const char *path, struct err *e);

/** Open @name in it for writing; @keep: an existing one is left alone and NULL returned without
 * error. */
FILE *out_file(const struct out *o, const char *name, bool keep, struct err *e);

/** Remove it if it is ours and not @keep. */
void out_close(struct out *o, bool keep);

#endif
