/* SPDX-License-Identifier: MIT */
/*
 * What the parts of `ringfence bench` share: what was asked for, the table, the processes that are
 * measured. It must never hold a limit that a figure has to keep: a benchmark does not judge.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "../../vdpa/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct options {
	bool help, json, full, verbose;
	unsigned runs;		    /* of what is measured as a whole: boots, pairs */
	uint32_t commands, packets; /* of one run that is measured from inside */
	const char *kernel;	    /* a Linux to boot as a guest, or NULL */
	const char *device;	    /* more options of a Linux guest's device, or NULL */
	const char *vs;		    /* another VMM's command line, or NULL */
};

/* ---- the table ---- */

#define SAMPLES_MAX 64

/** What was measured of one thing, in the order in which it was. */
struct samples {
	double v[SAMPLES_MAX];
	unsigned n;
};

void samples_add(struct samples *s, double v);
double samples_median(const struct samples *s); /* 0 of none */

struct row {
	char name[48]; /* dashes for spaces: a key */
	const char *unit, *what;
	struct samples samples; /* none: it could not be measured, and @what says why */
};

#define ROWS_MAX 64
struct table {
	struct row row[ROWS_MAX];
	unsigned rows;
};

/** A new row; @name is copied, the others are borrowed. */
struct row *table_row(struct table *t, const char *name, const char *unit, const char *what);
void table_text(const struct table *t, FILE *f);
void table_json(const struct table *t, FILE *f);

/* ---- the processes ---- */

/** A device of our own, `ringfence device`. */
struct device {
	pid_t pid;
	char node[64];
};
/** @more: further options up to a NULL, or NULL. */
int device_start(struct device *d, const char *const *more, struct err *e);
void device_stop(struct device *d);

/** A VMM, ours or another, and what it says. */
struct vmm {
	pid_t pid;
	int out;	 /* its standard output and error */
	int exits;	 /* a counter of the kernel's, or -1 */
	int64_t started; /* ns */
	char text[8192]; /* what came and is no line yet */
	size_t have;
};

/** Start it, up to its exec; its exits to user space are counted if the kernel can. */
int vmm_start(struct vmm *v, char *const argv[], struct err *e);
/**
 * The next line that holds @word, and when it came, within @ms; it goes to @line. ERR_TIMEOUT, or
 * ERR_INTERNAL if the VMM ends before; what it said last is told.
 */
int vmm_wait(struct vmm *v, const char *word, int ms, char line[256], int64_t *when, struct err *e);
/** Memory it has had at the most, less the guest RAM that is there now; in KiB, < 0: not known. */
long vmm_memory(const struct vmm *v);
/** How often its vCPUs have left KVM_RUN, < 0: not known. */
long vmm_exits(const struct vmm *v);
/** End it, whatever it does. */
void vmm_stop(struct vmm *v);

/* ---- what is measured ---- */

/** Each fills rows. An error ends the benchmark. */
int measure_tiny(struct table *t, const struct options *o, struct err *e);
int measure_growth(struct table *t, const struct options *o, struct err *e);
int measure_million(struct table *t, const struct options *o, struct err *e);
int measure_linux(struct table *t, const struct options *o, struct err *e);
int measure_versus(struct table *t, const struct options *o, struct err *e);

/* What the guests boot from. */
#define FILE_LOAD "/tmp/ringfence-bench.elf"
#define FILE_INITRD "/tmp/ringfence-bench.initrd"

/** PID 1 of a Linux guest: says that it is there, does what its command line asks, never returns.
 */
void guest_main(void) __attribute__((noreturn));
/* Words of its command line, and its lines. */
#define GUEST_ADDRESSES "bench.addresses="
#define GUEST_FRAMES "bench.frames="
#define GUEST_INIT "bench: init"
#define GUEST_SET                                                                                  \
	"bench: addresses" /* count, ns in all, ns of the median and the 99th percentile */
#define GUEST_SENDING "bench: sending"
#define GUEST_SENT "bench: frames" /* count, ns in all */
#define GUEST_FAILED "bench: FAILED"
#define GUEST_DONE "bench: done"

#endif
