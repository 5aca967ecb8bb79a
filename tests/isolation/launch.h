/* SPDX-License-Identifier: MIT */
/*
 * The two children of an episode: their command lines, their logs, what they say first and last. It
 * must never give either a descriptor or a word that the other's side of the proof depends on.
 */
#ifndef ISOLATION_LAUNCH_H
#define ISOLATION_LAUNCH_H

#include "child.h"
#include "episode.h"
#include "oracle.h"

#include <stddef.h>
#include <sys/types.h>

#define DAEMON_LOG "device.log"
#define VMM_LOG "vmm.log"
#define TRACE_FILE "trace.jsonl"
#define EVENTS_FILE "events.jsonl"

/** Write @dir/@name, cut to fit, to @buf. */
void launch_path(const struct episode_config *c, const char *name, char *buf, size_t len);

/** Start the daemon; *@ready_fd is the caller's, non-blocking, and gives its stdout. */
int launch_daemon(struct child *daemon, const struct episode_config *c, int *ready_fd,
		  struct err *e);

/** Take "ready PATH" from @line, writing the path to @node; whether that is what it says. */
bool launch_ready(const char *line, char *node, size_t len);

/** Start the VMM on @node; *@sock is the caller's, the judge's end of the monitor socket. */
int launch_vmm(struct child *vmm, const struct episode_config *c, const char *node,
	       const struct canary_seed *seed, int *sock, struct err *e);

/** How many bytes @log has. */
off_t launch_log_size(const struct episode_config *c, const char *log);

/** The last line of @log that begins at byte @from or later, in printable ASCII; "": none. */
void launch_last_words(const struct episode_config *c, const char *log, off_t from, char *buf,
		       size_t len);

/** How @child ended and, if by itself, the last line of its log, in printable ASCII. */
void launch_epitaph(const struct episode_config *c, const struct child *child, const char *log,
		    char *buf, size_t len);

#endif
