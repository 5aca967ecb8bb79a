/* SPDX-License-Identifier: MIT */
/*
 * Whether a kernel of the user's can do what it is wanted for, as far as its configuration tells.
 * It must never refuse a kernel whose configuration is not known: that one is asked when it runs.
 */
#ifndef LAB_CONFIG_H
#define LAB_CONFIG_H

#include "lab.h"

/**
 * Look for what @wanted, the command, needs in @config, lines "CONFIG_X=y" or "=m". Tells on stderr
 * each option that is missing, and what of the proof a kernel without can't do. Returns how many of
 * those are missing that nothing can be done without.
 */
unsigned config_missing(const char *config, enum lab_command wanted);

/** Before @k, a kernel that was given, is booted. -EINVAL: it lacks something, and what was told.
 */
int config_check(const struct lab_kernel *k, enum lab_command wanted, struct err *e)
    __attribute__((warn_unused_result));

#endif
