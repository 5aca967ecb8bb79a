/* SPDX-License-Identifier: MIT */
/* The table behind matrix.h. It must never name a row that no attack of the guest answers to. */
#include "matrix.h"

#include <assert.h>
#include <stdio.h>

#define BREAK(id) (1U << BREAK_##id)
#define DMA_CONTROLS (BREAK(MERGE_ASID) | BREAK(NO_ASID_ACK) | BREAK(IGNORE_GROUP))
#define DMA_HELD                                                                                   \
	{                                                                                          \
		"refused: no translation in ASID 0", "went to guest RAM, not to the arena"         \
	}

static const struct attack attacks[] = {
    {ATTACK_CPU_SCAN,
     "cpu-scan",
     "no guest CPU reads, writes or executes CVQ memory",
     EXTENT_CPU,
     BREAK(MEMSLOT),
     SAW_SECRET | SAW_CHANGE | SAW_EXECUTE | SAW_SCAN,
     {"no memory answers there, nor in 4 GiB by 1 MiB (--full: 4 KiB)",
      "guest RAM answers there; 4 GiB by 1 MiB (--full: 4 KiB)"}},
    {ATTACK_CANARY_SCAN,
     "canary-scan",
     "no byte of CVQ memory lies in guest RAM, also after a reset",
     EXTENT_RAM,
     BREAK(PASSTHROUGH),
     SAW_SECRET | SAW_SCAN,
     {"no secret in guest RAM, nor after a reset", "no secret in guest RAM, nor after a reset"}},
    {ATTACK_DESC, "desc-at-cvq", "no data queue takes descriptors from CVQ memory", EXTENT_RINGS,
     DMA_CONTROLS, SAW_REACH, DMA_HELD},
    {ATTACK_AVAIL, "avail-at-cvq", "no data queue takes its available ring from CVQ memory",
     EXTENT_RINGS, DMA_CONTROLS, SAW_REACH, DMA_HELD},
    {ATTACK_USED, "used-at-cvq", "no data queue writes a used ring into CVQ memory", EXTENT_RINGS,
     DMA_CONTROLS, SAW_CHANGE | SAW_REACH, DMA_HELD},
    {ATTACK_READABLE, "readable-at-cvq", "no data queue reads a buffer out of CVQ memory",
     EXTENT_BUFFERS, DMA_CONTROLS, SAW_SECRET | SAW_REACH, DMA_HELD},
    {ATTACK_WRITABLE, "writable-at-cvq", "no data queue writes a buffer into CVQ memory",
     EXTENT_BUFFERS, DMA_CONTROLS, SAW_CHANGE | SAW_REACH, DMA_HELD},
};

#define ATTACKS (sizeof(attacks) / sizeof(attacks[0]))
#define PLACEMENTS 2

static_assert(ATTACKS == ATTACK_WRITABLE,
	      "one entry for each attack of guest/abi.h but ATTACK_NONE");
static_assert(MATRIX_ROWS == ATTACKS * PLACEMENTS, "every attack in every placement");
static_assert(PLACE_HOLE == 0 && PLACE_ALIASED == 1, "struct attack.held is indexed by placement");
static_assert(BREAK_COUNT == 7, "a new break: which rows does it control?");

const char *placement_name(enum placement p)
{
	return p == PLACE_HOLE ? "hole" : "aliased";
}

struct row matrix_row(unsigned i)
{
	struct row row;

	assert(i < MATRIX_ROWS);
	row.attack = &attacks[i % ATTACKS];
	row.placement = i < ATTACKS ? PLACE_HOLE : PLACE_ALIASED;
	/* The attack's place in the table is its number, so that a row cannot run another's attack.
	 */
	assert(row.attack->id == (enum attack_id)(i % ATTACKS + 1));
	snprintf(row.name, sizeof(row.name), "vduse/%s/%s", placement_name(row.placement),
		 row.attack->name);
	return row;
}

bool matrix_has_control(enum break_id id)
{
	for (size_t i = 0; i < ATTACKS; i++)
		if ((attacks[i].controls >> id) & 1U)
			return true;
	return false;
}

unsigned matrix_controls(const struct attack *a, enum break_id out[BREAK_COUNT])
{
	unsigned n = 0;

	for (unsigned id = 0; id < BREAK_COUNT; id++)
		if ((a->controls >> id) & 1U)
			out[n++] = (enum break_id)id;
	return n;
}
