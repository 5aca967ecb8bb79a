/* SPDX-License-Identifier: MIT */
/*
 * What one parent does where the other may do something else: asked of it, or tried. It must never
 * say of a parent what was not seen of it, but in lines marked as told.
 */
#ifndef ISOLATION_DIFFERENCES_PROBE_H
#define ISOLATION_DIFFERENCES_PROBE_H

#include "../steps/parent.h"

enum line {
	LINE_TRANSLATES, /* told */
	LINE_ISOLATES,	 /* told */
	LINE_FEATURES,
	LINE_BACKEND,
	LINE_GROUPS,
	LINE_RING_MAX,
	LINE_UNMAPPED,
	LINE_RESET_GROUPS,
	LINE_RESET_MAPS,
	LINE_RESET_MAC,
	LINE_NEXT_CLIENT,
	LINE_COMMANDS,
	LINE_SHORT,
	LINE_TX_REFUSED,
	LINE_RX_REFUSED,
	LINE_SUSPEND,
	LINES,
};

struct line_info {
	const char *name;
	bool told; /* from the kernel's source, not by trying */
};
extern const struct line_info lines[LINES];

#define ANSWER_LEN 96
struct answers {
	char text[LINES][ANSWER_LEN];
};

/** Make such a device, try everything, delete it. ERR_HOST: it cannot be had here. */
int probe_parent(enum parent_kind kind, struct answers *a, struct err *e);

#endif
