/* SPDX-License-Identifier: MIT */
/* The CVQ arena's two files; see arena.h. */
#include "arena.h"

#include "canary.h"

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

static int seal(int fd, int seals, const char *name, struct err *e)
{
	if (fcntl(fd, F_ADD_SEALS, seals) < 0)
		return err_set(e, ERR_HOST, errno, "F_ADD_SEALS", name,
			       "the kernel must support memfd seals, F_SEAL_FUTURE_WRITE included "
			       "(5.1 or newer)");
	return 0;
}

int arena_create(struct arena *a, iova_t at, const uint8_t key[16], uint64_t magic, struct err *e)
{
	const int fixed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	*a = (struct arena){.iova = at, .readable_fd = -1, .writable_fd = -1, .magic = magic};
	memcpy(a->key, key, sizeof(a->key));

	int ret = make_file("cvq-readable", ARENA_READABLE, &a->readable_fd, &a->readable, e);
	if (!ret)
		ret = make_file("cvq-writable", ARENA_WRITABLE, &a->writable_fd, &a->writable, e);
	/* FUTURE_WRITE spares the mapping that exists already: ours stays the only writable one. */
	if (!ret)
		ret = seal(a->readable_fd, fixed | F_SEAL_FUTURE_WRITE, "cvq-readable", e);
	if (!ret)
		ret = seal(a->writable_fd, fixed, "cvq-writable", e);
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
