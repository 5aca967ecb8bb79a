/* SPDX-License-Identifier: MIT */
/*
 * The launcher's command line: its own options are taken out, wherever they stand, and the rest is
 * the job's. It must never guess at an option it does not know: the job knows it, or refuses it.
 */
#include "../../vmm/opts.h"
#include "lab.h"
#include "wire.h"

#include <stdio.h>
#include <string.h>

#define SECONDS_PROVE 900
#define SECONDS_FULL 3700
#define SECONDS_MUTANT                                                                             \
	240		 /* a slow host with other work took more than 60 for an unmutated kernel */
#define PATIENCE_KASAN 8 /* times as long, unless --timeout is given */
#define SECONDS_OTHER 120
#define SECONDS_SHELL 86400

static const char *const command_names[LAB_COMMANDS] = {
    [LAB_PROVE] = "prove",   [LAB_RUN] = "run",	    [LAB_DEVICE] = "device",
    [LAB_DOCTOR] = "doctor", [LAB_BENCH] = "bench", [LAB_SHELL] = "shell",
    [LAB_EXEC] = "exec",     [LAB_BUILD] = "build", [LAB_MUTANTS] = "mutants",
    [LAB_STATUS] = "status", [LAB_CLEAN] = "clean",
};

const char *opts_command_name(enum lab_command c)
{
	return command_names[c];
}

/* "--name VALUE" or "--name=VALUE" at *at: 1 and the value, 0 if it is another option, -EINVAL
 * without a value. */
static int take_value(const char *name, int argc, char **argv, int *at, const char **value,
		      struct err *e)
{
	size_t len = strlen(name);
	const char *arg = argv[*at];

	if (strncmp(arg, name, len) != 0 || (arg[len] && arg[len] != '='))
		return 0;
	if (arg[len] == '=')
		*value = arg + len + 1;
	else if (*at + 1 < argc)
		*value = argv[++*at];
	else
		return err_set(e, ERR_USAGE, 0, "option", name, "needs a value");
	return 1;
}

/* 1, as of an option that was taken, or -EINVAL. */
static int parse_accel(struct lab_opts *o, const char *value, struct err *e)
{
	static const char *const names[] = {
	    [ACCEL_TCG] = "tcg", [ACCEL_KVM] = "kvm", [ACCEL_AUTO] = "auto"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(value, names[i]) == 0) {
			o->accel = (enum lab_accel)i;
			return 1;
		}
	}
	return err_set(e, ERR_USAGE, 0, "--accel", value, "auto, kvm or tcg");
}

static int parse_seconds(struct lab_opts *o, const char *value, struct err *e)
{
	unsigned ms;

	if (opts_seconds(value, &ms) < 0)
		return err_set(e, ERR_USAGE, 0, "--timeout", value,
			       "seconds, more than 0, at most a day");
	o->seconds = (ms + 999) / 1000;
	return 1;
}

static int parse_labs(struct lab_opts *o, const char *value, struct err *e)
{
	if (strcmp(value, "1") && strcmp(value, "2"))
		return err_set(e, ERR_USAGE, 0, "--labs", value, "1 or 2");
	o->labs = (unsigned)(*value - '0');
	return 1;
}

static void keep_for_job(struct lab_opts *o, char *arg)
{
	o->inner[o->inners++] = arg;
}

/* The commands that know --timeout, -v and -q themselves get them as well. */
static bool shares_options(const struct lab_opts *o)
{
	return o->command == LAB_PROVE || o->command == LAB_RUN || o->command == LAB_DEVICE ||
	       o->command == LAB_DOCTOR || o->command == LAB_BENCH;
}

bool opts_keeps_time(const struct lab_opts *o)
{
	return (o->command == LAB_PROVE && !o->known) || o->command == LAB_RUN;
}

static int take_flag(struct lab_opts *o, char *arg)
{
	if (strcmp(arg, "--stock") == 0)
		o->stock = true;
	else if (strcmp(arg, "--kasan") == 0)
		o->kasan = true;
	else if (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0)
		o->help = true;
	else if (strcmp(arg, "-v") == 0 || strcmp(arg, "--verbose") == 0)
		o->verbose = true;
	else if (strcmp(arg, "-q") == 0 || strcmp(arg, "--quiet") == 0)
		o->quiet = true;
	else if (o->command == LAB_PROVE && strcmp(arg, "--known") == 0)
		o->known = true;
	else if (o->command == LAB_MUTANTS && strcmp(arg, "--list") == 0)
		o->list = true;
	else
		return 0;
	if (arg[1] != '-' && shares_options(o) && strcmp(arg, "-h") != 0)
		keep_for_job(o, arg);
	return 1;
}

