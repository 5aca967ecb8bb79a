/* SPDX-License-Identifier: MIT */
/*
 * Row 34: what can be done to a file that VDUSE_IOTLB_GET_FD2 gives. Each act either must be
 * refused or does no more than the device may do to that memory; which, the fault says. It must
 * never mend what it broke: the judge is to see what that does to the VMM.
 */
#include "daemon.h"

#include "../../../vdpa/vduse/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vduse.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u
#define READABLE_MAX (64u * 1024)
#define LINE 64u

/* A file, and the part of it that is exported. */
struct target {
	int fd;
	uint64_t size, offset;
	enum file file;
};

static const char noise[LINE] = "whatever a daemon might want to have there";

int tamper_file(uint32_t asid, uint64_t iova, uint64_t *start, uint64_t *last, uint64_t *offset)
{
	struct vduse_iotlb_entry_v2 e = {.start = iova, .last = iova, .asid = asid};
	int fd = ioctl(hostile.dev->fd, VDUSE_IOTLB_GET_FD2, &e);

	if (fd < 0)
		return -errno;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	*start = e.start;
	*last = e.last;
	*offset = e.offset;
	return fd;
}

static uint32_t asid_of(unsigned q)
{
	return hostile.dev->as.group_asid[hostile.dev->as.queue_group[q]];
}

static int open_target(struct target *t, enum file file)
{
	const struct vring_queue *cvq = &hostile.dev->queue[NET_CVQ].ring;
	uint64_t at = file == FILE_RAM ? 0 : file == FILE_READABLE ? cvq->desc.v : cvq->used.v;
	uint64_t start = 0, last = 0;

	t->file = file;
	t->fd = tamper_file(asid_of(file == FILE_RAM ? NET_TX : NET_CVQ), at, &start, &last,
			    &t->offset);
	t->size = last - start + 1;
	return t->fd;
}

int tamper_open(enum file file, uint64_t *size)
{
	struct target t;
	int fd = open_target(&t, file);

	*size = t.size;
	return fd;
}

/* ---- acts: whether it worked ---- */

static bool shrink(const struct target *t)
{
	return !ftruncate(t->fd, (off_t)(t->size - PAGE));
}

static bool empty(const struct target *t)
{
	return !ftruncate(t->fd, 0);
}

static bool grow(const struct target *t)
{
	return !ftruncate(t->fd, (off_t)(t->size + PAGE));
}

static bool grow_by_fallocate(const struct target *t)
{
	return !fallocate(t->fd, 0, (off_t)t->size, PAGE);
}

static bool grow_by_write(const struct target *t)
{
	return pwrite(t->fd, noise, sizeof(noise), (off_t)t->size) > 0;
}

static int open_again(const struct target *t, int flags)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", t->fd);
	return open(path, O_RDWR | O_CLOEXEC | flags);
}

