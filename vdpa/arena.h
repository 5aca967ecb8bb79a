/* SPDX-License-Identifier: MIT */
/*
 * The CVQ arena: all memory that the device's CVQ group can reach, and nothing else. Two sealed
 * memfds of their own, because a VDUSE device gets the whole file behind a mapping: one the device
 * may only read, one it may write. It must never be part of guest RAM's file, nor of any KVM memory
 * slot (but see breaks.h).
 */
#ifndef VDPA_ARENA_H
#define VDPA_ARENA_H

#include "../virtio/addr.h"
#include "err.h"

#include <stdint.h>

#define ARENA_PAGE 4096u
#define ARENA_READABLE                                                                             \
	(4 * ARENA_PAGE) /* page 0: descriptor table, available ring; pages 1-3: command */
#define ARENA_WRITABLE (2 * ARENA_PAGE) /* page 0: used ring; page 1: ack */
#define ARENA_SIZE (ARENA_READABLE + ARENA_WRITABLE)

struct arena {
	iova_t iova; /* of the readable part; the writable part follows it */
	int readable_fd, writable_fd;
	uint64_t offset[2];	      /* where each part begins in its file: 0, but see breaks.h */
	uint8_t *readable, *writable; /* our own mappings, both writable to us */
	uint8_t key[16];
	uint64_t magic;
};

/** Make the files, map and seal them: no shrinking or growing, and no new writer of the readable
 * one. */
int arena_create(struct arena *a, iova_t at, const uint8_t key[16], uint64_t magic, uint32_t breaks,
		 struct err *e);

/** C3: take ARENA_SIZE bytes of the file @fd, which stays the caller's, from @offset on, in place
 * of files of its own. */
int arena_create_within(struct arena *a, int fd, uint64_t offset, iova_t at, const uint8_t key[16],
			uint64_t magic, struct err *e);
void arena_destroy(struct arena *a);

/** Fill every 64-byte line with its canary; rings and buffers are then laid over the first few. */
void arena_fill(struct arena *a);

#endif
