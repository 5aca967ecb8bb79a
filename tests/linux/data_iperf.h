/* SPDX-License-Identifier: MIT */
/*
 * What both halves of the iperf3 test agree on: the guest serves each run once, the judge outside
 * is the client. It must never hold what only one of them needs.
 */
#ifndef TESTS_LINUX_DATA_IPERF_H
#define TESTS_LINUX_DATA_IPERF_H

#include <stdbool.h>
#include <stdint.h>

/* Where iperf.sh's files are, in the lab and in the guest, and how one is run without a library
 * in its place. */
#define IPERF_NAME "iperf3"
#define IPERF_DIR "/" IPERF_NAME
#define IPERF_COMMAND                                                                              \
	IPERF_DIR "/loader", "--library-path", IPERF_DIR, IPERF_DIR "/iperf3", "-4", "-p",         \
	    IPERF_PORT
#define IPERF_PORT "5201"

#define IPERF_PAIRS 4 /* of queues */
#define BIT_OF(pair) (1u << (pair))
#define IPERF_ANY (BIT_OF(IPERF_PAIRS) - 1)

struct iperf_run {
	const char *name;
	unsigned pairs;		 /* which of them the guest may send on; Linux picks by flow */
	const char *options[12]; /* the client's, up to a NULL */
	uint64_t bytes;		 /* that those ask for */
	unsigned streams;
	bool udp;
};
extern const struct iperf_run iperf_runs[];
extern const unsigned iperf_count;

/** NULL, or what is wrong with the client's report in the file @path. */
const char *iperf_judge_report(const struct iperf_run *r, const char *path);

#endif
