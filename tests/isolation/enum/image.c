/* SPDX-License-Identifier: MIT */
/* A bench for guest images; see image.h. */
#include "image.h"

#include "../../../vmm/load.h"
#include "world.h"

#include <string.h>

#define MACHINE 62 /* x86-64, by the ABI's list; any number would do */

void image_put(uint8_t *image, unsigned at, unsigned bytes, uint64_t v)
{
	for (unsigned i = 0; i < bytes; i++)
		image[at + i] = (uint8_t)(v >> 8 * i);
}

void image_put_segment(uint8_t *image, unsigned i, uint64_t offset, uint64_t at, uint64_t bytes,
		       uint64_t size)
{
	unsigned p = IMAGE_PHDR_AT + 56 * i;

	image_put(image, p, 4, 1);
	image_put(image, p + 8, 8, offset);
	image_put(image, p + 24, 8, at);
	image_put(image, p + 32, 8, bytes);
	image_put(image, p + 40, 8, size);
}

/* The first segment has memory that the file does not fill. */
void image_make_good(uint8_t image[IMAGE_LEN])
{
	static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

	for (unsigned i = 0; i < IMAGE_LEN; i++)
		image[i] = i < IMAGE_BODY_AT ? 0 : (uint8_t)(i * 7 | 1);
	memcpy(image, ident, sizeof(ident));
	image_put(image, 16, 2, 2);
	image_put(image, 18, 2, MACHINE);
	image_put(image, 20, 4, 1);
	image_put(image, 24, 8, GUEST_LOAD_MIN + 4);
	image_put(image, 32, 8, IMAGE_PHDR_AT);
	image_put(image, 54, 2, 56);
	image_put(image, 56, 2, 3);
	image_put_segment(image, 0, IMAGE_BODY_AT, GUEST_LOAD_MIN, 64, 0x1000);
	image_put_segment(image, 1, IMAGE_BODY_AT + 64, GUEST_LOAD_MIN + 0x1000, 64, 64);
	image_put_segment(image, 2, IMAGE_BODY_AT + 128, GUEST_LOAD_MIN + 0x2000, 128, 0x200);
}

/* The bit that stands for the field which an error names, or 0. */
static uint32_t named(const char *text)
{
	static const struct {
		const char *field;
		uint32_t fault;
	} fields[] = {{"file size", MODEL_ELF_SIZE},
		      {"e_ident", MODEL_ELF_IDENT},
		      {"e_ident[EI_CLASS]", MODEL_ELF_CLASS},
		      {"e_ident[EI_DATA]", MODEL_ELF_DATA},
		      {"e_version", MODEL_ELF_VERSION},
		      {"e_type", MODEL_ELF_TYPE},
		      {"e_machine", MODEL_ELF_MACHINE},
		      {"e_phentsize", MODEL_ELF_PHENTSIZE},
		      {"e_phnum", MODEL_ELF_PHNUM},
		      {"e_phoff", MODEL_ELF_PHOFF},
		      {"p_filesz", MODEL_ELF_FILESZ},
		      {"p_offset", MODEL_ELF_OFFSET},
		      {"p_paddr", MODEL_ELF_PADDR},
		      {"p_memsz", MODEL_ELF_MEMSZ},
		      {"e_entry", MODEL_ELF_ENTRY}};
	const char *at = strstr(text, "bad ELF: ");

	for (unsigned i = 0; at && i < sizeof(fields) / sizeof(fields[0]); i++) {
		size_t len = strlen(fields[i].field);
		if (!strncmp(at + 9, fields[i].field, len) && !strncmp(at + 9 + len, " is ", 4))
			return fields[i].fault;
	}
	return 0;
}

/* Guest RAM as the model would have it after a good image. */
static bool loaded_alike(struct image_bench *b, const uint8_t *file, const struct model_elf *m)
{
	memset(b->copy, 0xa5, IMAGE_RAM_SIZE);
	for (unsigned i = 0; i < m->segments; i++) {
		uint8_t *to = model_byte(&b->model, m->segment[i].at);
		memset(to, 0, m->segment[i].size);
		memcpy(to, file + m->segment[i].offset, m->segment[i].bytes);
	}
	return !memcmp(b->ram, b->copy, IMAGE_RAM_SIZE);
}

void image_try(struct image_bench *b, const uint8_t *image, size_t len)
{
	uint8_t *file = b->file_end - len;
	struct model_elf want;
	gpa_t entry = gpa(0);
	struct err e;

	e.kind = ERR_NONE;
	e.text[0] = 0;
	memcpy(file, image, len);
	model_elf(file, len, MACHINE, GUEST_LOAD_MIN, &b->model, &want);
	bool got = load_elf("image", file, len, MACHINE, &b->mem, &entry, &e) == 0;
	if (enum_differs(b->run, got, want.faults == 0))
		enum_violated(b->run, "image %llu: %s: %.100s",
			      (unsigned long long)b->run->result->attempts, enum_verdict(got),
			      e.text);
	else if (!got && (e.kind != ERR_USAGE || !(named(e.text) & want.faults)))
		enum_violated(b->run, "image %llu: refused for another fault than 0x%x: %.100s",
			      (unsigned long long)b->run->result->attempts, want.faults, e.text);
	else if (got && (entry.v != want.entry || !loaded_alike(b, file, &want)))
		enum_violated(b->run, "image %llu: other bytes are loaded than the model's",
			      (unsigned long long)b->run->result->attempts);
	for (unsigned i = 0; i < GUEST_LOAD_MIN - IMAGE_RAM_AT; i += 64)
		if (b->ram[i] != 0xa5)
			enum_violated(b->run, "image %llu: written below the first place allowed",
				      (unsigned long long)b->run->result->attempts);
	if (got || !(named(e.text) &
		     (MODEL_ELF_SIZE | MODEL_ELF_IDENT | MODEL_ELF_PHOFF | MODEL_ELF_PHNUM)))
		memset(b->ram, 0xa5, IMAGE_RAM_SIZE);
}

void image_bench_make(struct image_bench *b, struct enum_run *r)
{
	b->run = r;
	b->ram = world_guarded(IMAGE_RAM_SIZE);
	b->copy = world_guarded(IMAGE_RAM_SIZE);
	b->file_end = world_guarded(IMAGE_MAX) + IMAGE_MAX;
	if (gmem_add(&b->mem, gpa(IMAGE_RAM_AT), IMAGE_RAM_SIZE, b->ram))
		enum_violated(r, "guest RAM could not be made");
	b->model = (struct model_ram){1, {{IMAGE_RAM_AT, IMAGE_RAM_SIZE, b->copy}}};
	memset(b->ram, 0xa5, IMAGE_RAM_SIZE);
}
