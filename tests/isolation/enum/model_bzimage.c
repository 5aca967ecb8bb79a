/* SPDX-License-Identifier: MIT */
/*
 * The model's bzImage, from Documentation/arch/x86/boot.rst and what vmm/bzimage_x86.h asks beside:
 * all that is wrong is collected, not the first of it. Sums are made in 128 bits, where none can
 * wrap.
 */
#include "model.h"

#include <string.h>

typedef unsigned __int128 wide;

static uint64_t field(const uint8_t *b, unsigned at, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = bytes; i-- > 0;)
		v = v << 8 | b[at + i];
	return v;
}

/* The smallest multiple of @align that is not below @low, by going there. */
static wide next_multiple(uint64_t low, uint64_t align)
{
	wide at = 0;

	while (align && at < low)
		at += align < low && low % align == 0 ? low : align > 0x1000 ? align : 0x1000;
	return at;
}

static uint32_t header_faults(const uint8_t *f)
{
	uint64_t end = 0x202 + f[0x201];
	uint32_t faults = 0;

	faults |= f[0x1fe] != 0x55 || f[0x1ff] != 0xaa ? MODEL_BZ_FLAG : 0u;
	faults |= memcmp(f + 0x202, "HdrS", 4) ? MODEL_BZ_MAGIC : 0u;
	faults |= f[0x207] < 2 || (f[0x207] == 2 && f[0x206] < 12) ? MODEL_BZ_VERSION : 0u;
	faults |= end < 0x268 || end > 0x290 ? MODEL_BZ_JUMP : 0u;
	faults |= f[0x211] % 2 == 0 ? MODEL_BZ_LOADFLAGS : 0u;
	faults |= f[0x236] % 2 == 0 ? MODEL_BZ_XLOADFLAGS : 0u;
	return faults;
}

void model_bzimage(const uint8_t *f, size_t len, uint64_t low, const struct model_ram *ram,
		   struct model_bzimage *out)
{
	if (len < 0x268) {
		out->faults = MODEL_BZ_SIZE;
		return;
	}
	uint64_t align = field(f, 0x230, 4), init = field(f, 0x260, 4), bits = 0;
	for (uint64_t a = align; a; a >>= 1)
		bits += a & 1;
	out->faults = header_faults(f);
	out->offset = 512 * (1 + (f[0x1f1] == 0 ? 4u : f[0x1f1]));
	out->size = 16 * field(f, 0x1f4, 4);
	out->faults |= out->offset > len ? MODEL_BZ_SETUP : 0u;
	out->faults |=
	    (wide)out->offset + out->size > len || out->size < 0x201 ? MODEL_BZ_SYSSIZE : 0u;
	out->faults |= out->size > init ? MODEL_BZ_INIT : 0u;
	out->faults |= bits != 1 || align > 1u << 30 ? MODEL_BZ_ALIGN : 0u;
	out->load = field(f, 0x258, 8);
	if (f[0x234] && !model_in_ram(ram, out->load, init) && bits == 1)
		out->load = (uint64_t)next_multiple(low, align);
	out->faults |= out->load < low ? MODEL_BZ_PREF : 0u;
	out->faults |= !model_in_ram(ram, out->load, init) ? MODEL_BZ_INIT : 0u;
	out->end = out->load + init;
}

bool model_initrd(uint64_t len, uint64_t lowest, uint64_t max, uint64_t ram_end, uint64_t *at)
{
	wide end = (wide)max + 1 < ram_end ? (wide)max + 1 : ram_end;

	if (len > end)
		return lowest == 0;
	*at = (uint64_t)(end - len) / 4096 * 4096;
	return *at >= lowest;
}
