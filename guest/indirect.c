// SPDX-License-Identifier: MIT
/*
 * Row 8 of the catalogue: indirect tables (virtio 1.3 section 2.7.5.3) at the CVQ arena's IOVAs, or
 * with entries that point there; tables in tables, of odd lengths, with a next descriptor beside
 * them, and tables that were never agreed on. The rings themselves are legal. On the CVQ the table
 * is the VMM's to follow, so what is malformed there holds a command that must not be carried out.
 */
#include "attack.h"

#include "arch.h"

#include <string.h>

#define FRAME 256u
#define DESC ((uint32_t)sizeof(struct virtq_desc))
#define NEXT VIRTQ_DESC_NEXT
#define WRITE VIRTQ_DESC_WRITE
#define INDIRECT VIRTQ_DESC_INDIRECT

static struct virtq_desc table[4] __attribute__((aligned(64)));

static uint64_t at(const void *p)
{
	return (uintptr_t)p;
}

/* An entry of a table, where next counts from the table's beginning. */
static struct virtq_desc entry(uint64_t addr, uint32_t len, unsigned flags, uint16_t next)
{
	return (struct virtq_desc){addr, len, (uint16_t)flags, next};
}

/* Lay a good chain for @queue out in two entries of @t. */
static void fill(enum net_queue queue, struct virtq_desc *t)
{
	unsigned write = queue == NET_RX ? WRITE : 0;

	t[0] = entry(at(chain_memory.header), NET_HEADER, NEXT | write, 1);
	t[1] = entry(at(chain_memory.spare), FRAME, write, 0);
}

static bool start(struct run *r, uint64_t features, enum net_queue queue)
{
	struct net *n = &r->net;

	if (!net_negotiate(n, features) || !net_lay_out(n)) {
		run_step(r, "reset in an attempt", false);
		return false;
	}
	net_enable(n);
	if (queue != NET_RX)
		net_rx_fill(n);
	net_go(n);
	run_command(r);
	return true;
}

/* ---- data queues ---- */

/* What a data queue is given: one descriptor, which refers to a table. */
static bool attempt_table(struct run *r, enum net_queue queue, enum attempt_shape shape,
			  uint64_t aimed, uint32_t length, struct virtq_desc refer)
{
	return attempt_chain(r, &(struct aim){.queue = queue,
					      .shape = shape,
					      .iova = aimed,
					      .len = length,
					      .frame = FRAME,
					      .desc = &refer,
					      .descs = 1});
}

/* A table there; where that is RAM of ours, a good one. */
static bool table_there(struct run *r, enum net_queue queue, uint64_t page)
{
	if (machine_has_ram(&r->machine, page))
		fill(queue, (struct virtq_desc *)(uintptr_t)page);
	return attempt_table(r, queue, SHAPE_TABLE, page, 2 * DESC,
			     entry(page, 2 * DESC, INDIRECT, 0));
}

static bool entry_there(struct run *r, enum net_queue queue, uint64_t page)
{
	uint64_t aimed = page + AIM_OFFSET;

	fill(queue, table);
	table[1].addr = aimed;
	return attempt_table(r, queue, SHAPE_ENTRY, aimed, FRAME,
			     entry(at(table), 2 * DESC, INDIRECT, 0));
}

/* Tables that must be refused, whatever they hold and wherever they lie. */
#define MALFORMED 6

static bool malformed_there(struct run *r, enum net_queue queue, uint64_t page, unsigned i)
{
	static const uint32_t odd[MALFORMED - 2] = {0, 1, 2 * DESC + 1, 0xffffffffu};

	if (machine_has_ram(&r->machine, page))
		fill(queue, (struct virtq_desc *)(uintptr_t)page);
	if (i < MALFORMED - 2) /* who follows an empty one reads an entry (vringh) */
		return attempt_table(r, queue, SHAPE_LENGTH, page, odd[i] ? odd[i] : DESC,
				     entry(page, odd[i], INDIRECT, 0));
	if (i == MALFORMED - 2)
		return attempt_table(r, queue, SHAPE_NEXT, page, 2 * DESC,
				     desc(page, 2 * DESC, INDIRECT | NEXT, 1));
	table[0] = entry(page, 2 * DESC, INDIRECT, 0);
	return attempt_table(r, queue, SHAPE_NESTED, page, 2 * DESC,
			     entry(at(table), DESC, INDIRECT, 0));
}

/* A queue whose chain did not come back may be stuck at it: then another would not be looked at. */
static void data_queue(struct run *r, uint64_t features, enum net_queue queue)
{
	const struct machine *m = &r->machine;
	bool ready = false;

	for (uint64_t page = m->arena - PAGE; page <= m->arena + m->arena_size; page += PAGE) {
		if (!ready && !start(r, features, queue))
			return;
		ready = table_there(r, queue, page);
		if (!ready && !start(r, features, queue))
			return;
		ready = entry_there(r, queue, page);
	}
	for (unsigned i = 0; i < MALFORMED; i++) {
		if (!ready && !start(r, features, queue))
			return;
		ready = malformed_there(r, queue, m->arena, i);
	}
	if (start(r, NET_FEATURES, queue))
		attempt_table(r, queue, SHAPE_UNAGREED, m->arena, 2 * DESC,
			      entry(m->arena, 2 * DESC, INDIRECT, 0));
}

