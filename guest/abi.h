/* SPDX-License-Identifier: MIT */
/*
 * What the VMM and its tiny guest agree on: how the guest is started, what the flattened device
 * tree tells it, and how it reports. Freestanding: both sides include it, and nothing else of each
 * other. The host must treat every byte a guest sends by these rules as UNTRUSTED.
 *
 * Start. Every vCPU starts at the ELF's entry in 64-bit long mode, flat segments, interrupts off,
 * paging on with the first 512 GiB identity-mapped, caches on; its first argument register (x86:
 * RDI) holds the GPA of the FDT, its second (x86: RSI) its number, 0 .. N-1. There is no stack. The
 * ELF's segments lie at or above GUEST_LOAD_MIN; below that the VMM keeps page tables and the FDT.
 *
 * The FDT's nodes, beside /memory@0 and /cpus (reg is <addr-hi addr-lo size-hi size-lo>
 * throughout): virtio_mmio@...      compatible "virtio,mmio"; reg; interrupts = <GSI> (an IOAPIC
 * pin, edge) ringfence-report@... compatible "ringfence,report"; reg ringfence-attack compatible
 * "ringfence,attack"; the attacker's knowledge, see ATTACK_PROP_*
 */
#ifndef GUEST_ABI_H
#define GUEST_ABI_H

#include <stdint.h>

#define GUEST_LOAD_MIN 0x100000u /* 1 MiB */

/* Where the x86 machine puts things; guests read the FDT instead of these. */
#define MACHINE_MMIO_BASE 0xd0000f00u	/* virtio-mmio, 4 KiB: registers end a page (vmm/net.h) */
#define MACHINE_REPORT_BASE 0xd0002000u /* report device, 4 KiB */
#define MACHINE_VIRTIO_GSI 5u

/* Properties of the ringfence-attack node. All are big-endian as in any FDT. */
#define ATTACK_PROP_ID "attack"	  /* u32: enum attack_id */
#define ATTACK_PROP_ARENA "arena" /* u64 u64: IOVA and size of the CVQ arena */
#define ATTACK_PROP_READABLE                                                                       \
	"arena-readable" /* u64: its first so many bytes are device-readable, the rest             \
			    device-writable */
#define ATTACK_PROP_MAGIC "canary-magic-inverted" /* u64: ~magic, see struct canary_line */
#define ATTACK_PROP_SCAN                                                                           \
	"scan-stride" /* u64: bytes between the pages a CPU scan of all GPA space touches */

#define ATTACK_PROP_CTRL                                                                           \
	"ctrl-classes" /* u32: set of 1 << class, of VIRTIO_NET_CTRL_RX (0) and _MAC (1): which    \
			  control commands the device carries out. The legal steps expect OK for   \
			  these and ERR for the other */

/* u32: set of DRIVER_*: what the driver takes beside its own features. */
#define ATTACK_PROP_DRIVER "driver"
#define DRIVER_PACKED 1u
#define DRIVER_INDIRECT 2u
#define DRIVER_EVENT_IDX 4u
#define DRIVER_MQ 8u /* and it uses the last pair */

/* The catalogue's numbers. ATTACK_NONE makes the legal operations once and stops: a smoke test. */
enum attack_id {
	ATTACK_NONE = 0,
	ATTACK_CPU_SCAN = 1,	/* CPU read, write, execute over GPA space */
	ATTACK_CANARY_SCAN = 2, /* all of guest RAM searched for canaries, also after a reset */
	ATTACK_DESC = 3,	/* a data queue's descriptor table at CVQ IOVAs */
	ATTACK_AVAIL = 4,	/* its available ring */
	ATTACK_USED = 5,	/* its used ring */
	ATTACK_READABLE = 6,	/* a device-readable buffer */
	ATTACK_WRITABLE = 7,	/* a device-writable buffer */
	ATTACK_INDIRECT = 8,	/* indirect tables at CVQ IOVAs, or with entries that point there */
	ATTACK_STRADDLE = 9,	/* buffers and rings over the ends of RAM, the arena and 2^64 */
	ATTACK_SWEEP = 10,	/* a data queue's buffers all over 64 bits */
	ATTACK_TOCTOU = 14,	/* control commands that change while they are copied */
	ATTACK_RESET = 19,	/* resets with a control command in flight */
	ATTACK_SWAP = 20,	/* the CVQ set up as a data queue and the reverse */
	ATTACK_RENEGOTIATE = 21, /* without CTRL_VQ, features changed too late; with DRIVER_MQ: MQ
				    taken and left, so that the CVQ moves */
	ATTACK_NOTIFY = 27,	 /* notifications of wrong queues */
	ATTACK_FLOOD = 28,	 /* floods of kicks, commands and resets */
	ATTACK_CONFIG = 29,	 /* writes to the config space, reads while it changes */
	ATTACK_CONTAIN = 33, /* 33 to 35: none; it is the device that attacks, see CONTAIN_ASK */
};

