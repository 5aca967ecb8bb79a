/* SPDX-License-Identifier: MIT */
/*
 * ringfence-lab: the launcher, from its command line to its exit code; `ringfence lab` starts it.
 * It must never call a run good that the kernel complained in, that did not end, or whose result
 * did not arrive.
 */
#include "lab.h"
#include "initrd.h"
#include "mutants.h"
#include "plan.h"
#include "qemu.h"
#include "second.h"
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int tell(const struct err *e)
{
	fprintf(stderr, "ringfence lab: %s\n", e->text);
	return err_exit_code(e->kind);
}

/* Become a set-up script, or another program of the family, which needs no kernel to be booted. */
static int become(const char *dir, const char *name, const char *first, const struct lab_opts *o)
{
	char path[PATH_MAX];
	static char known[] = "--known", help[] = "--help";
	char *argv[JOB_MAX + 4];
	unsigned n = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	argv[n++] = path;
	if (first)
		argv[n++] = (char *)(uintptr_t)first;
	if (o->known)
		argv[n++] = known;
	for (unsigned i = 0; i < o->inners && n < JOB_MAX + 1; i++)
		argv[n++] = o->inner[i];
	if (o->help && o->command < LAB_EXEC)
		argv[n++] = help;
	argv[n] = NULL;
	execv(path, argv);
	fprintf(stderr, "ringfence lab: exec(%s): %s\n", path, strerror(errno));
	return 70;
}

/* lab build: what a boot by hand needs. */
static int build(const struct lab_opts *o, struct err *e)
{
	struct lab_kernel k;
	char modules[PATH_MAX + 16] = "";
	int ret = kernel_find(&k, o, e);

	if (ret < 0)
		return tell(e);
	printf("%s\n", k.image);
	if (!o->initrd)
		return 0;
	if (strcmp(k.kind, "stock") == 0)
		snprintf(modules, sizeof(modules), "%s/modules", k.dir);
	int fd = initrd_make(&(struct initrd_content){.modules = *modules ? modules : NULL}, e);
	ret = fd < 0 ? fd : lab_copy(fd, o->initrd, e);
	return ret < 0 ? tell(e) : 0;
}

/* What TAP's reader must know when the plan will not be fulfilled, or was but does not count. */
static void bail_out(const struct lab_opts *o, const struct out *out, const char *why)
{
	bool tap = opts_inner_has(o, "--format=tap") ||
		   (!opts_inner_has(o, "--format") && !isatty(STDOUT_FILENO));
	int fd;

	if (o->command != LAB_PROVE || o->gather)
		return;
	if (tap)
		printf("Bail out! %s\n", why);
	fflush(stdout);
	fd = openat(out->fd, "results.tap", O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd >= 0) {
		dprintf(fd, "Bail out! %s\n", why);
		close(fd);
	}
}

/* A warning leaves its mark, also one that was announced. */
static uint32_t fatal_taint(const struct lab_result *r)
{
	return r->taint & TAINT_FATAL & ~(r->announced ? TAINT_WARNED : 0);
}

/* Why this run does not count, in @why, and its exit code; 0 and "" if the job's own result stands.
 */
static int overrule(const struct lab_result *r, const struct lab_opts *o, char *why, size_t len)
{
	/* A second lab is ended so when it is needed no more: that is no failure. */
	const bool over = r->finished || (o->gather && r->interrupted);

	*why = '\0';
	if (r->interrupted && !o->gather)
		return snprintf(why, len, "interrupted"), 130;
	if (r->panicked)
		return snprintf(why, len, "the lab kernel panicked: %s", r->complaint), 255;
	if (r->hung && o->gather && !*r->release)
		return snprintf(why, len, "the lab kernel did not come up in time"), 70;
	if (r->hung) {
		snprintf(why, len, "the lab kernel hangs (its CPUs: cpus.log): %s",
			 r->complaints ? r->complaint : "no sign of life within the deadline");
		return 124;
	}
	/* A second lab that could not go on is done without, but not what its kernel said before.
	 */
	if (o->gather && (r->complaints || fatal_taint(r) || r->stuck))
		return snprintf(why, len, "the lab kernel complained: %s", r->complaint), 1;
	if (*r->failed)
		return snprintf(why, len, "%s", r->failed), 70;
	if (!over && WIFEXITED(r->qemu_status) && WEXITSTATUS(r->qemu_status))
		return snprintf(why, len, "QEMU ended with code %d", WEXITSTATUS(r->qemu_status)),
		       70;
	if (!over)
		return snprintf(why, len, "the lab ended without a result"), 70;
	if (r->signal)
		return snprintf(why, len, "signal %d (%s) ended the job", r->signal,
				strsignal(r->signal)),
		       70;
	if (r->complaints || fatal_taint(r)) {
		snprintf(why, len, "the lab kernel complained: %s (%u such lines, taint 0x%x)",
			 *r->complaint ? r->complaint : "by its taint alone", r->complaints,
			 r->taint);
		return r->code ? r->code : 1;
	}
	if (r->stuck) {
		snprintf(why, len, "%u processes cannot be killed; see above", r->stuck);
		return r->code ? r->code : 1;
	}
	if (r->leaks > 0) {
		snprintf(why, len, "the lab kernel has leaked %d objects (kmemleak.txt)", r->leaks);
		return r->code ? r->code : 1;
	}
	if (o->kasan && r->leaks < 0)
		return snprintf(why, len, "the lab kernel did not look for leaks"), 70;
	if (r->code == 124)
		return snprintf(why, len, "out of time (at most %u s)", o->seconds), 124;
	return 0;
}

