/* SPDX-License-Identifier: MIT */
/*
 * Row 24, batches: mixed up, nested, left open, closed twice. It must never take a batch's answer
 * for what became of it: its end reports no error (K13).
 */
#include "run.h"

#include <errno.h>
#include <linux/vhost.h>

static void legal(struct run *r, int ret, const char *what, uint32_t asid)
{
	run_legal(r, ret == 0, "%s, ASID %u: %d", what, asid, ret);
}

/* A command that lies in memory which only ASID 1 has. */
static void command_from_extra(struct run *r)
{
	struct client *c = &r->client;
	struct spot there = {EXTRA_AT, run_extra(r, 0)};

	run_legal(r, dma_command(c, there, dma_arena_ack(c), r->client.patience_ms) == DID,
		  "a control command in memory that was mapped for it");
}

/* While a batch is open for @asid, whatever is said of another one is refused. */
static void other_asids(struct run *r, uint32_t asid)
{
	const uint32_t others[] = {1 - asid, 2, 0x80000000, UINT32_MAX};
	static const struct {
		int type;
		const char *name;
	} tries[] = {{VHOST_IOTLB_UPDATE, "UPDATE"},
		     {VHOST_IOTLB_INVALIDATE, "INVALIDATE"},
		     {VHOST_IOTLB_BATCH_BEGIN, "BATCH_BEGIN"},
		     {VHOST_IOTLB_BATCH_END, "BATCH_END"}};

	legal(r, client_batch(&r->client, asid, true), "BATCH_BEGIN", asid);
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		for (unsigned k = 0; k < sizeof(tries) / sizeof(tries[0]); k++) {
			bool all = tries[k].type == VHOST_IOTLB_INVALIDATE;
			int ret = run_message(r, tries[k].type, others[i], all ? 0 : EXTRA_AT,
					      all ? ALL_BUT_LAST_PAGE : PAGE, run_extra(r, 0));
			run_attempt(r, ret == -EFAULT, "%s for ASID %u in a batch for ASID %u: %d",
				    tries[k].name, others[i], asid, ret);
		}
	legal(r, client_batch(&r->client, asid, false), "BATCH_END", asid);
	run_traffic(r);
	run_absent(r, EXTRA_AT, "a map of another ASID's batch");
}

static void mixed_up(struct run *r)
{
	other_asids(r, 0);
	other_asids(r, 1);
}

/* What a batch for ASID 1 maps is the CVQ's, and is not there for the data queues. */
static void in_cvq_asid(struct run *r)
{
	struct client *c = &r->client;
	struct seen_region seen;

	legal(r, client_batch(c, 1, true), "BATCH_BEGIN", 1);
	legal(r, client_map(c, 1, EXTRA_AT, run_extra(r, 0), PAGE, VHOST_ACCESS_RW), "UPDATE", 1);
	run_no_read(r, EXTRA_AT, "a batch for ASID 1 that is open");
	legal(r, client_batch(c, 1, false), "BATCH_END", 1);
	run_no_read(r, EXTRA_AT, "what a batch for ASID 1 has mapped");
	if (run_can_ask(r))
		run_attempt(
		    r, run_region(r, 0, EXTRA_AT, &seen) != 0,
		    "VDUSE_IOTLB_GET_FD2 gives in ASID 0 what a batch for ASID 1 has mapped");
	command_from_extra(r);
	legal(r, client_unmap(c, 1, EXTRA_AT, PAGE), "INVALIDATE", 1);
}

static void in_data_asid(struct run *r)
{
	struct client *c = &r->client;
	struct spot there = {EXTRA_AT, run_extra(r, 0)};
	struct seen_region seen;

	legal(r, client_batch(c, 0, true), "BATCH_BEGIN", 0);
	legal(r, client_batch(c, 0, true), "BATCH_BEGIN, again", 0);
	legal(r, client_map(c, 0, EXTRA_AT, run_extra(r, 0), PAGE, VHOST_ACCESS_RW), "UPDATE", 0);
	run_absent(r, EXTRA_AT, "a map of a batch that is open");
	legal(r, client_batch(c, 0, false), "BATCH_END", 0);
	run_reads(r, EXTRA_AT, run_extra(r, 0), "what a batch has mapped");
	if (run_can_ask(r))
		run_attempt(
		    r, run_region(r, 1, EXTRA_AT, &seen) != 0,
		    "VDUSE_IOTLB_GET_FD2 gives in ASID 1 what a batch for ASID 0 has mapped");
	run_attempt(r, dma_command(c, there, dma_arena_ack(c), NOTHING_MS) != DID,
		    "the CVQ took a command from what a batch for ASID 0 has mapped");
	legal(r, client_batch(c, 0, false), "BATCH_END, again", 0);
	legal(r, client_unmap(c, 0, EXTRA_AT, PAGE), "INVALIDATE", 0);
	set_refill(&r->other);
}

/* Whoever opens the node next is not in a batch, and has nothing of it. */
static void unfinished(struct run *r)
{
	struct client *c = &r->client;
	struct err e = {0};

	for (uint32_t asid = 0; asid < SPACES; asid++) {
		legal(r, client_batch(c, asid, true), "BATCH_BEGIN", asid);
		legal(r, client_map(c, asid, EXTRA_AT, run_extra(r, 0), PAGE, VHOST_ACCESS_RW),
		      "UPDATE", asid);
		client_close(c);
		if (!run_legal_call(r, client_open(c, &e), &e) || !run_start(r, &isolated))
			return;
		run_traffic(r);
		run_absent(r, EXTRA_AT, "a map of a batch that nobody ended");
	}
}

static const struct step steps[] = {
    {"mixed up", ON_BOTH, false, mixed_up},
    {"in ASID 1", ON_BOTH, false, in_cvq_asid},
    {"in ASID 0", ON_BOTH, false, in_data_asid},
    {"unfinished", ON_BOTH, false, unfinished},
    {0},
};

const struct steps steps_batches = {
    .step = steps,
    .note = {"of either ASID, with maps of the other, nested, unfinished",
	     "of either ASID, with maps of the other, nested, unfinished"}};