/*
 * Every 64-byte line of the CVQ arena that no ring structure occupies holds one of these. The guest
 * is told the magic, so that it knows a canary when it sees one; the secret it cannot know.
 */
#define CANARY_LINE 64
struct canary_line {
	uint64_t magic;
	uint8_t secret[56];
};

/*
 * The report device. The guest writes a record into its RAM and the record's GPA (below 4 GiB,
 * 8-byte aligned) to REPORT_DOORBELL; the write returns when the host has taken the record.
 * REPORT_STATUS then reads 0, or an errno value if the host refused it (EFAULT, EINVAL, E2BIG).
 */
#define REPORT_MAGIC 0x00	       /* R: REPORT_MAGIC_VALUE */
#define REPORT_VERSION 0x04	       /* R: REPORT_VERSION_VALUE */
#define REPORT_DOORBELL 0x08	       /* W: GPA of a struct report */
#define REPORT_STATUS 0x0c	       /* R */
#define REPORT_MAGIC_VALUE 0x50524652u /* "RFRP" */
#define REPORT_VERSION_VALUE 1u
#define REPORT_PAYLOAD_MAX 1024u

enum report_type {
	REPORT_TEXT = 1, /* payload: text, no NUL; for people */
	REPORT_STEP =
	    2, /* payload: struct report_step: one legal operation and whether it worked */
	REPORT_BEGIN = 3, /* payload: struct report_mark: an attempt starts; the host takes its
			     snapshot before the write returns */
	REPORT_END =
	    4, /* payload: struct report_mark: it is over, and the device is idle or given up on */
	REPORT_LEAK = 5, /* payload: struct report_leak: these bytes were read where a canary's
			    magic was seen */
	REPORT_DONE =
	    6, /* payload: struct report_done: the last record; the guest halts after it */
};

struct report {
	uint32_t type;
	uint32_t len; /* bytes of payload that follow, at most REPORT_PAYLOAD_MAX */
	uint8_t payload[];
};

struct report_step {
	uint32_t phase; /* 0: before the attack, 1: after it */
	uint32_t ok;
	char name[56]; /* NUL-terminated: "tx-loopback", "cvq-mac", "reset", ... */
};

/* One attempt. A row is a sequence of attempts, each between a BEGIN and an END with the same
 * fields. */
struct report_mark {
	uint32_t attack;  /* enum attack_id */
	uint32_t attempt; /* 0, 1, ... within this run */
	uint32_t
	    queue; /* virtqueue index it goes through, or which kind of a CPU's attempt it is */
	uint32_t outcome; /* END: enum attempt_outcome; BEGIN: 0 */
	uint64_t address; /* the IOVA or GPA aimed at */
	uint64_t length;
	uint64_t touched; /* END: how many addresses (pages, lines) this attempt tried; BEGIN: 0 */
	uint32_t shape;	  /* enum attempt_shape: which of the row's kinds of attempt it is */
	uint32_t hits; /* END: of what was tried, how much had the effect that the shape is about */
};

/* The kinds of attempt of one row. What @touched and @hits count is said where that is not plain.
 */
enum attempt_shape {
	SHAPE_PLAIN = 0, /* the row has one kind, or this is its plainest */

	/* Row 8. */
	SHAPE_TABLE = 1,     /* an indirect table there */
	SHAPE_ENTRY = 2,     /* an indirect table of ours, with an entry that points there */
	SHAPE_NESTED = 3,    /* ... with an entry that refers to a table there */
	SHAPE_LENGTH = 4,    /* a table there whose length is no number of descriptors */
	SHAPE_NEXT = 5,	     /* a table there, and a next descriptor beside it */
	SHAPE_UNAGREED = 6,  /* a table there, and INDIRECT_DESC was not negotiated */
	SHAPE_TABLE_END = 7, /* a table that leaves guest RAM behind its last used entry */

	/* Row 9. */
	SHAPE_OVER = 8,	      /* a buffer from there on leaves what it begins in */
	SHAPE_EMPTY = 9,      /* of no length */
	SHAPE_ONE = 10,	      /* of length 1 */
	SHAPE_LONGEST = 11,   /* of length 2^32 - 1 */
	SHAPE_RING_DESC = 12, /* a ring's part there, of which the first entry fits; row 21: a part
				 of a data queue's ring in CVQ memory */
	SHAPE_RING_AVAIL = 13,
	SHAPE_RING_USED = 14,

