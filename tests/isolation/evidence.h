/* SPDX-License-Identifier: MIT */
/*
 * What one episode leaves behind: how it ended, what the guest did, what the three oracles found.
 * Plain data, filled by episode.c and the oracles, judged by verdict.c. It must never hold an
 * opinion.
 */
#ifndef ISOLATION_EVIDENCE_H
#define ISOLATION_EVIDENCE_H

#include "../../guest/abi.h"
#include "../../vmm/monitor.h"
#include "tally.h"

#include <stdbool.h>
#include <stdint.h>

#define ATTEMPTS_MAX 512

/** How an episode came to its end. Those after END_COMPLETE carry a reason in evidence.detail. */
enum episode_end {
	END_NOT_RUN,
	END_COMPLETE, /* DONE was said, the VMM ended with 0 or 1, the daemon left cleanly when told
			 to */
	END_HOST_CANNOT, /* what the row needs is not there, as was known before it was run; or a
			    given device is not one that the VMM takes */
	END_REFUSED,	 /* daemon or VMM ended with 4, on a kernel that has what they need */
	END_DAEMON_LATE, /* no ready line within its deadline */
	END_DAEMON_DIED,
	END_VMM_DIED,	  /* any end of the VMM but 0, 1 and 4, or one without DONE */
	END_LATE,	  /* a deadline passed */
	END_GARBLED,	  /* a message or record that breaks the monitor's or the guest's rules */
	END_LEFTOVER,	  /* a process or device could not be removed */
	END_STOPPED,	  /* the runner was told to stop */
	END_OWN_FAILURE,  /* the runner could not start it */
	END_PROGRAM_DIED, /* a row's program ended otherwise than its tally says, or without one */
};

/** A difference between two snapshots of the arena. */
struct arena_diff {
	uint32_t canary_words; /* 8-byte words that held a canary's bytes before and do not now */
	uint32_t other_words;  /* other words that changed: ring state, commands, answers */
	uint64_t first;	       /* offset of the first canary word, else of the first other word */
};

/** One BEGIN..END pair, and what two oracles saw of it. */
struct attempt {
	struct report_mark mark; /* of BEGIN; outcome and touched are END's */
	uint64_t from_ns,
	    to_ns; /* CLOCK_MONOTONIC: vCPUs let go after BEGIN, stopped again at END */
	struct arena_diff diff; /* arena oracle */
	uint32_t secrets;	/* canary oracle: true claims during this attempt */
	uint32_t
	    aimed_refused;  /* trace oracle: translations of this queue at this address, refused, */
	uint32_t aimed_ram; /* ... that landed in guest RAM, */
	uint32_t aimed_arena; /* ... in the arena */
	uint32_t
	    chains_refused; /* trace oracle: chains of this queue that the device refused unread */
	bool busy;	   /* trace oracle: the device changed status or served the CVQ meanwhile */
	uint32_t commands; /* trace oracle: control commands that the device answered meanwhile, */
	uint32_t resets;   /* ... and resets of it */
	uint32_t cvq; /* trace oracle: which queue was the CVQ when this one's aim was seen last, */
	uint32_t cvq_before; /* ... and in the last session before that had a command; 0: none */
};

/** Oracle 1: what the guest claims to have read. */
struct canary_finding {
	uint32_t secrets; /* claims that are true */
	uint32_t lies;	  /* claims that are no line of the arena */
	uint64_t address; /* of the first secret, or else of the first lie */
};

/** Oracle 2: the arena's files and bytes. */
struct arena_finding {
	bool seen;	       /* the files arrived and were mapped */
	char files_bad[64];    /* what is wrong with them; "": nothing */
	bool counted;	       /* canaries were counted, at the first BEGIN */
	uint32_t canary_lines; /* true canary lines in the whole arena then, */
	uint32_t page_least;   /* and in the page that had the fewest */
	uint64_t ram_ino, readable_ino, writable_ino;
};

/** Where a translation went that should not have. */
struct stray {
	uint64_t count;
	unsigned queue, asid; /* of the first */
	uint64_t iova;
};

/** Control commands that the device was given and no driver may send. */
struct odd_commands {
	uint64_t count;
	int64_t class, code; /* of the first; -1: it was shorter than that */
	uint64_t len;
};

/** What a trace has told of the device's sessions, as far as it was read. */
struct trace_session {
	bool one_pair;	 /* this one's driver took neither MQ nor RSS */
	bool commanded;	 /* it had a control command */
	uint32_t before; /* which queue was the CVQ in the last one that had; 0: none had */
};

/** Oracle 3: the daemon's own account. */
struct trace_finding {
	bool read;	   /* there was a trace */
	uint64_t bad_line; /* the first line that could not be understood, from 1; 0: none */
	bool overflow;
	bool ended; /* its last line is the daemon's own "end" */
	uint64_t data_ok, cvq_ok, refused;
	struct stray data_in_arena;    /* a data queue into the arena */
	struct stray data_elsewhere;   /* a data queue into neither guest RAM nor the arena */
	struct stray data_in_cvq_asid; /* a data queue through the CVQ's ASID */
	struct stray cvq_outside; /* the CVQ out of the arena, or writing where it may only read */
	struct stray cvq_wrong_asid; /* the CVQ through another ASID than the VMM said */
	struct odd_commands odd;
	struct trace_session session;
	/* What data queue 0 and 1 tried in a sweep: bit n of [d]: an access at 2^n + d - 1; bit n:
	 * at the beginning of the arena's page n. */
	uint64_t swept[2][3];
	uint32_t swept_pages[2];
};

/** How much memory of its own a process had at the first attempt, and at the end. */
struct memory_finding {
	bool seen;
	uint32_t vmm_kb[2], daemon_kb[2];
};

struct evidence {
	enum episode_end end;
	char detail[240];
	bool hello_seen, done_seen;
	uint64_t scan_stride; /* as the guest was told */
	const char *untraced; /* why there is no trace of the device; NULL: there should be one */
	struct monitor_hello hello;
	struct report_done done;
	uint32_t steps_ok[2], steps_failed[2]; /* by phase: before, after */
	char failed_step[56];		       /* the first */
	uint32_t attempts;
	struct attempt *attempt;
	struct canary_finding canary;
	struct arena_finding arena;
	struct trace_finding trace;
	struct memory_finding memory;
	struct tally
	    tally;   /* of a row that a program runs: then all between here and the ends is zero */
	uint64_t ns; /* the whole episode, teardown included */
};

/** Add an attempt at the end and return it, all zero; NULL: out of memory, or ATTEMPTS_MAX there
 * already. It counts in ev->attempts only when the caller says so. */
struct attempt *evidence_next(struct evidence *ev);
/** Free what *@ev points to. */
void evidence_free(struct evidence *ev);

#endif
