/* SPDX-License-Identifier: MIT */
/*
 * The client: it owns both memories, guest RAM's stand-in and a CVQ arena, and takes a vhost-vDPA
 * device through its stages one by one, in whatever order a step wants them. Not vdpa/attach.c on
 * purpose, which insists on the right one. It must never put the arena where a data queue reaches
 * it, but by a break.
 */
#ifndef ISOLATION_STEPS_CLIENT_H
#define ISOLATION_STEPS_CLIENT_H

#include "../../../vdpa/arena.h"
#include "../../../vdpa/breaks.h"
#include "../../../vdpa/vhost.h"
#include "../../raw/raw.h"
#include "ring.h"
#include "rule.h"

#define QUEUES 3u /* RX, TX, CVQ */
#define RX 0u
#define TX 1u
#define CVQ 2u
#define SPACES 2u

/*
 * IOVAs. Nothing is at 0 (a failed map there drops every other one, finding K10). Data lies at
 * IOVAs that are also its addresses in this process: where a parent forgets its maps and takes
 * IOVAs for the client's addresses (K7), its queues go on, and what they reach can be seen.
 */
#define DATA_AT 0x10000000ull
#define DATA_LEN 0x100000u
#define RX_RING 0x0000u /* offsets in the data memory */
#define TX_RING 0x1000u
#define RING_USED_AT 0x800u /* in a data queue's page */
#define HEAD 0x2000u	    /* of a frame that is sent */
#define BUFFER 0x3000u	    /* where one is received */
#define SOURCE 0x4000u	    /* from here on: the pattern */
#define ALIAS_AT (DATA_AT + 0x80000u)
#define HOLE_AT 0x40000000ull
#define EXTRA_AT 0x50000000ull /* for memory that a step maps: free in both ASIDs */
#define PAGE 4096u
/* What an INVALIDATE of everything names: a size of 2^64 there is none. */
#define ALL_BUT_LAST_PAGE (~0ull - 0xfff)

enum place { IN_HOLE, ALIASED, PLACES };

/** Data memory with a pattern of its own, and an arena with secrets of its own. */
struct set {
	uint64_t seed;
	struct memory data;
	struct arena arena;
};
/** @at_iova: the data's address is its IOVA; only one set can have that. */
int set_make(struct set *s, enum place place, uint64_t seed, bool at_iova, struct err *e);
void set_drop(struct set *s);
/** Write the pattern over everything but the rings. */
void set_refill(struct set *s);
/** Write over what a device may write once more, so that it is seen to. Nobody may be using it. */
void set_scrub(struct set *s);
/** Page @n of the arena, which is in two files. */
uint8_t *arena_page(const struct arena *a, unsigned n);
#define ARENA_PAGES (ARENA_SIZE / ARENA_PAGE)

/** What is where: the ASID of each kind's group, and a mask of the ASIDs its memory is mapped in.
 */
struct layout {
	uint32_t data_asid, cvq_asid;
	uint32_t data_in, arena_in;
};
extern const struct layout isolated;

struct client {
	struct vhost vhost;
	const char *path;
	uint32_t breaks;
	bool private_cvq, persist;
	bool arranged; /* groups and maps were set once: BREAK trust-reset believes in that */
	bool lax;      /* BREAK lax-kernel takes effect: while a step is at work */
	struct facts facts;
	uint64_t backend; /* features on offer */
	uint64_t features;
	enum place place;
	struct set *set;

	struct layout layout;
	uint32_t group[QUEUES];
	bool mapped[SPACES]; /* the kernel has an IOTLB for it */
	struct ring ring[QUEUES];
	int kick_fd[QUEUES], call_fd[QUEUES];
	uint8_t mac; /* the last byte of the address that was set last */
	unsigned patience_ms;
	unsigned after_ms;  /* how long after TX's chain the parent may complete RX's */
	bool running;	    /* DRIVER_OK */
	bool stuck[QUEUES]; /* what was offered has not been completed, and may be at any time */
};

int client_make(struct client *c, const char *path, enum place place, uint32_t breaks,
		bool private_cvq, struct err *e);
void client_drop(struct client *c);

/** Open the node, become its owner, read the facts. What fails here is the host's fault. */
int client_open(struct client *c, struct err *e);
void client_close(struct client *c);

/* ---- the stages; a failure is one of a legal operation ---- */

int client_reset(struct client *c, struct err *e);
int client_negotiate(struct client *c, struct err *e); /* from reset to FEATURES_OK */
int client_groups(struct client *c, const struct layout *l, struct err *e);
/** Both ASIDs emptied, then mapped as @l says. */
int client_maps(struct client *c, const struct layout *l, struct err *e);
int client_rings(struct client *c, struct err *e); /* laid out empty, told, enabled */
int client_driver_ok(struct client *c, struct err *e);
/** All of them. */
int client_start(struct client *c, const struct layout *l, struct err *e);

/** Which of the arena's mapping and the data's are in one ASID, breaks included. */
bool client_merged(const struct client *c);
/** Whether groups and maps are left as they are, on purpose. */
bool client_trusts(const struct client *c);
/** The ASID that is meant when @asid is: 0 when they are merged on purpose. */
uint32_t client_asid(const struct client *c, uint32_t asid);

/** IOTLB messages, as raw_message() but with breaks. */
int client_map(struct client *c, uint32_t asid, uint64_t at, const void *host, uint64_t size,
	       int perm);
int client_unmap(struct client *c, uint32_t asid, uint64_t at, uint64_t size);
int client_batch(struct client *c, uint32_t asid, bool begin);
/** What the kernel has answered to what it should refuse, with breaks. */
int client_answer(const struct client *c, int ret);

/** Whether all queues can be expected to work. */
static inline bool client_live(const struct client *c)
{
	return c->running && !c->stuck[RX] && !c->stuck[TX] && !c->stuck[CVQ];
}

void client_kick(const struct client *c, unsigned q);

#endif
