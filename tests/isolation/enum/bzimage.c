/* SPDX-License-Identifier: MIT */
/*
 * Row 32's other images: bzImages, the notes of an ELF that name a PVH entry, an initrd's place and
 * a command line's length. A bzImage is a file to its loader, so each attempt is one.
 */
#include "../../../vmm/bzimage_x86.h"
#include "../../../vmm/load.h"
#include "image.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BZ_OFFSET 0x400 /* one setup sector beside the boot sector */
#define BZ_SIZE 0x300
#define BZ_LEN (BZ_OFFSET + BZ_SIZE)
#define BZ_HEADER 0x1f1
#define BZ_END 0x290

struct bench {
	struct image_bench *b;
	int fd;
	uint8_t image[BZ_LEN];
};

static void make_good(uint8_t *f)
{
	for (unsigned i = 0; i < BZ_LEN; i++)
		f[i] = i < BZ_OFFSET ? 0 : (uint8_t)(i * 5 | 1);
	f[0x1f1] = 1;
	image_put(f, 0x1f4, 4, BZ_SIZE / 16);
	image_put(f, 0x1fe, 2, 0xaa55);
	image_put(f, 0x200, 2, 0x6aeb);
	memcpy(f + 0x202, "HdrS", 4);
	image_put(f, 0x206, 2, 0x20f);
	f[0x211] = 1;
	image_put(f, 0x22c, 4, 0x7fffffff);
	image_put(f, 0x230, 4, 0x1000);
	f[0x236] = 1;
	image_put(f, 0x238, 4, 2047);
	image_put(f, 0x258, 8, GUEST_LOAD_MIN + 0x1000);
	image_put(f, 0x260, 4, 0x1000);
}

static uint32_t named(const char *text)
{
	static const char *const fields[] = {
	    "file size", "boot_flag", "header",		  "version",
	    "jump",	 "loadflags", "xloadflags",	  "setup_sects",
	    "syssize",	 "init_size", "kernel_alignment", "pref_address"};
	const char *at = strstr(text, "bad bzImage: ");

	for (unsigned i = 0; at && i < sizeof(fields) / sizeof(fields[0]); i++) {
		size_t len = strlen(fields[i]);
		if (!strncmp(at + 13, fields[i], len) && !strncmp(at + 13 + len, " is ", 4))
			return 1u << i;
	}
	return 0;
}

static bool loaded_alike(struct bench *t, const struct model_bzimage *m)
{
	struct image_bench *b = t->b;

	memset(b->copy, 0xa5, IMAGE_RAM_SIZE);
	memcpy(model_byte(&b->model, m->load), t->image + m->offset, m->size);
	return !memcmp(b->ram, b->copy, IMAGE_RAM_SIZE);
}

static void attempt(struct bench *t, size_t len)
{
	struct image_bench *b = t->b;
	unsigned long long n = b->run->result->attempts;
	struct model_bzimage want;
	struct bzimage bz;
	struct err e = {0};

	e.kind = ERR_NONE;
	e.text[0] = 0;
	if (ftruncate(t->fd, 0) || pwrite(t->fd, t->image, len, 0) != (ssize_t)len)
		enum_violated(b->run, "no file of %zu bytes can be made", len);
	model_bzimage(t->image, len, GUEST_LOAD_MIN, &b->model, &want);
	bool got = bzimage_read("image", t->fd, len, &b->mem, &bz, &e) == 0;
	if (enum_differs(b->run, got, want.faults == 0))
		enum_violated(b->run, "bzImage %llu: %s: %.100s", n, enum_verdict(got), e.text);
	else if (!got && (e.kind != ERR_USAGE || !(named(e.text) & want.faults)))
		enum_violated(b->run, "bzImage %llu: refused for another fault than 0x%x: %.100s",
			      n, want.faults, e.text);
	else if (got &&
		 (bz.load.v != want.load || bz.end != want.end || bz.entry.v != want.load + 0x200 ||
		  bzimage_load("image", t->fd, &bz, &b->mem, &e) || !loaded_alike(t, &want)))
		enum_violated(b->run, "bzImage %llu: other bytes are loaded than the model's", n);
	if (got)
		memset(b->ram, 0xa5, IMAGE_RAM_SIZE);
}

