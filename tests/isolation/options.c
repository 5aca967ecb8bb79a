/* SPDX-License-Identifier: MIT */
/* Options of `ringfence prove`; see options.h. It must never print: main does. */
#include "options.h"

#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_DEFAULT_MS 900000
#define TIMEOUT_FULL_MS 3600000
#define JOBS_MAX 8 /* POOL_JOBS_MAX */
#define PARENTS_VDUSE (1U << PARENT_VDUSE | 1U << PARENT_MLX5 | 1U << PARENT_RINGS)
#define PARENTS_ALL (PARENTS_VDUSE | 1U << PARENT_SIM | 1U << PARENT_PROCESS)

const char options_help[] =
    "usage: ringfence prove [OPTIONS]\n"
    "\n"
    "Attack the control virtqueue's memory in every way of the table, each beside controls that "
    "must\n"
    "succeed, and give a verdict. Needs /dev/kvm, VDUSE and vhost-vDPA (`ringfence doctor` "
    "looks).\n"
    "\n"
    "  --list             name the rows and their controls, and stop\n"
    "  --differences      a table of where the parents' answers differ, and stop\n"
    "  --filter GLOB      only rows whose name matches; may be given more than once\n"
    "  --parent NAME      the device's parent: vduse, vdpa_sim, or all (default)\n"
    "  --vdpa DEV         a device that is there already, /dev/vhost-vdpa-N, in place of those; it "
    "is "
    "reset\n"
    "                     and used. Only what needs no trace of it can be shown on it\n"
    "  --break NAME       break the configuration that should be isolated; rows must be breached. "
    "Runs no\n"
    "                     controls. --list has the names\n"
    "  --no-controls      only what should be isolated; ends with 1 or 70, never 0\n"
    "  --repeat N         run everything N times\n"
    "  --full             all of every row: the CPU scan by 4 KiB, whole enumerations (minutes);\n"
    "                     its controls are those of all rows, each as long as without\n"
    "  --jobs N           episodes at a time, at most 8 (default two for each CPU, or two in all\n"
    "                     in a lab that emulates its CPUs)\n"
    "  --require          end with 1, not 4, if this host cannot run it\n"
    "  --format FORMAT    human, tap, json; auto (default): human on a terminal, else tap\n"
    "  --junit FILE       write JUnit XML too\n"
    "  --out DIR          keep results.tap, results.json, env.json and each episode's logs and "
    "trace there\n"
    "  --enumerate FILE   run only the rows about our own process, and leave what they said in "
    "FILE\n"
    "  --enumerated FILE  take it from there; `ringfence lab prove` does both\n"
    "  --gather FILE      run everything, the last first, judge nothing, and leave what it showed "
    "in FILE\n"
    "  --gathered FILE    take from there what it has by the time it is to be run: with a lab for "
    "each\n"
    "                     of two CPUs, `ringfence lab prove` does both\n"
    "  --timeout SECONDS  for the whole run (900; with --full 3600)\n"
    "  --color WHEN       auto, always, never\n"
    "  -v, --verbose      a line for every episode; -q, --quiet: no progress\n"
    "  -h, --help         this; -V, --version\n"
    "\n"
    "exit: 0 all rows held that can run here; 1 a row did not; 4 this host cannot run it; 64 "
    "usage; 70 own failure, "
    "or a\n"
    "--break that no row noticed; 124 time-out; 130 interrupted\n";

enum {
	OPT_LIST = 256,
	OPT_DIFFERENCES,
	OPT_FILTER,
	OPT_PARENT,
	OPT_VDPA,
	OPT_BREAK,
	OPT_NO_CONTROLS,
	OPT_ENUMERATE,
	OPT_ENUMERATED,
	OPT_GATHER,
	OPT_GATHERED,
	OPT_REPEAT,
	OPT_FULL,
	OPT_JOBS,
	OPT_REQUIRE,
	OPT_FORMAT,
	OPT_JUNIT,
	OPT_OUT,
	OPT_TIMEOUT,
	OPT_COLOR
};

static const struct option table[] = {
    {"list", no_argument, NULL, OPT_LIST},
    {"differences", no_argument, NULL, OPT_DIFFERENCES},
    {"filter", required_argument, NULL, OPT_FILTER},
    {"parent", required_argument, NULL, OPT_PARENT},
    {"vdpa", required_argument, NULL, OPT_VDPA},
    {"break", required_argument, NULL, OPT_BREAK},
    {"no-controls", no_argument, NULL, OPT_NO_CONTROLS},
    {"enumerate", required_argument, NULL, OPT_ENUMERATE},
    {"enumerated", required_argument, NULL, OPT_ENUMERATED},
    {"gather", required_argument, NULL, OPT_GATHER},
    {"gathered", required_argument, NULL, OPT_GATHERED},
    {"repeat", required_argument, NULL, OPT_REPEAT},
    {"full", no_argument, NULL, OPT_FULL},
    {"jobs", required_argument, NULL, OPT_JOBS},
    {"require", no_argument, NULL, OPT_REQUIRE},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"junit", required_argument, NULL, OPT_JUNIT},
    {"out", required_argument, NULL, OPT_OUT},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"color", required_argument, NULL, OPT_COLOR},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

static int usage(struct err *e, const char *option, const char *takes)
{
	return err_set(e, ERR_USAGE, 0, "prove", option, "%s", takes);
}

static int set_number(unsigned *to, const char *text, uint64_t max, const char *option,
		      struct err *e)
{
	uint64_t v;

	if (opts_u64(text, max, &v) || !v)
		return usage(e, option, "takes a number above 0");
	*to = (unsigned)v;
	return 0;
}

