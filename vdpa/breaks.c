/* SPDX-License-Identifier: MIT */
/* The table of breaks; see breaks.h. It must never be consulted to turn a break on by itself. */
#include "breaks.h"

#include <string.h>

const struct break_info break_table[BREAK_COUNT] = {
    [BREAK_MERGE_ASID] = {"merge-asid", BREAK_IN_VMM,
			  "the CVQ's group stays in ASID 0 and its arena is mapped there",
			  "vdpa/iotlb.c: iotlb_cvq_asid()"},
    [BREAK_NO_ASID_ACK] = {"no-asid-ack", BREAK_IN_VMM,
			   "VHOST_BACKEND_F_IOTLB_ASID is not acked, so the kernel maps the arena in ASID 0",
			   "vdpa/attach.c: ack_backend_features()"},
    [BREAK_MEMSLOT] = {"memslot", BREAK_IN_VMM,
		       "the CVQ's arena is a KVM memory slot at a GPA equal to its IOVA",
		       "vmm/assemble.c: add_memory_broken()"},
    [BREAK_IGNORE_GROUP] = {"ignore-group", BREAK_IN_DEVICE,
			    "the device translates every queue by ASID 1, then by ASID 0",
			    "vdpa/vduse/as.c: translate()"},
    [BREAK_PASSTHROUGH] = {"passthrough", BREAK_IN_VMM,
			   "the CVQ's ring is the guest's own, in ASID 0, unshadowed",
			   "vdpa/worker.c: pass_cvq_through()"},
};

int break_by_name(const char *name)
{
#if RINGFENCE_BREAKS
	for (int i = 0; i < BREAK_COUNT; i++)
		if (!strcmp(break_table[i].name, name))
			return i;
#else
	(void)name;
#endif
	return -1;
}
