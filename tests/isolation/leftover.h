/* SPDX-License-Identifier: MIT */
/*
 * Devices that should not be there any more. The runner's are named LEFTOVER_PREFIX, its pid, a
 * dash and a number; it must never touch a device named otherwise, nor one whose runner is alive.
 */
#ifndef ISOLATION_LEFTOVER_H
#define ISOLATION_LEFTOVER_H

#include "../../vdpa/err.h"

#include <stdbool.h>

#define LEFTOVER_PREFIX "rf-"

/** Whether neither a vDPA nor a VDUSE device of that name exists. */
bool leftover_none(const char *name);

/** Remove the device of that name, VDUSE's or a simulator, whose process is gone. */
void leftover_remove(const char *name, struct err *e);

/** Remove what runners that are no more have left; returns how many devices could not be removed.
 */
unsigned leftover_sweep(void);

#endif
