/* SPDX-License-Identifier: MIT */
/*
 * A second vCPU that strikes between any two reads: the linker puts these functions between the
 * code and its reads of guest memory (--wrap), so that every interleaving can be tried, not only
 * those that threads happen to meet. It must never change what is read, but by the hook's own hand.
 */
#ifndef ISOLATION_ENUM_WRAP_H
#define ISOLATION_ENUM_WRAP_H

#include <stddef.h>
#include <stdint.h>

/** Called after each read of guest memory, if set; of this thread only. */
struct wrap_hook {
	void (*after_read)(void *ctx, uint64_t at, size_t len);
	void *ctx;
};
extern _Thread_local struct wrap_hook wrap_hook;

/** The command that was judged last on this thread: what ctrl_validate() was given, and whether it
 * took it. */
struct wrap_judged {
	uint8_t cmd[4096];
	size_t len;
	int ret;
};
extern _Thread_local struct wrap_judged wrap_judged;

#endif