/* The fields that are worth a boundary: place, width. */
static const struct {
	uint16_t at;
	uint8_t bytes;
} fields[] = {{0x1f1, 1}, {0x1f4, 4}, {0x230, 4}, {0x234, 1}, {0x258, 8}, {0x260, 4},
	      {0x1fe, 2}, {0x200, 2}, {0x202, 4}, {0x206, 2}, {0x236, 2}};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))
#define PAIRED 6 /* of which this many are put together */

static const uint64_t marks[] = {0,
				 1,
				 2,
				 BZ_SIZE / 16 - 1,
				 BZ_SIZE / 16,
				 BZ_SIZE / 16 + 1,
				 0x20,
				 0x21,
				 BZ_SIZE - 1,
				 BZ_SIZE,
				 BZ_SIZE + 1,
				 0x1000,
				 0x2000,
				 0x3000,
				 0x8000,
				 0x8001,
				 IMAGE_RAM_AT,
				 GUEST_LOAD_MIN - 1,
				 GUEST_LOAD_MIN,
				 GUEST_LOAD_MIN + 0x7000,
				 IMAGE_RAM_AT + IMAGE_RAM_SIZE - 1,
				 IMAGE_RAM_AT + IMAGE_RAM_SIZE,
				 0x10000000,
				 0x80000000,
				 UINT32_MAX,
				 0 - 4096ull,
				 UINT64_MAX};
#define MARKS (sizeof(marks) / sizeof(marks[0]))

static void headers(struct bench *t)
{
	uint64_t edges[ENUM_EDGES];
	unsigned n = enum_edges(edges);

	for (unsigned i = 0; i < FIELDS * (n + MARKS) * 2; i++) {
		unsigned f = i / 2 % FIELDS, v = i / 2 / (unsigned)FIELDS;
		make_good(t->image);
		t->image[0x234] = i % 2;
		image_put(t->image, fields[f].at, fields[f].bytes, v < n ? edges[v] : marks[v - n]);
		attempt(t, BZ_LEN);
	}
	for (unsigned i = 0; i < (BZ_END - BZ_HEADER) * 256; i++) {
		make_good(t->image);
		t->image[BZ_HEADER + i / 256] = (uint8_t)i;
		attempt(t, BZ_LEN);
	}
	for (size_t len = 0; len <= BZ_LEN; len++) {
		make_good(t->image);
		attempt(t, len);
	}
}

static void pairs(struct bench *t)
{
	unsigned step = t->b->run->how->full ? 1 : 3;

	for (unsigned i = 0; i < PAIRED * PAIRED * MARKS * MARKS; i += step) {
		unsigned a = i % PAIRED, b = i / PAIRED % PAIRED, v = i / (PAIRED * PAIRED);
		make_good(t->image);
		t->image[0x234] = 1;
		image_put(t->image, fields[a].at, fields[a].bytes, marks[v % MARKS]);
		image_put(t->image, fields[b].at, fields[b].bytes, marks[v / MARKS]);
		attempt(t, BZ_LEN);
	}
}

/* ---- notes ---- */

#define NOTE_AT (IMAGE_BODY_AT + 128)

static void make_noted(uint8_t *f)
{
	image_make_good(f);
	image_put(f, IMAGE_PHDR_AT + 2 * 56, 4, 4);
	image_put(f, IMAGE_PHDR_AT + 2 * 56 + 32, 8, 48);
	memset(f + NOTE_AT, 0, 128);
	image_put(f, NOTE_AT, 4, 3); /* another one before it: a name of 3 bytes, 1 of contents */
	image_put(f, NOTE_AT + 4, 4, 1);
	image_put(f, NOTE_AT + 20, 4, 4);
	image_put(f, NOTE_AT + 24, 4, 4);
	image_put(f, NOTE_AT + 28, 4, 18);
	memcpy(f + NOTE_AT + 32, "Xen", 4);
	image_put(f, NOTE_AT + 36, 4, GUEST_LOAD_MIN + 8);
}

static uint32_t note_fault(const char *text)
{
	return strstr(text, ": p_offset is ")	    ? MODEL_ELF_OFFSET
	       : strstr(text, ": n_descsz is ")	    ? MODEL_ELF_NOTE
	       : strstr(text, ": PHYS32_ENTRY is ") ? MODEL_ELF_PVH
						    : 0;
}

