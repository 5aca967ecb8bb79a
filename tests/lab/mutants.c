/* SPDX-License-Identifier: MIT */
/*
 * The mutants one after another: kernel.sh builds each in one tree, this program's own `prove`
 * boots it and leaves its results in a directory, mutant_judge() reads those. Must never leave a
 * child behind.
 */
#include "mutants.h"
#include "../isolation/steps/table.h"
#include "mutant.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SCHEMA 1
#define NAMED 3 /* rows of a mutant that the table names; mutants.json has them all */

enum fate { FATE_CAUGHT, FATE_SURVIVED, FATE_EQUIVALENT, FATE_FAILED, FATES };

static const char *const fate_names[FATES] = {"caught", "SURVIVED", "equivalent", "FAILED"};

struct campaign {
	const struct lab_opts *o;
	struct out out;
	struct mutant *mutant;
	unsigned mutants;
	json_t *base; /* results on the unmutated kernel */
	json_t *told; /* array, for mutants.json */
	unsigned count[FATES];
};

/* What came of one of them. */
struct outcome {
	enum fate fate;
	struct sight sight;
	char why[1024]; /* of FATE_FAILED */
	int build_code;
	double built, ran;
};

static volatile sig_atomic_t child, interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
	if (child > 0)
		kill((pid_t)child, SIGTERM);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void become(char *const argv[], int out_fd, int err_fd)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(out_fd, STDOUT_FILENO);
	if (err_fd >= 0)
		dup2(err_fd, STDERR_FILENO);
	execv(argv[0], argv);
	_exit(127);
}

/* Run it to its end; an interruption is passed on, and what it does about it is waited for. */
static int run(char *const argv[], int out_fd, int err_fd)
{
	sigset_t all, before;
	int status = 0;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid_t pid = interrupted ? -1 : fork();
	if (pid == 0)
		become(argv, out_fd, err_fd);
	child = pid;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return 127;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	child = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int open_in(const char *dir, const char *name)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

/* The image of the kernel with @patch, or "none", in @image. Its script tells on stderr what is
 * wrong.
 */
static int build(const char *dir, const char *patch, char *image, size_t len)
{
	char script[PATH_MAX + 16], said[PATH_MAX] = "";
	int fd = open_in(dir, "kernel");
	char *const argv[] = {script, (char[]){"--mutant"}, (char *)(uintptr_t)patch, NULL};

	snprintf(script, sizeof(script), "%s/kernel.sh", lab_source_dir());
	if (fd < 0)
		return 70;
	int code = run(argv, fd, -1);
	if (code == 0 && pread(fd, said, sizeof(said) - 1, 0) <= 0)
		code = 70;
	close(fd);
	said[strcspn(said, "\n")] = '\0';
	if (snprintf(image, len, "%s/bzImage", said) >= (int)len)
		code = 70;
	return code;
}

/*
 * The rows that rest on what the kernel promises: data queues at the CVQ's addresses, and the steps
 * on the kernel's own interface. The others are about our VMM.
 */
#define FILTERS (STEPS_ROWS + 1)

static void row_filter(unsigned i, char *glob, size_t len)
{
	snprintf(glob, len, "*%s%s", i ? "/" : "-at-cvq", i ? steps_rows[i - 1].name : "");
}

static char filter[] = "--filter";
#define OPTIONS 16 /* before the filters */
static const char *const results_of[] = {"results.json", "env.json"};

/* Run the proof on @image; what it found is in @dir. */
static int prove(const struct campaign *c, const char *dir, char *image, const char *parent)
{
	static const char *const accel[] = {
	    [ACCEL_TCG] = "tcg", [ACCEL_KVM] = "kvm", [ACCEL_AUTO] = "auto"};
	static char glob[FILTERS][64];
	char program[PATH_MAX + 16], out[PATH_MAX], seconds[16], with[8], on[16];
	char labs[] = "2";
	char *argv[OPTIONS + 2 * FILTERS + 1] = {program,
						 (char[]){"prove"},
						 (char[]){"--kernel"},
						 image,
						 (char[]){"--out"},
						 out,
						 (char[]){"--timeout"},
						 seconds,
						 (char[]){"--accel"},
						 with,
						 (char[]){"--no-controls"},
						 (char[]){"--format=tap"},
						 (char[]){"--parent"},
						 on,
						 (char[]){"--labs"},
						 labs};

	/* Nothing of an earlier run may be taken for this one's. */
	for (size_t i = 0; i < sizeof(results_of) / sizeof(*results_of); i++) {
		snprintf(out, sizeof(out), "%.3000s/%s", dir, results_of[i]);
		unlink(out);
	}
	for (unsigned i = 0; i < FILTERS; i++) {
		row_filter(i, glob[i], sizeof(glob[i]));
		argv[OPTIONS + 2 * i] = filter;
		argv[OPTIONS + 2 * i + 1] = glob[i];
	}
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		labs[0] = '1';
	snprintf(program, sizeof(program), "%s/ringfence-lab", lab_bin_dir());
	snprintf(out, sizeof(out), "%s", dir);
	snprintf(seconds, sizeof(seconds), "%u", c->o->seconds);
	snprintf(with, sizeof(with), "%s", accel[c->o->accel]);
	snprintf(on, sizeof(on), "%s", strcmp(parent, "vhost") == 0 ? "all" : parent);
	int fd = open_in(dir, "run.log");
	if (fd < 0)
		return 70;
	int code = run(argv, fd, fd);
	close(fd);
	return code;
}

static json_t *load(const char *dir, const char *name)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return json_load_file(path, 0, NULL);
}

