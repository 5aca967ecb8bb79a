/* SPDX-License-Identifier: MIT */
/*
 * Which memory is mapped in which address space. There are two things to map, and two functions
 * that do it: guest RAM goes to the data queues' ASID, the CVQ arena to the CVQ's. No function
 * here, or anywhere, takes an ASID and a pointer; so no caller can put one where the other belongs.
 */
#ifndef VDPA_IOTLB_H
#define VDPA_IOTLB_H

#include "../virtio/gmem.h"
#include "arena.h"
#include "vhost.h"

#define DATA_ASID 0u
#define CVQ_ASID 1u

/** @mem, @arena (NULL: the device has no CVQ) and @v are borrowed. */
struct iotlb {
	const struct vhost *v;
	const struct gmem *mem;
	const struct arena *arena;
	uint32_t breaks;
	bool mapped[2]; /* by ASID: a message for an ASID the kernel has not seen is an error there
			 */
};

/** The ASID the arena is mapped in, and the CVQ's group is put into: CVQ_ASID unless that is broken
 * on purpose. */
uint32_t iotlb_cvq_asid(const struct iotlb *t);

/** Drop every mapping of both ASIDs: a reset keeps them (vhost's IOTLB always, VDUSE's domain too).
 */
int iotlb_clear(struct iotlb *t, struct err *e);

/** Guest RAM at IOVA = GPA, readable and writable, in the data queues' ASID. */
int iotlb_map_guest(struct iotlb *t, struct err *e);

/** The arena's two parts at its IOVA in the CVQ's ASID, the first for reading only. */
int iotlb_map_arena(struct iotlb *t, struct err *e);

/**
 * Confirm that the kernel keeps the two ASIDs apart: an arena IOVA must still be free in the data
 * ASID (or be guest RAM's there). Without VHOST_BACKEND_F_IOTLB_ASID acked the kernel drops the
 * ASID of a message (vhost_chr_write_iter) and says nothing; this is what notices. Call after both
 * maps.
 */
int iotlb_confirm_apart(struct iotlb *t, struct err *e);

#endif
