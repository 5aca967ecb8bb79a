/* SPDX-License-Identifier: MIT */
/* The table of breaks; see breaks.h. It must never be consulted to turn a break on by itself. */
#include "breaks.h"

#include "../virtio/check.h"

#include <string.h>

const struct break_info break_table[BREAK_COUNT] = {
    [BREAK_MERGE_ASID] = {"merge-asid", BREAK_IN_VMM,
			  "the CVQ's group stays in ASID 0 and its arena is mapped there",
			  "vdpa/iotlb.c: iotlb_cvq_asid()"},
    [BREAK_NO_ASID_ACK] =
	{"no-asid-ack", BREAK_IN_VMM,
	 "VHOST_BACKEND_F_IOTLB_ASID is not acked, so the kernel maps the arena in ASID 0",
	 "vdpa/attach.c: ack_backend_features()"},
    [BREAK_SHARED_MEMFD] = {"shared-memfd", BREAK_IN_BOTH,
			    "the CVQ's arena lies behind guest RAM in guest RAM's file, and the "
			    "device does not look at a region's end",
			    "vdpa/device.c: make_arena(); vdpa/vduse/as.c: next_piece()"},
    [BREAK_MEMSLOT] = {"memslot", BREAK_IN_VMM,
		       "the CVQ's arena is a KVM memory slot at a GPA equal to its IOVA",
		       "vmm/assemble.c: add_memory_broken()"},
    [BREAK_IGNORE_GROUP] = {"ignore-group", BREAK_IN_DEVICE,
			    "the device translates every queue by ASID 1, then by ASID 0",
			    "vdpa/vduse/as.c: translate()"},
    [BREAK_TRUST_RESET] = {"trust-reset", BREAK_IN_BOTH,
			   "groups and maps are not set again after a reset, at which the device "
			   "forgets its groups' ASIDs",
			   "vdpa/attach.c: run_stages(); vdpa/vduse/msg.c: reset()"},
    [BREAK_PASSTHROUGH] = {"passthrough", BREAK_IN_VMM,
			   "the CVQ's ring is the guest's own, in ASID 0, unshadowed",
			   "vdpa/worker.c: pass_cvq_through()"},
    [BREAK_DOUBLE_FETCH] = {"double-fetch", BREAK_IN_VMM,
			    "a control command is copied from the guest again after it was judged",
			    "vdpa/cvq.c: forward()"},
    [BREAK_UNSEALED] = {"unsealed", BREAK_IN_VMM,
			"guest RAM's file and the arena's are not sealed: who gets them can resize "
			"and write them",
			"vdpa/seal.c: seal_file()"},
    [BREAK_NO_DEADLINE] =
	{"no-deadline", BREAK_IN_VMM,
	 "a control command that the device does not answer is waited for without "
	 "end",
	 "vdpa/worker.c: on_deadline()"},
    [BREAK_KEEP_GROUPS] =
	{"keep-groups", BREAK_IN_VMM,
	 "only the CVQ's group is put into its ASID; the others stay in the one that the last "
	 "session had them in",
	 "vdpa/groups.c: is_put()"},
    [BREAK_NO_RESET_DEADLINE] =
	{"no-reset-deadline", BREAK_IN_VMM,
	 "a start or a reset that the device does not answer is waited for without end",
	 "vdpa/watchdog.c: is_open()"},
    [BREAK_NO_CLOSE_DEADLINE] = {"no-close-deadline", BREAK_IN_VMM,
				 "a device that does not answer to its close is waited for without "
				 "end",
				 "vdpa/device.c: device_close()"},
    [BREAK_STALL_VCPU] =
	{"stall-vcpu", BREAK_IN_VMM,
	 "a vCPU that resets the device stands still until the device has done so, for a second at "
	 "most",
	 "vdpa/device.c: device_reset()"},
    [BREAK_LEAK_FDS] = {"leak-fds", BREAK_IN_VMM, "each start leaves an event fd open",
			"vdpa/worker.c: start()"},
    [BREAK_LAX_KERNEL] =
	{"lax-kernel", BREAK_IN_TEST,
	 "the row's client maps in every ASID, takes nothing back, and believes that "
	 "what the kernel refused was done",
	 "tests/isolation/steps/maps.c: client_answer() and above"},
    [BREAK_SKIP_CHECK] =
	{"skip-check", BREAK_IN_VMM,
	 "one check on what the guest or the device says is left out: =NAME, or cvq-validate",
	 "virtio/check.h: CHECK()"},
};

int break_check_of(const char *name)
{
	const char *own = break_table[BREAK_SKIP_CHECK].name;
	size_t len = strlen(own);

	if (strncmp(name, own, len) || (name[len] && name[len] != '='))
		return CHECK_NONE;
	return check_by_name(name[len] ? name + len + 1 : "cvq-validate");
}

int break_by_name(const char *name)
{
#if RINGFENCE_BREAKS
	if (break_check_of(name) != CHECK_NONE)
		return BREAK_SKIP_CHECK;
	for (int i = 0; i < BREAK_COUNT; i++)
		if (!strcmp(break_table[i].name, name))
			return i;
#else
	(void)name;
#endif
	return -1;
}