static bool make_dir(const struct campaign *c, const char *name, char *dir, size_t len)
{
	if (snprintf(dir, len, "%s/%s", c->out.path, name) >= (int)len)
		return false;
	return mkdir(dir, 0777) == 0 || errno == EEXIST;
}

/* What the proof says of @image in @got, and its results. */
static json_t *prove_and_judge(const struct campaign *c, const char *dir, char *image,
			       const char *parent, struct outcome *got)
{
	int code = prove(c, dir, image, parent);
	json_t *results = load(dir, "results.json"), *env = load(dir, "env.json");

	mutant_judge(&got->sight, c->base, results, env);
	json_decref(env);
	if (got->sight.seen == SEEN_UNCLEAR)
		snprintf(got->why, sizeof(got->why), "code %d: %s (%.300s/run.log)", code,
			 got->sight.why, dir);
	return results;
}

/* Build and run one; false if it came to no judgement, with the reason in @why. */
static bool try_one(const struct campaign *c, const char *name, const char *patch,
		    const char *parent, json_t **results, struct outcome *got)
{
	char dir[PATH_MAX], image[PATH_MAX];
	double begun = now();

	*results = NULL;
	if (!make_dir(c, name, dir, sizeof(dir)))
		return snprintf(got->why, sizeof(got->why), "%.500s: %s", name, strerror(errno)),
		       false;
	int code = got->build_code = build(dir, patch, image, sizeof(image));
	got->built = now() - begun;
	if (code)
		return snprintf(got->why, sizeof(got->why),
				"no kernel: kernel.sh ended with %d, see above", code),
		       false;
	begun = now();
	*results = prove_and_judge(c, dir, image, parent, got);
	/* A failed operation may be this machine's: without a breach it has to fail twice. */
	if (got->sight.seen == SEEN_BY_ROWS && !sight_breach(&got->sight)) {
		json_decref(*results);
		*results = NULL; /* the unmutated kernel's are what it is judged by */
		sight_free(&got->sight);
		*results = prove_and_judge(c, dir, image, parent, got);
		if (got->sight.seen == SEEN_NOTHING) {
			got->sight.seen = SEEN_UNCLEAR;
			snprintf(got->why, sizeof(got->why), "seen in one run, not in another");
		}
	}
	got->ran = now() - begun;
	return got->sight.seen != SEEN_UNCLEAR;
}

