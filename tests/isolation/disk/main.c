/* SPDX-License-Identifier: MIT */
/*
 * `ringfence-disk`: the rows of a block parent, as tests/isolation/tally.h asks, or for people. Its
 * device is `ringfence device --class blk` in a process of its own. It must never leave that, or a
 * file, behind.
 */
#include "../../../vdpa/breaks.h"
#include "../child.h"
#include "../env.h"
#include "rows.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DISK_LEN (64u * 1024)
#define READY_NS 5000000000u
#define LEAVE_NS 5000000000u

enum { EXIT_HELD = 0, EXIT_VIOLATED = 1, EXIT_CANNOT = 4, EXIT_USAGE = 64, EXIT_OWN = 70 };

static const char help[] =
    "usage: ringfence-disk [--row NAME] [OPTION]...\n"
    "What a driver of a VDUSE block device can reach of memory that is not the guest's.\n"
    "  --row NAME     disk-rings or disk-buffers (both)\n"
    "  --break NAME   shared-memfd: secrets lie behind guest RAM, and the device does not look\n"
    "  --device NAME  what its device is called (ringfence-disk)\n"
    "  --parent NAME  vduse is the only one\n"
    "  --tally        one line of JSON at the end\n"
    "  --list         rows and their controls\n"
    "exit: 0 all held; 1 not; 4 cannot run here; 64 usage; 70 own failure\n";

struct options {
	const struct disk_row *row; /* or NULL: all */
	const char *brk, *device;
	uint32_t breaks;
	bool tally, list, help;
};

/* ---- the device's process ---- */

struct daemon {
	struct child child;
	char dir[64], file[80], trace[80], node[64];
	int fd; /* of @file */
};

