/* SPDX-License-Identifier: MIT */
/* The code behind each row of table.h; see enum.h. Data only. */
#include "run.h"

void (*const enum_code[ENUM_ROWS])(struct enum_run *r) = {
    [ENUM_ROW_EDGES] = row_edges,     [ENUM_ROW_GAMES] = row_games,
    [ENUM_ROW_CHAINS] = row_chains,   [ENUM_ROW_HEADERS] = row_headers,
    [ENUM_ROW_RACES] = row_races,     [ENUM_ROW_STALE] = row_stale,
    [ENUM_ROW_COUNTS] = row_counts,   [ENUM_ROW_SIZES] = row_sizes,
    [ENUM_ROW_LIVE] = row_live,	      [ENUM_ROW_REGISTERS] = row_registers,
    [ENUM_ROW_STATUS] = row_status,   [ENUM_ROW_IMAGES] = row_images,
    [ENUM_ROW_ANSWERS] = row_answers,
};