static void put_by(const struct sight *s)
{
	size_t rows = json_array_size(s->by);
	const json_t *first = json_array_get(s->by, 0);
	const char *reason = json_string_value(json_object_get(first, "reason"));

	if (s->seen == SEEN_BY_KERNEL) {
		printf("kernel splat: %s", s->why);
		return;
	}
	if (s->seen == SEEN_BY_VMM)
		printf("the VMM refuses: %.120s; ", reason ? reason : "");
	for (size_t i = 0; i < rows && i < NAMED; i++) {
		const json_t *by = json_array_get(s->by, i);
		const char *verdict = json_string_value(json_object_get(by, "verdict"));
		printf("%s%s", i ? ", " : "", json_string_value(json_object_get(by, "row")));
		if (s->seen == SEEN_BY_ROWS && verdict && strcmp(verdict, "breached") != 0)
			printf(" (%s)", verdict);
	}
	if (rows > NAMED)
		printf(", %zu more", rows - NAMED);
}

static void tell_line(const char *fate, const char *name, const struct outcome *got)
{
	printf(" %-10s %-32s ", fate, name);
	if (got->fate == FATE_FAILED)
		fputs(got->why, stdout);
	else if (got->sight.seen != SEEN_NOTHING)
		put_by(&got->sight);
	else
		printf("%u rows ran and held", got->sight.rows);
	printf("  %.1f s\n", got->built + got->ran);
}

static void tell(struct campaign *c, const struct mutant *m, const struct outcome *got)
{
	static const char *const how[] = {"nothing", "rows", "VMM refuses", "kernel", "unclear"};

	c->count[got->fate]++;
	tell_line(fate_names[got->fate], m->name, got);
	if (*m->equivalent)
		printf("            declared equivalent: %s\n", m->equivalent);
	fflush(stdout);
	json_array_append_new(c->told,
			      json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:O?, s:s, s:f, s:f}",
					"name", m->name, "parent", m->parent, "what", m->what,
					"equivalent", m->equivalent, "fate", fate_names[got->fate],
					"seen", how[got->sight.seen], "by", got->sight.by, "why",
					*got->why ? got->why : got->sight.why, "build_seconds",
					got->built, "run_seconds", got->ran));
}