static void show_tail(const struct out *out, const char *name)
{
	char path[PATH_MAX + 16], text[2048];

	snprintf(path, sizeof(path), "%s/%s", out->path, name);
	if (lab_capture((char *const[]){(char[]){"tail"}, (char[]){"-n5"}, path, NULL}, text,
			sizeof(text)) == 0 &&
	    *text)
		fprintf(stderr, "%s:\n%s\n", path, text);
}

static int verdict(const struct lab_result *r, const struct lab_opts *o, const struct out *out)
{
	char why[1024];
	int code = overrule(r, o, why, sizeof(why));

	if (!*why)
		return r->code;
	if (r->interrupted)
		fprintf(stderr, "ringfence lab: %s\n", why);
	else
		fprintf(stderr, "ringfence lab: %s — %s/console.log\n", why, out->path);
	if (code == 70)
		show_tail(out, "qemu.log");
	bail_out(o, out, why);
	return code;
}

/* A panic, a hang or a complaint of the second lab's kernel counts as this one's does, for whoever
 * reads env.json as well. */
static int join(int code, struct second *second, struct lab_result *r, const struct lab_opts *o,
		const struct out *out)
{
	char why[PATH_MAX + 80];
	int other = second_stop(second, out);

	if (!other)
		return code;
	r->panicked |= other == 255;
	r->hung |= other == 124;
	r->complaints++;
	if (!*r->complaint)
		snprintf(r->complaint, sizeof(r->complaint), "second/console.log has it");
	snprintf(why, sizeof(why), "the second lab ended with %d — %s/console.log", other,
		 second->dir);
	fprintf(stderr, "ringfence lab: %s\n", why);
	bail_out(o, out, why);
	return code ? code : other;
}

/* Boot, run, judge: everything is set up by now but the machine. */
static int boot(const struct lab_opts *o, const struct lab_kernel *k, const struct plan *p,
		struct second *second, struct out *out, struct qemu *q, struct err *e)
{
	static struct lab_result result;
	char modules[PATH_MAX + 16] = "", text[256];
	const char *accel = q->kvm ? "kvm" : "tcg";

