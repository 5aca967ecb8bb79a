/* SPDX-License-Identifier: MIT */
/* The table behind matrix.h. It must never name a row that nothing runs. */
#include "matrix.h"

#include "enum/table.h"
#include "steps/table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define ON(parent) (1U << PARENT_##parent)
#define ON_DEVICE (ON(VDUSE) | ON(SIM) | ON(GIVEN))
/* A data queue's rings and buffers, of whatever kind its ring is. */
#define ON_RINGS (ON_DEVICE | ON(RINGS))

#define CONTROLS(...) ((const char *const[]){__VA_ARGS__, NULL})
/* A row of our own process with more has one in the default set: a run each, 40 s in all for two of
 * them. enum.every_check_is_missed has every one. Any other row has the first of its list there,
 * which is therefore one that shows what is the row's own. */
#define PROCESS_CONTROLS_SAMPLED 20
#define IN_A_TABLE "skip-check=indirect-"
#define NO_COMMANDS "vdpa_sim's trace does not tell what is in the control commands it gets"
#define DEMANDS(...) ((const struct control_demand[]){__VA_ARGS__, {NULL, 0}})
#define DMA_CONTROLS CONTROLS("merge-asid", "no-asid-ack", "ignore-group")
#define DMA_HELD                                                                                   \
	{                                                                                          \
		"refused: no translation in ASID 0", "went to guest RAM, not to the arena"         \
	}