/* One option at *at: 1 if it was the launcher's, 0 if it is the job's. */
static int take_option(struct lab_opts *o, int argc, char **argv, int *at, struct err *e)
{
	const char *value = "";
	int first = *at, ret;

	if ((ret = take_value("--kernel", argc, argv, at, &o->kernel, e)) ||
	    (ret = take_value("--kernel-source", argc, argv, at, &o->kernel_source, e)) ||
	    (ret = take_value("--append", argc, argv, at, &o->append, e)) ||
	    (ret = take_value("--out", argc, argv, at, &o->out, e)))
		return ret;
	if (o->command == LAB_BUILD &&
	    (ret = take_value("--initrd", argc, argv, at, &o->initrd, e)))
		return ret;
	if (o->command == LAB_MUTANTS &&
	    (ret = take_value("--filter", argc, argv, at, &o->filter, e)))
		return ret;
	if ((o->command == LAB_BENCH || o->command == LAB_EXEC) &&
	    (ret = take_value("--take", argc, argv, at, &o->take, e)))
		return ret;
	if (o->command == LAB_PROVE && (ret = take_value("--junit", argc, argv, at, &o->junit, e)))
		return ret;
	if (o->command == LAB_PROVE &&
	    (ret = take_value("--gather", argc, argv, at, &o->gather, e)))
		return ret;
	if (o->command == LAB_PROVE && (ret = take_value("--labs", argc, argv, at, &value, e)))
		return ret < 0 ? ret : parse_labs(o, value, e);
	if ((ret = take_value("--accel", argc, argv, at, &value, e)))
		return ret < 0 ? ret : parse_accel(o, value, e);
	if ((ret = take_value("--timeout", argc, argv, at, &value, e))) {
		for (int i = first; i <= *at && opts_keeps_time(o); i++)
			keep_for_job(o, argv[i]);
		return ret < 0 ? ret : parse_seconds(o, value, e);
	}
	return take_flag(o, argv[*at]);
}

static int parse_command(struct lab_opts *o, const char *name, struct err *e)
{
	for (int c = 0; c < LAB_COMMANDS; c++) {
		if (strcmp(name, command_names[c]) == 0) {
			o->command = (enum lab_command)c;
			return 0;
		}
	}
	return err_set(e, ERR_USAGE, 0, "ringfence lab", name,
		       "no such command; ringfence lab --help lists them");
}

/* ringfence-known has a --timeout of its own, for each finding, and neither -v nor -q. */
static void keep_for_known(struct lab_opts *o)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < o->inners; i++) {
		char *arg = o->inner[i];
		if (strcmp(arg, "--timeout") == 0)
			i++;
		else if (strncmp(arg, "--timeout=", 10) != 0 && strcmp(arg, "-v") != 0 &&
			 strcmp(arg, "-q") != 0)
			o->inner[kept++] = arg;
	}
	o->inners = kept;
}

static int check_together(const struct lab_opts *o, struct err *e)
{
	if (!!o->kernel + !!o->kernel_source + o->stock > 1)
		return err_set(e, ERR_USAGE, 0, "options", "--kernel, --kernel-source, --stock",
			       "one of them at most");
	if (o->kasan && o->stock)
		return err_set(e, ERR_USAGE, 0, "options", "--kasan, --stock",
			       "one of them: --stock compiles nothing");
	if (o->stock && o->command == LAB_PROVE && opts_inner_has(o, WIRE_VDPA))
		return err_set(e, ERR_USAGE, 0, "options", "--stock, --vdpa " WIRE_VDPA,
			       "one of them: a device's CVQ is private there, which of a given one "
			       "nobody says");
	if (o->command >= LAB_BUILD && o->inners && !o->help)
		return err_set(e, ERR_USAGE, 0, command_names[o->command], o->inner[0],
			       "unknown option");
	if (o->command == LAB_EXEC && !o->inners && !o->help)
		return err_set(e, ERR_USAGE, 0, "lab exec", "",
			       "needs a program: a static binary's path, or ringfence");
	return 0;
}

