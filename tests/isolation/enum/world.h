/* SPDX-License-Identifier: MIT */
/*
 * A guest and a device in miniature around the real shadow CVQ: guest RAM between pages that cannot
 * be touched, the same RAM once more for the model, a driver's hands and a device's eyes. It
 * compares what the code does with what the model does, step by step. It must never decide what is
 * right: the model does.
 *
 * RAM has three parts, so that a range can leave each at both ends; the last reaches up to 2^64, so
 * that one that wraps arrives at the first, which is RAM as well.
 */
#ifndef ISOLATION_ENUM_WORLD_H
#define ISOLATION_ENUM_WORLD_H

#include "../../../vdpa/cvq.h"
#include "model.h"
#include "run.h"

#define WORLD_LOW 0x4000u /* bytes at GPA 0 */
#define WORLD_MIDDLE_AT 0x100000u
#define WORLD_MIDDLE 0x2000u
#define WORLD_TOP 0x1000u /* bytes up to 2^64 */
#define WORLD_TOP_AT (0 - (uint64_t)WORLD_TOP)

/* Where the driver keeps things, all in the first part. */
#define WORLD_DESC 0x0000u /* up to 256 descriptors */
#define WORLD_AVAIL 0x1000u
#define WORLD_USED 0x1400u
#define WORLD_COMMAND 0x2000u
#define WORLD_ACK 0x3c00u

#define WORLD_ARENA 0x40000000u

/* What a guest of this VMM can have negotiated: CTRL_VQ, CTRL_RX, CTRL_MAC_ADDR, VERSION_1. */
#define WORLD_FEATURES (1ull << 17 | 1ull << 18 | 1ull << 23 | 1ull << 32)
/* And this one, which makes indirect tables legal. */
#define WORLD_INDIRECT (1ull << 28)

/* All that a guest of a device can have negotiated that can do everything, and that device. */
#define WORLD_ALL                                                                                  \
	(WORLD_FEATURES | 1ull << 1 | 1ull << 2 | 1ull << 19 | 1ull << 20 | 1ull << 21 |           \
	 1ull << 22 | 1ull << 50 | 1ull << 52 | 1ull << 53 | 1ull << 57 | 1ull << 60)
extern const struct model_net world_able;

/** The rules of that device with these features. */
struct ctrl_rules world_rules(uint64_t features);

struct world {
	struct enum_run *run;
	uint8_t *ram[3], *copy[3]; /* the parts, and the model's */
	struct gmem mem;
	struct model_ram model;
	struct arena arena;
	struct cvq cvq;
	uint8_t moat[0x2000]; /* what is written beyond the CVQ's own memory ends here */
	struct model_cvq want;

	/* The device's end: what the CVQ's ASID shows it. */
	struct model_ram device_ram;
	struct model_ring device_ring;
	struct model_chain device_chain; /* the one it was given last */
	uint32_t device_head;
	uint8_t last[MODEL_COMMAND_MAX]; /* its bytes */
	size_t last_len;
	uint64_t kicks;			   /* commands it was given over all */
	uint8_t result[MODEL_COMMAND_MAX]; /* what it answers with behind the ack, ... */
	size_t result_len;		   /* ... so many bytes of it */

	uint16_t offered; /* the driver's available index */
	const char *what; /* the attempt, for a violation: a format of up to three numbers */
	unsigned long long arg[3];
};

/** @bytes of memory that end at a page which cannot be touched; another such page is before them.
 * NULL: none left. */
uint8_t *world_guarded(size_t bytes);

/** Make the memory; what cannot be had ends the row with a violation. */
void world_make(struct world *w, struct enum_run *r);

/** Empty RAM, fresh rings of @num entries at the places above, a fresh arena, and a model to match.
 */
void world_start(struct world *w, uint16_t num, uint64_t features);

/** Name the attempt. */
static inline void world_attempt(struct world *w, const char *what, unsigned long long a,
				 unsigned long long b, unsigned long long c)
{
	w->what = what;
	w->arg[0] = a;
	w->arg[1] = b;
	w->arg[2] = c;
}

/** Tell of a violation of the attempt. */
void world_violated(struct world *w, const char *how);

/* The driver: into guest RAM and the model's alike, at GPAs of the first part. */
void world_put(struct world *w, uint64_t at, const void *bytes, size_t len);
void world_put16(struct world *w, uint64_t at, unsigned v);
void world_desc(struct world *w, unsigned i, uint64_t at, uint32_t len, unsigned flags,
		unsigned next);
/** Make a chain available: the next entry of the ring, and the index. */
void world_offer(struct world *w, unsigned head);
/** A command at WORLD_COMMAND, its answer at WORLD_ACK, as descriptors 0 and 1, offered. */
void world_command(struct world *w, const void *cmd, size_t len);

/** The same with room for an answer of so many bytes. */
void world_ask(struct world *w, const void *cmd, size_t len, uint32_t room);

/** The device: write a used entry, the index @step beyond what it gave back so far, and an answer.
 */
void world_complete(struct world *w, uint32_t id, uint32_t len, uint16_t step, uint8_t ack);

/* A step of the code and of the model, compared. What the model asked for comes back. */
unsigned world_kick(struct world *w);
unsigned world_call(struct world *w, bool good, uint8_t ack);
unsigned world_timeout(struct world *w);
/** A whole command: kick and, if it reached the device, its answer OK with the least result there
 * can be; true if it did. */
bool world_serve(struct world *w);

/** The part of row 12 that is about packed rings (row_packed.c). */
void packed_lists(struct world *w);

/** All of guest RAM, which steps compare only in part, and our own memory behind the CVQ's. */
void world_compare_all(struct world *w);

#endif