static const struct attack attacks[] = {
    {.number = ATTACK_CPU_SCAN,
     .name = "cpu-scan",
     .claim = "no guest CPU reads, writes or executes CVQ memory",
     .parents = ON_DEVICE,
     .placed = true,
     .controls = CONTROLS("memslot"),
     .extent = EXTENT_CPU,
     .demand = SAW_SECRET | SAW_CHANGE | SAW_EXECUTE | SAW_SCAN,
     .unit = "addresses",
     .held = {"no memory answers there, nor elsewhere in 4 GiB", "guest RAM answers there"}},
    {.number = ATTACK_CANARY_SCAN,
     .name = "canary-scan",
     .claim = "no byte of CVQ memory lies in guest RAM, also after a reset",
     .parents = ON_DEVICE,
     .placed = true,
     .controls = CONTROLS("passthrough"),
     .extent = EXTENT_RAM,
     .demand = SAW_SECRET | SAW_SCAN,
     .unit = "words",
     .held = {"no secret in guest RAM, nor after a reset",
	      "no secret in guest RAM, nor after a reset"}},
    {.number = ATTACK_DESC,
     .name = "desc-at-cvq",
     .claim = "no data queue takes descriptors from CVQ memory",
     .parents = ON_RINGS | ON(MLX5), /* whose third group is for descriptors */
     .placed = true,
     .controls = DMA_CONTROLS,
     .extent = EXTENT_RINGS,
     .demand = SAW_REACH,
     .held = DMA_HELD},
    {.number = ATTACK_AVAIL,
     .name = "avail-at-cvq",
     .claim = "no data queue takes its available ring from CVQ memory",
     .parents = ON_RINGS | ON(MLX5),
     .placed = true,
     .controls = DMA_CONTROLS,
     .extent = EXTENT_RINGS,
     .demand = SAW_REACH,
     .held = DMA_HELD},
    {.number = ATTACK_USED,
     .name = "used-at-cvq",
     .claim = "no data queue writes a used ring into CVQ memory",
     .parents = ON_RINGS | ON(MLX5),
     .placed = true,
     .controls = DMA_CONTROLS,
     .extent = EXTENT_RINGS,
     .demand = SAW_CHANGE | SAW_REACH,
     .held = DMA_HELD},
    {.number = ATTACK_READABLE,
     .name = "readable-at-cvq",
     .claim = "no data queue reads a buffer out of CVQ memory",
     .parents = ON_RINGS | ON(MLX5),
     .placed = true,
     .controls = DMA_CONTROLS,
     .extent = EXTENT_BUFFERS,
     .demand = SAW_SECRET | SAW_REACH,
     .held = DMA_HELD},
    {.number = ATTACK_WRITABLE,
     .name = "writable-at-cvq",
     .claim = "no data queue writes a buffer into CVQ memory",
     .parents = ON_RINGS | ON(MLX5),
     .placed = true,
     .controls = DMA_CONTROLS,
     .extent = EXTENT_BUFFERS,
     .demand = SAW_CHANGE | SAW_REACH,
     .held = DMA_HELD},
    {.number = ATTACK_INDIRECT,
     .name = "indirect",
     .claim = "no indirect table leads to CVQ memory, nor a malformed one anywhere",
     .parents = ON(VDUSE) | ON(SIM),
     .placed = true,
     .controls = CONTROLS("merge-asid", "ignore-group", "skip-check=chain-indirect",
			  "skip-check=indirect-nested", "skip-check=indirect-next"),
     .extent = EXTENT_INDIRECT,
     .demand = SAW_ALLOWED,
     .demands = DEMANDS({"merge-asid", SAW_SECRET | SAW_CHANGE | SAW_REACH},
			{"ignore-group", SAW_SECRET | SAW_CHANGE | SAW_REACH}),
     .held = DMA_HELD},
    {.number = ATTACK_STRADDLE,
     .name = "straddle",
     .claim = "nothing that begins where it may goes on into CVQ memory, or out of guest RAM",
     .parents = ON(VDUSE) | ON(SIM),
     .placed = true,
     .controls = CONTROLS("shared-memfd", "skip-check=chain-ram", "merge-asid"),
     .extent = EXTENT_STRADDLE,
     .demand = SAW_ALLOWED,
     .demands = DEMANDS({"shared-memfd", SAW_SECRET}, {"merge-asid", SAW_REACH}),
     .held = {"refused as a whole at every edge", "refused as a whole at every edge of RAM"}},
    {.number = ATTACK_SWEEP,
     .name = "sweep",
     .claim = "no address of 64 bits leads a data queue to CVQ memory",
     .parents = ON(VDUSE) | ON(SIM),
     .placed = true,
     .controls = CONTROLS("ignore-group", "merge-asid"),
     .extent = EXTENT_SWEEP,
     .demand = SAW_SECRET | SAW_REACH,
     .unit = "addresses",
     .held = {"every 2^n - 1, 2^n, 2^n + 1 and random ones: RAM or refused",
	      "every 2^n - 1, 2^n, 2^n + 1 and random ones: RAM or refused"}},
    {.number = ATTACK_TOCTOU,
     .name = "toctou",
     .claim = "a command that changes while it is copied reaches the device as it was judged",
     .parents = ON(VDUSE) | ON(SIM),
     .controls = CONTROLS("double-fetch", "skip-check=cvq-validate"),
     .extent = EXTENT_TOCTOU,
     .demand = SAW_FORGED,
     .not_on_sim = NO_COMMANDS,
     .unit = "flips",
     .held = {"what the device got was what was judged"}},
    {.number = ATTACK_RESET,
     .name = "reset-inflight",
     .claim = "a reset with a command in flight leaves nothing of it, and isolation as it was",
     .parents = ON(VDUSE) | ON(SIM),
     .placed = true,
     .controls = CONTROLS("trust-reset", "merge-asid"),
     .extent = EXTENT_RESET,
     .demand = SAW_SECRET | SAW_REACH,
     .demands = DEMANDS({"trust-reset", SAW_STRAY}),
     .held = {"no answer of an old command; refused after each",
	      "no answer of an old command; guest RAM after each"}},
    {.number = ATTACK_SWAP,
     .name = "queue-swap",
     .claim = "no ring's place makes a data queue of the CVQ, or the reverse",
     .parents = ON(VDUSE) | ON(SIM),
     .placed = true,
     .controls = CONTROLS("merge-asid", "ignore-group", "trust-reset"),
     .extent = EXTENT_SWAP,
     .demand = SAW_SECRET | SAW_REACH,
     .demands = DEMANDS({"trust-reset", SAW_STRAY}),
     .held = {"rings in CVQ memory refused, on both sides", "rings there were guest RAM's"}},
    {.number = ATTACK_RENEGOTIATE,
     .name = "renegotiate",
     .claim = "no choice of features moves or removes the CVQ's isolation",
     .parents = ON(VDUSE) | ON(SIM),
     .placed = true,
     .controls = CONTROLS("merge-asid", "trust-reset", "skip-check=mmio-ok-offered",
			  "skip-check=mmio-features-late"),
     .extent = EXTENT_RENEGOTIATE,
     .demand = SAW_ALLOWED,
     .demands = DEMANDS({"merge-asid", SAW_SECRET | SAW_REACH}, {"trust-reset", SAW_STRAY}),
     .held = {"not offered, late or early: not taken; refused after each",
	      "not offered, late or early: not taken; guest RAM after each"}},
    {.number = ATTACK_RENEGOTIATE,
     .name = "mq-moves",
     .claim = "no queue reaches CVQ memory because it, or another, was the CVQ without MQ or with",
     .parents = ON(RINGS),
     .placed = true,
     .controls = CONTROLS("keep-groups", "merge-asid", "ignore-group", "trust-reset"),
     .extent = EXTENT_MOVES,
     .demand = SAW_SECRET | SAW_CHANGE | SAW_REACH,
     /* All that an address space of the CVQ's leaves a queue to reach is rings in the arena. */
     .demands = DEMANDS({"keep-groups", SAW_REACH}, {"trust-reset", SAW_STRAY}),
     .held = {"with MQ, without and back: refused in ASID 0",
	      "with MQ, without and back: guest RAM's"}},
    {.number = ATTACK_NOTIFY,
     .name = "notify",
     .claim = "a notification moves the queue that it names, and no other",
     .parents = ON(VDUSE) | ON(SIM),
     .controls = CONTROLS("passthrough", "skip-check=mmio-notify-queue"),
     .extent = EXTENT_NOTIFY,
     .demand = SAW_ALLOWED,
     .demands = DEMANDS({"passthrough", SAW_STRAY}),
     .unit = "numbers",
     .unit_shape = SHAPE_NOTIFY,
     .held = {"those of no queue did nothing"}},
    {.number = ATTACK_FLOOD,
     .name = "floods",
     .claim = "floods of kicks, commands and resets stop nothing and break nothing",
     .parents = ON(VDUSE) | ON(SIM),
     .controls = CONTROLS("merge-asid", "passthrough", "trust-reset"),
     .extent = EXTENT_FLOOD,
     .demand = SAW_SECRET | SAW_REACH,
     .demands = DEMANDS({"passthrough", SAW_STRAY}, {"trust-reset", SAW_STRAY}),
     .held = {"all answered, nothing grew"}},
    {.number = ATTACK_CONFIG,
     .name = "config",
     .claim = "nothing of the config space changes but the MAC, and that as a whole",
     .parents = ON(VDUSE) | ON(SIM),
     .controls = CONTROLS("skip-check=mmio-write-width", "skip-check=mmio-generation"),
     .extent = EXTENT_CONFIG,
     .demand = SAW_ALLOWED,
     .held = {"writes without effect; no MAC read that was not sent"}},
};

