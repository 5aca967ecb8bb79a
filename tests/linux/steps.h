/* SPDX-License-Identifier: MIT */
/*
 * What a Linux guest is told to do to its network device, step by step, and what that must make of
 * the control state. Data only.
 */
#ifndef TESTS_LINUX_STEPS_H
#define TESTS_LINUX_STEPS_H

#include <stdbool.h>

/** More options of the device's, up to a NULL. */
extern const char *const steps_device[];

/** The text (docs/control-state.md) of a state that no command has changed. */
extern const char steps_fresh[];

struct step {
	const char *name;
	const char *guest; /* a verb and its words (do.c); NULL: the guest is told nothing */
	/* Lines that the state gains ("+LINE") and loses ("-LINE"), each with its newline: those
	 * and no other. A '?' is one hex digit, for what nobody can know. NULL: it is the fresh
	 * state now. */
	const char *change;
	int ends;	/* the guest ends, and the VMM with this code: 1 + code; 0: it goes on */
	bool announce;	/* the device is told to ask for an announcement */
	int class, cmd; /* a command that the device must have carried out, if @seen */
	bool seen;
};

extern const struct step steps[];
extern const unsigned steps_count;

#endif
