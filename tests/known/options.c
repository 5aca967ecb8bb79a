/* SPDX-License-Identifier: MIT */
/* Options of `ringfence known`; see options.h. It must never print: main does. */
#include "options.h"

#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECONDS_MAX 86400

const char options_help[] =
    "usage: ringfence known [OPTIONS]\n"
    "\n"
    "Show what is known to be wrong in this kernel's VDUSE, vhost-vDPA and vdpa_sim; each is told "
    "in\n"
    "docs/kernel-findings. None is triggered by a normal run of Ringfence. Needs root, and a "
    "kernel\n"
    "you can do without: some of it leaves a warning in its log, or memory that does not come "
    "back.\n"
    "\n"
    "  --list             name the findings, and stop\n"
    "  --filter GLOB      only findings whose name matches; may be given more than once\n"
    "  --destructive      allow the one finding that is selected to wedge the kernel\n"
    "  --timeout SECONDS  for each finding (default 20; some have more)\n"
    "  --format FORMAT    human or tap (default: human on a terminal, else tap)\n"
    "  -h, --help         this; -V, --version\n"
    "\n"
    "XFAIL: the finding shows, as expected. XPASS: it does not show any more. exit: 0 all that "
    "ran\n"
    "showed; 1 one did not, or a reproducer failed; 4 none can run here; 64 usage; 70 own "
    "failure;\n"
    "130 interrupted\n";

enum { OPT_LIST = 256, OPT_FILTER, OPT_DESTRUCTIVE, OPT_TIMEOUT, OPT_FORMAT };

static const struct option table[] = {
    {"list", no_argument, NULL, OPT_LIST},
    {"filter", required_argument, NULL, OPT_FILTER},
    {"destructive", no_argument, NULL, OPT_DESTRUCTIVE},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

static int take_filter(struct options *o, const char *glob, struct err *e)
{
	if (o->filters == OPTIONS_FILTERS)
		return err_set(e, ERR_USAGE, 0, "--filter", glob, "at most %d", OPTIONS_FILTERS);
	o->filter[o->filters++] = glob;
	return 0;
}

static int take_timeout(struct options *o, const char *text, struct err *e)
{
	char *end;
	long seconds = strtol(text, &end, 10);

	if (end == text || *end || seconds < 1 || seconds > SECONDS_MAX)
		return err_set(e, ERR_USAGE, 0, "--timeout", text, "seconds, 1 to %d", SECONDS_MAX);
	o->seconds = (unsigned)seconds;
	return 0;
}

static int take_format(struct options *o, const char *text, struct err *e)
{
	if (strcmp(text, "human") && strcmp(text, "tap"))
		return err_set(e, ERR_USAGE, 0, "--format", text, "human or tap");
	o->format = strcmp(text, "tap") ? FORMAT_HUMAN : FORMAT_TAP;
	return 0;
}

static int take(struct options *o, int opt, const char *word, struct err *e)
{
	switch (opt) {
	case OPT_LIST:
		o->list = true;
		return 0;
	case OPT_FILTER:
		return take_filter(o, optarg, e);
	case OPT_DESTRUCTIVE:
		o->destructive = true;
		return 0;
	case OPT_TIMEOUT:
		return take_timeout(o, optarg, e);
	case OPT_FORMAT:
		return take_format(o, optarg, e);
	case 'h':
		o->help = true;
		return 0;
	case 'V':
		o->version = true;
		return 0;
	default:
		return err_set(e, ERR_USAGE, 0, "option", word,
			       "unknown, or its value is missing; --help lists them");
	}
}

int options_parse(struct options *o, int argc, char **argv, struct err *e)
{
	int opt;

	*o = (struct options){.format = isatty(STDOUT_FILENO) ? FORMAT_HUMAN : FORMAT_TAP};
	opterr = 0;
	optind = 1;
	while ((opt = getopt_long(argc, argv, "hV", table, NULL)) != -1) {
		int ret = take(o, opt, argv[optind - 1], e);
		if (ret)
			return ret;
	}
	if (optind < argc)
		return err_set(e, ERR_USAGE, 0, "argument", argv[optind], "it takes none");
	return 0;
}

bool options_select(const struct options *o, const char *name)
{
	for (unsigned i = 0; i < o->filters; i++)
		if (fnmatch(o->filter[i], name, 0) == 0)
			return true;
	return o->filters == 0;
}
