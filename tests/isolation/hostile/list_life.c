/* SPDX-License-Identifier: MIT */
/*
 * Row 35: what can become of a daemon, or of one answer of its to the kernel, at each message that
 * a VMM causes. It must never list what would wedge the kernel under test: a stopped daemon has an
 * end of its own or the kernel's patience (msg_timeout), see docs/kernel-findings/K22.md.
 */
#include "row.h"

#include <linux/virtio_config.h>

#define ON(control) (1U << CONTROL_##control)
#define PATIENCE_S 1
#define LONG_PATIENCE_S 30 /* the kernel's own default */
/* The VMM's own deadline for a start or a reset is 2 s (WISH_DEADLINE_MS); a command's, 1 s. */
#define BOUND_MS 3500

#define FOUND (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define AGREED (FOUND | VIRTIO_CONFIG_S_FEATURES_OK)

enum {
	OPEN,
	RESET,
	RESET_AGAIN,
	RESTART,
	DRIVER,
	FEATURES,
	GROUP,
	GROUP_DATA,
	UNMAP,
	MAP_RAM,
	MAP_READABLE,
	MAP_WRITABLE,
	READY,
	READY_CVQ,
	LIVE,
	CLOSE,
	RELEASE,
	POINTS
};

/*
 * An attempt resets twice before the start does it again; a start drops both ASIDs' maps before it
 * makes them. At the end the guest makes its legal steps once more, which are two resets.
 */
static const struct point points[POINTS] = {
    [OPEN] = {"open", MSG_SET_STATUS, 0, 0, AT_OPEN},
    [RESET] = {"reset", MSG_SET_STATUS, 0, 0, AT_START},
    [RESET_AGAIN] = {"second reset", MSG_SET_STATUS, 0, 1, AT_START},
    [RESTART] = {"reset of the start", MSG_SET_STATUS, 0, 2, AT_START},
    [DRIVER] = {"DRIVER", MSG_SET_STATUS, FOUND, 0, AT_START},
    [FEATURES] = {"FEATURES_OK", MSG_SET_STATUS, AGREED, 0, AT_START},
    [GROUP] = {"group's ASID", MSG_SET_VQ_GROUP_ASID, -1, 0, AT_START},
    [GROUP_DATA] = {"data group's ASID", MSG_SET_VQ_GROUP_ASID, -1, 1, AT_START},
    [UNMAP] = {"first IOTLB update", MSG_UPDATE_IOTLB, -1, 0, AT_START},
    [MAP_RAM] = {"third IOTLB update", MSG_UPDATE_IOTLB, -1, 2, AT_START},
    [MAP_READABLE] = {"fourth IOTLB update", MSG_UPDATE_IOTLB, -1, 3, AT_START},
    [MAP_WRITABLE] = {"fifth IOTLB update", MSG_UPDATE_IOTLB, -1, 4, AT_START},
    [READY] = {"queue ready", MSG_SET_VQ_READY, -1, 0, AT_START},
    [READY_CVQ] = {"control queue ready", MSG_SET_VQ_READY, -1, 2, AT_START},
    [LIVE] = {"DRIVER_OK", MSG_SET_STATUS, AGREED | VIRTIO_CONFIG_S_DRIVER_OK, 0, AT_START},
    [CLOSE] = {"last reset", MSG_SET_STATUS, 0, 2, AT_CLOSE},
    [RELEASE] = {"reset of the close", MSG_SET_STATUS, 0, 3, AT_CLOSE},
};

static const char *const act_names[] = {
    [LIFE_FAIL] = "refused",	     [LIFE_NONSENSE] = "answered with nonsense",
    [LIFE_LATE] = "answered late",   [LIFE_TWICE] = "answered twice",
    [LIFE_WRONG_ID] = "misnumbered", [LIFE_SHORT] = "answered by halves",
    [LIFE_REOPEN] = "reopened at",   [LIFE_PAUSE] = "stopped for a while at",
    [LIFE_REGROUP] = "regrouped at", [LIFE_SHRINK] = "queues shrunk at",
    [LIFE_SILENT] = "unanswered",    [LIFE_STOP] = "stopped at",
    [LIFE_DIE] = "dead at",	     [LIFE_USURP] = "taken over at",
};

static struct fault *add(struct faults *f, unsigned at, enum life_act act, uint32_t may)
{
	struct fault *new = fault_add(f, "%s: %s", points[at].name, act_names[act]);

	new->kind = FAULT_MESSAGE;
	new->may = may;
	new->bound_ms = BOUND_MS;
	new->life = (struct life){&points[at], act, 0, PATIENCE_S};
	return new;
}

/* The device goes on as if nothing was: so must the guest. */
static void add_passing(struct faults *f, unsigned at)
{
	static const enum life_act act[] = {LIFE_TWICE, LIFE_WRONG_ID, LIFE_SHORT, LIFE_REOPEN};
	struct fault *late = add(f, at, LIFE_LATE, MAY_OK);

	late->life.ms = 300;
	late->waits = true;
	if (at == RESET) /* which alone a guest might wait for in one write of a register */
		late->controls = ON(STALL);
	for (unsigned i = 0; i < sizeof(act) / sizeof(*act); i++)
		add(f, at, act[i], MAY_OK)->controls = ON(LEAK);
	late = add(f, at, LIFE_PAUSE, MAY_OK);
	late->life.ms = 300;
	late->waits = true;
}

/* A refused reset may be done all the same, as is an unmap; a refused queue breaks the device
 * (K13).
 */
