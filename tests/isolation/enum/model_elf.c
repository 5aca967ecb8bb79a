/* SPDX-License-Identifier: MIT */
/*
 * The model's ELF image, from the System V ABI's chapters 4 and 5 and what vmm/load.h asks beside:
 * all that is wrong is collected, not the first of it. Sums are made in 128 bits, where none can
 * wrap.
 */
#include "model.h"

#include <string.h>

typedef unsigned __int128 wide;

#define HEADER 64
#define PHDR 56

static uint64_t field(const uint8_t *b, unsigned at, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = bytes; i-- > 0;)
		v = v << 8 | b[at + i];
	return v;
}

static uint32_t header_faults(const uint8_t *h, size_t len, uint16_t machine)
{
	static const uint8_t magic[4] = {0x7f, 'E', 'L', 'F'};
	uint64_t phoff = field(h, 32, 8), phnum = field(h, 56, 2);
	uint32_t f = 0;

	f |= memcmp(h, magic, 4) ? MODEL_ELF_IDENT : 0u;
	f |= h[4] != 2 ? MODEL_ELF_CLASS : 0u;
	f |= h[5] != 1 ? MODEL_ELF_DATA : 0u;
	f |= h[6] != 1 || field(h, 20, 4) != 1 ? MODEL_ELF_VERSION : 0u;
	f |= field(h, 16, 2) != 2 ? MODEL_ELF_TYPE : 0u;
	f |= field(h, 18, 2) != machine ? MODEL_ELF_MACHINE : 0u;
	f |= field(h, 54, 2) != PHDR ? MODEL_ELF_PHENTSIZE : 0u;
	f |= phnum == 0 || phnum > MODEL_SEGMENTS ? MODEL_ELF_PHNUM : 0u;
	f |= (wide)phoff + phnum * PHDR > len ? MODEL_ELF_PHOFF : 0u;
	return f;
}

/* A program header; one without memory is nothing to load, whatever else it says. */
static void segment(const uint8_t *p, size_t len, uint64_t low, const struct model_ram *ram,
		    struct model_elf *out)
{
	uint64_t offset = field(p, 8, 8), at = field(p, 24, 8), bytes = field(p, 32, 8),
		 size = field(p, 40, 8);

	if (field(p, 0, 4) != 1 || size == 0)
		return;
	wide past = 0;
	for (unsigned i = 0; i < out->segments; i++) {
		wide end = (wide)out->segment[i].at + out->segment[i].size;
		past = end > past ? end : past;
	}
	out->faults |= bytes > size ? MODEL_ELF_FILESZ : 0u;
	out->faults |= (wide)offset + bytes > len ? MODEL_ELF_OFFSET : 0u;
	out->faults |= at < low || at < past ? MODEL_ELF_PADDR : 0u;
	out->faults |= !model_in_ram(ram, at, size) ? MODEL_ELF_MEMSZ : 0u;
	out->segment[out->segments].at = at;
	out->segment[out->segments].offset = offset;
	out->segment[out->segments].bytes = bytes;
	out->segment[out->segments].size = size;
	out->segments++;
}

void model_elf(const uint8_t *file, size_t len, uint16_t machine, uint64_t low,
	       const struct model_ram *ram, struct model_elf *out)
{
	bool found = false;

	out->segments = 0;
	out->faults = len < HEADER ? MODEL_ELF_SIZE : header_faults(file, len, machine);
	if (out->faults)
		return;
	for (uint64_t i = 0; i < field(file, 56, 2); i++)
		segment(file + field(file, 32, 8) + i * PHDR, len, low, ram, out);
	out->entry = field(file, 24, 8);
	for (unsigned i = 0; i < out->segments; i++)
		found |= out->entry >= out->segment[i].at &&
			 (wide)out->entry < (wide)out->segment[i].at + out->segment[i].size;
	if (!out->faults && !found)
		out->faults = MODEL_ELF_ENTRY;
}
