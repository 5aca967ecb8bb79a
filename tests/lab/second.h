/* SPDX-License-Identifier: MIT */
/*
 * A second lab beside the one that reports: this program once more, whose `prove` goes through the
 * same runs from the last one on and leaves what they showed for the first to take. One emulated
 * machine keeps one CPU of the host busy, so where there are two, a proof takes little more than
 * half its time. It must never be needed: what it has not done, the first does. But a panic, a hang
 * or a complaint of its kernel fails the run.
 */
#ifndef LAB_SECOND_H
#define LAB_SECOND_H

#include "lab.h"

#include <sys/types.h>
#include <time.h>

struct second {
	pid_t pid; /* 0: there is none */
	time_t began;
	char dir[PATH_MAX + 16];
	char gathered[PATH_MAX + 32]; /* what it has left so far; "" if there is none */
};

/** Whether @o is to have one. */
bool second_wanted(const struct lab_opts *o);

/** Start it, with the options in @argv, its results in a directory of @out's. */
int second_start(struct second *s, char **argv, const struct out *out, struct err *e)
    __attribute__((warn_unused_result));

/**
 * End it, and put the logs of its runs among those of @out's. 0, or how its kernel has failed the
 * run: 1, 124, 255. That it could not run at all is told, and no failure.
 */
int second_stop(struct second *s, const struct out *out);

#endif
