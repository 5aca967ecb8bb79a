/* SPDX-License-Identifier: MIT */
/*
 * One episode: a fresh daemon, a fresh device and a fresh VMM, run once, watched, taken down.
 * Whatever happens in between, it must never return with one of them left over without saying so,
 * nor later than its deadlines.
 */
#ifndef ISOLATION_EPISODE_H
#define ISOLATION_EPISODE_H

#include "evidence.h"
#include "matrix.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define EPISODE_READY_MS 20000 /* on a busy host a simulator has taken more than 5 s */
#define EPISODE_RUN_MS 30000

/** Points at which a test may interfere. */
enum episode_point {
	POINT_DAEMON_STARTED,
	POINT_DAEMON_READY,
	POINT_VMM_STARTED,
	POINT_HELLO,
	POINT_RECORD, /* one record taken, not yet answered */
	POINT_VMM_ENDED,
};

struct episode_config {
	const char *ringfence; /* the binary */
	const struct row *row;
	const char *brk; /* a break's name, or NULL: isolated */
	bool private_cvq;
	const char *given;    /* a device that is there already: its node; NULL: one is made */
	const char *cannot;   /* why it cannot run here, if that is known; or NULL */
	const char *untraced; /* why there is no trace of the device; NULL: there is one */
	uint64_t scan_stride;
	bool full;
	const char *dir;    /* an existing directory of its own: device.log, vmm.log, trace.jsonl,
			       events.jsonl */
	const char *device; /* the device's name, nobody else's */
	unsigned ready_ms, run_ms;
	int stop_fd; /* readable when the episode must end at once; -1: never */
	/** Called at each point, if set; pids are 0 where there is no such process (yet, or any
	 * more). */
	void (*hook)(void *ctx, enum episode_point point, pid_t daemon, pid_t vmm);
	void *ctx;
};

/** Run it and fill *@ev, whose old contents are not looked at; evidence_free() it afterwards. */
void episode_run(const struct episode_config *c, struct evidence *ev);

#endif