/* The rows of programs of their own: a hostile daemon's, and a block parent's (disk/rows.c). */
static const struct attack programs[] = {
    {.number = 33,
     .name = "bad-answers",
     .claim =
	 "whatever a daemon answers, the VMM completes the guest's command in time and goes on",
     .program = "hostile",
     .parents = ON(VDUSE),
     .controls = CONTROLS("no-deadline", "skip-check=svq-unasked", "skip-check=svq-index",
			  "skip-check=svq-id", "skip-check=svq-len", "skip-check=svq-ack",
			  "skip-check=cvq-late")},
    {.number = 34,
     .name = "bad-memory",
     .claim = "whatever a daemon does to the files it gets, the VMM lives, and what may only be "
	      "read stays",
     .program = "hostile",
     .parents = ON(VDUSE),
     .controls = CONTROLS("unsealed", "shared-memfd")},
    {.number = 35,
     .name = "bad-life",
     .claim = "whatever becomes of a daemon, the guest is told in time and the VMM ends cleanly",
     .program = "hostile",
     .parents = ON(VDUSE),
     .controls = CONTROLS("no-reset-deadline", "no-close-deadline", "no-deadline", "stall-vcpu",
			  "leak-fds")},
    {.number = ATTACK_DESC,
     .name = "disk-rings",
     .claim = "a disk's queue takes no part of its ring from outside guest RAM",
     .program = "disk",
     .parents = ON(VDUSE),
     .controls = CONTROLS("shared-memfd")},
    {.number = ATTACK_READABLE,
     .name = "disk-buffers",
     .claim = "no byte moves between a disk and what is not guest RAM",
     .program = "disk",
     .parents = ON(VDUSE),
     .controls = CONTROLS("shared-memfd")},
};

#define GUESTS ((unsigned)(sizeof(attacks) / sizeof(attacks[0])))
#define PROGRAMS ((unsigned)(sizeof(programs) / sizeof(programs[0])))
#define ATTACKS (GUESTS + PROGRAMS + STEPS_ROWS)
#define PLACEMENTS 2