static int set_format(enum format *to, const char *text, struct err *e)
{
	static const char *const names[] = {"auto", "human", "tap", "json"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]))
			continue;
		*to = (enum format)i;
		return 0;
	}
	return usage(e, "--format", "takes auto, human, tap or json");
}

static int set_break(const char **to, const char *text, struct err *e)
{
	*to = text;
	if (break_by_name(text) >= 0)
		return 0;
	if (!RINGFENCE_BREAKS)
		return usage(e, "--break", "this build has no breaks (RINGFENCE_BREAKS=OFF)");
	return usage(e, "--break",
		     "takes a control's name: `ringfence prove --list` has them, merge-asid for "
		     "one");
}

static int set_parents(uint32_t *to, const char *text, struct err *e)
{
	const uint32_t process = 1U << PARENT_PROCESS; /* belongs to them all */

	if (!strcmp(text, "all"))
		*to = PARENTS_ALL;
	else if (!strcmp(text, parent_name(PARENT_VDUSE)))
		*to = PARENTS_VDUSE | process;
	else if (!strcmp(text, parent_name(PARENT_SIM)))
		*to = 1U << PARENT_SIM | process;
	else
		return usage(e, "--parent", "takes vduse, vdpa_sim or all");
	return 0;
}

static int set_text(struct options *o, int opt, const char *text, struct err *e)
{
	switch (opt) {
	case OPT_FILTER:
		if (o->filters == OPTIONS_FILTERS)
			return usage(e, "--filter", "is given too often");
		o->filter[o->filters++] = text;
		return 0;
	case OPT_PARENT:
		return set_parents(&o->parents, text, e);
	case OPT_VDPA:
		o->vdpa = text;
		return *text ? 0 : usage(e, "--vdpa", "takes a path like /dev/vhost-vdpa-0");
	case OPT_ENUMERATE:
		o->enumerate = text;
		return 0;
	case OPT_ENUMERATED:
		o->enumerated = text;
		return 0;
	case OPT_GATHER:
		o->gather = text;
		return 0;
	case OPT_GATHERED:
		o->gathered = text;
		return 0;
	case OPT_JUNIT:
		o->junit = text;
		return 0;
	default:
		o->out = text;
		return 0;
	}
}

static int set_value(struct options *o, int opt, const char *text, struct err *e)
{
	switch (opt) {
	case OPT_BREAK:
		return set_break(&o->brk, text, e);
	case OPT_REPEAT:
		return set_number(&o->repeat, text, 10000, "--repeat", e);
	case OPT_JOBS:
		return set_number(&o->jobs, text, JOBS_MAX, "--jobs (at most 8)", e);
	case OPT_FORMAT:
		return set_format(&o->format, text, e);
	case OPT_TIMEOUT:
		return opts_seconds(text, &o->timeout_ms) ? usage(e, "--timeout", "takes seconds")
							  : 0;
	case OPT_COLOR:
		return opts_color_mode(text, &o->color)
			   ? usage(e, "--color", "takes auto, always or never")
			   : 0;
	default:
		return set_text(o, opt, text, e);
	}
}

static bool set_flag(struct options *o, int opt)
{
	switch (opt) {
	case OPT_LIST:
		return o->list = true;
	case OPT_DIFFERENCES:
		return o->differences = true;
	case OPT_FULL:
		return o->full = true;
	case OPT_NO_CONTROLS:
		return o->no_controls = true;
	case OPT_REQUIRE:
		return o->require = true;
	case 'v':
		return o->verbose = true;
	case 'q':
		return o->quiet = true;
	case 'h':
		return o->help = true;
	case 'V':
		return o->version = true;
	default:
		return false;
	}
}

/* What getopt_long() stumbled over; @name is for a short one. */
static const char *culprit(char name[3], char **argv)
{
	if (optopt <= 0 || optopt >= OPT_LIST)
		return argv[optind - 1];
	name[0] = '-';
	name[1] = (char)optopt;
	name[2] = 0;
	return name;
}

/* One device has one user at a time. */
static int set_given(struct options *o, struct err *e)
{
	if (o->parents != PARENTS_ALL)
		return usage(e, "--parent", "means nothing beside --vdpa");
	if (o->jobs > 1)
		return usage(e, "--jobs", "is 1 with --vdpa");
	o->parents = 1U << PARENT_GIVEN;
	o->jobs = 1;
	return 0;
}

int options_parse(struct options *o, int argc, char **argv, struct err *e)
{
	int opt, ret;
	char name[3];

	*o = (struct options){.parents = PARENTS_ALL, .repeat = 1};
	optind = 0; /* glibc: start anew, whatever was parsed before */
	while ((opt = getopt_long(argc, argv, ":vqhV", table, NULL)) != -1) {

		if (opt == ':')
			return usage(e, culprit(name, argv),
				     "lacks its value (--help names the options)");
		if (opt == '?')
			return usage(e, culprit(name, argv),
				     "is no option of it (--help names them)");
		if (set_flag(o, opt))
			continue;
		ret = set_value(o, opt, optarg, e);
		if (ret)
			return ret;
	}
	if (optind < argc)
		return usage(e, argv[optind], "takes no such argument (--help names the options)");
	if (!o->timeout_ms)
		o->timeout_ms = o->full ? TIMEOUT_FULL_MS : TIMEOUT_DEFAULT_MS;
	return o->vdpa ? set_given(o, e) : 0;
}

bool options_select(const struct options *o, const char *row)
{
	for (unsigned i = 0; i < o->filters; i++)
		if (fnmatch(o->filter[i], row, 0) == 0)
			return true;
	return o->filters == 0;
}