	if (strcmp(k->kind, "stock") == 0)
		snprintf(modules, sizeof(modules), "%s/modules", k->dir);
	struct initrd_file file[PLAN_FILES + 1];
	unsigned files = p->files;
	memcpy(file, p->file, sizeof(p->file));
	if (p->own_kernel)
		file[files++] = (struct initrd_file){k->image, PLAN_KERNEL};
	struct initrd_content content = {.modules = *modules ? modules : NULL,
					 .program = p->extra,
					 .file = file,
					 .files = files,
					 .tree = o->take,
					 .ahead = *p->ahead ? p->ahead : NULL};
	int initrd = initrd_make(&content, e);
	int ret = initrd < 0 ? initrd : env_write(out, o, k, accel, NULL, e);
	if (ret == 0) {
		kernel_describe(k, k->release, text, sizeof(text));
		if (!o->quiet && !o->gather)
			fprintf(stderr, "ringfence lab: booting %s under %s%s\n", text,
				q->kvm ? "KVM" : "TCG", second->pid ? ", twice" : "");
		session_block_signals();
		ret = qemu_start(q,
				 &(struct qemu_setup){.kernel = k->image,
						      .append = o->append,
						      .initrd_fd = initrd,
						      .terminal = p->terminal,
						      .one_cpu = p->linux_guest,
						      .three_cpus = o->known,
						      .sanitized = o->kasan},
				 out, e);
	}
	if (initrd >= 0)
		close(initrd);
	if (ret < 0) {
		(void)second_stop(second, out);
		out_close(out, false);
		return tell(e);
	}
	session_run(q,
		    &(struct session_config){o, k, out, p->job, p->companion, p->terminal, o->known,
					     second->gathered},
		    &result);
	int code = join(verdict(&result, o, out), second, &result, o, out);
	if (env_write(out, o, k, accel, &result, e) < 0 && code == 0)
		code = tell(e);
	if (o->junit && !o->gather && out_export(out, "junit.xml", o->junit, e) < 0 && code == 0)
		code = tell(e);
	out_close(out, code == 124 || code == 255 || code == 70 || result.complaints ||
			   fatal_taint(&result));
	return code;
}

/* A bad option of the prover's is told before minutes are spent on a kernel. */
static bool prover_refuses(const struct lab_opts *o)
{
	static char known[] = "--known";
	char path[PATH_MAX], nothing[8];
	char *argv[JOB_MAX + 8] = {path};
	unsigned n = 1;

	snprintf(path, sizeof(path), "%s/ringfence-prove", lab_bin_dir());
	if (o->known)
		argv[n++] = known;
	for (unsigned i = 0; i < o->inners && n < JOB_MAX; i++)
		argv[n++] = o->inner[i];
	argv[n++] = (char[]){"--list"};
	return lab_capture(argv, nothing, sizeof(nothing)) == 64;
}

/* Commands that need no kernel: -1 if this is not one. */
static int without_kernel(const struct lab_opts *o)
{
	static const char *const ask_prover[] = {"--list", "-V", "--version"};

	if (o->command == LAB_COMMANDS || (o->help && o->command >= LAB_SHELL)) {
		opts_help();
		return 0;
	}
	if (o->command == LAB_STATUS || o->command == LAB_CLEAN)
		return become(lab_source_dir(), "cache.sh", opts_command_name(o->command), o);
	bool ask = o->help;
	for (size_t i = 0; i < sizeof(ask_prover) / sizeof(*ask_prover); i++)
		ask |= o->command == LAB_PROVE && opts_inner_has(o, ask_prover[i]);
	if (!ask)
		return -1;
	if (o->command == LAB_PROVE)
		return become(lab_bin_dir(), "ringfence-prove", NULL, o);
	return become(lab_bin_dir(), "ringfence", opts_command_name(o->command), o);
}

int main(int argc, char **argv)
{
	struct err e = {.kind = ERR_NONE};
	static struct lab_opts o;
	static struct lab_kernel k;
	static struct out out;
	static struct second second;
	struct plan p;
	struct qemu q = {.pid = 0};
	const char *why_not;
	char **inner = calloc((size_t)argc + 1, sizeof(*inner));

	signal(SIGPIPE, SIG_IGN);
	if (!inner || opts_parse(&o, argc, argv, inner, &e) < 0)
		return inner ? tell(&e) : 70;
	int code = without_kernel(&o);
	if (code >= 0)
		return code;
	if (o.command == LAB_BUILD)
		return build(&o, &e);
	if (o.command == LAB_MUTANTS)
		return mutants_main(&o);
	if (o.command == LAB_PROVE && prover_refuses(&o))
		return 64;
	if (qemu_choose_accel(o.accel, &q.kvm, &why_not, &e) < 0 ||
	    plan_make(&p, &o, q.kvm, &e) < 0 || kernel_find(&k, &o, &e) < 0 ||
	    out_open(&out, &o, &e) < 0)
		return tell(&e);
	if (plan_ahead(&p, &o, &out, &e) < 0) {
		out_close(&out, false);
		return tell(&e);
	}
	if (o.accel == ACCEL_AUTO && why_not)
		fprintf(stderr, "ringfence lab: TCG, since %s\n", why_not);
	if (second_wanted(&o) && second_start(&second, argv, &out, &e) < 0) {
		out_close(&out, false);
		return tell(&e);
	}
	return boot(&o, &k, &p, &second, &out, &q, &e);
}
