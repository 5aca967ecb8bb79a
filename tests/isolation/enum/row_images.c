/* SPDX-License-Identifier: MIT */
/*
 * Row 32: guest images. Every field at every boundary, fields in pairs and segments in whole,
 * truncations, and mutations from a seed; the file lies in memory that ends where it does, and RAM
 * in memory that ends where it does.
 */
#include "../../../vmm/load.h"
#include "image.h"
#include "world.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The fields that are worth a boundary: place, width. */
static const struct {
	uint8_t at, bytes;
} fields[] = {{4, 1},  {5, 1},	{6, 1},	  {16, 2},  {18, 2},  {20, 4}, {24, 8},
	      {32, 8}, {52, 2}, {54, 2},  {56, 2},  {64, 4},  {72, 8}, {80, 8},
	      {88, 8}, {96, 8}, {104, 8}, {112, 8}, {128, 8}, {144, 8}};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

/* What is a boundary somewhere in an image, beside powers of two and their neighbours. */
static const uint64_t marks[] = {IMAGE_PHDR_AT,
				 IMAGE_BODY_AT,
				 IMAGE_BODY_AT + 64,
				 IMAGE_LEN - 1,
				 IMAGE_LEN,
				 IMAGE_LEN + 1,
				 IMAGE_LEN - 64,
				 IMAGE_RAM_AT,
				 GUEST_LOAD_MIN - 1,
				 GUEST_LOAD_MIN,
				 GUEST_LOAD_MIN + 1,
				 IMAGE_RAM_AT + IMAGE_RAM_SIZE - 1,
				 IMAGE_RAM_AT + IMAGE_RAM_SIZE,
				 IMAGE_RAM_AT + IMAGE_RAM_SIZE + 1,
				 0xd0000000,
				 0xd0001000,
				 WORLD_ARENA,
				 0 - (uint64_t)IMAGE_PHDR_AT,
				 0 - 56ull,
				 0 - 4096ull,
				 56,
				 62,
				 65};
#define MARKS (sizeof(marks) / sizeof(marks[0]))

static void single_fields(struct image_bench *b)
{
	uint64_t edges[ENUM_EDGES];
	unsigned n = enum_edges(edges);

	for (unsigned f = 0; f < FIELDS; f++)
		for (unsigned i = 0; i < n + MARKS; i++) {
			image_make_good(b->image);
			image_put(b->image, fields[f].at, fields[f].bytes,
				  i < n ? edges[i] : marks[i - n]);
			image_try(b, b->image, IMAGE_LEN);
		}
	for (unsigned at = 0; at < IMAGE_BODY_AT; at++)
		for (unsigned v = 0; v < 256; v++) {
			image_make_good(b->image);
			b->image[at] = (uint8_t)v;
			image_try(b, b->image, IMAGE_LEN);
		}
}

static void pairs_of_fields(struct image_bench *b)
{
	for (unsigned f = 0; f < FIELDS * FIELDS; f++)
		for (unsigned i = 0; i < MARKS * MARKS && f / FIELDS < f % FIELDS;
		     i += b->run->how->full ? 1 : 7) {
			image_make_good(b->image);
			image_put(b->image, fields[f / FIELDS].at, fields[f / FIELDS].bytes,
				  marks[i / MARKS]);
			image_put(b->image, fields[f % FIELDS].at, fields[f % FIELDS].bytes,
				  marks[i % MARKS]);
			image_try(b, b->image, IMAGE_LEN);
		}
}

/* A segment in whole: offset, address, bytes and memory, each at every mark; over the first and
 * over the second. */
