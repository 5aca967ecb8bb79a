/* SPDX-License-Identifier: MIT */
/*
 * The faults of a hostile daemon: what each does, and what may come of it. Data only: daemon*.c do
 * them, judge.c judges. It must never allow what claim B forbids: to be silent for longer than a
 * deadline, to stall a vCPU, to end a VMM by a signal.
 */
#ifndef HOSTILE_FAULT_H
#define HOSTILE_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/** What an attempt may come to; a set. Silence is DEVICE_NEEDS_RESET without an ack. */
enum {
	MAY_OK = 1,
	MAY_ERR = 2,
	MAY_SILENT = 4,
	MUST_RESET = 8, /* whatever the ack, the guest must have been told DEVICE_NEEDS_RESET */
};
#define MAY_ANY (MAY_OK | MAY_ERR | MAY_SILENT)

/** How a VMM may end; a set of 1 << enum. */
enum vmm_end { END_0, END_1, END_4, END_70, END_124, END_130, VMM_ENDS };

enum fault_kind {
	FAULT_LIE,	/* the answer to a command is wrong (33) */
	FAULT_MEMORY,	/* the files behind the mappings are tampered with (34) */
	FAULT_SCRIBBLE, /* memory that the device may write is written while commands run (34) */
	FAULT_MESSAGE,	/* a message of the kernel is answered wrongly, or not at all (35) */
	FAULT_CHANGE,	/* the device is another one than it was (35) */
};

/* ---- 33 ---- */

enum {
	LIE_ID = 1 << 0,	/* the used entry's id is @id */
	LIE_LEN = 1 << 1,	/* its length is @len */
	LIE_INDEX = 1 << 2,	/* the used index moves by @index */
	LIE_ACK = 1 << 3,	/* the ack byte is @ack */
	LIE_NO_ACK = 1 << 4,	/* it is not written */
	LIE_NO_ANSWER = 1 << 5, /* no used entry */
	LIE_NO_CALL = 1 << 6,	/* no interrupt */
	LIE_STALE = 1 << 7,	/* the last used entry is written again, the index stays */
	LIE_AGAIN = 1 << 8,	/* the same answer comes again, after the first was called for */
	LIE_LATE = 1 << 9,	/* the answer comes @ms later */
	LIE_CALLS = 1 << 10,	/* all queues are called for @ms, as fast as can be */
	LIE_CONFIG = 1 << 11,	/* config space changes, and says so, for @ms */
	LIE_EARLY = 1 << 12,	/* an answer is there before the command */
	LIE_FLIP = 1 << 13,	/* good and bad values take turns in the used ring, for @ms */
	LIE_FLAGS = 1 << 14,	/* the used ring's flags and event are all ones */
};

struct lie {
	uint32_t set; /* LIE_ ... */
	uint32_t id, len;
	int32_t index;
	uint8_t ack;
	unsigned ms;
};

/* ---- 34 ---- */

enum file { FILE_RAM, FILE_READABLE, FILE_WRITABLE, FILES };

enum memory_act {
	ACT_SHRINK,
	ACT_EMPTY,
	ACT_GROW,
	ACT_GROW_BY_FALLOCATE,
	ACT_GROW_BY_WRITE,
	ACT_TRUNCATE_ON_OPEN,
	ACT_PUNCH,
	ACT_COLLAPSE,
	ACT_ZERO_RANGE,
	ACT_WRITE,
	ACT_WRITE_REOPENED,
	ACT_SPLICE,
	ACT_MAP_WRITABLE,
	ACT_MAKE_WRITABLE,
	ACT_REMOVE,
	ACT_SEAL,
	ACT_MAP_PAST_END,
	ACT_LOOK_AROUND,
	MEMORY_ACTS
};

struct memory_fault {
	enum memory_act act;
	enum file file;
	bool allowed; /* the file is one that the device may write, and this does no more */
};

enum scribble {
	SCRIBBLE_ARENA,	   /* noise all over the writable arena */
	PUNCH_ARENA,	   /* holes in it */
	SCRIBBLE_RINGS,	   /* noise in the guest's data rings */
	SCRIBBLE_CVQ_RING, /* noise in the guest's control ring */
	SCRIBBLE_RAM,	   /* noise in all of guest RAM */
	PUNCH_RAM,	   /* nothing left of guest RAM */
};

/* ---- 35 ---- */

enum message {
	MSG_GET_VQ_STATE,
	MSG_SET_STATUS,
	MSG_UPDATE_IOTLB,
	MSG_SET_VQ_GROUP_ASID,
	MSG_SET_VQ_READY,
	MSG_SUSPEND,
	MESSAGES
};

/** The @nth message of that kind (from 0) after the fault was armed. */
struct point {
	const char *name;
	enum message type;
	int status; /* the value that SET_STATUS has to have, or -1 */
	unsigned nth;
	enum {
		AT_OPEN,
		AT_START,
		AT_CLOSE
	} when; /* before the guest runs, in an attempt, at its end */
};

enum life_act {
	LIFE_FAIL,     /* answered: failed */
	LIFE_NONSENSE, /* answered with a result that is neither */
	LIFE_LATE,     /* answered after @ms */
	LIFE_TWICE,
	LIFE_WRONG_ID, /* another request's answer first */
	LIFE_SHORT,    /* half an answer first, and one with reserved bytes set */
	LIFE_REOPEN,   /* the device's file is closed and opened, the message comes again */
	LIFE_PAUSE,    /* SIGSTOP, and SIGCONT after @ms */
	LIFE_REGROUP,  /* the control queue moves to the data queues' group */
	LIFE_SHRINK,   /* queues become too small for their rings */
	LIFE_SILENT,   /* never answered */
	LIFE_STOP,     /* SIGSTOP for good */
	LIFE_DIE,      /* SIGKILL */
	LIFE_USURP,    /* SIGKILL, and another process takes the device over, answering all but
			  commands */
};

struct life {
	const struct point *point;
	enum life_act act;
	unsigned ms;
	unsigned msg_timeout_s; /* the kernel's patience with this daemon */
};

/** What is different about the device that the VMM opens. */
enum change {
	CHANGE_NO_CVQ,	    /* CTRL_VQ is not offered any more */
	CHANGE_NO_MAC,	    /* nor anything else but VERSION_1 */
	CHANGE_ONE_GROUP,   /* the control queue is in the data queues' group */
	CHANGE_ONE_SPACE,   /* there is one address space */
	CHANGE_API_0,	    /* and one group, as long ago */
	CHANGE_TWO_QUEUES,  /* CTRL_VQ is offered, and no queue is there for it */
	CHANGE_TINY_QUEUES, /* queues of one entry */
	CHANGE_NO_CONFIG,   /* a config space of one byte */
	CHANGE_BIG_CONFIG,  /* one that is longer than any */
};

struct fault {
	char name[48];
	enum fault_kind kind;
	uint32_t may;	   /* MAY_... */
	uint32_t controls; /* set of enum control (row.h) that must make this fault a violation */
	bool alone;	   /* it ends what runs: a VMM of its own */
	bool waits;    /* most of its time nothing happens, so that others can go on meanwhile */
	uint32_t ends; /* alone: how the VMM may end, a set of 1 << enum vmm_end */
	unsigned bound_ms; /* until when the guest must have its answer */
	union {
		struct lie lie;
		struct memory_fault memory;
		enum scribble scribble;
		struct life life;
		enum change change;
	};
};

#endif
