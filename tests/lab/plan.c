/* SPDX-License-Identifier: MIT */
/* Turns the launcher's command line into the lab's; see plan.h. Must never add an option that the
 * user gave. */
#include "plan.h"
#include "initrd.h"
#include "second.h"
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add(struct plan *p, const char *arg)
{
	if (p->count < JOB_MAX + 7)
		p->job[p->count++] = (char *)(uintptr_t)arg;
}

/* What depends on the terminal is decided out here: the job only ever sees pipes. */
static void add_face(struct plan *p, const struct lab_opts *o)
{
	bool tty = isatty(STDOUT_FILENO);

	if (o->command == LAB_PROVE && !opts_inner_has(o, "--format"))
		add(p, tty ? "--format=human" : "--format=tap");
	if (!o->known && !opts_inner_has(o, "--color"))
		add(p, tty && !getenv("NO_COLOR") ? "--color=always" : "--color=never");
}

static char *const device_for_run[] = {(char[]){"ringfence"}, (char[]){"device"},
				       (char[]){"--name"}, (char[]){"lab0"}, NULL};
static char *const device_for_run_stock[] = {(char[]){"ringfence"},	(char[]){"device"},
					     (char[]){"--name"},	(char[]){"lab0"},
					     (char[]){"--private-cvq"}, NULL};

static void plan_run(struct plan *p, const struct lab_opts *o)
{
	add(p, "ringfence");
	add(p, "run");
	if (opts_inner_has(o, "--vdpa"))
		return;
	p->companion = o->stock ? device_for_run_stock : device_for_run;
	add(p, "--vdpa");
	add(p, WIRE_VDPA);
	if (o->stock && !opts_inner_has(o, "--private-cvq"))
		add(p, "--private-cvq");
}

/* A file of the user's is on the host: it goes along, and is named by where it is then. */
static int add_file(struct plan *p, const char *host, struct err *e)
{
	const char *slash = strrchr(host, '/');

	if (p->files == PLAN_FILES)
		return err_set(e, ERR_USAGE, 0, "file", host, "the lab takes %d along", PLAN_FILES);
	struct initrd_file *f = &p->file[p->files++];
	f->host = host;
	/* Two may have one name. */
	int n =
	    snprintf(f->path, sizeof(f->path), "/root/%u-%s", p->files, slash ? slash + 1 : host);
	if (n >= (int)sizeof(f->path))
		return err_set(e, ERR_USAGE, ENAMETOOLONG, "file", host, "%s", "");
	if (access(host, R_OK) < 0)
		return err_set(e, ERR_USAGE, errno, "open", host, "%s", "");
	add(p, f->path);
	return 0;
}

/* The job's arguments; those that name a guest's files are told where these are in the lab. */
static int add_arguments(struct plan *p, const struct lab_opts *o, struct err *e)
{
	bool guest = o->command == LAB_RUN || o->command == LAB_BENCH;
	int ret = 0;

	for (unsigned i = o->command == LAB_EXEC; i < o->inners && ret == 0; i++) {
		add(p, o->inner[i]);
		if (guest && i + 1 < o->inners &&
		    (!strcmp(o->inner[i], "-k") || !strcmp(o->inner[i], "--initrd")))
			ret = add_file(p, o->inner[++i], e);
	}
	return ret;
}

static int plan_exec(struct plan *p, const struct lab_opts *o, struct err *e)
{
	char path[PATH_MAX];
	const char *slash = strrchr(o->inner[0], '/');

	if (slash)
		p->extra = o->inner[0];
	add(p, slash ? slash + 1 : o->inner[0]);
	snprintf(path, sizeof(path), "%s/%s", lab_bin_dir(), o->inner[0]);
	if (!slash && access(path, X_OK) < 0)
		return err_set(e, ERR_USAGE, errno, "lab exec", path,
			       "a program of yours is named by a path with a slash");
	return 0;
}

