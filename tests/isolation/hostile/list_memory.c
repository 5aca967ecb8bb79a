/* SPDX-License-Identifier: MIT */
/*
 * Row 34: what a daemon can do with the files it gets for the VMM's mappings, and with the memory
 * in them. It must never leave out a file that a daemon gets.
 */
#include "row.h"

#define BOUND_MS 2000
#define ON(control) (1U << CONTROL_##control)
#define IN(file) (1U << FILE_##file)
#define EVERY (IN(RAM) | IN(READABLE) | IN(WRITABLE))

static const char *const file_names[FILES] = {
    [FILE_RAM] = "guest RAM",
    [FILE_READABLE] = "readable arena",
    [FILE_WRITABLE] = "writable arena",
};

/* @refused: the files with which it must not work. @allowed: those with which it does no more than
 * the device may do anyhow, and only what comes of it counts. */
static const struct {
	const char *name;
	enum memory_act act;
	uint32_t refused, allowed, controls;
} acts[] = {
    {"ftruncate to less", ACT_SHRINK, EVERY, 0, ON(UNSEALED)},
    {"ftruncate to nothing", ACT_EMPTY, EVERY, 0, ON(UNSEALED)},
    {"ftruncate to more", ACT_GROW, EVERY, 0, ON(UNSEALED)},
    {"fallocate past the end", ACT_GROW_BY_FALLOCATE, EVERY, 0, ON(UNSEALED)},
    {"write past the end", ACT_GROW_BY_WRITE, EVERY, 0, ON(UNSEALED)},
    {"open with O_TRUNC", ACT_TRUNCATE_ON_OPEN, EVERY, 0, ON(UNSEALED)},
    {"F_ADD_SEALS", ACT_SEAL, EVERY, 0, ON(UNSEALED)},
    {"PUNCH_HOLE", ACT_PUNCH, IN(READABLE), IN(RAM) | IN(WRITABLE), ON(UNSEALED)},
    {"COLLAPSE_RANGE", ACT_COLLAPSE, EVERY, 0, 0},
    {"ZERO_RANGE", ACT_ZERO_RANGE, IN(READABLE), IN(WRITABLE), 0},
    {"pwrite", ACT_WRITE, IN(READABLE), IN(WRITABLE), ON(UNSEALED)},
    {"open again, pwrite", ACT_WRITE_REOPENED, IN(READABLE), IN(WRITABLE), ON(UNSEALED)},
    {"splice into", ACT_SPLICE, IN(READABLE), IN(WRITABLE), ON(UNSEALED)},
    {"mmap PROT_WRITE", ACT_MAP_WRITABLE, IN(READABLE), 0, ON(UNSEALED)},
    {"mprotect PROT_WRITE", ACT_MAKE_WRITABLE, IN(READABLE), 0, ON(UNSEALED)},
    {"MADV_REMOVE", ACT_REMOVE, IN(READABLE), IN(WRITABLE), ON(UNSEALED)},
    {"mmap past the region", ACT_MAP_PAST_END, EVERY, 0, ON(SHARED)},
};

static void add_act(struct faults *f, unsigned i, enum file file)
{
	bool allowed = acts[i].allowed >> file & 1;
	struct fault *new = fault_add(f, "%s: %s", acts[i].name, file_names[file]);
	/* The arena has files of its own whichever way RAM's file is broken. */
	uint32_t controls = file == FILE_RAM ? acts[i].controls : acts[i].controls & ~ON(SHARED);

	new->kind = FAULT_MEMORY;
	new->may = allowed ? MAY_ANY : MAY_OK;
	new->controls = allowed ? 0 : controls;
	new->bound_ms = BOUND_MS;
	new->memory = (struct memory_fault){acts[i].act, file, allowed};
}

static void add_scribble(struct faults *f, const char *name, enum scribble what, uint32_t may)
{
	struct fault *new = fault_add(f, "%s", name);

	new->kind = FAULT_SCRIBBLE;
	new->may = may;
	new->bound_ms = BOUND_MS;
	new->scribble = what;
	new->alone = what >= SCRIBBLE_CVQ_RING;
	/* A guest whose memory is noise does anything, and says so or is stopped. */
	new->ends = 1U << END_0 | 1U << END_1 | 1U << END_70 | 1U << END_130;
}

void list_memory(struct faults *f, bool full)
{
	struct fault *look = fault_add(f, "what else there is");

	(void)full; /* there are no more */
	look->kind = FAULT_MEMORY;
	look->may = MAY_OK;
	look->controls = ON(SHARED);
	look->bound_ms = BOUND_MS;
	look->memory.act = ACT_LOOK_AROUND;
	for (unsigned i = 0; i < sizeof(acts) / sizeof(*acts); i++)
		for (unsigned file = 0; file < FILES; file++)
			if ((acts[i].refused | acts[i].allowed) >> file & 1)
				add_act(f, i, (enum file)file);
	add_scribble(f, "noise in the writable arena", SCRIBBLE_ARENA, MAY_ANY);
	add_scribble(f, "holes in the writable arena", PUNCH_ARENA, MAY_ANY);
	add_scribble(f, "noise in the guest's data rings", SCRIBBLE_RINGS, MAY_OK);
	add_scribble(f, "noise in the guest's control ring", SCRIBBLE_CVQ_RING, MAY_ANY);
	add_scribble(f, "noise in guest RAM", SCRIBBLE_RAM, MAY_ANY);
	add_scribble(f, "nothing left of guest RAM", PUNCH_RAM, MAY_ANY);
}
