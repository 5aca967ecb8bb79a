/* SPDX-License-Identifier: MIT */
/*
 * `ringfence-hostile`: rows 33 to 35, a daemon that is hostile to its VMM; as
 * tests/isolation/tally.h asks, or for people. It must never say of a row that it held when it was
 * not attempted.
 */
#include "../env.h"
#include "../tally.h"
#include "lanes.h"

#include <fnmatch.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LANES 3

static const char help[] =
    "usage: ringfence-hostile [--row NAME] [OPTION]...\n"
    "What a hostile VDUSE daemon can do to the VMM, tried on the real one with real devices.\n"
    "  --row NAME     one row (all)\n"
    "  --only GLOB    the faults of that name\n"
    "  --full         all combinations, in minutes\n"
    "  --break NAME   break the VMM: a fault that must notice is then a violation\n"
    "  --controls     with each control in turn, every fault that must notice it\n"
    "  --device NAME  its devices are called by that and a number (ringfence-hostile)\n"
    "  --parent NAME  vduse is the only one that has a daemon\n"
    "  --private-cvq  the device does not offer CTRL_VQ, but its third queue is one\n"
    "  --lanes N      VMMs that wait at a time (3)\n"
    "  --tally        one line of JSON at the end\n"
    "  --list         rows and their controls; with --row, its faults\n"
    "  -v, --verbose  each fault; and what the VMM said where one is violated\n"
    "exit: 0 all held; 1 not; 4 cannot run here; 64 usage; 70 own failure\n";

enum { EXIT_HELD = 0, EXIT_VIOLATED = 1, EXIT_CANNOT = 4, EXIT_USAGE = 64, EXIT_OWN = 70 };

struct options {
	const struct hostile_row *row; /* or NULL: all */
	const char *only, *brk, *device, *parent;
	int control; /* enum control of @brk, or -1 */
	bool full, tally, list, verbose, private_cvq, controls;
	unsigned lanes;
};

static int usage(const char *option, const char *value)
{
	fprintf(stderr, "ringfence-hostile: %s %s: there is no such thing: see --help\n", option,
		value);
	return EXIT_USAGE;
}

/* ---- a row ---- */

/* Only what is asked for: by name, and with a break what has to notice it. */
static void choose(struct faults *f, const struct options *o)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->count; i++) {
		const struct fault *one = &f->fault[i];
		if ((o->only && fnmatch(o->only, one->name, 0)) ||
		    (o->brk && !(one->controls >> o->control & 1)))
			continue;
		f->fault[n++] = *one;
	}
	f->count = n;
}

static void note_violation(struct tally *t, const char *who, const char *what)
{
	if (t->violations++ == 0)
		snprintf(t->first, sizeof(t->first), "%.60s: %.130s", who, what);
}

/* @all: none of them may be left out. */
static void add_up(struct tally *t, const struct hostile_row *row, const struct faults *f,
		   const struct lanes_result *r, bool all)
{
	uint64_t longest = 0, slowest = 0, end = 0;
	unsigned vmms = 0;

	for (unsigned i = 0; i < f->count; i++) {
		const struct finding *one = &r->finding[i];
		t->attempts += one->attempted;
		if (all && !one->attempted && !one->violated)
			note_violation(t, f->fault[i].name, "it was not tried");
		if (one->violated)
			note_violation(t, f->fault[i].name, one->what);
		longest = one->longest_ns > longest ? one->longest_ns : longest;
		slowest = one->took_ns > slowest ? one->took_ns : slowest;
	}
	for (unsigned i = 0; i < r->sessions; i++) {
		vmms += r->report[i].ran;
		t->legal += r->report[i].legal;
		if (r->report[i].violated)
			note_violation(t, "a VMM", r->report[i].what);
		end = r->report[i].end_ns > end ? r->report[i].end_ns : end;
	}
	snprintf(t->unit, sizeof(t->unit), "faults");
	snprintf(t->note, sizeof(t->note),
		 "%u VMMs; longest stall %.1f ms, answer %.1f s, end %.1f s%s%s", vmms,
		 (double)longest / 1e6, (double)slowest / 1e9, (double)end / 1e9,
		 row->note[0] ? "; " : "", row->note);
}

