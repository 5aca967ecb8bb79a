/* SPDX-License-Identifier: MIT */
/* The table of checks, and what they leave; see check.h. It must never leave one out by itself. */
#include "check.h"

#include <string.h>

const struct check_info check_table[CHECK_COUNT] = {
#define CHECK_INFO(id, name, refuses) [CHECK_##id] = {name, refuses},
    CHECK_TABLE(CHECK_INFO)
#undef CHECK_INFO
};

_Thread_local int check_refused = CHECK_NONE;

#if RINGFENCE_BREAKS
int check_left_out = CHECK_NONE;
#endif

int check_by_name(const char *name)
{
#if RINGFENCE_BREAKS
	for (int i = 0; i < CHECK_COUNT; i++)
		if (!strcmp(check_table[i].name, name))
			return i;
#else
	(void)name;
#endif
	return -1;
}
