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

/* Notes as the ABI's chapter 5 has them: sizes of name and contents, a type, both padded to 4. */
static bool notes(const uint8_t *p, const uint8_t *file, size_t len, struct model_note *out)
{
	static const uint8_t xen[4] = "Xen";
	wide at = field(p, 8, 8), end = at + field(p, 32, 8);

	out->fault = end > len ? MODEL_ELF_OFFSET : 0u;
	while (!out->fault && at + 12 <= end) {
		const uint8_t *n = file + (size_t)at;
		uint64_t name = field(n, 0, 4), size = field(n, 4, 4);
		wide next = at + 12 + (name + 3) / 4 * 4 + (size + 3) / 4 * 4;
		if (next > end) {
			out->fault = MODEL_ELF_NOTE;
		} else if (field(n, 8, 4) == 18 && name == 4 && size >= 4 &&
			   !memcmp(n + 12, xen, 4)) {
			out->found = true;
			out->entry = (uint32_t)field(n, 16, 4);
			return true;
		}
		at = next;
	}
	return out->fault != 0;
}

void model_note(const uint8_t *file, size_t len, struct model_note *out)
{
	const uint8_t *p = file + field(file, 32, 8);
	uint64_t count = field(file, 56, 2);
	bool inside = false;

	out->found = false;
	out->fault = 0;
	for (uint64_t i = 0; i < count; i++)
		if (field(p + i * PHDR, 0, 4) == 4 && notes(p + i * PHDR, file, len, out))
			break;
	for (uint64_t i = 0; i < count && out->found; i++) {
		uint64_t at = field(p + i * PHDR, 24, 8), size = field(p + i * PHDR, 40, 8);
		inside |= field(p + i * PHDR, 0, 4) == 1 && out->entry >= at &&
			  out->entry < (wide)at + size;
	}
	if (out->found && !inside)
		out->fault = MODEL_ELF_PVH;
}
