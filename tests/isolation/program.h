/* SPDX-License-Identifier: MIT */
/*
 * A row that a program runs by itself: started, waited for within its deadline, its tally read. It
 * must never take a tally that the exit code contradicts.
 */
#ifndef ISOLATION_PROGRAM_H
#define ISOLATION_PROGRAM_H

#include "episode.h"

#define PROGRAM_LOG "program.log"

/** Run it and fill *@ev, whose old contents are not looked at; nothing in it needs to be freed. */
void program_run(const struct episode_config *c, struct evidence *ev);

#endif
