/* SPDX-License-Identifier: MIT */
/*
 * Guest RAM: one memfd from GPA 0 on, of a size that nobody can change any more.
 * It must never hold anything but what the guest may see: the CVQ's arena has files of its own (but
 * see BREAK_SHARED_MEMFD in vdpa/breaks.h).
 */
#ifndef VMM_RAM_H
#define VMM_RAM_H

#include "../vdpa/err.h"
#include "../virtio/gmem.h"

struct ram {
	int fd;
	uint64_t size;
	void *host;	 /* the VMM's mapping; for KVM's memory slots, all else goes through @mem */
	struct gmem mem; /* one region, borrowed by whoever must reach guest memory */
};

/** Make @size bytes (a multiple of 4 KiB) of zeroed guest RAM, and @behind more in its file that
 * are no guest RAM. On failure nothing is left behind.
 */
int ram_create(struct ram *r, uint64_t size, uint64_t behind, uint32_t breaks, struct err *e);
/** Unmap and close. Takes a zeroed struct, and one that ram_create() failed on, too. */
void ram_destroy(struct ram *r);

#endif
