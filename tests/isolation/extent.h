/* SPDX-License-Identifier: MIT */
/*
 * What the attempts of rows 8 to 29 have to cover, kind by kind, before the row counts as tested.
 * Pure; it must never take the guest's word for what the device did: that is the trace's to say.
 */
#ifndef ISOLATION_EXTENT_H
#define ISOLATION_EXTENT_H

#include "evidence.h"
#include "matrix.h"

#include <stddef.h>

/** Whether something was left out; @why then says what, in one line. */
bool extent_left_out(const struct row *row, const struct evidence *ev, char *why, size_t len);

/** Whether the device itself was seen to try what a data queue's attempt aims at, and to end where
 * it should: in guest RAM if all of it lies there, refused if not. */
bool extent_device_tried(const struct evidence *ev, const struct attempt *at);

#endif