static_assert(PLACE_HOLE == 0 && PLACE_ALIASED == 1, "struct attack.held is indexed by placement");

/* The rows in our own process have a table of their own; here they look like all others. */
static const struct attack *process_attack(unsigned i)
{
	static struct attack made[ENUM_ROWS];
	struct attack *a = &made[i];

	*a = (struct attack){.number = enum_rows[i].number,
			     .name = enum_rows[i].name,
			     .claim = enum_rows[i].claim,
			     .program = "enum",
			     .parents = ON(PROCESS)};
	return a;
}

/* So have those that a client runs step by step. */
static const struct attack *steps_attack(unsigned i)
{
	static struct attack made[STEPS_ROWS];
	struct attack *a = &made[i];

	*a = (struct attack){.number = steps_rows[i].number,
			     .name = steps_rows[i].name,
			     .claim = steps_rows[i].claim,
			     .program = "steps",
			     .parents =
				 ON(VDUSE) | ON(SIM) | (steps_rows[i].by_groups ? ON(MLX5) : 0),
			     .controls = steps_rows[i].controls};
	return a;
}

static const struct attack *attack_at(unsigned i)
{
	if (i < GUESTS)
		return &attacks[i];
	i -= GUESTS;
	return i < STEPS_ROWS ? steps_attack(i) : &programs[i - STEPS_ROWS];
}

const char *placement_name(enum placement p)
{
	return p == PLACE_HOLE ? "hole" : "aliased";
}

const char *parent_name(enum parent p)
{
	static const char *const names[PARENTS] = {"vduse",    "vduse-mlx5", "vduse-rings",
						   "vdpa_sim", "given",	     "process"};

	return names[p];
}

bool parent_is_ours(enum parent p)
{
	return p == PARENT_VDUSE || p == PARENT_MLX5 || p == PARENT_RINGS;
}

bool matrix_needs_trace(const struct row *row)
{
	/* A given device has none: there canaries and snapshots have to show what comes and what is
	 * left, beside controls in which the very same attempts succeed. */
	if (row->parent == PARENT_GIVEN && (row->attack->demand & (SAW_SECRET | SAW_CHANGE)))
		return false;
	/* What rows 8 to 29 have covered is for the trace to say, too (extent.c). */
	return (row->attack->demand & (SAW_REACH | SAW_STRAY | SAW_FORGED)) ||
	       (!row->attack->program && row->attack->extent > EXTENT_BUFFERS);
}

static struct row make_row(const struct attack *a, enum parent parent, enum placement placement)
{
	struct row row = {.attack = a, .parent = parent, .placement = placement};

	if (a->placed)
		snprintf(row.name, sizeof(row.name), "%s/%s/%s", parent_name(parent),
			 placement_name(placement), a->name);
	else
		snprintf(row.name, sizeof(row.name), "%s/%s", parent_name(parent), a->name);
	return row;
}

/* Whether there is such a row; a row without a placement has its place in the first. */
static bool exists(const struct attack *a, enum parent parent, unsigned placement)
{
	return (a->parents >> parent & 1U) && (placement == PLACE_HOLE || a->placed);
}

/* Row @want, or the number of rows in *@count if @want is past all. */
static struct row find_row(unsigned want, unsigned *count)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ENUM_ROWS; i++)
		if (n++ == want)
			return make_row(process_attack(i), PARENT_PROCESS, PLACE_HOLE);
	for (unsigned parent = 0; parent < PARENT_PROCESS; parent++)
		for (unsigned placement = 0; placement < PLACEMENTS; placement++)
			for (unsigned i = 0; i < ATTACKS; i++)
				if (exists(attack_at(i), (enum parent)parent, placement) &&
				    n++ == want)
					return make_row(attack_at(i), (enum parent)parent,
							(enum placement)placement);
	*count = n;
	return (struct row){0};
}

unsigned matrix_rows(void)
{
	unsigned count = 0;

	find_row(UINT32_MAX, &count);
	return count;
}

struct row matrix_row(unsigned i)
{
	unsigned count;
	struct row row = find_row(i, &count);

	assert(row.attack);
	return row;
}

static unsigned process_controls(unsigned row, const char *out[CONTROLS_MAX])
{
	static char names[CHECK_COUNT][48];
	unsigned n = 0;

	for (unsigned id = 0; id < BREAK_COUNT; id++)
		if (enum_noticed_by_break((enum break_id)id) >> row & 1U)
			out[n++] = break_table[id].name;
	for (unsigned id = 0; id < CHECK_COUNT; id++) {
		if (!(enum_noticed_by((enum check_id)id) >> row & 1U))
			continue;
		snprintf(names[id], sizeof(names[id]), "%s=%s", break_table[BREAK_SKIP_CHECK].name,
			 check_table[id].name);
		out[n++] = names[id];
	}
	return n;
}

