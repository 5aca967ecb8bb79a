/* SPDX-License-Identifier: MIT */
/*
 * A row at work: its steps, each on a device that is started, sandwiched between legal operations
 * that must work, and followed by data queues trying to reach the arena. It must never count as
 * held what was not tried.
 */
#ifndef ISOLATION_STEPS_RUN_H
#define ISOLATION_STEPS_RUN_H

#include "../tally.h"
#include "client.h"
#include "dma.h"
#include "parent.h"
#include "table.h"

struct run_how {
	enum steps_index row;
	enum parent_kind parent;
	const char *device;
	bool private_cvq, full;
	uint32_t breaks;
};

struct run {
	const struct run_how *how;
	struct tally *t;
	enum place place;
	const char *step;
	struct parent parent;
	struct client client;
	struct set set;	  /* the client's */
	struct set other; /* a second one, at IOVAs that are not its addresses */
	bool excused;	  /* the step at work has said why there is nothing of it here */
};

/** ERR_HOST: it cannot run here. Else what happened is in *@t. */
int run_row(const struct run_how *how, struct tally *t, struct err *e);

/* ---- for steps ---- */

#define ON_VDUSE (1u << PARENT_VDUSE | 1u << PARENT_MLX5)
#define ON_SIM (1u << PARENT_SIM)
#define ON_BOTH (ON_VDUSE | ON_SIM)

struct step {
	const char *name;
	uint32_t parents;
	bool cold; /* starts by itself: the first on a device that nobody has started before */
	void (*run)(struct run *r);
};
/** A row's steps, to one without a name, and what it has to say beside. */
struct steps {
	const struct step *step;
	const char *note[2]; /* on VDUSE, on vdpa_sim */
};
extern const struct steps steps_groups, steps_rings, steps_unmapped, steps_batches, steps_bad_maps,
    steps_maps, steps_suspend, steps_residue;

/** A legal operation that worked, or a failure: what it was for has not been tried. */
bool run_legal(struct run *r, bool worked, const char *what, ...)
    __attribute__((format(printf, 3, 4)));
/** The same for a call: 0, or what @e says. */
bool run_legal_call(struct run *r, int ret, const struct err *e);
/** An attempt that got nowhere, or a violation. */
bool run_attempt(struct run *r, bool held, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

/** This step, or part of it, cannot be tried here: the row says so, by @what, once. */
void run_leave_out(struct run *r, const char *what);

/** On VDUSE, where the device's process can be asked. */
static inline bool run_can_ask(const struct run *r)
{
	return r->how->parent != PARENT_SIM;
}

/** parent_region(); that GET_INFO agrees with GET_FD2 is an attempt. */
int run_region(struct run *r, uint32_t asid, uint64_t at, struct seen_region *out);

/** Start with that layout; a failure is a violation. */
bool run_start(struct run *r, const struct layout *l);
/** A frame and a command that must work. */
bool run_frame(struct run *r);
bool run_command(struct run *r);
bool run_traffic(struct run *r);

/** Bytes from @from must not come. Both need a client that is live. */
void run_no_read(struct run *r, uint64_t from, const char *what);
/** No byte must get to @to, which is @len bytes at @host. */
void run_no_write(struct run *r, uint64_t to, const void *host, size_t len, const char *what);
/** What lies at @from must come, and is @host's. */
void run_reads(struct run *r, uint64_t from, const void *host, const char *what);

/** Page @n of memory that nobody has mapped yet, for EXTRA_AT. */
static inline uint8_t *run_extra(struct run *r, unsigned n)
{
	return r->other.data.at + SOURCE + n * PAGE;
}

/** An IOTLB message as it is, for reading and writing. -errno. */
int run_message(struct run *r, int type, uint32_t asid, uint64_t at, uint64_t size,
		const void *host);

/** Nothing is at @at, neither for TX nor, as far as can be asked, in any ASID. */
void run_absent(struct run *r, uint64_t at, const char *what);

/** The data queues try to reach the arena: each page, in every direction. Leaves a live client. */
void run_reach(struct run *r);

#endif
