/* SPDX-License-Identifier: MIT */
/* The table of rows; see table.h. Data only. */
#include "table.h"

#include <stddef.h>

#define CONTROLS(...) ((const char *const[]){__VA_ARGS__, NULL})
/* What the data queues try after each step notices, */
#define REACH "merge-asid", "no-asid-ack", "ignore-group"
/* and what nothing but a row's own steps does, which is why it comes first. */
#define OWN(name) CONTROLS(name, REACH)

const struct steps_row steps_rows[STEPS_ROWS] = {
    [STEPS_ROW_GROUPS] = {22, "group-asid",
			  "no group changes its ASID while the device runs, nor gets one that is "
			  "not there",
			  OWN("lax-kernel"), true},
    [STEPS_ROW_RINGS] = {22, "ring-live",
			 "no ring of a running device moves, and none moves to another group",
			 OWN("lax-kernel"), true},
    [STEPS_ROW_UNMAPPED] = {23, "unmapped-asid",
			    "a queue in an ASID without mappings reaches nothing, and no other "
			    "ASID's memory",
			    OWN("lax-kernel"), false},
    [STEPS_ROW_BATCHES] = {24, "batches", "no batch shows in another ASID, nor before its end",
			   OWN("lax-kernel"), false},
    [STEPS_ROW_BAD_MAPS] = {24, "bad-maps",
			    "a map that is refused maps nothing, and replaces nothing",
			    OWN("lax-kernel"), false},
    [STEPS_ROW_MAPS] = {25, "map-under-dma",
			"what is unmapped is not reached any more, nor written what is read-only",
			OWN("lax-kernel"), false},
    [STEPS_ROW_SUSPEND] = {26, "suspend",
			   "after a suspend, a resume or a reset no queue reaches what it may not",
			   OWN("trust-reset"), false},
    [STEPS_ROW_RESIDUE] = {36, "residue",
			   "the next client of a device sees and uses nothing of the last one",
			   OWN("trust-reset"), false},
};
