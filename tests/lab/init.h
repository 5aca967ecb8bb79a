/* SPDX-License-Identifier: MIT */
/*
 * The parts of the lab's PID 1: the job it was given, and the files below /out that it sends home.
 * Nothing here may wait without a deadline but for the launcher to take what it is sent.
 */
#ifndef LAB_INIT_H
#define LAB_INIT_H

#include "wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOB_STRINGS 128
#define OUT_DIR "/out"

/** What to run; the strings lie in the frame that it was taken from, or are literals. */
struct job {
	char *arg[JOB_STRINGS + 1];
	char *env[JOB_STRINGS + 1];
	char *companion[JOB_STRINGS + 1];
	unsigned args, envs, companions;
	unsigned seconds;
	bool terminal;
	char text[16384];
};

/** Fill @job from the payload of a WIRE_JOB frame. -EINVAL if it is not one or holds no argument.
 */
int job_parse(struct job *job, const void *payload, size_t len) __attribute__((warn_unused_result));

/**
 * Run @job to its end, sending what it writes to @port as it comes; afterwards no other process is
 * left but those that the kernel would not let die, which are told of and counted. What the
 * launcher sends meanwhile goes through @wire. Returns how it ended, without the taint; 127 if it
 * cannot be started.
 */
struct wire_exit job_run(struct job *job, int port, struct wire_in *wire);

/**
 * Send what is new in the files below /out: what was added at their ends, or with @final all of
 * each. Files written there must grow at their ends or be replaced by rename.
 */
void outfiles_send(int port, bool final);

/** From here on what leaks counts. Takes a scan of all memory where the kernel has kmemleak. */
void leaks_begin(void);
/** How many objects have leaked; what is known of them is in OUT_DIR. -1: it cannot be told. */
int leaks_end(void);

/** From here on no CPU is deaf for long, see pulse.c. */
void pulse_start(void);

/** Say to the launcher that the lab cannot go on. */
void lab_failed(int port, const char *what, const char *object, int code);

#endif
