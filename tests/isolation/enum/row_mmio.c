/* SPDX-License-Identifier: MIT */
/*
 * Rows 17, 18, 30 and 31: the virtio-mmio registers. Every size of a queue; queue registers changed
 * where they may not be; every offset, width and direction in every state; every value of status
 * after every other.
 */
#include "regs.h"

#include "../../../virtio/queue.h"
#include "world.h"

#include <string.h>

/* Values that are something to at least one register. */
static const uint64_t values[] = {0,   1,   2,	    3,		4,	    8,
				  11,  15,  16,	    64,		128,	    255,
				  256, 257, 0x1000, 0x80000000, 0xffffffff, 1ull << 32};
#define VALUES (sizeof(values) / sizeof(values[0]))

/* A size given to the registers of a queue, and that queue made ready. */
static void try_size(struct regs *g, uint32_t num)
{
	(void)regs_write(g, 0x038, 4, num);
	(void)regs_write(g, 0x044, 4, 1);
	(void)regs_read(g, 0x044, 4);
	(void)regs_write(g, 0x044, 4, 0);
}

static void sizes_by_register(struct regs *g, struct enum_run *r)
{
	static const uint16_t most[] = {1, 2, 64, 100, 256, 0x8000};
	uint64_t edges[ENUM_EDGES];
	unsigned n = enum_edges(edges);

	for (unsigned i = 0; i < 6; i++)
		for (uint32_t q = 0; q < 5; q++) {
			regs_init(g, r, 3, most[i]);
			(void)regs_write(g, 0x070, 4, 3);
			(void)regs_write(g, 0x024, 4, 1);
			(void)regs_write(g, 0x020, 4, 1);
			(void)regs_write(g, 0x070, 4, 11);
			(void)regs_write(g, 0x030, 4, q < 4 ? q : UINT32_MAX);
			for (uint32_t num = 0; num <= (i == 4 ? 0x20000u : 0x401u); num++)
				try_size(g, num);
			for (unsigned e = 0; e < n; e++)
				try_size(g, (uint32_t)edges[e]);
		}
}

static void sizes_of_rings(struct world *w, struct enum_run *r)
{
	uint64_t edges[ENUM_EDGES];
	unsigned n = enum_edges(edges);

	for (uint32_t i = 0; i <= 0x20000 + n; i++) {
		uint32_t num = i <= 0x20000 ? i : (uint32_t)edges[i - 0x20001];
		struct queue q;
		bool got = !queue_init(&q, &w->mem, 0, num, gpa(WORLD_DESC), gpa(WORLD_AVAIL),
				       gpa(WORLD_USED));
		if (enum_differs(
			r, got,
			model_ring_valid(&w->model, num, WORLD_DESC, WORLD_AVAIL, WORLD_USED)))
			enum_violated(r, "a ring of %u entries is %s", num, enum_verdict(got));
	}
}

void row_sizes(struct enum_run *r)
{
	static struct world w;
	static struct regs g;

	world_make(&w, r);
	sizes_by_register(&g, r);
	sizes_of_rings(&w, r);
}

/* Once the device runs, what it was given stays what it is, until a reset: whatever the model
 * thinks. */
static void check_kept(struct regs *g, const struct mmio *given, const char *state)
{
	if ((g->code.status & 4) && (memcmp(g->code.queue, given->queue, sizeof(given->queue)) ||
				     g->code.driver != given->driver))
		enum_violated(g->run, "%s: what the device was given at its start has changed",
			      state);
}

/* Every two writes to any two registers, in every state in which a queue is ready or the device
 * runs. */
void row_live(struct enum_run *r)
{
	static struct regs g, before, between;

	for (unsigned state = REGS_WITH_QUEUES; state < REGS_STATES; state++) {
		const char *name = regs_bring(&before, r, state);
		for (unsigned first = 0; first < 64 * VALUES; first++) {
			between = before;
			(void)regs_write(&between, first / VALUES * 4, 4, values[first % VALUES]);
			check_kept(&between, &before.code, name);
			/* By default the second write goes to every register only where the first
			 * did something. */
			bool same = regs_same(&before) &&
				    !memcmp(&between.code, &before.code, sizeof(before.code));
			if (same && !r->how->full)
				continue;
			for (unsigned second = 0; second < 64 * VALUES; second++) {
				g.code = between.code;
				g.model = between.model;
				g.run = r;
				(void)regs_write(&g, second / VALUES * 4, 4,
						 values[second % VALUES]);
				if (between.code.status & 4)
					check_kept(&g, &between.code, name);
			}
		}
	}
}

/* Set up for more than there is room for. */
static void init_clips(struct enum_run *r)
{
	static struct {
		struct mmio m;
		uint8_t moat[1024];
	} s;
	static uint8_t config[512];

	for (unsigned n = 0; n < 22 * 512; n++) {
		unsigned queues = n / 512, len = n % 512;
		memset(&s, 0, sizeof(s));
		memset(config, 0x5a, sizeof(config));
		mmio_init(&s.m, 1, 0, queues, 256, config, len);
		bool held = s.m.queues == (queues < MODEL_QUEUES ? queues : MODEL_QUEUES) &&
			    s.m.config_len == (len < 64 ? len : 64);
		for (unsigned i = 0; i < sizeof(s.moat); i++)
			held &= s.moat[i] == 0;
		if (enum_differs(r, held, true))
			enum_violated(r,
				      "%u queues and a config space of %u bytes: more is taken "
				      "than there is room for",
				      queues, len);
	}
}