static void tell_fault(const struct fault *f, const struct finding *one)
{
	fprintf(stderr, " %s  %-44s %5" PRIu64 " ms, stall %5.2f ms of %6.2f  %s\n",
		one->violated	 ? "FAIL"
		: one->attempted ? "ok  "
				 : "-   ",
		f->name, one->took_ns / 1000000, (double)one->longest_ns / 1e6,
		(double)one->seen_ns / 1e6, one->what);
}

static void tell_row(const struct hostile_row *row, const struct tally *t)
{
	printf(" %s  %u %-12s %" PRIu64 " faults, %" PRIu64 " violations; %" PRIu64
	       " legal operations; %s\n",
	       t->violations ? "FAIL" : "PASS", row->number, row->name, t->attempts, t->violations,
	       t->legal, t->note);
	if (t->first[0])
		printf("       %s\n", t->first);
}

static int run_row(const struct hostile_row *row, const struct options *o, const char *ringfence)
{
	static struct faults f;
	const struct lanes_config c = {.ringfence = ringfence,
				       .device = o->device,
				       .brk = o->brk,
				       .private_cvq = o->private_cvq,
				       .verbose = o->verbose,
				       /* One is enough, unless they are named. */
				       .first = o->brk && !o->only,
				       .lanes = o->brk && !o->only ? 1 : o->lanes};
	struct lanes_result *r;
	struct tally t = {0};
	struct err e = {0};

	f.count = 0;
	row->list(&f, o->full);
	choose(&f, o);
	if (!f.count)
		return usage(o->only ? "--only" : "--break", o->only ? o->only : o->brk);
	if (lanes_run(&c, &f, &r, &e)) {
		fprintf(stderr, "ringfence-hostile: %s\n", e.text);
		return EXIT_OWN;
	}
	add_up(&t, row, &f, r, !o->brk);
	for (unsigned i = 0; i < f.count && (o->verbose || t.violations); i++)
		if (o->verbose || r->finding[i].violated)
			tell_fault(&f.fault[i], &r->finding[i]);
	lanes_free(r);
	if (o->tally)
		tally_print(stdout, &t);
	else
		tell_row(row, &t);
	return t.violations ? EXIT_VIOLATED : EXIT_HELD;
}

/* Each fault that must notice a control has to, not only the first of them. */
static int run_control(const struct hostile_row *row, const struct options *o, int control,
		       const char *ringfence)
{
	static struct faults f;
	struct options with = *o;
	const struct lanes_config c = {.ringfence = ringfence,
				       .device = o->device,
				       .brk = control_names[control],
				       .private_cvq = o->private_cvq,
				       .lanes = o->lanes};
	struct lanes_result *r;
	struct err e = {0};
	unsigned missed = 0;

	with.brk = control_names[control];
	with.control = control;
	f.count = 0;
	row->list(&f, o->full);
	choose(&f, &with);
	if (!f.count)
		return EXIT_HELD; /* --only has none of them */
	if (lanes_run(&c, &f, &r, &e)) {
		fprintf(stderr, "ringfence-hostile: %s\n", e.text);
		return EXIT_OWN;
	}
	for (unsigned i = 0; i < f.count; i++) {
		missed += !r->finding[i].violated;
		if (!r->finding[i].violated || o->verbose)
			printf(" %s  %-22s  %s: %s\n",
			       r->finding[i].violated ? "noticed" : "MISSED ", with.brk,
			       f.fault[i].name, r->finding[i].what);
	}
	printf(" %s  %u %-12s %-22s %u of %u faults noticed\n", missed ? "FAIL" : "PASS",
	       row->number, row->name, with.brk, f.count - missed, f.count);
	lanes_free(r);
	return missed ? EXIT_VIOLATED : EXIT_HELD;
}

static int run_controls(const struct hostile_row *row, const struct options *o,
			const char *ringfence)
{
	int worst = EXIT_HELD;

	for (int i = 0; i < CONTROLS; i++) {
		int ret = row->controls >> i & 1 ? run_control(row, o, i, ringfence) : EXIT_HELD;
		worst = ret > worst ? ret : worst;
	}
	return worst;
}

/* ---- the program ---- */

static void list_row(const struct hostile_row *row, bool faults, bool full)
{
	static struct faults f;

	printf("%u %s %s; controls:", row->number, row->name, row->claim);
	for (unsigned i = 0; i < CONTROLS; i++)
		if (row->controls >> i & 1)
			printf(" %s", control_names[i]);
	printf("\n");
	if (!faults)
		return;
	f.count = 0;
	row->list(&f, full);
	for (unsigned i = 0; i < f.count; i++)
		printf("   %s\n", f.fault[i].name);
}

