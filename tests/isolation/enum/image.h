/* SPDX-License-Identifier: MIT */
/*
 * A bench for guest images: a good one to start from, the loader and the model side by side, and
 * what was loaded compared byte for byte. It must never judge: the model does.
 */
#ifndef ISOLATION_ENUM_IMAGE_H
#define ISOLATION_ENUM_IMAGE_H

#include "../../../guest/abi.h"
#include "../../../virtio/gmem.h"
#include "model.h"
#include "run.h"

#define IMAGE_PHDR_AT 64
#define IMAGE_BODY_AT (64 + 3 * 56)
#define IMAGE_LEN (IMAGE_BODY_AT + 256)
#define IMAGE_MAX 0x4000
#define IMAGE_RAM_AT 0xfe000u /* two pages that may not be loaded to, then eight that may */
#define IMAGE_RAM_SIZE 0xa000u

struct image_bench {
	struct enum_run *run;
	uint8_t *ram, *copy, *file_end; /* all end at a page that cannot be touched */
	struct gmem mem;
	struct model_ram model;
	uint8_t image[IMAGE_LEN];
};

void image_bench_make(struct image_bench *b, struct enum_run *r);

/** Put a number of @bytes bytes; a segment's program header; a good image of three segments. */
void image_put(uint8_t *image, unsigned at, unsigned bytes, uint64_t v);
void image_put_segment(uint8_t *image, unsigned i, uint64_t offset, uint64_t at, uint64_t bytes,
		       uint64_t size);
void image_make_good(uint8_t image[IMAGE_LEN]);

/** Load the first @len bytes of an image, at most IMAGE_MAX, and judge what comes of it. */
void image_try(struct image_bench *b, const uint8_t *image, size_t len);

/** bzImages and what else Linux is booted from. */
void bzimages(struct image_bench *b);

#endif