static int make_files(struct daemon *v, struct err *e)
{
	snprintf(v->dir, sizeof(v->dir), "/tmp/ringfence-disk.XXXXXX");
	if (!mkdtemp(v->dir))
		return err_set(e, ERR_INTERNAL, errno, "mkdtemp", v->dir, "%s", "");
	snprintf(v->file, sizeof(v->file), "%s/disk", v->dir);
	snprintf(v->trace, sizeof(v->trace), "%s/trace", v->dir);
	v->fd = open(v->file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (v->fd < 0 || ftruncate(v->fd, DISK_LEN))
		return err_set(e, ERR_INTERNAL, errno, "open", v->file, "%s", "");
	return 0;
}

static int start(struct daemon *v, const char *ringfence, const struct options *o, struct err *e)
{
	const char *const args[] = {ringfence, "device", "--name", o->device, "--class",
				    "blk",     "--file", v->file,  "--trace", v->trace,
				    NULL,      NULL,	 NULL};
	char *argv[13], line[128] = "";
	int out[2];

	for (unsigned i = 0; i < 13; i++) /* execv() takes them as char *, and changes none */
		argv[i] = (char *)(uintptr_t)args[i];
	if (o->brk) {
		argv[10] = (char *)(uintptr_t) "--break";
		argv[11] = (char *)(uintptr_t)o->brk;
	}
	if (pipe2(out, O_CLOEXEC))
		return err_set(e, ERR_INTERNAL, errno, "pipe2", "device", "%s", "");
	int ret = child_start(&v->child, argv, out[1], 2, -1, e);
	close(out[1]);
	/* It says that it is ready, or ends, which ends the pipe too: both within a deadline. */
	alarm(READY_NS / 1000000000u * clock_patience());
	FILE *f = ret ? NULL : fdopen(out[0], "re");
	if (f && fgets(line, sizeof(line), f))
		line[strcspn(line, "\n")] = '\0';
	if (f)
		fclose(f);
	else
		close(out[0]);
	alarm(0);
	if (!ret && sscanf(line, "ready %63s", v->node) != 1)
		ret =
		    err_set(e, ERR_INTERNAL, EIO, "start", "ringfence device", "it was not ready");
	return ret;
}

/* SIGTERM, so that its trace is whole; and nothing of it is left. */
static int stop(struct daemon *v, struct err *e)
{
	int ret = 0;

	if (v->child.pid) {
		kill(v->child.pid, SIGTERM);
		if (!child_wait(&v->child, clock_deadline(LEAVE_NS)) || child_code(&v->child))
			ret = err_set(e, ERR_INTERNAL, EIO, "stop", "ringfence device",
				      "it did not end well");
		(void)child_kill(&v->child);
		child_drop(&v->child);
	}
	return ret;
}

static void remove_files(struct daemon *v)
{
	if (v->fd >= 0)
		close(v->fd);
	unlink(v->trace);
	unlink(v->file);
	rmdir(v->dir);
}

/* ---- a row ---- */

static int attack(const struct disk_row *row, const struct options *o, struct daemon *v,
		  struct bench *b, struct err *e)
{
	static struct driver d;
	int ret = driver_make(&d, o->breaks, e);

	b->driver = &d;
	b->file = v->fd;
	if (!ret)
		ret = driver_attach(&d, v->node, e);
	if (!ret)
		ret = disk_row_run(row, b, e);
	driver_drop(&d);
	return ret;
}

static int run_row(const struct disk_row *row, const struct options *o, const char *ringfence,
		   struct tally *t, struct err *e)
{
	struct daemon v = {.fd = -1};
	struct bench b = {.tally = t};
	struct err late = {0};

	*t = (struct tally){.unit = "attempts"};
	int ret = make_files(&v, e);
	if (!ret)
		ret = start(&v, ringfence, o, e);
	if (!ret)
		ret = attack(row, o, &v, &b, e);
	int stopped = stop(&v, &late);
	if (!ret && stopped) {
		*e = late;
		ret = stopped;
	}
	if (!ret && disk_judge_trace(v.trace, &b))
		ret = err_set(e, ERR_INTERNAL, EIO, "read", v.trace, "the trace is not whole");
	if (!ret)
		snprintf(
		    t->note, sizeof(t->note),
		    "refused: no translation; the disk and what is no RAM stayed as they were");
	remove_files(&v);
	return ret;
}

static void tell(const struct disk_row *row, const struct options *o, const struct tally *t)
{
	if (o->tally) {
		tally_print(stdout, t);
		return;
	}
	printf(" %s  %u %-14s %" PRIu64 " attempts, %" PRIu64 " violations; %" PRIu64
	       " legal operations\n",
	       t->violations || t->failed ? "FAIL" : "PASS", row->number, row->name, t->attempts,
	       t->violations, t->legal);
	if (t->first[0])
		printf("       the first: %s\n", t->first);
}

/* ---- the program ---- */

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

static int usage(const char *option, const char *value)
{
	fprintf(stderr, "ringfence-disk: %s %s: there is no such thing: see --help\n", option,
		value);
	return EXIT_USAGE;
}

static int take_row(struct options *o, const char *name)
{
	for (unsigned i = 0; i < DISK_ROWS; i++)
		if (!strcmp(disk_rows[i].name, name))
			o->row = &disk_rows[i];
	return o->row ? 0 : usage("--row", name);
}

static int take_break(struct options *o, const char *name)
{
	int id = break_by_name(name);

	if (id != BREAK_SHARED_MEMFD || !RINGFENCE_BREAKS)
		return usage("--break", name);
	o->brk = name;
	o->breaks = 1u << id;
	return 0;
}

static int take_option(struct options *o, int opt, const char *arg)
{
	switch (opt) {
	case 'r':
		return take_row(o, arg);
	case 'b':
		return take_break(o, arg);
	case 'd':
		o->device = arg;
		return 0;
	case 'p':
		return strcmp(arg, "vduse") ? usage("--parent", arg) : 0;
	case 't':
		o->tally = true;
		return 0;
	case 'l':
		o->list = true;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	case 'i': /* --private-cvq and --full: there is no CVQ, and nothing left out */
		return 0;
	default:
		return EXIT_USAGE;
	}
}

static int parse(struct options *o, int argc, char **argv)
{
	static const struct option table[] = {
	    {"row", required_argument, NULL, 'r'},    {"break", required_argument, NULL, 'b'},
	    {"device", required_argument, NULL, 'd'}, {"parent", required_argument, NULL, 'p'},
	    {"full", no_argument, NULL, 'i'},	      {"private-cvq", no_argument, NULL, 'i'},
	    {"tally", no_argument, NULL, 't'},	      {"list", no_argument, NULL, 'l'},
	    {"help", no_argument, NULL, 'h'},	      {0},
	};
	int opt, ret = 0;

	while (!ret && (opt = getopt_long(argc, argv, "h", table, NULL)) != -1)
		ret = take_option(o, opt, optarg);
	return !ret && optind < argc ? usage("argument", argv[optind]) : ret;
}

static int run(const struct options *o, const char *ringfence)
{
	int worst = EXIT_HELD;

	for (unsigned i = 0; i < DISK_ROWS; i++) {
		struct tally t;
		struct err e = {0};
		if (o->row && o->row != &disk_rows[i])
			continue;
		if (run_row(&disk_rows[i], o, ringfence, &t, &e)) {
			fprintf(stderr, "ringfence-disk: %s\n", e.text);
			return EXIT_OWN;
		}
		tell(&disk_rows[i], o, &t);
		if (t.violations || t.failed)
			worst = EXIT_VIOLATED;
	}
	return worst;
}

int main(int argc, char **argv)
{
	struct options o = {.device = "ringfence-disk"};
	static struct env env;
	struct err e = {0};
	char ringfence[400];
	int ret = parse(&o, argc, argv);

	if (ret)
		return ret;
	if (o.help)
		fputs(help, stdout);
	for (unsigned i = 0; o.list && i < DISK_ROWS; i++)
		printf("%u %s %s; controls: shared-memfd\n", disk_rows[i].number, disk_rows[i].name,
		       disk_rows[i].claim);
	if (o.help || o.list)
		return 0;
	env_gather(&env);
	env.stock = true; /* whether the kernel offers a CVQ means nothing here */
	if (env_ringfence(ringfence, sizeof(ringfence), &e) || env_missing(&env, &e)) {
		if (e.kind == ERR_HOST)
			return skip(&o, e.text);
		fprintf(stderr, "ringfence-disk: %s\n", e.text);
		return EXIT_OWN;
	}
	return run(&o, ringfence);
}
