/* SPDX-License-Identifier: MIT */
/* Options; see opts.h. It must never take a name that is only nearly right. */
#include "opts.h"

#include "../../../vdpa/breaks.h"
#include "../../../vdpa/vduse/dev.h"

#include <getopt.h>
#include <string.h>

/* clang-format off */
const char opts_usage[] =
	"usage: ringfence-steps [--tally] [--row NAME]... [--parent vduse|vduse-mlx5|vdpa_sim]\n"
	"                       [--device NAME] [--private-cvq] [--break NAME] [--controls] [--full] [--list]\n"
	"A client of a fresh device tries, step by step, what must not get through. Needs root.\n"
	"  --tally        one row's outcome as a line of JSON, for ringfence prove\n"
	"  --row NAME     only this row\n"
	"  --parent NAME  only on this one\n"
	"  --device NAME  the one device it may make (default: ringfence-steps)\n"
	"  --private-cvq  the VDUSE device does not offer CTRL_VQ, and serves it all the same\n"
	"  --break NAME   a fault on purpose; what notices it, fails\n"
	"  --controls     each row under each of its controls: it must fail\n"
	"  --full         every page and many rounds\n"
	"  --list         rows and controls\n"
	"exit: 0 all held (with --controls: all was noticed); 1 not; 4 cannot run here; 64 usage;\n"
	"70 own failure\n";

static const struct option table[] = {
	{"tally", no_argument, NULL, 't'},
	{"row", required_argument, NULL, 'r'},
	{"parent", required_argument, NULL, 'p'},
	{"device", required_argument, NULL, 'd'},
	{"private-cvq", no_argument, NULL, 'c'},
	{"break", required_argument, NULL, 'b'},
	{"controls", no_argument, NULL, 'C'},
	{"full", no_argument, NULL, 'f'},
	{"list", no_argument, NULL, 'l'},
	{"help", no_argument, NULL, 'h'},
	{0},
};
/* clang-format on */

static int bad(struct err *e, const char *option, const char *value, const char *remedy)
{
	return err_set(e, ERR_USAGE, 0, option, value, "%s", remedy);
}

static int take_row(struct opts *o, const char *name, struct err *e)
{
	for (unsigned i = 0; i < STEPS_ROWS; i++)
		if (!strcmp(steps_rows[i].name, name)) {
			o->rows |= 1u << i;
			return 0;
		}
	return bad(e, "--row", name, "there is no such row; --list names them");
}

static int take_parent(struct opts *o, const char *name, struct err *e)
{
	for (int kind = 0; kind < PARENT_KINDS; kind++)
		if (!strcmp(parent_name((enum parent_kind)kind), name)) {
			o->parents |= 1u << kind;
			return 0;
		}
	return bad(e, "--parent", name, "vduse, vduse-mlx5 or vdpa_sim");
}

/* Those that somebody here looks at. */
static bool known_break(const char *name)
{
	for (unsigned i = 0; i < STEPS_ROWS; i++)
		for (const char *const *c = steps_rows[i].controls; *c; c++)
			if (!strcmp(*c, name))
				return break_by_name(name) >= 0;
	return false;
}

static int take_break(struct opts *o, const char *name, struct err *e)
{
	if (!known_break(name))
		return bad(e, "--break", name, "no row here has such a control, or not this build");
	o->brk = name;
	o->breaks |= 1u << break_by_name(name);
	return 0;
}

bool opts_break_fits(const char *name, enum parent_kind parent)
{
	int id = break_by_name(name);

	return id >= 0 && (break_table[id].side != BREAK_IN_DEVICE || parent != PARENT_SIM);
}

static int take(struct opts *o, int option, const char *word, struct err *e)
{
	switch (option) {
	case 'r':
		return take_row(o, optarg, e);
	case 'p':
		return take_parent(o, optarg, e);
	case 'd':
		o->device = optarg;
		return vduse_name_ok(optarg)
			   ? 0
			   : bad(e, "--device", optarg, "1 to 63 of A-Z a-z 0-9 . _ -");
	case 'b':
		return take_break(o, optarg, e);
	case '?':
		return bad(e, "option", word, "unknown; --help lists them");
	case ':':
		return bad(e, "option", word, "it needs a value");
	default:
		o->tally |= option == 't';
		o->private_cvq |= option == 'c';
		o->controls |= option == 'C';
		o->full |= option == 'f';
		o->list |= option == 'l';
		o->help |= option == 'h';
		return 0;
	}
}

static int check(struct opts *o, struct err *e)
{
	for (int kind = 0; o->brk && kind < PARENT_KINDS; kind++)
		if ((o->parents >> kind & 1) && !opts_break_fits(o->brk, (enum parent_kind)kind))
			return bad(e, "--break", o->brk, "that parent is not ours to break");
	if (o->tally && (!o->rows || (o->rows & (o->rows - 1)) || !o->parents ||
			 (o->parents & (o->parents - 1))))
		return bad(e, "--tally", "", "it takes one --row and one --parent");
	if (o->controls && (o->tally || o->brk || !RINGFENCE_BREAKS))
		return bad(e, "--controls", "",
			   "not with --tally or --break, nor in a build without breaks");
	return 0;
}

int opts_parse(struct opts *o, int argc, char **argv, struct err *e)
{
	int option, ret = 0;

	*o = (struct opts){.device = "ringfence-steps"};
	optind = 0; /* glibc: start anew, whoever has parsed before */
	opterr = 0;
	while (!ret && (option = getopt_long(argc, argv, ":h", table, NULL)) != -1)
		ret = take(o, option, argv[optind - 1], e);
	if (!ret && optind < argc)
		ret = bad(e, "argument", argv[optind], "it takes none");
	return ret ? ret : check(o, e);
}