static int plan_shell(struct plan *p, struct err *e)
{
	static const char *const places[] = {"/bin/busybox", "/usr/bin/busybox",
					     "/usr/lib/initramfs-tools/bin/busybox"};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places) && !p->extra; i++)
		if (access(places[i], X_OK) == 0)
			p->extra = places[i];
	if (!p->extra)
		return err_set(e, ERR_HOST, ENOENT, "lab shell", "busybox",
			       "apt-get install busybox-static");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(e, ERR_USAGE, 0, "lab shell", "standard streams",
			       "needs a terminal; use lab exec");
	p->terminal = true;
	add(p, "busybox");
	add(p, "sh");
	return 0;
}

/* A sanitized kernel is some ten times slower. */
static void add_patience(struct plan *p, const struct lab_opts *o)
{
	static char seconds[16];

	if (opts_inner_has(o, "--timeout"))
		return;
	snprintf(seconds, sizeof(seconds), "--timeout=%u", o->seconds);
	add(p, seconds);
}

int plan_make(struct plan *p, const struct lab_opts *o, bool kvm, struct err *e)
{
	*p = (struct plan){.count = 0};
	if (o->inners > JOB_MAX - 8)
		return err_set(e, ERR_USAGE, E2BIG, "arguments", opts_command_name(o->command),
			       "%s", "");
	if (o->command == LAB_SHELL)
		return plan_shell(p, e);
	if (o->command == LAB_EXEC) {
		if (plan_exec(p, o, e) < 0)
			return -EINVAL;
	} else if (o->command == LAB_RUN) {
		plan_run(p, o);
	} else {
		add(p, "ringfence");
		add(p, opts_command_name(o->command));
		if (opts_inner_has(o, WIRE_VDPA)) /* a given device, which the lab makes */
			p->companion = device_for_run;
	}
	if (o->known) {
		add(p, "--known");
	} else if (o->command == LAB_PROVE) {
		add(p, "--out");
		add(p, "/out");
		add(p, o->gather ? "--gather" : "--junit");
		add(p, o->gather ? "/out/gathered" : "/out/junit.xml");
	}
	if (second_wanted(o)) {
		add(p, "--gathered");
		add(p, WIRE_GATHERED_FILE);
	}
	if (o->command == LAB_PROVE || o->command == LAB_DOCTOR)
		add_face(p, o);
	/* An emulator's CPUs share one of its host's, and to wait is not free for a guest: its
	 * timer. */
	if (o->command == LAB_PROVE && !kvm && !o->known && !opts_inner_has(o, "--jobs") &&
	    !opts_inner_has(o, "--vdpa"))
		add(p, "--jobs=2");
	if (o->command == LAB_PROVE && o->kasan && !o->known)
		add_patience(p, o);
	p->linux_guest =
	    o->command == LAB_BENCH || (o->command == LAB_RUN && opts_inner_has(o, "-k"));
	p->own_kernel = o->command == LAB_BENCH && !opts_inner_has(o, "-k");
	if (p->own_kernel) {
		add(p, "-k");
		add(p, PLAN_KERNEL);
	}
	return add_arguments(p, o, e);
}

int plan_ahead(struct plan *p, const struct lab_opts *o, const struct out *out, struct err *e)
{
	static char enumerate[] = "--enumerate";
	char program[PATH_MAX + 16], nothing[64], *argv[JOB_MAX + 8] = {program};
	unsigned n = 1;

	if (o->command != LAB_PROVE || o->known || o->gather)
		return 0;
	snprintf(program, sizeof(program), "%s/ringfence-prove", lab_bin_dir());
	snprintf(p->ahead, sizeof(p->ahead), "%s/enumerated", out->path);
	for (unsigned i = 0; i < o->inners && n < JOB_MAX; i++)
		argv[n++] = o->inner[i];
	argv[n++] = enumerate;
	argv[n++] = p->ahead;
	int code = lab_capture(argv, nothing, sizeof(nothing));
	if (code)
		return err_set(e, ERR_INTERNAL, 0, "ringfence-prove", enumerate,
			       "ended with %d; see above", code);
	add(p, "--enumerated");
	add(p, INITRD_AHEAD);
	return 0;
}