static unsigned default_seconds(const struct lab_opts *o)
{
	unsigned patience = o->kasan ? PATIENCE_KASAN : 1;

	switch (o->command) {
	case LAB_PROVE:
		return (opts_inner_has(o, "--full") ? SECONDS_FULL : SECONDS_PROVE) * patience;
	case LAB_BENCH:
		return (opts_inner_has(o, "--full") ? SECONDS_FULL : SECONDS_PROVE) * patience;
	case LAB_SHELL:
		return SECONDS_SHELL;
	case LAB_MUTANTS:
		return SECONDS_MUTANT;
	default:
		return SECONDS_OTHER * patience;
	}
}

int opts_parse(struct lab_opts *o, int argc, char **argv, char **inner, struct err *e)
{
	*o = (struct lab_opts){.inner = inner};
	if (argc < 2)
		return err_set(e, ERR_USAGE, 0, "ringfence lab", "",
			       "needs a command; ringfence lab --help lists them");
	if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		o->command = LAB_COMMANDS;
		o->help = true;
		return 0;
	}
	int ret = parse_command(o, argv[1], e);
	if (ret < 0)
		return ret;
	for (int i = 2; i < argc; i++) {
		bool rest = strcmp(argv[i], "--") == 0;
		/* What follows "--", and a program to execute, belongs to the job with all its
		 * options. */
		if (rest || (o->command == LAB_EXEC && argv[i][0] != '-')) {
			for (i += rest; i < argc; i++)
				keep_for_job(o, argv[i]);
			break;
		}
		ret = take_option(o, argc, argv, &i, e);
		if (ret < 0)
			return ret;
		if (ret == 0)
			keep_for_job(o, argv[i]);
	}
	if (o->known)
		keep_for_known(o);
	if (!o->seconds)
		o->seconds = default_seconds(o);
	return check_together(o, e);
}

bool opts_inner_has(const struct lab_opts *o, const char *name)
{
	size_t len = strlen(name);

	for (unsigned i = 0; i < o->inners; i++)
		if (strncmp(o->inner[i], name, len) == 0 &&
		    (!o->inner[i][len] || o->inner[i][len] == '='))
			return true;
	return false;
}

void opts_help(void)
{
	puts("usage: ringfence lab COMMAND [OPTIONS] [the command's own options]\n"
	     "Boots a Linux kernel in QEMU and runs the same inside; needs no root, no /dev/kvm, "
	     "no network.\n\n"
	     "  prove    attacks and controls, and the verdict; --known: what is known to be wrong "
	     "in the "
	     "kernel\n"
	     "  run      one VMM on a device of its own; device: the daemon alone; doctor: what "
	     "this kernel has\n"
	     "  bench    times, rates and memory of the VMM; --take DIR: a tree for the lab's "
	     "root, for --vs\n"
	     "  exec     any static program: lab exec ./prog ARGS; --take as above\n"
	     "  shell    a busybox shell inside\n"
	     "  build    make the kernel, and print where it is [--initrd FILE]\n"
	     "  mutants  kernels that break their promise, which the proof has to catch [--list] "
	     "[--filter GLOB]\n"
	     "  status   what the cache holds; clean: remove it\n\n"
	     "  --stock              Debian's unmodified packaged cloud kernel: nothing is "
	     "compiled\n"
	     "  --kernel BZIMAGE     a kernel of yours, with what the proof needs built in\n"
	     "  --kernel-source DIR  build the lab kernel from your tree\n"
	     "  --kasan              one with KASAN, UBSAN, lockdep and kmemleak, any of whose "
	     "reports fails the run\n"
	     "  --accel tcg|kvm|auto tcg is the default; auto takes KVM where it works and can "
	     "nest\n"
	     "  --append STR         more of the kernel's command line\n"
	     "  --labs 1|2           of prove: machines beside each other; two where the host has "
	     "two "
	     "CPUs and no\n"
	     "                       --filter, --vdpa or --kasan is given\n"
	     "  --out DIR            where results, console and logs go\n"
	     "  --timeout S          how long the command may take inside\n"
	     "  -v, -q, -h           more words, fewer, these");
}
