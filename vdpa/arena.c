/* SPDX-License-Identifier: MIT */
/* The CVQ arena's two files; see arena.h. */
#include "arena.h"

#include "canary.h"
#include "seal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int make_file(const char *name, uint64_t size, int *fd, uint8_t **host, struct err *e)
{
	*fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0 || ftruncate(*fd, (off_t)size) < 0)
		return err_set(e, ERR_INTERNAL, errno, "memfd_create", name,
			       "out of memory or file descriptors");
	*host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (*host == MAP_FAILED) {
		*host = NULL;
		return err_set(e, ERR_INTERNAL, errno, "mmap", name, "out of memory");
	}
	return 0;
}

static void describe(struct arena *a, iova_t at, const uint8_t key[16], uint64_t magic)
{
	*a = (struct arena){.iova = at, .readable_fd = -1, .writable_fd = -1, .magic = magic};
	memcpy(a->key, key, sizeof(a->key));
}

int arena_create(struct arena *a, iova_t at, const uint8_t key[16], uint64_t magic, uint32_t breaks,
		 struct err *e)
{
	describe(a, at, key, magic);
	int ret = make_file("cvq-readable", ARENA_READABLE, &a->readable_fd, &a->readable, e);
	if (!ret)
		ret = make_file("cvq-writable", ARENA_WRITABLE, &a->writable_fd, &a->writable, e);
	/* Our mapping exists already: of the readable part it stays the only writable one. */
	if (!ret)
		ret = seal_file(a->readable_fd, true, "cvq-readable", breaks, e);
	if (!ret)
		ret = seal_file(a->writable_fd, false, "cvq-writable", breaks, e);
	if (!ret)
		arena_fill(a);
	else
		arena_destroy(a);
	return ret;
}

static int take_part(int from, uint64_t offset, uint64_t size, int *fd, uint8_t **host,
		     struct err *e)
{
	void *p = MAP_FAILED;

	*fd = fcntl(from, F_DUPFD_CLOEXEC, 0);
	if (*fd >= 0)
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, (off_t)offset);
	if (p == MAP_FAILED)
		return err_set(e, ERR_INTERNAL, errno, "mmap", "arena in guest RAM's file",
			       "out of memory or file descriptors");
	*host = p;
	return 0;
}

int arena_create_within(struct arena *a, int fd, uint64_t offset, iova_t at, const uint8_t key[16],
			uint64_t magic, struct err *e)
{
	describe(a, at, key, magic);
	a->offset[0] = offset;
	a->offset[1] = offset + ARENA_READABLE;
	int ret = take_part(fd, a->offset[0], ARENA_READABLE, &a->readable_fd, &a->readable, e);
	if (!ret)
		ret = take_part(fd, a->offset[1], ARENA_WRITABLE, &a->writable_fd, &a->writable, e);
	if (!ret)
		arena_fill(a);
	else
		arena_destroy(a);
	return ret;
}

void arena_destroy(struct arena *a)
{
	if (a->readable)
		munmap(a->readable, ARENA_READABLE);
	if (a->writable)
		munmap(a->writable, ARENA_WRITABLE);
	if (a->readable_fd >= 0)
		close(a->readable_fd);
	if (a->writable_fd >= 0)
		close(a->writable_fd);
	*a = (struct arena){.readable_fd = -1, .writable_fd = -1};
}

void arena_fill(struct arena *a)
{
	for (uint64_t n = 0; n < ARENA_SIZE / CANARY_LINE; n++) {
		struct canary_line line = canary_make(a->key, a->magic, n);
		uint64_t at = n * CANARY_LINE;
		uint8_t *dst =
		    at < ARENA_READABLE ? a->readable + at : a->writable + (at - ARENA_READABLE);
		memcpy(dst, &line, sizeof(line));
	}
}
