/* SPDX-License-Identifier: MIT */
/* The table behind matrix.h. It must never name a row that nothing runs. */
#include "matrix.h"

#include "enum/table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define ON(parent) (1U << PARENT_##parent)
#define ON_DEVICE ON(VDUSE)

#define CONTROLS(...) ((const char *const[]){__VA_ARGS__, NULL})
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
     .held = {"no memory answers there, nor in 4 GiB by 1 MiB (--full: 4 KiB)",
	      "guest RAM answers there; 4 GiB by 1 MiB (--full: 4 KiB)"}},
    {.number = ATTACK_CANARY_SCAN,
     .name = "canary-scan",
     .claim = "no byte of CVQ memory lies in guest RAM, also after a reset",
     .parents = ON_DEVICE,
     .placed = true,
     .controls = CONTROLS("passthrough"),
     .extent = EXTENT_RAM,
     .demand = SAW_SECRET | SAW_SCAN,
     .held = {"no secret in guest RAM, nor after a reset",
	      "no secret in guest RAM, nor after a reset"}},
    {.number = ATTACK_DESC,
     .name = "desc-at-cvq",
     .claim = "no data queue takes descriptors from CVQ memory",
     .parents = ON_DEVICE,
     .placed = true,
     .controls = DMA_CONTROLS,
     .extent = EXTENT_RINGS,
     .demand = SAW_REACH,
     .held = DMA_HELD},
    {.number = ATTACK_AVAIL,
     .name = "avail-at-cvq",
     .claim = "no data queue takes its available ring from CVQ memory",
     .parents = ON_DEVICE,
     .placed = true,
     .controls = DMA_CONTROLS,
     .extent = EXTENT_RINGS,
     .demand = SAW_REACH,
     .held = DMA_HELD},
    {.number = ATTACK_USED,
     .name = "used-at-cvq",
     .claim = "no data queue writes a used ring into CVQ memory",
     .parents = ON_DEVICE,
     .placed = true,
     .controls = DMA_CONTROLS,
     .extent = EXTENT_RINGS,
     .demand = SAW_CHANGE | SAW_REACH,
     .held = DMA_HELD},
    {.number = ATTACK_READABLE,
     .name = "readable-at-cvq",
     .claim = "no data queue reads a buffer out of CVQ memory",
     .parents = ON_DEVICE,
     .placed = true,
     .controls = DMA_CONTROLS,
     .extent = EXTENT_BUFFERS,
     .demand = SAW_SECRET | SAW_REACH,
     .held = DMA_HELD},
    {.number = ATTACK_WRITABLE,
     .name = "writable-at-cvq",
     .claim = "no data queue writes a buffer into CVQ memory",
     .parents = ON_DEVICE,
     .placed = true,
     .controls = DMA_CONTROLS,
     .extent = EXTENT_BUFFERS,
     .demand = SAW_CHANGE | SAW_REACH,
     .held = DMA_HELD},
};

#define ATTACKS (sizeof(attacks) / sizeof(attacks[0]))
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

const char *placement_name(enum placement p)
{
	return p == PLACE_HOLE ? "hole" : "aliased";
}

const char *parent_name(enum parent p)
{
	static const char *const names[PARENTS] = {"vduse", "vdpa_sim", "given", "process"};

	return names[p];
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
				if (exists(&attacks[i], (enum parent)parent, placement) &&
				    n++ == want)
					return make_row(&attacks[i], (enum parent)parent,
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

/* What breaks the device can be put only into one of ours. */
static bool can_break(const struct row *row, const char *name)
{
	for (unsigned id = 0; id < BREAK_COUNT; id++)
		if (!strcmp(break_table[id].name, name))
			return break_table[id].side != BREAK_IN_DEVICE ||
			       row->parent == PARENT_VDUSE;
	return true;
}

unsigned matrix_controls(const struct row *row, const char *out[CONTROLS_MAX])
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
