/* SPDX-License-Identifier: MIT */
/*
 * vhost-vDPA and VDUSE as they are, for tests that do what vdpa/ would never let anybody do: any
 * IOTLB message, any question to a VDUSE device, memory to map, processes to wait for. It must
 * never be linked into what a user runs a guest with.
 */
#ifndef TESTS_RAW_H
#define TESTS_RAW_H

#include "../../vdpa/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** One IOTLB message as it is, of linux/vhost.h's @type, without the errors made readable. -errno.
 */
int raw_message(int vhost_fd, int type, uint32_t asid, uint64_t at, uint64_t size, const void *host,
		int perm);

/** The end of user space, where no process has memory: below it a hole is skipped to what comes
 * next (K11), and the stack may come as late as the last page. */
#define RAW_NOWHERE ((const void *)(uintptr_t)0x7ffffffff000)

/** What a daemon gets for one address: a file descriptor, or -errno. */
struct region {
	uint64_t offset, start, last;
	unsigned perm;
};
int raw_get_fd(int vduse_fd, uint32_t asid, uint64_t at, struct region *region);

/**
 * Become this program once more, with a heap that lies behind it: where the kernel puts it at
 * random that is anywhere in the first GiB (arch_randomize_brk()), and so now and then where memory
 * is wanted at a given address. The first thing in main(); returns when it is so.
 */
void raw_fix_layout(char **argv);

/** A memfd, mapped shared; @where NULL: anywhere. */
struct memory {
	int fd;
	uint8_t *at;
	size_t len;
};
int memory_make_at(struct memory *m, size_t len, void *where, struct err *e);
void memory_drop(struct memory *m);

static inline int memory_make(struct memory *m, size_t len, struct err *e)
{
	return memory_make_at(m, len, NULL, e);
}

/** A child's exit status (128 + signal), or -ETIMEDOUT. */
int raw_wait(pid_t pid, unsigned ms);

#endif
