/* SPDX-License-Identifier: MIT */
/*
 * Rows 9 and 10, as far as our own process goes: ranges at every boundary, given to guest memory's
 * door, as the places of a ring, and as the buffers of a command.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#define POINTS_MAX 512

struct points {
	unsigned n;
	uint64_t v[POINTS_MAX];
};

/* Powers of two and their neighbours, and the ends of every part of RAM. */
static void make_points(struct points *p, const struct model_ram *ram, const int *around,
			unsigned arounds)
{
	p->n = enum_edges(p->v);
	for (unsigned i = 0; i < ram->parts; i++)
		for (unsigned end = 0; end < 2; end++)
			for (unsigned d = 0; d < arounds; d++)
				p->v[p->n++] = ram->part[i].start + (end ? ram->part[i].size : 0) +
					       (uint64_t)(int64_t)around[d];
}

static void make_lengths(struct points *p, const struct model_ram *ram)
{
	static const uint64_t more[] = {5, 6, 10, 12, 4095, 4097, 0x3ff8, 0x1ff8};

	p->n = enum_edges(p->v);
	for (unsigned i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		p->v[p->n++] = more[i];
	for (unsigned i = 0; i < ram->parts; i++)
		for (uint64_t d = 0; d < 3; d++)
			p->v[p->n++] = ram->part[i].size - 1 + d;
}

/* A region of guest RAM is added as the first, beside another, or to a full table. */
static void add_regions(struct enum_run *r)
{
	static uint8_t host[16];
	struct {
		struct gmem mem;
		uint8_t moat[256]; /* where one region too many would go */
	} m;
	struct model_ram ram = {1, {{0x10000, 0x10000, host}}}, full = {.parts = 4};
	static const int around[] = {-2, -1, 0, 1, 2};
	struct points p;

	make_points(&p, &ram, around, 5);
	for (unsigned i = 0; i < p.n * p.n * 2; i++) {
		uint64_t start = p.v[i / 2 / p.n], size = p.v[i / 2 % p.n];
		memset(&m, 0, sizeof(m));
		ram.parts = m.mem.count = i % 2;
		m.mem.region[0] = (struct gmem_region){gpa(0x10000), 0x10000, host};
		bool got = gmem_add(&m.mem, gpa(start), size, host) == 0;
		if (enum_differs(r, got, model_part_fits(&ram, start, size)))
			enum_violated(r, "a region of 0x%llx at 0x%llx beside %u is %s",
				      (unsigned long long)size, (unsigned long long)start,
				      ram.parts, enum_verdict(got));
	}
	memset(&m, 0, sizeof(m));
	for (uint64_t n = 0; n < 6; n++) {
		bool got = gmem_add(&m.mem, gpa(n * 16), 16, host) == 0;
		if (n < 4)
			full.part[n] = (struct model_part){n * 16, 16, host};
		full.parts = n < 4 ? (unsigned)n : 4;
		if (enum_differs(r, got, model_part_fits(&full, n * 16, 16)))
			enum_violated(r, "region number %u is %s", (unsigned)n + 1,
				      enum_verdict(got));
	}
}

/* A range that lies in RAM: both copies move these bytes and no others. */
static void copy_range(struct world *w, uint64_t at, size_t len, uint8_t *buf)
{
	uint8_t *model = model_byte(&w->model, at);

	memset(buf, 0, len);
	if (gmem_read(&w->mem, gpa(at), buf, len) || memcmp(buf, model, len))
		world_violated(w, "other bytes are read");
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(buf[i] + i + 1);
	memcpy(model, buf, len);
	if (gmem_write(&w->mem, gpa(at), buf, len))
		world_violated(w, "bytes are not written");
	world_compare_all(w);
}

static void ranges(struct world *w, struct enum_run *r)
{
	static const int around[] = {-17, -16, -9, -8, -4, -2, -1, 0, 1, 2, 4, 8, 9, 16};
	static uint8_t buf[0x10000];
	struct points at, len;

	make_points(&at, &w->model, around, sizeof(around) / sizeof(around[0]));
	make_lengths(&len, &w->model);
	world_start(w, 4, WORLD_FEATURES);
	for (unsigned i = 0; i < at.n * len.n; i++) {
		uint64_t a = at.v[i / len.n], l = len.v[i % len.n];
		bool want = model_in_ram(&w->model, a, l), got = gmem_contains(&w->mem, gpa(a), l);
		world_attempt(w, "0x%llx bytes at 0x%llx", l, a, 0);
		if (enum_differs(r, got, want))
			world_violated(w, enum_verdict(got));
		else if (want)
			copy_range(w, a, l, buf);
		else if (!gmem_read(&w->mem, gpa(a), buf, l) ||
			 !gmem_write(&w->mem, gpa(a), buf, l))
			world_violated(w, "copied, though not in RAM");
	}
	for (unsigned i = 0; i < at.n; i++) {
		uint16_t v;
		bool want = at.v[i] % 2 == 0 && model_in_ram(&w->model, at.v[i], 2);
		bool load = gmem_load16(&w->mem, gpa(at.v[i]), &v) == 0;
		bool store = gmem_store16(&w->mem, gpa(at.v[i]), 0) == 0;
		world_attempt(w, "an index at 0x%llx", at.v[i], 0, 0);
		if (enum_differs(r, load, want) || enum_differs(r, store, want))
			world_violated(w, enum_verdict(!want));
	}
}

/* One part of a ring at every point and size; and all three at once at a choice of points. */
static void rings(struct world *w, struct enum_run *r)
{
	static const int around[] = {-4096, -2054, -518, -64, -16, -8, -6, -4,
				     -2,    -1,	   0,	 1,   2,   4,  8,  16};
	const uint64_t good[3] = {WORLD_DESC, WORLD_AVAIL, WORLD_USED};
	struct points p, few = {0};

	make_points(&p, &w->model, around, sizeof(around) / sizeof(around[0]));
	for (unsigned i = 0; i < p.n; i += 11)
		few.v[few.n++] = p.v[p.n - 1 - i];
	for (unsigned num = 1; num <= 256; num *= 2) {
		for (unsigned i = 0; i < 3 * p.n + few.n * few.n * few.n; i++) {
			uint64_t at[3] = {good[0], good[1], good[2]};
			unsigned k = i - 3 * p.n;
			struct queue q;
			if (i < 3 * p.n)
				at[i % 3] = p.v[i / 3];
			else
				for (unsigned part = 0; part < 3; part++, k /= few.n)
					at[part] = few.v[k % few.n];
			for (unsigned packed = 0; packed < 2; packed++) {
				bool got = !queue_init(&q, &w->mem, (uint64_t)packed << 34, num,
						       gpa(at[0]), gpa(at[1]), gpa(at[2]));
				bool want = (packed ? model_packed_valid : model_ring_valid)(
				    &w->model, num, at[0], at[1], at[2]);
				if (enum_differs(r, got, want))
					enum_violated(
					    r, "a ring (%u) of %u at 0x%llx, 0x%llx, 0x%llx is %s",
					    packed, num, (unsigned long long)at[0],
					    (unsigned long long)at[1], (unsigned long long)at[2],
					    enum_verdict(got));
			}
		}
	}
}

/* A good command wherever one looks but in the rings. */
static void fill_with_commands(struct world *w)
{
	static const uint8_t set_mac[8] = {1, 1, 2, 0, 0, 1, 2, 3};

	for (unsigned part = 0; part < 3; part++)
		for (uint64_t i = part ? 0 : WORLD_COMMAND; i < w->model.part[part].size; i++)
			w->ram[part][i] = w->copy[part][i] = set_mac[i % 8];
}

/* A command, or room for its answer, at every point and of every length. */
static void buffers(struct world *w, struct enum_run *r)
{
	static const int around[] = {-16, -9, -8, -7, -2, -1, 0, 1, 2, 7, 8};
	struct points at, len;

	make_points(&at, &w->model, around, sizeof(around) / sizeof(around[0]));
	make_lengths(&len, &w->model);
	world_start(w, 4, WORLD_FEATURES);
	for (unsigned i = 0; i < at.n * len.n * 2; i++) {
		uint64_t a = at.v[i / 2 / len.n], l = len.v[i / 2 % len.n];
		if (l > UINT32_MAX)
			continue;
		if (i % 256 == 0) {
			world_start(w, 4, WORLD_FEATURES);
			fill_with_commands(w);
		}
		world_attempt(w,
			      i % 2 ? "an answer of 0x%llx bytes at 0x%llx"
				    : "a command of 0x%llx bytes at 0x%llx",
			      l, a, 0);
		world_desc(w, 0, i % 2 ? WORLD_COMMAND : a, i % 2 ? 8 : (uint32_t)l, 1, 1);
		world_desc(w, 1, i % 2 ? a : WORLD_ACK, i % 2 ? (uint32_t)l : 1, 2, 0);
		world_offer(w, 0);
		bool reached = world_serve(w);
		(void)enum_differs(r, reached, reached);
		if (i % 16 == 0 || i % 16 == 1)
			world_compare_all(w);
	}
	world_compare_all(w);
}

void row_edges(struct enum_run *r)
{
	static struct world w;

	world_make(&w, r);
	add_regions(r);
	ranges(&w, r);
	rings(&w, r);
	buffers(&w, r);
}
