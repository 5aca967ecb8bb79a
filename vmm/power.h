/* SPDX-License-Identifier: MIT */
/*
 * The doors by which a guest switches off, resets, or says that it has panicked. It must never end
 * anything itself.
 */
#ifndef VMM_POWER_H
#define VMM_POWER_H

#include "bus.h"

enum power_event { POWER_OFF, POWER_RESET, POWER_PANIC };

struct power {
	/** On the vCPU's thread; @by names the door, in few words. */
	void (*event)(void *ctx, enum power_event what, const char *by);
	void *ctx;
};

/** Put this architecture's doors on the bus of its ports. @p is borrowed. -errno of bus_add(). */
int power_wire(struct power *p, struct bus *ports) __attribute__((warn_unused_result));

#endif
