/* SPDX-License-Identifier: MIT */
/*
 * Oracle 2: the arena as the host sees it, with the vCPUs stopped. A word that holds its canary
 * before an attempt must hold it after; other words are ring state, which a restart of the device
 * may change. It must never map anything writable: the judge can't be what changed the arena.
 */
#include "oracle.h"

#include "../../vdpa/canary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARENA_PAGE 4096u
#define ARENA_MAX (16u << 20)

void arena_fill_want(uint8_t *want, size_t len, const struct canary_seed *seed)
{
	for (size_t at = 0; at < len; at += CANARY_LINE) {
		struct canary_line line = canary_make(seed->key, seed->magic, at / CANARY_LINE);
		memcpy(want + at, &line, sizeof(line));
	}
}

void arena_count(struct arena_finding *f, const uint8_t *now, const uint8_t *want, size_t len)
{
	f->counted = true;
	f->canary_lines = 0;
	f->page_least = UINT32_MAX;
	for (size_t page = 0; page < len; page += ARENA_PAGE) {
		uint32_t lines = 0;

		for (size_t at = page; at < page + ARENA_PAGE; at += CANARY_LINE)
			lines += !memcmp(now + at, want + at, CANARY_LINE);
		f->canary_lines += lines;
		if (lines < f->page_least)
			f->page_least = lines;
	}
}

struct arena_diff arena_compare(const uint8_t *before, const uint8_t *now, const uint8_t *want,
				size_t len)
{
	struct arena_diff d = {0};

	for (size_t at = 0; at < len; at += 8) {
		bool canary = !memcmp(before + at, want + at, 8);

		if (!memcmp(before + at, now + at, 8))
			continue;
		if ((canary && !d.canary_words) || (!canary && !d.canary_words && !d.other_words))
			d.first = at;
		d.canary_words += canary;
		d.other_words += !canary;
	}
	return d;
}

static void snapshot(const struct arena *a, uint8_t *to)
{
	memcpy(to, a->part[0], a->part_len[0]);
	memcpy(to + a->part_len[0], a->part[1], a->part_len[1]);
}

void arena_begin(struct arena *a, struct arena_finding *f)
{
	if (!f->seen)
		return;
	snapshot(a, a->before);
	if (!f->counted)
		arena_count(f, a->before, a->want, a->len);
}

struct arena_diff arena_end(struct arena *a, const struct arena_finding *f)
{
	if (!f->seen)
		return (struct arena_diff){0};
	snapshot(a, a->now);
	return arena_compare(a->before, a->now, a->want, a->len);
}

/* What keeps a daemon from resizing the files, and from writing the part it may only read. */
static const char *check_seals(const int fds[3])
{
	const int whole = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int readable = fcntl(fds[1], F_GET_SEALS), writable = fcntl(fds[2], F_GET_SEALS);

	if (readable < 0 || (readable & whole) != whole)
		return "the readable arena is not sealed";
	if (!(readable & (F_SEAL_FUTURE_WRITE | F_SEAL_WRITE)))
		return "the readable arena lacks F_SEAL_FUTURE_WRITE";
	if (writable < 0 || (writable & whole) != whole)
		return "the writable arena is not sealed";
	return NULL;
}

static const char *check_files(struct arena_finding *f, const struct monitor_hello *hello,
			       const int fds[3])
{
	const uint64_t want[3] = {hello->ram_size, hello->arena_readable, hello->arena_writable};
	const uint64_t from[3] = {0, hello->arena_offset[0], hello->arena_offset[1]};
	struct stat st[3];

	for (int i = 0; i < 3; i++) {
		uint64_t size;

		if (fstat(fds[i], &st[i]))
			return "a file cannot be looked at";
		size = (uint64_t)st[i].st_size;
		if (from[i] > size || want[i] > size - from[i])
			return "a file is shorter than the VMM said";
	}
	f->ram_ino = st[0].st_ino;
	f->readable_ino = st[1].st_ino;
	f->writable_ino = st[2].st_ino;
	/* The trace names inodes only; one file system is what makes their numbers comparable. */
	if (st[0].st_dev != st[1].st_dev || st[0].st_dev != st[2].st_dev)
		return "the files are not of one file system";
	if (f->ram_ino == f->readable_ino || f->ram_ino == f->writable_ino)
		return "the arena is in guest RAM's file";
	if (f->readable_ino == f->writable_ino)
		return "the arena's two parts are one file";
	return check_seals(fds);
}

/* Whether its bytes can be looked at all the same: a file that can shrink would be a SIGBUS. */
static bool may_be_mapped(const struct monitor_hello *hello, const int fds[3])
{
	const uint64_t len[2] = {hello->arena_readable, hello->arena_writable};

	for (int i = 0; i < 2; i++) {
		int seals = fcntl(fds[i + 1], F_GET_SEALS);
		struct stat st;

		if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fds[i + 1], &st) ||
		    hello->arena_offset[i] % ARENA_PAGE ||
		    hello->arena_offset[i] > (uint64_t)st.st_size ||
		    len[i] > (uint64_t)st.st_size - hello->arena_offset[i])
			return false;
	}
	return true;
}

static bool sane_size(uint64_t len)
{
	return len && len % ARENA_PAGE == 0 && len <= ARENA_MAX;
}

int arena_open(struct arena *a, struct arena_finding *f, const struct monitor_hello *hello,
	       const int fds[3], const struct canary_seed *seed, struct err *e)
{
	if (!sane_size(hello->arena_readable) || !sane_size(hello->arena_writable))
		return err_set(e, ERR_INTERNAL, EINVAL, "hello", "arena", "its sizes are no pages");
	const char *bad = check_files(f, hello, fds);
	bool may = may_be_mapped(hello, fds);

	if (!bad && !may)
		bad = "the arena cannot be mapped";
	snprintf(f->files_bad, sizeof(f->files_bad), "%s", bad ? bad : "");
	if (!may)
		return 0;
	a->part_len[0] = hello->arena_readable;
	a->part_len[1] = hello->arena_writable;
	for (int i = 0; i < 2; i++) {
		void *p = mmap(NULL, a->part_len[i], PROT_READ, MAP_SHARED, fds[i + 1],
			       (off_t)hello->arena_offset[i]);

		if (p == MAP_FAILED)
			return err_set(e, ERR_INTERNAL, errno, "mmap",
				       i ? "arena, writable" : "arena, readable", "%s", "");
		a->part[i] = p;
	}
	a->len = a->part_len[0] + a->part_len[1];
	a->want = malloc(a->len);
	a->before = malloc(a->len);
	a->now = malloc(a->len);
	if (!a->want || !a->before || !a->now)
		return err_set(e, ERR_INTERNAL, ENOMEM, "malloc", "arena snapshots", "%s", "");
	arena_fill_want(a->want, a->len, seed);
	f->seen = true;
	return 0;
}

void arena_close(struct arena *a)
{
	for (int i = 0; i < 2; i++)
		if (a->part[i])
			munmap((void *)(uintptr_t)a->part[i], a->part_len[i]);
	free(a->want);
	free(a->before);
	free(a->now);
	*a = (struct arena){0};
}
