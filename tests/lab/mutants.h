/* SPDX-License-Identifier: MIT */
/*
 * `ringfence lab mutants`: kernels that break their promise, each of which the proof has to catch.
 * It must never count one as caught before it has seen that the unmutated kernel is not.
 */
#ifndef LAB_MUTANTS_H
#define LAB_MUTANTS_H

#include "lab.h"

/** Build, run and judge each mutant that @o selects, or list them. The exit code. */
int mutants_main(const struct lab_opts *o);

#endif