/* All of the window, and what a wrong bus could make of it, in one state. */
static void every_access(struct regs *g, struct regs *before, struct enum_run *r, unsigned state)
{
	static const uint64_t far[] = {0x1000,	   0x1004,	   0x10000,   1ull << 32,
				       1ull << 63, UINT64_MAX - 7, UINT64_MAX};

	(void)regs_bring(before, r, state);
	*g = *before;
	for (uint64_t i = 0; i < 0x1000 + 7; i++) {
		uint64_t offset = i < 0x1000 ? i : far[i - 0x1000];
		for (unsigned width = 0; width <= 16; width++) {
			(void)regs_read(g, offset, width);
			/* Away from registers and their width one value says as much as all. */
			unsigned n = width == 4 && i < 0x200 ? VALUES : 1;
			for (unsigned v = 0; v < n; v++) {
				(void)regs_write(g, offset, width, values[n == 1 ? 16 : v]);
				if (width == 4) {
					g->code = before->code;
					g->model = before->model;
				}
			}
		}
	}
	if (!regs_same(g))
		enum_violated(r, "accesses of a wrong width have added up to something");
}

/* The device changes some of its config space, or nothing of it. */
static void change_config(struct regs *g, uint64_t v)
{
	const uint8_t bytes[6] = {2, (uint8_t)(v & 1), (uint8_t)(v >> 1 & 1)};
	unsigned len = (unsigned)(v >> 2 & 7), most = g->model.config_len;

	if (len > sizeof(bytes) || len > most)
		return;
	unsigned offset = (unsigned)(v >> 5) % (most - len + 1);
	mmio_set_config(&g->code, offset, bytes, len);
	model_mmio_set_config(&g->model, offset, bytes, len);
	if (len % 2) {
		mmio_config_interrupt(&g->code);
		model_mmio_interrupt(&g->model);
	}
	if (!regs_same(g))
		enum_violated(g->run, "a change to the config space is not the model's");
}

/* A driver at random: mostly registers and their width. */
static void random_driver(struct regs *g, struct enum_run *r, uint64_t steps)
{
	uint64_t seed = 30;

	regs_init(g, r, 3, 256);
	for (uint64_t i = 0; i < steps; i++) {
		uint64_t v = enum_random(&seed);
		uint64_t offset = v & 15 ? (v >> 8 & 63) * 4 : v >> 8 & 0x1ff;
		unsigned width = v >> 4 & 15 ? 4 : (unsigned)(v >> 20 & 7) + 1;
		if (v >> 24 & 1)
			(void)regs_read(g, offset, width);
		else
			(void)regs_write(g, v >> 25 & 3 ? offset : 0x070, width,
					 v >> 28 & 3 ? values[(v >> 32) % VALUES] : v >> 32);
		if (!(v >> 40 & 0xfff)) {
			mmio_needs_reset(&g->code);
			model_mmio_failed(&g->model);
		}
		if (!(v >> 44 & 0xff))
			change_config(g, v >> 52);
	}
}

void row_registers(struct enum_run *r)
{
	static struct regs g, before;

	init_clips(r);
	for (unsigned state = 0; state < REGS_STATES; state++)
		every_access(&g, &before, r, state);
	random_driver(&g, r, r->how->full ? 200000000 : 1000000);
}

/* Every value of status after every other, and what lies above its eight bits, with these features
 * accepted. */
static void status_after_status(struct regs *g, struct enum_run *r, uint64_t features, bool failed)
{
	static struct regs fresh, between;

	regs_init(&fresh, r, 3, 256);
	fresh.code.driver = fresh.model.accepted = features;
	if (failed) {
		mmio_needs_reset(&fresh.code);
		model_mmio_failed(&fresh.model);
	}
	g->run = between.run = r;
	for (unsigned first = 0; first < 256; first++) {
		between.code = fresh.code;
		between.model = fresh.model;
		(void)regs_write(&between, 0x070, 4, first);
		for (unsigned second = 0; second < 256 + 32; second++) {
			g->code = between.code;
			g->model = between.model;
			(void)regs_write(g, 0x070, 4,
					 second < 256 ? second : 1ull << (second - 256));
			bool runs = g->code.status & 4;
			if (runs && (!(g->code.status & 8) || (g->code.driver & ~g->code.offered) ||
				     !(g->code.driver >> 32 & 1)))
				enum_violated(r,
					      "status 0x%02x then 0x%02x: it runs with features it "
					      "did not offer",
					      first, second);
			struct model_mmio model = g->model;
			struct mmio code = g->code;
			for (unsigned third = 0; third < (r->how->full ? 256 : 0); third++) {
				(void)regs_write(g, 0x070, 4, third);
				g->code = code;
				g->model = model;
			}
		}
	}
}

void row_status(struct enum_run *r)
{
	static struct regs g;
	static const uint64_t accepted[] = {0,
					    1ull << 32,
					    REGS_OFFERED,
					    REGS_OFFERED | 1,
					    REGS_OFFERED & ~(1ull << 32),
					    REGS_OFFERED | 1ull << 63,
					    1ull << 32 | 1ull << 33,
					    UINT64_MAX};

	for (unsigned i = 0; i < 16; i++)
		status_after_status(&g, r, accepted[i / 2], i % 2);
}
