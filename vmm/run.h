/* SPDX-License-Identifier: MIT */
/*
 * The subcommand `ringfence run`: options, one machine, its deadline, signals and output.
 * It must never wait past its deadline, whatever device, guest, judge or kernel do.
 */
#ifndef VMM_RUN_H
#define VMM_RUN_H

/**
 * Returns the documented exit code. The caller must end the process with _exit(): after a deadline
 * a thread that is stuck in the kernel may be left.
 */
int run_main(int argc, char **argv);

#endif