	/* Rows 10 to 29. */
	SHAPE_SWEEP = 15,     /* touched: addresses */
	SHAPE_FLIPS = 16,     /* touched: flips; hits: commands that were answered */
	SHAPE_IN_FLIGHT = 17, /* a reset; touched: commands answered by then; hits: those not */
	SHAPE_STORM = 18,     /* touched: resets, one right after another */
	SHAPE_PROBE = 19,     /* row 6's attempt, on RX row 7's, after what the row is about */
	SHAPE_SAME_RING =
	    20,		     /* the CVQ and a data queue on one ring; hits: chains that came back */
	SHAPE_CROSSED = 21,  /* each on the other's */
	SHAPE_CVQ_RING = 22, /* the CVQ's ring there */
	SHAPE_SHADOW_RING = 23,	  /* a data queue's ring where the shadow ring is said to lie */
	SHAPE_SELECT = 24,	  /* registers of queues that there are not */
	SHAPE_NO_CVQ = 25,	  /* CTRL_VQ not negotiated */
	SHAPE_NOT_OFFERED = 26,	  /* address: the features */
	SHAPE_LATE = 27,	  /* features changed after FEATURES_OK */
	SHAPE_EARLY = 28,	  /* DRIVER_OK without FEATURES_OK */
	SHAPE_NOTIFY = 29,	  /* touched: numbers of no queue, notified */
	SHAPE_NOTIFY_OTHERS = 30, /* the CVQ has a command, the data queues are notified */
	SHAPE_KICKS = 31,	  /* touched: kicks; hits: commands answered */
	SHAPE_COMMANDS = 32,	  /* touched: commands; hits: those answered */
	SHAPE_RESETS = 33,	  /* touched: resets, by all CPUs at the same time */
	SHAPE_WRITES = 34,	  /* touched: writes to the config space */
	SHAPE_WIDTHS = 35,	  /* touched: accesses to registers of a wrong width */
	SHAPE_READS = 36,	  /* touched: reads of the MAC while it changes; hits: torn ones */
};
/* What a CPU attempts, in place of a virtqueue's index. */
#define REPORT_CPU_READ 0xfffffff0u
#define REPORT_CPU_WRITE 0xfffffff1u
#define REPORT_CPU_EXECUTE 0xfffffff2u /* OUTCOME_COMPLETED: the code there ran and returned */
#define REPORT_CPU_SCAN 0xfffffff3u    /* reads all over a range */
#define REPORT_BY_CPU(queue) ((queue) >= REPORT_CPU_READ)

/* What the guest itself saw; the verdict does not rest on it, since a refused DMA looks like any
 * other. */
enum attempt_outcome {
	OUTCOME_COMPLETED = 0, /* the chain came back, or the CPU's accesses were made */
	OUTCOME_NO_ANSWER = 1, /* no used entry within the attempt's time */
	OUTCOME_FAULTED = 2,   /* a CPU exception was taken and handled */
	OUTCOME_REFUSED = 3,   /* the VMM was seen to refuse it, or to leave it without effect */
	OUTCOME_ALLOWED = 4,   /* the VMM was seen to let through what it must refuse: a breach */
};

/*
 * ATTACK_CONTAIN: what the guest does whose device is hostile. It starts the device, asks it by a
 * CONTAIN_ASK whether it has (another) fault to try, and as long as that is answered with OK, makes
 * an attempt of it: a reset, a start, a CONTAIN_TRY and, a little after its answer, a
 * CONTAIN_AFTER. All are MAC_ADDR_SETs; the address is CONTAIN_PREFIX, the operation and the
 * attempt's number, 16 bits, big-endian. A mark's address is that number too.
 */
#define CONTAIN_PREFIX 0x025246u
#define CONTAIN_ASK 1
#define CONTAIN_TRY 2
#define CONTAIN_AFTER 3
/* A mark's outcome: the two acks, or CONTAIN_SILENT, and what else was seen. */
#define CONTAIN_TRY_ACK(outcome) ((outcome)&0xffu)
#define CONTAIN_AFTER_ACK(outcome) ((outcome) >> 8 & 0xffu)
#define CONTAIN_SILENT 0xffu
#define CONTAIN_NEEDS_RESET 0x10000u /* the device's status had DEVICE_NEEDS_RESET */
#define CONTAIN_UNASKED 0x20000u     /* a chain came back that was not made available */
/*
 * A mark's touched, three fields in units of CONTAIN_CYCLES cycles: the whole attempt, the longest
 * that a CPU of the guest took over one access to a register or to a page of RAM, and when that was
 * over, from the attempt's beginning on.
 */
#define CONTAIN_CYCLES 16384u
#define CONTAIN_FIELD 0x1fffffu
#define CONTAIN_LONGEST_SHIFT 21
#define CONTAIN_WHEN_SHIFT 42

struct report_leak {
	uint64_t address; /* where the guest read the bytes: a GPA (CPU scan), or the IOVA it made
			     the device read */
	uint8_t line[CANARY_LINE];
};

struct report_done {
	uint32_t failed;   /* legal operations that failed, 0 for a clean run */
	uint32_t attempts; /* how many BEGIN..END pairs were made */
};

#endif