/* mutants.json, anew after each mutant. */
static int store(const struct campaign *c, struct err *e)
{
	int fd =
	    openat(c->out.fd, ".mutants.json.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	json_t *j =
	    json_pack("{s:i, s:s, s:i, s:O}", "schema", SCHEMA, "tool", "ringfence lab mutants",
		      "selected", (int)c->mutants, "mutants", c->told);
	bool bad = fd < 0 || !j || json_dumpfd(j, fd, JSON_INDENT(1)) < 0;

	json_decref(j);
	if (fd >= 0)
		close(fd);
	if (!bad)
		bad = renameat(c->out.fd, ".mutants.json.new", c->out.fd, "mutants.json") < 0;
	return bad ? err_set(e, ERR_HOST, errno, "write", "mutants.json", "is the disk full?") : 0;
}

/* Whether each filter has selected a row that held: one that selects none protects nothing. */
static bool all_held(const struct campaign *c, struct outcome *got)
{
	const json_t *rows = json_object_get(c->base, "rows");
	char glob[64];

	for (unsigned i = 0; i < FILTERS; i++) {
		bool held = false;
		row_filter(i, glob, sizeof(glob));
		for (size_t r = 0; r < json_array_size(rows); r++) {
			const json_t *row = json_array_get(rows, r);
			const char *name = json_string_value(json_object_get(row, "name"));
			const char *verdict = json_string_value(json_object_get(row, "verdict"));
			held |= name && verdict && fnmatch(glob, name, 0) == 0 &&
				strcmp(verdict, "held") == 0;
		}
		if (!held) {
			snprintf(got->why, sizeof(got->why), "no row %s held", glob);
			return false;
		}
	}
	return true;
}

/* Without a mutant nothing may be seen: else what is seen of one says nothing. 0, or the exit code.
 */
static int check_base(struct campaign *c)
{
	struct outcome got = {.fate = FATE_FAILED};
	const char *parent = c->mutant[0].parent;

	for (unsigned i = 1; i < c->mutants; i++)
		if (strcmp(c->mutant[i].parent, parent) != 0)
			parent = "vhost";
	bool judged = try_one(c, "unmutated", "none", parent, &c->base, &got);
	bool sound = judged && got.sight.seen == SEEN_NOTHING;
	if (sound && !all_held(c, &got))
		judged = sound = false;
	if (sound)
		got.fate = FATE_SURVIVED; /* as it must */
	tell_line(sound ? "sound" : judged ? "UNSOUND" : "FAILED", "(no mutant)", &got);
	if (judged && !sound) {
		printf("            seen where nothing is: ");
		put_by(&got.sight);
		putchar('\n');
	}
	fflush(stdout);
	sight_free(&got.sight);
	if (!sound && !interrupted)
		fprintf(stderr, "ringfence lab: nothing can be said of mutants beside this\n");
	return sound ? 0 : got.build_code == 4 ? 4 : 70;
}

static void try_mutant(struct campaign *c, const struct mutant *m)
{
	struct outcome got = {.fate = FATE_FAILED};
	json_t *results;

	if (try_one(c, m->name, m->patch, m->parent, &results, &got)) {
		if (got.sight.seen == SEEN_NOTHING)
			got.fate = *m->equivalent ? FATE_EQUIVALENT : FATE_SURVIVED;
		else if (!*m->equivalent)
			got.fate = FATE_CAUGHT;
		else
			snprintf(got.why, sizeof(got.why),
				 "declared equivalent, and yet it is seen");
	}
	json_decref(results);
	if (!interrupted)
		tell(c, m, &got);
	sight_free(&got.sight);
}

static int list(const struct campaign *c)
{
	for (unsigned i = 0; i < c->mutants; i++) {
		const struct mutant *m = &c->mutant[i];
		printf("%-32s %-9s %s%s%s\n", m->name, m->parent, m->what,
		       *m->equivalent ? " Equivalent: " : "", m->equivalent);
	}
	return 0;
}

static int sum_up(const struct campaign *c)
{
	printf("%u mutants, %u caught, %u survived, %u equivalent", c->mutants,
	       c->count[FATE_CAUGHT], c->count[FATE_SURVIVED], c->count[FATE_EQUIVALENT]);
	if (c->count[FATE_FAILED])
		printf(", %u failed", c->count[FATE_FAILED]);
	putchar('\n');
	return c->count[FATE_SURVIVED] ? 1 : c->count[FATE_FAILED] ? 70 : 0;
}

static int run_all(struct campaign *c, struct err *e)
{
	if (out_open(&c->out, c->o, e) < 0)
		return err_exit_code(e->kind);
	c->told = json_array();
	int code = check_base(c);
	for (unsigned i = 0; code == 0 && i < c->mutants && !interrupted; i++) {
		try_mutant(c, &c->mutant[i]);
		if (store(c, e) < 0)
			code = err_exit_code(e->kind);
	}
	if (interrupted)
		fprintf(stderr, "ringfence lab: interrupted\n");
	return interrupted ? 130 : code ? code : sum_up(c);
}

int mutants_main(const struct lab_opts *o)
{
	struct campaign c = {.o = o, .out = {.fd = -1}};
	struct sigaction act = {.sa_handler = on_signal};
	const char *set = getenv("RINGFENCE_MUTANTS");
	struct err e = {.kind = ERR_NONE};
	char dir[PATH_MAX + 16];

	snprintf(dir, sizeof(dir), "%s%s", set ? set : lab_source_dir(), set ? "" : "/mutants");
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	int code = mutants_find(dir, o->filter, &c.mutant, &c.mutants, &e) < 0
		       ? err_exit_code(e.kind)
		   : o->list ? list(&c)
			     : run_all(&c, &e);
	if (e.kind != ERR_NONE)
		fprintf(stderr, "ringfence lab: %s\n", e.text);
	json_decref(c.base);
	json_decref(c.told);
	free(c.mutant);
	out_close(&c.out, true);
	return code;
}
