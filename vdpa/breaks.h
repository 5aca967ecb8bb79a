/* SPDX-License-Identifier: MIT */
/*
 * The breaks: one table of the faults that can be put into Ringfence on purpose, so that a proof
 * can show that it would see them. Each has one effect at one named point of the code. None may
 * ever be on by itself, and with RINGFENCE_BREAKS=OFF none exists.
 */
#ifndef VDPA_BREAKS_H
#define VDPA_BREAKS_H

#include <stdbool.h>
#include <stdint.h>

enum break_id {
	BREAK_MERGE_ASID,   /* C1: the CVQ's group stays in ASID 0, and so does its arena */
	BREAK_NO_ASID_ACK,  /* C2: VHOST_BACKEND_F_IOTLB_ASID is not acked */
	BREAK_SHARED_MEMFD, /* C3: the arena is in guest RAM's file, and the daemon does not look
			       at a region's end */
	BREAK_MEMSLOT,	    /* C4: the CVQ's arena is a KVM memory slot */
	BREAK_IGNORE_GROUP, /* C5: the daemon translates every queue by every ASID */
	BREAK_TRUST_RESET,  /* C6: groups and maps are not set again after a reset, and the daemon
			       forgets its groups at one */
	BREAK_PASSTHROUGH,  /* C8: the CVQ's ring is the guest's own, unshadowed */
	BREAK_DOUBLE_FETCH, /* C7: a command is copied once more, after it was judged */
	BREAK_UNSEALED,	    /* C9: no file that a device gets to see is sealed */
	BREAK_NO_DEADLINE,  /* a command may take for ever */
	BREAK_KEEP_GROUPS,  /* groups that are not the CVQ's keep the ASID that they are in */
	BREAK_NO_RESET_DEADLINE, /* a start or a reset may take for ever */
	BREAK_NO_CLOSE_DEADLINE, /* a close may take for ever */
	BREAK_STALL_VCPU,	 /* a vCPU waits for the device */
	BREAK_LEAK_FDS,		 /* files pile up */
	BREAK_LAX_KERNEL,	 /* C11's stand-in: the kernel seems to let everything through */
	BREAK_SKIP_CHECK,	 /* C10: one check of virtio/check.h is left out */
	BREAK_COUNT,
};

/** Who has to be told of a break for it to take effect: a set. BREAK_IN_TEST: only a program of the
 * proof that is a client itself. */
enum break_side { BREAK_IN_VMM = 1, BREAK_IN_DEVICE = 2, BREAK_IN_BOTH = 3, BREAK_IN_TEST = 4 };

struct break_info {
	const char *name; /* as --break takes it */
	enum break_side side;
	const char *effect; /* one line, for headers and --list */
	const char *point;  /* where in the code it takes effect: file, function */
};

/** The table, indexed by enum break_id. */
extern const struct break_info break_table[BREAK_COUNT];

/**
 * The id of the break of that name, or -1. With RINGFENCE_BREAKS=OFF always -1.
 * BREAK_SKIP_CHECK has a name for each check beside its own: "skip-check=NAME". Which one is left
 * out is no part of a set of breaks: who turns it on hands break_check_of() to check_leave_out().
 */
int break_by_name(const char *name);

/** The check (enum check_id) that the break of that name leaves out, or CHECK_NONE; "skip-check"
 * alone: cvq-validate. */
int break_check_of(const char *name);

/** A set of breaks is a bit mask of 1 << enum break_id; 0 is the isolated configuration. */
static inline bool broken(uint32_t set, enum break_id id)
{
#if RINGFENCE_BREAKS
	return (set >> id) & 1U;
#else
	(void)set;
	(void)id;
	return false;
#endif
}

#endif
