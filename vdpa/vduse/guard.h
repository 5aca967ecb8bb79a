/* SPDX-License-Identifier: MIT */
/*
 * Touching mapped files that somebody else may truncate: SIGBUS within a guarded range is survived
 * and reported. It must never swallow a SIGBUS from anywhere else.
 */
#ifndef VDUSE_GUARD_H
#define VDUSE_GUARD_H

#include "../err.h"

#include <stdbool.h>
#include <stddef.h>

/** Take over SIGBUS for the whole process, once, before any thread is started. */
int guard_install(struct err *e);

/** This thread is going to touch the mapping [@map, @map + @len). One range at a time. */
void guard_enter(void *map, size_t len);

/**
 * It is done. False: the memory was not there. The mapping then holds private zeroes in place of
 * the file, what was read is worthless, what was written is lost, and the caller must unmap it.
 */
bool guard_leave(void) __attribute__((warn_unused_result));

#endif
