/* SPDX-License-Identifier: MIT */
/* The model's guest memory; see model.h. Sums are made in 128 bits, where none can wrap. */
#include "model.h"

typedef unsigned __int128 wide;

static const struct model_part *part_of(const struct model_ram *r, uint64_t at)
{
	for (unsigned i = 0; i < r->parts; i++)
		if (at >= r->part[i].start && at < (wide)r->part[i].start + r->part[i].size)
			return &r->part[i];
	return NULL;
}

bool model_in_ram(const struct model_ram *r, uint64_t at, uint64_t len)
{
	const struct model_part *p = part_of(r, at);

	return p && (wide)at + len <= (wide)p->start + p->size;
}

uint8_t *model_byte(const struct model_ram *r, uint64_t at)
{
	const struct model_part *p = part_of(r, at);

	return p->bytes + (at - p->start);
}

bool model_part_fits(const struct model_ram *r, uint64_t start, uint64_t size)
{
	wide past = (wide)start + size;

	if (size == 0 || past > (wide)1 << 64 || r->parts == 4)
		return false;
	for (unsigned i = 0; i < r->parts; i++) {
		const struct model_part *p = &r->part[i];
		bool before = past <= p->start, after = start >= (wide)p->start + p->size;
		if (!before && !after)
			return false;
	}
	return true;
}
