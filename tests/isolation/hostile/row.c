/* SPDX-License-Identifier: MIT */
/* The table behind row.h. It must never hold how a fault is done. */
#include "row.h"

#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define ON(control) (1U << CONTROL_##control)

const char *const control_names[CONTROLS] = {
    [CONTROL_NO_DEADLINE] = "no-deadline",
    [CONTROL_UNASKED] = "skip-check=svq-unasked",
    [CONTROL_INDEX] = "skip-check=svq-index",
    [CONTROL_ID] = "skip-check=svq-id",
    [CONTROL_LEN] = "skip-check=svq-len",
    [CONTROL_ACK] = "skip-check=svq-ack",
    [CONTROL_LATE] = "skip-check=cvq-late",
    [CONTROL_UNSEALED] = "unsealed",
    [CONTROL_SHARED] = "shared-memfd",
    [CONTROL_NO_RESET_DEADLINE] = "no-reset-deadline",
    [CONTROL_NO_CLOSE_DEADLINE] = "no-close-deadline",
    [CONTROL_STALL] = "stall-vcpu",
    [CONTROL_LEAK] = "leak-fds",
};

const struct hostile_row hostile_rows[ROWS] = {
    {33, "bad-answers",
     "whatever a daemon answers, the VMM completes the guest's command in time and goes on", "",
     ON(NO_DEADLINE) | ON(UNASKED) | ON(INDEX) | ON(ID) | ON(LEN) | ON(ACK) | ON(LATE),
     list_answers},
    {34, "bad-memory",
     "whatever a daemon does to the files it gets, the VMM lives and what it may only read stays",
     "", ON(UNSEALED) | ON(SHARED), list_memory},
    {35, "bad-life",
     "whatever becomes of a daemon, the guest is told in time and the VMM ends cleanly",
     "left out: GET_VQ_STATE, SUSPEND (never caused), a daemon stopped at msg_timeout 0 (K22)",
     ON(NO_DEADLINE) | ON(NO_RESET_DEADLINE) | ON(NO_CLOSE_DEADLINE) | ON(STALL) | ON(LEAK),
     list_life},
};

int control_by_name(const char *name)
{
	for (int i = 0; i < CONTROLS; i++)
		if (!strcmp(control_names[i], name))
			return i;
	return -1;
}

const struct hostile_row *hostile_row_by_name(const char *name)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (!strcmp(hostile_rows[i].name, name))
			return &hostile_rows[i];
	return NULL;
}

struct fault *fault_add(struct faults *f, const char *name, ...)
{
	struct fault *new = &f->fault[f->count];
	va_list args;

	assert(f->count < FAULTS_MAX);
	f->count++;
	memset(new, 0, sizeof(*new));
	va_start(args, name);
	vsnprintf(new->name, sizeof(new->name), name, args);
	va_end(args);
	return new;
}