static bool truncate_on_open(const struct target *t)
{
	int fd = open_again(t, O_TRUNC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* All of the arena, but of guest RAM, which the guest is in, the last page. */
static bool fallocate_part(const struct target *t, int mode)
{
	uint64_t from = t->file == FILE_RAM ? t->size - PAGE : 0;

	return !fallocate(t->fd, mode, (off_t)from, (off_t)(t->size - from));
}

static bool punch(const struct target *t)
{
	return fallocate_part(t, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}

static bool collapse(const struct target *t)
{
	return !fallocate(t->fd, FALLOC_FL_COLLAPSE_RANGE, 0, PAGE);
}

static bool zero_range(const struct target *t)
{
	return fallocate_part(t, FALLOC_FL_ZERO_RANGE);
}

static bool write_to(int fd, const struct target *t)
{
	bool worked = false;

	for (uint64_t at = 0; at < t->size; at += sizeof(noise))
		worked |= pwrite(fd, noise, sizeof(noise), (off_t)at) > 0;
	return worked;
}

static bool write_it(const struct target *t)
{
	return write_to(t->fd, t);
}

static bool write_reopened(const struct target *t)
{
	int fd = open_again(t, 0);

	if (fd < 0)
		return false;
	bool worked = write_to(fd, t);
	close(fd);
	return worked;
}

static bool splice_into(const struct target *t)
{
	loff_t at = (loff_t)(t->size - LINE);
	int p[2];

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK))
		return false;
	bool worked = write(p[1], noise, sizeof(noise)) == (ssize_t)sizeof(noise) &&
		      splice(p[0], NULL, t->fd, &at, sizeof(noise), SPLICE_F_NONBLOCK) > 0;
	close(p[0]);
	close(p[1]);
	return worked;
}

static void *map(const struct target *t, size_t len, int prot)
{
	return mmap(NULL, len, prot, MAP_SHARED, t->fd, (off_t)t->offset);
}

static bool map_writable(const struct target *t)
{
	uint8_t *p = map(t, t->size, PROT_READ | PROT_WRITE);

	if (p == MAP_FAILED)
		return false;
	memcpy(p + t->size - LINE, noise, LINE);
	munmap(p, t->size);
	return true;
}

static bool make_writable(const struct target *t)
{
	uint8_t *p = map(t, t->size, PROT_READ);
	bool worked = p != MAP_FAILED && !mprotect(p, t->size, PROT_READ | PROT_WRITE);

	if (worked)
		memcpy(p + t->size - LINE, noise, LINE);
	if (p != MAP_FAILED)
		munmap(p, t->size);
	return worked;
}

/* As writable as it can be had: without that it is refused for another reason. */
static bool remove_pages(const struct target *t)
{
	void *p = map(t, t->size, PROT_READ | PROT_WRITE);

	if (p == MAP_FAILED)
		p = map(t, t->size, PROT_READ);
	bool worked = p != MAP_FAILED && !madvise(p, t->size, MADV_REMOVE);
	if (p != MAP_FAILED)
		munmap(p, t->size);
	return worked;
}

static bool add_seal(const struct target *t)
{
	return !fcntl(t->fd, F_ADD_SEALS, F_SEAL_GROW);
}

/* Whether there is anything behind what is exported. */
static bool map_past_end(const struct target *t)
{
	size_t len = t->size + PAGE;
	volatile uint8_t *p = map(t, len, PROT_READ);

	if ((void *)(uintptr_t)p == MAP_FAILED)
		return false;
	guard_enter((void *)(uintptr_t)p, len);
	(void)p[t->size];
	bool worked = guard_leave();
	munmap((void *)(uintptr_t)p, len);
	return worked;
}

/* Every region of every ASID: guest RAM in one, the arena's two parts in the other, each all of a
 * file that has nothing else in it. */
static bool look_around(const struct target *unused)
{
	static const unsigned regions[] = {1, 2};
	bool other = false;

	(void)unused;
	for (uint32_t asid = 0; asid < 2; asid++) {
		struct vduse_iotlb_entry_v2 e = {.last = UINT64_MAX, .asid = asid};
		unsigned n = 0;
		int fd;
		for (; (fd = ioctl(hostile.dev->fd, VDUSE_IOTLB_GET_FD2, &e)) >= 0; n++) {
			struct stat st;
			other |= fstat(fd, &st) || e.offset ||
				 (uint64_t)st.st_size != e.last - e.start + 1;
			close(fd);
			if (e.last == UINT64_MAX)
				break;
			e = (struct vduse_iotlb_entry_v2){
			    .start = e.last + 1, .last = UINT64_MAX, .asid = asid};
		}
		other |= n != regions[asid];
	}
	return other;
}

static bool (*const acts[MEMORY_ACTS])(const struct target *t) = {
    [ACT_SHRINK] = shrink,
    [ACT_EMPTY] = empty,
    [ACT_GROW] = grow,
    [ACT_GROW_BY_FALLOCATE] = grow_by_fallocate,
    [ACT_GROW_BY_WRITE] = grow_by_write,
    [ACT_TRUNCATE_ON_OPEN] = truncate_on_open,
    [ACT_PUNCH] = punch,
    [ACT_COLLAPSE] = collapse,
    [ACT_ZERO_RANGE] = zero_range,
    [ACT_WRITE] = write_it,
    [ACT_WRITE_REOPENED] = write_reopened,
    [ACT_SPLICE] = splice_into,
    [ACT_MAP_WRITABLE] = map_writable,
    [ACT_MAKE_WRITABLE] = make_writable,
    [ACT_REMOVE] = remove_pages,
    [ACT_SEAL] = add_seal,
    [ACT_MAP_PAST_END] = map_past_end,
    [ACT_LOOK_AROUND] = look_around,
};

/* ---- before and after ---- */

/* What the device may only read is the same after as before: no command is on its way meanwhile. */
struct before {
	uint64_t size;
	ssize_t len;
	uint8_t bytes[READABLE_MAX];
};

static void look(const struct target *t, struct before *b)
{
	struct stat st = {0};

	(void)fstat(t->fd, &st);
	b->size = (uint64_t)st.st_size;
	b->len = t->file == FILE_READABLE ? pread(t->fd, b->bytes, sizeof(b->bytes), 0) : 0;
}

void tamper(const struct fault *f)
{
	static struct before before, after;
	struct target t;

	if (open_target(&t, f->memory.file) < 0)
		return;
	look(&t, &before);
	bool worked = acts[f->memory.act](&t);
	look(&t, &after);
	close(t.fd);
	hostile_done();
	if (worked && !f->memory.allowed)
		hostile_broke("it works");
	if (after.size != before.size)
		hostile_broke("the file's size is %llu, and was %llu",
			      (unsigned long long)after.size, (unsigned long long)before.size);
	if (before.len != after.len ||
	    (before.len > 0 && memcmp(before.bytes, after.bytes, (size_t)before.len)))
		hostile_broke("the readable arena's bytes have changed");
}