static int skip(const struct options *o, const char *why)
{
	struct tally t = {0};

	snprintf(t.skip, sizeof(t.skip), "%.190s", why);
	if (o->tally)
		tally_print(stdout, &t);
	else
		printf(" SKIP  %s\n", t.skip);
	return EXIT_CANNOT;
}

static int take_option(struct options *o, int opt, const char *arg)
{
	switch (opt) {
	case 'r':
		o->row = hostile_row_by_name(arg);
		return o->row ? 0 : usage("--row", arg);
	case 'o':
		o->only = arg;
		return 0;
	case 'b':
		o->brk = arg;
		o->control = RINGFENCE_BREAKS ? control_by_name(arg) : -1;
		return o->control < 0 ? usage("--break", arg) : 0;
	case 'd':
		o->device = arg;
		return strlen(arg) && strlen(arg) < 40 ? 0 : usage("--device", arg);
	case 'p':
		o->parent = arg;
		return strcmp(arg, "vduse") && strcmp(arg, "vdpa_sim") ? usage("--parent", arg) : 0;
	case 'n':
		o->lanes = (unsigned)strtoul(arg, NULL, 10);
		return o->lanes ? 0 : usage("--lanes", arg);
	default:
		o->full |= opt == 'f';
		o->tally |= opt == 't';
		o->list |= opt == 'l';
		o->controls |= opt == 'm';
		o->verbose |= opt == 'v';
		o->private_cvq |= opt == 'c';
		return opt == '?' ? EXIT_USAGE : 0;
	}
}

static int parse(struct options *o, int argc, char **argv)
{
	static const struct option table[] = {
	    {"row", required_argument, NULL, 'r'},    {"only", required_argument, NULL, 'o'},
	    {"break", required_argument, NULL, 'b'},  {"device", required_argument, NULL, 'd'},
	    {"parent", required_argument, NULL, 'p'}, {"lanes", required_argument, NULL, 'n'},
	    {"full", no_argument, NULL, 'f'},	      {"tally", no_argument, NULL, 't'},
	    {"list", no_argument, NULL, 'l'},	      {"controls", no_argument, NULL, 'm'},
	    {"verbose", no_argument, NULL, 'v'},      {"private-cvq", no_argument, NULL, 'c'},
	    {"help", no_argument, NULL, 'h'},	      {0},
	};
	int opt, ret = 0;

	while (!ret && (opt = getopt_long(argc, argv, "vh", table, NULL)) != -1) {
		if (opt == 'h') {
			fputs(help, stdout);
			exit(0);
		}
		ret = take_option(o, opt, optarg);
	}
	if (!ret && optind < argc)
		ret = usage("argument", argv[optind]);
	return ret;
}

int main(int argc, char **argv)
{
	struct options o = {.device = "ringfence-hostile", .control = -1, .lanes = LANES};
	static struct env env;
	struct err e = {0};
	char ringfence[400];
	int ret = parse(&o, argc, argv), worst = EXIT_HELD;

	signal(SIGPIPE, SIG_IGN);
	if (ret)
		return ret;
	for (unsigned i = 0; o.list && i < ROWS; i++)
		if (!o.row || o.row == &hostile_rows[i])
			list_row(&hostile_rows[i], o.row != NULL, o.full);
	if (o.list)
		return 0;
	if (o.parent && strcmp(o.parent, "vduse"))
		return skip(&o, "vdpa_sim has no daemon: what answers there is the kernel");
	env_gather(&env);
	env.stock |= o.private_cvq;
	if (env_ringfence(ringfence, sizeof(ringfence), &e) || env_missing(&env, &e)) {
		if (e.kind == ERR_HOST)
			return skip(&o, e.text);
		fprintf(stderr, "ringfence-hostile: %s\n", e.text);
		return EXIT_OWN;
	}
	for (unsigned i = 0; i < ROWS; i++) {
		if (o.row ? o.row != &hostile_rows[i]
			  : o.brk && !(hostile_rows[i].controls >> o.control & 1))
			continue;
		ret = o.controls ? run_controls(&hostile_rows[i], &o, ringfence)
				 : run_row(&hostile_rows[i], &o, ringfence);
		worst = ret > worst ? ret : worst;
	}
	return worst;
}