/* ---- the CVQ ---- */

/* A command and its answer in two entries of @t. */
static void fill_command(struct run *r, struct virtq_desc *t)
{
	command_fill(r);
	t[0] = entry(at(cvq_memory.mac), sizeof(cvq_memory.mac), NEXT, 1);
	t[1] = entry(at(&cvq_memory.ack), 1, WRITE, 0);
}

/* What the CVQ is given: one or two descriptors, the first of which refers to a table. */
static void attempt_command(struct run *r, enum attempt_shape shape, uint64_t aimed,
			    uint32_t length, struct virtq_desc refer)
{
	struct virtq *q = &r->net.q[NET_CVQ];
	enum cvq_outcome got;

	attempt_begin_as(r, shape, NET_CVQ, aimed, length);
	q->desc[AIM_HEAD] = refer;
	q->desc[AIM_HEAD + 1] = desc(at(&cvq_memory.ack), 1, WRITE, 0);
	got = cvq_chain(r);
	attempt_end(r,
		    got == CVQ_SILENT ? OUTCOME_NO_ANSWER
		    : got == CVQ_OK   ? OUTCOME_ALLOWED
				      : OUTCOME_REFUSED,
		    got != CVQ_SILENT);
}

/* Before anything is claimed of tables that are refused: one that is good is taken. */
static bool good_command(struct run *r)
{
	fill_command(r, table);
	r->net.q[NET_CVQ].desc[AIM_HEAD] = entry(at(table), 2 * DESC, INDIRECT, 0);
	return cvq_chain(r) == CVQ_OK;
}

/* To the VMM these are guest addresses: where there is RAM, it is RAM that holds the command. */
static void command_there(struct run *r, uint64_t page)
{
	bool ram = machine_has_ram(&r->machine, page);
	struct virtq_desc *there = ram ? (struct virtq_desc *)(uintptr_t)page : table;

	fill_command(r, there);
	attempt_command(r, SHAPE_NESTED, page, 2 * DESC, entry(at(&table[2]), DESC, INDIRECT, 0));
	if (ram)
		return; /* a good table in RAM, and so no attack */
	attempt_command(r, SHAPE_TABLE, page, 2 * DESC, entry(page, 2 * DESC, INDIRECT, 0));
	fill_command(r, table);
	table[0].addr = page;
	attempt_command(r, SHAPE_ENTRY, page, sizeof(cvq_memory.mac),
			entry(at(table), 2 * DESC, INDIRECT, 0));
}

static void control_queue(struct run *r, uint64_t features)
{
	const struct machine *m = &r->machine;
	uint64_t end = m->ram + m->ram_size - 2 * DESC;

	if (!start(r, features, NET_CVQ))
		return;
	if (features & VIRTIO_F_INDIRECT_DESC)
		run_step(r, "indirect command", good_command(r));
	table[2] = entry(m->arena, 2 * DESC, INDIRECT, 0);
	command_there(r, m->arena);
	fill_command(r, table);
	table[2] = entry(at(table), 2 * DESC, INDIRECT, 0);
	attempt_command(r, SHAPE_NESTED, at(table), 2 * DESC,
			entry(at(&table[2]), DESC, INDIRECT, 0));
	fill_command(r, table);
	attempt_command(r, SHAPE_LENGTH, at(table), 2 * DESC + 1,
			entry(at(table), 2 * DESC + 1, INDIRECT, 0));
	fill_command(r, table);
	attempt_command(r, SHAPE_NEXT, at(table), 2 * DESC,
			desc(at(table), 2 * DESC, INDIRECT | NEXT, 1));
	fill_command(r, (struct virtq_desc *)(uintptr_t)end);
	attempt_command(r, SHAPE_TABLE_END, end, 3 * DESC, entry(end, 3 * DESC, INDIRECT, 0));
	if (!start(r, NET_FEATURES, NET_CVQ))
		return;
	/* A device that does not know the flag would take the command for a buffer like any other.
	 */
	command_fill(r);
	attempt_command(r, SHAPE_UNAGREED, at(cvq_memory.mac), sizeof(cvq_memory.mac),
			desc(at(cvq_memory.mac), sizeof(cvq_memory.mac), INDIRECT | NEXT, 1));
}

void attack_indirect(struct run *r)
{
	/* Where it is not offered, each table is one that was never agreed on: a device may follow
	 * it all the same (vringh does). */
	uint64_t features = NET_FEATURES | (virtio_offered(&r->net.dev) & VIRTIO_F_INDIRECT_DESC);

	data_queue(r, features, NET_RX);
	data_queue(r, features, NET_TX);
	control_queue(r, features);
}
