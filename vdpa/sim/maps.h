/* SPDX-License-Identifier: MIT */
/*
 * What lies where in a process's address space, by inode: /proc/PID/maps, read and kept. It must
 * never say an inode of an address that it has not seen mapped.
 */
#ifndef SIM_MAPS_H
#define SIM_MAPS_H

#include <stdint.h>
#include <stdio.h>

#define MAPS_MAX 512

struct maps {
	unsigned count;
	struct map {
		uint64_t start, end; /* @end is the first byte behind it */
		uint64_t ino;	     /* 0: of no file */
	} map[MAPS_MAX];
};

/** Read them from @f. 0; -EBADMSG: a line makes no sense; -E2BIG: too many. */
int maps_parse(struct maps *m, FILE *f);

/** Those of thread @tid. -errno, or -ENOENT when there are none (it is dying): *@m is as it was. */
int maps_read(struct maps *m, int tid);

/** The inode at [@at, @at + @len), if all of it is in one mapping; else 0. */
uint64_t maps_inode(const struct maps *m, uint64_t at, uint64_t len);

#endif
