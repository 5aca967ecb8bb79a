/* SPDX-License-Identifier: MIT */
/*
 * Row 23: a queue is started in an ASID that has no mapping, never had one or has none left, while
 * the other ASID holds all that the queue would need, at the same IOVAs. It must never start
 * vdpa_sim on an ASID never mapped: that is an identity map of this process (finding K7).
 */
#include "run.h"

#include "../../../vdpa/clock.h"
#include "../../../vdpa/vduse/wait.h"

#include <string.h>

/* The data queues' group and all memory on either side of the fence; the CVQ with the memory. */
static const struct layout data_apart[] = {
    {.data_asid = 0, .cvq_asid = 1, .data_in = 1u << 1, .arena_in = 1u << 1},
    {.data_asid = 1, .cvq_asid = 0, .data_in = 1u << 0, .arena_in = 1u << 0},
};
/* The CVQ's group alone. */
static const struct layout cvq_apart[] = {
    {.data_asid = 1, .cvq_asid = 0, .data_in = 1u << 1, .arena_in = 1u << 1},
    {.data_asid = 0, .cvq_asid = 1, .data_in = 1u << 0, .arena_in = 1u << 0},
};

static uint64_t refusals(struct run *r)
{
	return run_can_ask(r) ? parent_heard(&r->parent).refused : 0;
}

/*
 * Silence has to be shown to be a refusal. Our device tells of each since the start, at which it
 * looks at every ring; of vdpa_sim there is no more to see than that nothing happens, and that the
 * same queue works before and after.
 */
static void check_refused(struct run *r, uint64_t before, const char *who)
{
	if (!run_can_ask(r))
		return;
	uint64_t now = before;
	for (int64_t until = clock_ms() + r->client.patience_ms;
	     now == before && clock_ms() < until; wait_ms(1))
		now = refusals(r);
	run_legal(r, now > before, "%s in an ASID without mappings: the device has not even tried",
		  who);
}

static void data_is_dead(struct run *r, uint64_t refused)
{
	struct client *c = &r->client;
	uint8_t *buffer = c->set->data.at + BUFFER, junk[PAGE];

	memset(junk, 0x5a, sizeof(junk));
	memcpy(buffer, junk, sizeof(junk));
	struct moved m = dma_move(c, DATA_AT + SOURCE, DATA_AT + BUFFER, NOTHING_MS, 0);
	check_refused(r, refused, "a data queue");
	run_attempt(r, !m.sent && !m.received, "data queues work in ASID %u, which has no mapping",
		    c->layout.data_asid);
	run_attempt(r, !memcmp(buffer, junk, sizeof(junk)), "a data queue wrote guest RAM");
}

static void cvq_is_dead(struct run *r, uint64_t refused)
{
	struct client *c = &r->client;
	struct spot ack = dma_arena_ack(c);
	enum did did = dma_command(c, dma_arena_command(c), ack, NOTHING_MS);

	check_refused(r, refused, "the CVQ");
	run_attempt(r, did == DID_NOTHING, "the CVQ works in ASID %u, which has no mapping",
		    c->layout.cvq_asid);
	run_attempt(r, *ack.host == DMA_UNSET, "the CVQ wrote the arena");
}

/* The queues that have their memory work before and after the others have not. */
static void check_layout(struct run *r, const struct layout *l, uint64_t refused)
{
	bool data_has = l->data_in >> l->data_asid & 1;

	if (data_has) {
		run_frame(r);
		cvq_is_dead(r, refused);
		run_frame(r);
	} else {
		run_command(r);
		data_is_dead(r, refused);
		run_command(r);
	}
	r->client.stuck[data_has ? CVQ : TX] = true;
}

/* Nothing was ever mapped in ASID 0 (aliased: 1) of this device. */
static void never_mapped(struct run *r)
{
	const struct layout *l = &data_apart[r->place == IN_HOLE ? 0 : 1];
	uint64_t refused = refusals(r);

	if (run_start(r, l))
		check_layout(r, l, refused);
}

/* The ASID that is to be empty has had other memory, and loses it at once or piece by piece. */
static void empty_and_try(struct run *r, const struct layout *l, bool whole)
{
	struct client *c = &r->client;
	uint32_t asid = l->data_in >> l->data_asid & 1 ? l->cvq_asid : l->data_asid;
	const uint8_t *host = r->other.data.at;
	struct err e = {0};

	if (!run_legal_call(r, client_negotiate(c, &e), &e) ||
	    !run_legal_call(r, client_groups(c, l, &e), &e) ||
	    !run_legal_call(r, client_maps(c, l, &e), &e))
		return;
	int ret = client_map(c, asid, EXTRA_AT, host, PAGE, VHOST_PERM_RW);
	if (!ret)
		ret = client_map(c, asid, EXTRA_AT + PAGE, host + PAGE, PAGE, VHOST_PERM_RW);
	run_legal(r, !ret, "IOTLB UPDATE in ASID %u: %d", asid, ret);
	ret = whole ? client_unmap(c, asid, 0, ALL_BUT_LAST_PAGE)
		    : client_unmap(c, asid, EXTRA_AT, PAGE);
	if (!ret && !whole)
		ret = client_unmap(c, asid, EXTRA_AT + PAGE, PAGE);
	run_legal(r, !ret, "IOTLB INVALIDATE in ASID %u: %d", asid, ret);
	uint64_t refused = refusals(r);
	if (run_legal_call(r, client_rings(c, &e), &e) &&
	    run_legal_call(r, client_driver_ok(c, &e), &e))
		check_layout(r, l, refused);
}

static void data_emptied(struct run *r)
{
	for (unsigned way = 0; way < 4; way++)
		empty_and_try(r, &data_apart[way & 1], way >> 1);
}

static void cvq_emptied(struct run *r)
{
	for (unsigned way = 0; way < 4; way++)
		empty_and_try(r, &cvq_apart[way & 1], way >> 1);
}

static const struct step steps[] = {
    {"never mapped", ON_VDUSE, true, never_mapped},
    {"data emptied", ON_BOTH, false, data_emptied},
    {"CVQ emptied", ON_BOTH, false, cvq_emptied},
    {0},
};

const struct steps steps_unmapped = {
    .step = steps,
    .note = {"never mapped, and emptied; the other ASID holds what the queue would need",
	     "emptied ones only: an ASID never mapped is all of the client's memory (K7)"}};
