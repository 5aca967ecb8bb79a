/* SPDX-License-Identifier: MIT */
/*
 * What is proved: the table of attacks, on which parents and where each is tried, and the controls
 * that must succeed beside it. Data only; it must never hold how a row is run or judged.
 */
#ifndef ISOLATION_MATRIX_H
#define ISOLATION_MATRIX_H

#include "../../guest/abi.h"
#include "../../vdpa/breaks.h"
#include "../../vdpa/device.h"
#include "../../virtio/check.h"

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
	SAW_SCAN = 1U << 4,    /* canaries: every search of a whole range found a secret */
	SAW_STRAY = 1U << 5,   /* trace: the CVQ used other memory or another ASID than its own */
	SAW_FORGED = 1U << 6,  /* trace: the device got a command that no driver may send */
	SAW_ALLOWED = 1U << 7, /* the guest: what must be refused was not */
};

/** What the attempts of a guest's row have to cover before it counts as tested. */
enum extent {
	EXTENT_CPU, /* a CPU's read, write and execution in every page of the arena, and a scan of 4
		       GiB */
	EXTENT_RAM, /* all of guest RAM searched, before and after a reset */
	EXTENT_RINGS,	/* every page of the arena through every data queue, each seen by the device
			 */
	EXTENT_BUFFERS, /* the same, where a queue that works the other way may refuse the chain
			   unread */
	/* Kind by kind, as extent.c lists them. */
	EXTENT_INDIRECT,
	EXTENT_STRADDLE,
	EXTENT_SWEEP,
	EXTENT_TOCTOU,
	EXTENT_RESET,
	EXTENT_SWAP,
	EXTENT_RENEGOTIATE,
	EXTENT_MOVES,
	EXTENT_NOTIFY,
	EXTENT_FLOOD,
	EXTENT_CONFIG,
};

/** The other end of vhost-vdpa. */
enum parent {
	PARENT_VDUSE,	/* our daemon */
	PARENT_MLX5,	/* our daemon in the shape of mlx5_vdpa: more groups than address spaces */
	PARENT_RINGS,	/* our daemon with four pairs; the guest takes MQ and packed rings */
	PARENT_SIM,	/* vdpa_sim_net */
	PARENT_GIVEN,	/* a device that is there already */
	PARENT_PROCESS, /* none: the row is about our own process, and needs no kernel */
	PARENTS,
};

/** What a control must show that breaks something else than the row's others. */
struct control_demand {
	const char *control;
	uint32_t demand; /* set of enum sight */
};

struct attack {
	unsigned number; /* in the catalogue; a guest's attack has it as its enum attack_id */
	const char *name;
	const char *claim;	     /* what holding means, one line */
	const char *program;	     /* ringfence-PROGRAM runs it (tally.h); NULL: the guest does */
	uint32_t parents;	     /* set of enum parent */
	bool placed;		     /* tried in each placement; else where it lies means nothing */
	const char *const *controls; /* names of breaks, to NULL */

	/* A guest's only. */
	enum extent extent;
	uint32_t demand;		      /* set of enum sight: what each control must show, */
	const struct control_demand *demands; /* but these; to a NULL name, or NULL */
	const char *not_on_sim;		      /* why vdpa_sim cannot show it; or NULL */
	const char *held[2]; /* how it was held, indexed by enum placement; one short clause */
	const char *unit;    /* of what its attempts touched, where that is counted; or NULL */
	enum attempt_shape unit_shape; /* which attempts; SHAPE_PLAIN: all */
};

struct row {
	const struct attack *attack;
	enum parent parent;
	enum placement placement; /* PLACE_HOLE if attack->placed is false */
	char name[64];		  /* "vduse/hole/desc-at-cvq", "process/chains" */
	bool sampled;		  /* of its controls the first alone is run */
};

unsigned matrix_rows(void);
/**
 * Make of @row what the default set has of it, which ends in a minute or so: false if it is left to
 * --full. Every attack stays on VDUSE, with a control; on vdpa_sim those that its translation
 * decides. What is left out are a row's other controls, and the second placement and long walks
 * where only that or the parent differs.
 */
bool matrix_sample(struct row *row);
/** Row @i, 0 <= i < matrix_rows(), in order of parents, placements, numbers. */
struct row matrix_row(unsigned i);

/** "hole" or "aliased", as `ringfence run --placement` takes it. */
const char *placement_name(enum placement p);
/** "vduse", "vduse-mlx5", "vduse-rings", "vdpa_sim", "given", "process". */
const char *parent_name(enum parent p);
/** Whether our daemon is behind it. */
bool parent_is_ours(enum parent p);
/** Whether only the trace can show that @row was tried, and its controls succeed. */
bool matrix_needs_trace(const struct row *row);

/** The most controls that a row can have. */
#define CONTROLS_MAX (BREAK_COUNT + CHECK_COUNT)

/** The names of @row's controls, as --break takes them, in table order; returns how many. */
unsigned matrix_controls(const struct row *row, const char *out[CONTROLS_MAX]);

/** What @control must show on @row: a set of enum sight. */
uint32_t matrix_demand(const struct row *row, const char *control);

/** Whether @row has that break for a control; whether any has: no other can be seen by the proof.
 */
bool matrix_row_has_control(const struct row *row, const char *name);
bool matrix_has_control(const char *name);

#endif