static void add_refused(struct faults *f, unsigned at)
{
	static const enum life_act act[] = {LIFE_FAIL, LIFE_NONSENSE};
	bool goes_on = points[at].status == 0 || at == UNMAP;

	for (unsigned i = 0; i < 2; i++) {
		struct fault *new =
		    add(f, at, act[i], goes_on ? MAY_ANY : MAY_SILENT | MAY_ERR | MUST_RESET);

		if (points[at].type == MSG_SET_VQ_READY) {
			new->alone = true;
			new->ends = 1U << END_130;
		}
	}
}

/* The device does not come back: the guest is told, and the VMM ends when told to. */
static void add_lost(struct faults *f, unsigned at, enum life_act act)
{
	struct fault *new = add(f, at, act, MAY_SILENT | MAY_ERR | MUST_RESET);

	new->alone = true;
	new->ends = points[at].when == AT_OPEN	  ? 1U << END_4 | 1U << END_124
		    : points[at].when == AT_CLOSE ? 1U << END_0
						  : 1U << END_130;
	if (act == LIFE_USURP && points[at].when == AT_OPEN)
		new->ends = 1U << END_1; /* it opens, and nothing works */
	/* All works then but what is made of commands. */
	if (act == LIFE_USURP && points[at].when == AT_START)
		new->controls = ON(NO_DEADLINE);
}

/* The kernel waits for long: the VMM's own deadlines must do. */
static void add_endless(struct faults *f, unsigned at, enum life_act act)
{
	struct fault *new = &f->fault[f->count];

	add_lost(f, at, act);
	new->life.msg_timeout_s = LONG_PATIENCE_S;
	if (points[at].when == AT_START)
		new->controls = ON(NO_RESET_DEADLINE);
	if (at == CLOSE)
		new->controls = ON(NO_CLOSE_DEADLINE);
}

/* @refused: no CVQ can be isolated then, and a VMM that goes on runs without that. */
static void add_change(struct faults *f, const char *name, enum change change, bool refused)
{
	struct fault *new = fault_add(f, "changed: %s", name);

	new->kind = FAULT_CHANGE;
	new->may = MAY_ANY;
	new->bound_ms = BOUND_MS;
	new->alone = true;
	new->ends = refused ? 1U << END_4 : 1U << END_0 | 1U << END_1;
	new->change = change;
}

static void list_changes(struct faults *f, bool full)
{
	add_change(f, "no control queue", CHANGE_NO_CVQ, false);
	add_change(f, "one group for all queues", CHANGE_ONE_GROUP, true);
	add_change(f, "one address space", CHANGE_ONE_SPACE, true);
	if (full) {
		add_change(f, "two queues", CHANGE_TWO_QUEUES, true);
		add_change(f, "a config space of one byte", CHANGE_NO_CONFIG, false);
		add_change(f, "no feature but one", CHANGE_NO_MAC, false);
		add_change(f, "API 0", CHANGE_API_0, true);
		add_change(f, "queues of one entry", CHANGE_TINY_QUEUES, false);
		add_change(f, "a config space of 64 bytes", CHANGE_BIG_CONFIG, false);
	}
	add(f, RESTART, LIFE_REGROUP, MAY_SILENT | MAY_ERR | MUST_RESET);
	add(f, LIVE, LIFE_REGROUP, MAY_SILENT | MAY_ERR | MUST_RESET);
	add(f, RESTART, LIFE_SHRINK, MAY_SILENT | MAY_ERR | MUST_RESET);
}

static void list_default(struct faults *f)
{
	static const unsigned passing[] = {RESET, FEATURES, GROUP, MAP_RAM, READY_CVQ, LIVE};
	static const unsigned refused[] = {RESET, DRIVER, FEATURES, GROUP, MAP_READABLE, LIVE};

	add_endless(f, RESET, LIFE_STOP);
	add_endless(f, MAP_READABLE, LIFE_SILENT);
	add_lost(f, OPEN, LIFE_SILENT);
	add_lost(f, RESET_AGAIN, LIFE_DIE);
	add_lost(f, GROUP, LIFE_STOP);
	add_lost(f, READY, LIFE_FAIL);
	add_lost(f, LIVE, LIFE_USURP);
	add_endless(f, CLOSE, LIFE_STOP);
	for (unsigned i = 0; i < sizeof(passing) / sizeof(*passing); i++)
		add_passing(f, passing[i]);
	for (unsigned i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		add_refused(f, refused[i]);
}

static void list_all(struct faults *f)
{
	static const enum life_act lost[] = {LIFE_SILENT, LIFE_STOP, LIFE_DIE, LIFE_USURP};

	for (unsigned at = 0; at < POINTS; at++) {
		for (unsigned i = 0; i < sizeof(lost) / sizeof(*lost); i++)
			add_lost(f, at, lost[i]);
		if (points[at].when != AT_START) {
			add_lost(f, at, LIFE_FAIL);
			continue;
		}
		add_passing(f, at);
		add_refused(f, at);
	}
	add_endless(f, OPEN, LIFE_SILENT);
	add_endless(f, RESET, LIFE_STOP);
	add_endless(f, GROUP, LIFE_DIE);
	add_endless(f, MAP_READABLE, LIFE_SILENT);
	add_endless(f, READY, LIFE_STOP);
	add_endless(f, LIVE, LIFE_STOP);
	add_endless(f, CLOSE, LIFE_SILENT);
	add_endless(f, CLOSE, LIFE_STOP);
}

void list_life(struct faults *f, bool full)
{
	if (full)
		list_all(f);
	else
		list_default(f);
	list_changes(f, full);
}
