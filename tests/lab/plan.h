/* SPDX-License-Identifier: MIT */
/*
 * What the lab is to run for a command line: the job, the device it needs, a program to take along.
 * It must never decide anything about the machine.
 */
#ifndef LAB_PLAN_H
#define LAB_PLAN_H

#include "initrd.h"
#include "lab.h"

#include <limits.h>

#define JOB_MAX 120
#define PLAN_FILES 2
#define PLAN_KERNEL "/root/kernel"

/** The command as the lab runs it; its strings are borrowed from the options or literals. */
struct plan {
	char *job[JOB_MAX + 8];
	unsigned count;
	char *const *companion;
	const char *extra;	   /* a program of the user's to take along into /bin, or NULL */
	char ahead[PATH_MAX + 16]; /* what was run ahead of the job, to take along, or "" */
	/* Files of the user's to take along, and where they are in there. */
	struct initrd_file file[PLAN_FILES];
	unsigned files;
	bool linux_guest; /* perhaps: the lab has one CPU then */
	bool own_kernel;  /* the lab's kernel is to be taken along too, to PLAN_KERNEL */
	bool terminal;
};

/** Make the plan for @o, @kvm or emulated; fails where what it needs is missing on this host. */
int plan_make(struct plan *p, const struct lab_opts *o, bool kvm, struct err *e)
    __attribute__((warn_unused_result));

/**
 * For `prove`: run the rows about our own process here, where they take seconds, and have the job
 * take what they said from a file in @out.
 */
int plan_ahead(struct plan *p, const struct lab_opts *o, const struct out *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