static void segments(struct image_bench *b)
{
	static const uint64_t size[] = {0,	   1,	       64,	   256,
					0x1000,	   0x7fff,     0x8000,	   0x8001,
					IMAGE_LEN, 1ull << 32, 1ull << 63, UINT64_MAX};
	static const uint64_t offset[] = {0,	     IMAGE_BODY_AT, IMAGE_LEN - 64,
					  IMAGE_LEN, IMAGE_LEN + 1, UINT64_MAX - 63,
					  UINT64_MAX};
	static const uint64_t at[] = {0,
				      IMAGE_RAM_AT,
				      GUEST_LOAD_MIN - 1,
				      GUEST_LOAD_MIN,
				      GUEST_LOAD_MIN + 0xfff,
				      GUEST_LOAD_MIN + 0x1000,
				      GUEST_LOAD_MIN + 0x1040,
				      IMAGE_RAM_AT + IMAGE_RAM_SIZE - 1,
				      IMAGE_RAM_AT + IMAGE_RAM_SIZE,
				      0xd0000000,
				      UINT64_MAX - 63};
	const unsigned all = 7 * 11 * 12 * 12;

	for (unsigned i = 0; i < all * 2; i++) {
		unsigned v = i / 2;
		image_make_good(b->image);
		image_put(b->image, 56, 2, 2);
		image_put_segment(b->image, i % 2, offset[v % 7], at[v / 7 % 11], size[v / 77 % 12],
				  size[v / 924]);
		image_try(b, b->image, IMAGE_LEN);
	}
}

/* Many program headers, and files that end anywhere. */
static void counts_and_ends(struct image_bench *b)
{
	static uint8_t big[64 + 56 * 80 + 64];

	for (unsigned n = 0; n < 80; n++) {
		memset(big, 0, sizeof(big));
		image_make_good(b->image);
		memcpy(big, b->image, 64);
		image_put(big, 56, 2, n);
		for (unsigned i = 0; i < n; i++)
			image_put_segment(big, i, 0, GUEST_LOAD_MIN + 64 * i, 64, 64);
		for (unsigned cut = 0; cut < 64; cut++)
			image_try(b, big, 64 + 56 * n + 64 - cut * 2);
	}
	image_make_good(b->image);
	for (size_t len = 0; len <= IMAGE_LEN; len++)
		image_try(b, b->image, len);
}

static void mutations(struct image_bench *b, uint64_t rounds)
{
	uint64_t seed = 32, edges[ENUM_EDGES];
	unsigned n = enum_edges(edges);

	for (uint64_t i = 0; i < rounds; i++) {
		image_make_good(b->image);
		for (uint64_t k = enum_random(&seed) % 4 + 1; k > 0; k--) {
			uint64_t v = enum_random(&seed), x = enum_random(&seed);
			if (v & 1)
				b->image[(v >> 8) % IMAGE_BODY_AT] = (uint8_t)x;
			else
				image_put(b->image, fields[(v >> 8) % FIELDS].at,
					  fields[(v >> 8) % FIELDS].bytes,
					  v >> 1 & 1   ? marks[x % MARKS]
					  : v >> 2 & 1 ? edges[x % n]
						       : x >> (v >> 16 & 63));
		}
		image_try(b, b->image,
			  enum_random(&seed) % 8 ? IMAGE_LEN : enum_random(&seed) % IMAGE_LEN);
	}
}

/* Files as load_file() finds them: of any size up to the limit, and what is no file. */
static void files(struct enum_run *r)
{
	static const off_t sizes[] = {0,	 1,	   4096, LOAD_FILE_MAX, LOAD_FILE_MAX + 1ll,
				      1ll << 32, 1ll << 40};
	char path[64];
	int fifo[2];

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]) + 3; i++) {
		struct err e = {0};
		size_t len = 0;
		int fd = -1;
		bool want = i < 4;
		if (i < 7) {
			fd = memfd_create("image", MFD_CLOEXEC);
			snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
			if (fd < 0 || ftruncate(fd, sizes[i]))
				enum_violated(r, "no file of %lld bytes can be made",
					      (long long)sizes[i]);
		} else if (i == 7 && pipe2(fifo, O_CLOEXEC) == 0) {
			close(fifo[1]);
			fd = fifo[0];
			snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		} else {
			snprintf(path, sizeof(path), "%s", i == 8 ? "/dev/null" : "/");
		}
		void *buf = load_file(path, &len, &e);
		if (enum_differs(r, buf != NULL, want) || (want && len != (size_t)sizes[i]) ||
		    (!want && e.kind != ERR_USAGE))
			enum_violated(r, "file %u: %s", i, buf ? enum_verdict(true) : e.text);
		free(buf);
		if (fd >= 0)
			close(fd);
	}
}

void row_images(struct enum_run *r)
{
	static struct image_bench b;

	image_bench_make(&b, r);
	files(r);
	bzimages(&b);
	counts_and_ends(&b);
	single_fields(&b);
	segments(&b);
	pairs_of_fields(&b);
	mutations(&b, r->how->full ? 10000000 : 100000);
}