static void try_note(struct image_bench *b, const uint8_t *image, size_t len)
{
	unsigned long long n = b->run->result->attempts;
	uint8_t *file = b->file_end - len;
	struct model_note want;
	uint32_t entry = 0;
	struct err e = {0};

	e.kind = ERR_NONE;
	e.text[0] = 0;
	memcpy(file, image, len);
	model_note(file, len, &want);
	int got = load_pvh_entry("image", file, len, 62, &entry, &e);
	if (enum_differs(b->run, got >= 0, want.fault == 0))
		enum_violated(b->run, "note %llu: %s: %.100s", n, enum_verdict(got >= 0), e.text);
	else if (got < 0 && note_fault(e.text) != want.fault)
		enum_violated(b->run, "note %llu: refused for another fault than 0x%x: %.100s", n,
			      want.fault, e.text);
	else if (got >= 0 && ((got > 0) != want.found || (got > 0 && entry != want.entry)))
		enum_violated(b->run, "note %llu: another entry than the model's", n);
}

static void notes(struct image_bench *b)
{
	uint64_t edges[ENUM_EDGES];
	unsigned n = enum_edges(edges);
	const unsigned phdr = IMAGE_PHDR_AT + 2 * 56;

	for (unsigned at = 0; at < 48; at++)
		for (unsigned v = 0; v < 256; v++) {
			make_noted(b->image);
			b->image[NOTE_AT + at] = (uint8_t)v;
			try_note(b, b->image, IMAGE_LEN);
		}
	for (unsigned i = 0; i < n * 8; i++) {
		static const uint8_t at[8][2] = {{8, 8},   {32, 8},  {128, 4}, {132, 4},
						 {148, 4}, {152, 4}, {156, 4}, {164, 4}};
		unsigned f = i % 8;
		make_noted(b->image);
		image_put(b->image, (f < 2 ? phdr : NOTE_AT - 128) + at[f][0], at[f][1],
			  edges[i / 8]);
		try_note(b, b->image, IMAGE_LEN);
	}
	for (unsigned size = 0; size <= 128; size++)
		for (unsigned len = NOTE_AT; len <= IMAGE_LEN; len++) {
			make_noted(b->image);
			image_put(b->image, phdr + 32, 8, size);
			try_note(b, b->image, len);
		}
}

/* ---- an initrd, a command line ---- */

static void places(struct enum_run *r)
{
	uint64_t edges[ENUM_EDGES];
	unsigned n = enum_edges(edges);
	static const uint64_t low[] = {0x100000, 0x2000000, UINT64_MAX};
	static const uint64_t end[] = {0x400000, 0x8000000, 1ull << 30};
	static const uint64_t max[] = {0, 0x3fffff, 0x37ffffff, 0x7fffffff, UINT32_MAX};

	for (unsigned i = 0; i < n * 45; i++) {
		uint64_t lo = low[i % 3], e_at = end[i / 3 % 3], m = max[i / 9 % 5], want_at = 0;
		struct err e = {0};
		gpa_t at = gpa(0);
		e.text[0] = 0;
		bool want = model_initrd(edges[i / 45], lo, m, e_at, &want_at);
		bool got = !initrd_place("initrd", edges[i / 45], lo, m, e_at, &at, &e);
		if (enum_differs(r, got, want) || (got && at.v != want_at))
			enum_violated(r, "an initrd of %llu bytes: %s: %.100s",
				      (unsigned long long)edges[i / 45], enum_verdict(got), e.text);
	}
	for (size_t len = 0; len < 4100; len++)
		for (size_t most = 0; most < 4100; most += most < 4 ? 1 : 255) {
			struct err e = {0};
			bool got = !cmdline_fit("kernel", len, most, &e);
			if (enum_differs(r, got, len <= most))
				enum_violated(r, "a command line of %zu for %zu: %s", len, most,
					      enum_verdict(got));
		}
}

void bzimages(struct image_bench *b)
{
	static struct bench t;

	t.b = b;
	t.fd = memfd_create("bzimage", MFD_CLOEXEC);
	memset(b->ram, 0xa5, IMAGE_RAM_SIZE);
	headers(&t);
	pairs(&t);
	notes(b);
	places(b->run);
	close(t.fd);
}