/* What breaks the device can be put only into one of ours; a program may have a way of its own for
 * what breaks both ends. */
static bool can_break(const struct row *row, const char *name)
{
	uint32_t devices = BREAK_IN_DEVICE;

	/* Its CVQ is dead, and so is every pair that has to be taken into use by a command. */
	if (row->parent == PARENT_RINGS && !strcmp(name, break_table[BREAK_NO_ASID_ACK].name))
		return false;

	/* It does not offer VIRTIO_F_INDIRECT_DESC: the VMM refuses the first table of a chain. */
	if (row->parent == PARENT_SIM && !strncmp(name, IN_A_TABLE, strlen(IN_A_TABLE)))
		return false;

	for (unsigned id = 0; id < BREAK_COUNT; id++)
		if (!strcmp(break_table[id].name, name))
			return parent_is_ours(row->parent) ||
			       (row->attack->program ? break_table[id].side != devices
						     : !(break_table[id].side & devices));
	return true;
}

/* All there are, whether they are run or not. */
static unsigned all_controls(const struct row *row, const char *out[CONTROLS_MAX])
{
	unsigned n = 0;

	if (row->parent == PARENT_PROCESS) {
		for (unsigned i = 0; i < ENUM_ROWS; i++)
			if (!strcmp(enum_rows[i].name, row->attack->name))
				return process_controls(i, out);
	}
	for (const char *const *c = row->attack->controls; c && *c; c++)
		if (can_break(row, *c))
			out[n++] = *c;
	return n;
}

/* By hundreds of addresses or rings: in a second placement or on a second parent, the rows with one
 * of each show as much. */
static bool walks(const struct attack *a)
{
	return a->extent == EXTENT_STRADDLE || a->extent == EXTENT_SWEEP ||
	       a->extent == EXTENT_SWAP;
}

static bool in_default_set(const struct row *row)
{
	const struct attack *a = row->attack;

	if (row->parent == PARENT_GIVEN) /* it has no more than these, and nobody's trace */
		return true;
	if (row->placement != PLACE_HOLE)
		return row->parent == PARENT_VDUSE && !walks(a) && a->extent != EXTENT_RESET;
	switch (row->parent) {
	case PARENT_MLX5:
		return a->program || a->number == ATTACK_DESC || a->number == ATTACK_WRITABLE;
	case PARENT_RINGS:
		return a->number == ATTACK_DESC || a->number == ATTACK_USED ||
		       a->extent == EXTENT_MOVES;
	case PARENT_SIM: /* what a CPU reaches is not its doing */
		return a->program || (a->placed && !walks(a) && a->extent != EXTENT_CPU);
	default:
		return true;
	}
}

bool matrix_sample(struct row *row)
{
	const char *control[CONTROLS_MAX];
	/* All that the rows of the data queues' rings and buffers share are shown in one. */
	bool all = row->parent == PARENT_VDUSE && row->placement == PLACE_HOLE &&
		   row->attack->number == ATTACK_DESC && !row->attack->program;

	if (row->parent == PARENT_PROCESS)
		all = all_controls(row, control) <= PROCESS_CONTROLS_SAMPLED;
	row->sampled = !all;
	return in_default_set(row);
}

uint32_t matrix_demand(const struct row *row, const char *control)
{
	for (const struct control_demand *d = row->attack->demands; d && d->control; d++)
		if (!strcmp(d->control, control))
			return d->demand;
	return row->attack->demand;
}

unsigned matrix_controls(const struct row *row, const char *out[CONTROLS_MAX])
{
	unsigned n = all_controls(row, out);

	return row->sampled && n ? 1 : n;
}

bool matrix_row_has_control(const struct row *row, const char *name)
{
	const char *control[CONTROLS_MAX];
	unsigned n = matrix_controls(row, control);

	for (unsigned i = 0; i < n; i++)
		if (!strcmp(control[i], name))
			return true;
	return false;
}

bool matrix_has_control(const char *name)
{
	for (unsigned i = 0; i < matrix_rows(); i++) {
		struct row row = matrix_row(i);

		if (matrix_row_has_control(&row, name))
			return true;
	}
	return false;
}
