/* SPDX-License-Identifier: MIT */
/*
 * The trace of one simulator, taken from the kernel while it works. It must never be on for a
 * device whose objects it does not know.
 */
#ifndef SIM_TRACER_H
#define SIM_TRACER_H

#include "../trace.h"

struct tracer;

/** The thread in which simulator @name works; -errno: there is no such simulator. */
int tracer_worker(const char *name, struct err *e);

/** Get ready to see a device made by this very thread; @out gets the lines. */
int tracer_open(struct tracer **t, struct trace *out, struct err *e);

/**
 * Device @name has been made, and its node is @node: follow it, and nothing else, from now on. The
 * node must not be open anywhere.
 */
int tracer_begin(struct tracer *t, const char *name, const char *node, struct err *e);

/** Write down what has happened; called often enough that the kernel's buffer does not fill. */
int tracer_pump(struct tracer *t, struct err *e);

/** The device is gone: write down the rest, and whether anything was missed. Frees @t. */
int tracer_close(struct tracer *t, struct err *e);

#endif
