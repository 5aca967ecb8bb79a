/* SPDX-License-Identifier: MIT */
/*
 * What is proved: the table of attacks, where each is tried, and the controls that must succeed
 * beside it. Data only; it must never hold how a row is run or judged.
 */
#ifndef ISOLATION_MATRIX_H
#define ISOLATION_MATRIX_H

#include "../../guest/abi.h"
#include "../../vdpa/breaks.h"
#include "../../vdpa/device.h"

#include <stdbool.h>
#include <stdint.h>

/** What an oracle can show; a control must show all that its attack's `demand` names. */
enum sight {
	SAW_SECRET = 1U << 0, /* canaries: the guest holds a secret */
	SAW_CHANGE = 1U << 1, /* arena: its bytes changed during an attempt */
	SAW_REACH = 1U << 2,  /* trace: a data queue was translated into the arena by an attempt */
	SAW_EXECUTE =
	    1U
	    << 3, /* the guest ran code in every page of the arena, and arena: it was put there */
	SAW_SCAN = 1U << 4, /* canaries: every search of a whole range found a secret */
};

/** What the attempts of a row have to cover before it counts as tested. */
enum extent {
	EXTENT_CPU, /* a CPU's read, write and execution in every page of the arena, and a scan of 4
		       GiB */
	EXTENT_RAM, /* all of guest RAM searched, before and after a reset */
	EXTENT_RINGS,	/* every page of the arena through every data queue, each seen by the device
			 */
	EXTENT_BUFFERS, /* the same, where a queue that works the other way may refuse the chain
			   unread */
};

struct attack {
	enum attack_id id; /* also its number in the catalogue */
	const char *name;
	const char *claim; /* what holding means, one line */
	enum extent extent;
	uint32_t controls;   /* set of enum break_id */
	uint32_t demand;     /* set of enum sight */
	const char *held[2]; /* how it was held, indexed by enum placement; one short clause */
};

#define MATRIX_ROWS 14

struct row {
	const struct attack *attack;
	enum placement placement;
	char name[48]; /* "vduse/hole/desc-at-cvq" */
};

/** Row @i, 0 <= i < MATRIX_ROWS. */
struct row matrix_row(unsigned i);

/** "hole" or "aliased", as `ringfence run --placement` takes it. */
const char *placement_name(enum placement p);

/** Whether any row has that break for a control: no other can be seen by the proof. */
bool matrix_has_control(enum break_id id);

/** The controls of @a in table order; returns how many (at most BREAK_COUNT). */
unsigned matrix_controls(const struct attack *a, enum break_id out[BREAK_COUNT]);

#endif
