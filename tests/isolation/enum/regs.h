/* SPDX-License-Identifier: MIT */
/*
 * The virtio-mmio registers of the code and of the model side by side, driven alike and compared
 * after every access. It must never judge: the model does.
 */
#ifndef ISOLATION_ENUM_REGS_H
#define ISOLATION_ENUM_REGS_H

#include "../../../virtio/mmio.h"
#include "model.h"
#include "run.h"

#define REGS_OFFERED (1ull << 32 | 1u << 5 | 1u << 17 | 1u << 18)
#define REGS_CONFIG 12

struct regs {
	struct enum_run *run;
	struct mmio code;
	uint8_t moat[0x1000]; /* what an access beyond the registers' own memory meets */
	struct model_mmio model;
};

/** Registers as after power-on: @queues queues of at most @max entries. */
void regs_init(struct regs *g, struct enum_run *r, unsigned queues, uint16_t max);

/** One access of both; false, and told, if they differ. */
bool regs_read(struct regs *g, uint64_t offset, unsigned width);
bool regs_write(struct regs *g, uint64_t offset, unsigned width, uint64_t value);

/** Whether all that the two hold is the same. */
bool regs_same(const struct regs *g);

/** Bring both into one of the states that a driver, or a hostile one, can reach; its name. */
#define REGS_STATES 21
#define REGS_WITH_QUEUES 10 /* from this one on a queue is set up, or the device runs */
const char *regs_bring(struct regs *g, struct enum_run *r, unsigned state);

#endif
