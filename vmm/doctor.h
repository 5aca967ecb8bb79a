/* SPDX-License-Identifier: MIT */
/*
 * The subcommand `ringfence doctor`: what this host can do, found by trying it, and how to mend
 * what it cannot. It must never compare version strings, nor change anything that outlives it.
 */
#ifndef VMM_DOCTOR_H
#define VMM_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOCTOR_SCHEMA 1 /* of the JSON form */

enum doctor_state {
	DOCTOR_PASS,
	DOCTOR_NOTE, /* worth knowing; the native proof does not depend on it */
	DOCTOR_FAIL,
};

struct doctor_check {
	const char *name;
	enum doctor_state state;
	char detail[512]; /* what was found */
	char fix[256];	  /* for a FAIL and some notes: the exact remedy */
};

/** Write @text as a JSON string with its quotes into @buf, cut to fit @len. */
void doctor_json_string(const char *text, char *buf, size_t len);

int doctor_main(int argc, char **argv);

#endif
