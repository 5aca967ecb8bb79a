/* SPDX-License-Identifier: MIT */
/*
 * The file that a control state is kept in: at any time all of the last one. It must never show a
 * reader half of one.
 */
#ifndef VDPA_STATEFILE_H
#define VDPA_STATEFILE_H

#include "err.h"

#include <stdbool.h>

/** Whether a file of that name holds JSON: it ends in ".json". */
bool statefile_is_json(const char *path);

/** Put @text in place of what is in @path, at once, by a file beside it. */
int statefile_write(const char *path, const char *text, struct err *e);

#endif
