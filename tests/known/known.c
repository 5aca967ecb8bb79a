/* SPDX-License-Identifier: MIT */
/*
 * `ringfence known`: known findings about the kernel, each shown on the running one in a process of
 * its own with a deadline, so that a hang is an answer. That a finding shows is what is expected;
 * that it does not is news, and told as such. It must never run what may wedge the kernel unless
 * that alone was asked for.
 */
#include "known.h"

#include "../../vdpa/nl.h"
#include "../../vdpa/vduse/wait.h"
#include "options.h"
#include "tell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS_DEFAULT 20
#define DEATH_MS 2000
#define TIDY_MS 10000
#define POLL_MS 10

static const struct known *const table[] = {&k1,  &k2,	&k3,  &k4,  &k5,  &k6,	&k7,  &k8,
					    &k9,  &k10, &k11, &k12, &k13, &k14, &k15, &k16,
					    &k17, &k18, &k19, &k20, &k21, &k22, &k23};

#define KNOWN (sizeof(table) / sizeof(table[0]))

static volatile sig_atomic_t interrupted;

/* ---- in the reproducer's process ---- */

static enum known_verdict say(struct known_run *r, enum known_verdict verdict, const char *text,
			      va_list args)
{
	vsnprintf(r->report->text, sizeof(r->report->text), text, args);
	return verdict;
}

#define SAY(r, verdict, text)                                                                      \
	do {                                                                                       \
		va_list args;                                                                      \
		va_start(args, text);                                                              \
		enum known_verdict said = say(r, verdict, text, args);                             \
		va_end(args);                                                                      \
		return said;                                                                       \
	} while (0)

enum known_verdict known_shows(struct known_run *r, const char *text, ...)
{
	SAY(r, KNOWN_SHOWS, text);
}

enum known_verdict known_gone(struct known_run *r, const char *text, ...)
{
	SAY(r, KNOWN_GONE, text);
}

enum known_verdict known_skip(struct known_run *r, const char *text, ...)
{
	SAY(r, KNOWN_SKIP, text);
}

enum known_verdict known_failed(struct known_run *r)
{
	snprintf(r->report->text, sizeof(r->report->text), "%.390s",
		 r->e.kind != ERR_NONE ? r->e.text : "no reason is known");
	return KNOWN_ERROR;
}

bool known_logged(struct known_run *r, const char *needle, char *line, size_t len)
{
	char record[2048];
	ssize_t n;

	/* A record is "PRIORITY,SEQUENCE,TIME,FLAG;TEXT\n" and more lines, which are of no interest
	 * here. */
	while ((n = read(r->kmsg, record, sizeof(record) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		record[n > 0 ? n : 0] = '\0';
		record[strcspn(record, "\n")] = '\0';
		const char *text = strchr(record, ';');
		if (!text || !strstr(text, needle))
			continue;
		snprintf(line, len, "%s", text + 1);
		return true;
	}
	return false;
}

/* Into the kernel's log, as loud as a warning, so that its reader knows whose complaint follows:
 * tests/lab/console.c does. */
static void mark(const struct known *k, const char *what, const char *warns)
{
	char text[128];

	snprintf(text, sizeof(text), "<4>ringfence-known: %s %s%s%s", k->name, what,
		 warns ? ", may warn in " : "", warns ? warns : "");
	(void)world_write("/dev/kmsg", text);
}

static void become(const struct known *k, struct known_report *report)
{
	struct known_run r = {.report = report, .world = {.client = {.fd = -1}}};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	r.kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (r.kmsg >= 0)
		lseek(r.kmsg, 0, SEEK_END);
	report->verdict = k->run(&r);
	atomic_store(&report->judged, true);
	world_close(&r.world);
	_exit(0);
}

/* ---- in the program's ---- */

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* Whether it ended by itself; *status is valid if it ended at all (*alive is false). */
static bool attend(pid_t pid, struct known_report *report, unsigned ms, int *status, bool *alive)
{
	int64_t until = world_ms() + ms;
	bool judged = false;

	*alive = true;
	while (world_ms() < until && !interrupted) {
		if (waitpid(pid, status, WNOHANG) == pid) {
			*alive = false;
			return true;
		}
		if (!judged && (judged = atomic_load(&report->judged)))
			until = world_ms() + TIDY_MS;
		wait_ms(POLL_MS);
	}
	kill(-pid, SIGKILL);
	for (int64_t end = world_ms() + DEATH_MS; *alive && world_ms() < end; wait_ms(POLL_MS))
		*alive = waitpid(pid, status, WNOHANG) != pid;
	return false;
}

static void judge(struct known_report *report, bool in_time, bool alive, int status,
		  unsigned seconds)
{
	size_t used = strlen(report->text);

	if (in_time && WIFSIGNALED(status)) {
		report->verdict = KNOWN_ERROR;
		snprintf(report->text, sizeof(report->text), "the reproducer died of signal %d",
			 WTERMSIG(status));
	} else if (!in_time && report->verdict == KNOWN_ERROR) {
		snprintf(report->text, sizeof(report->text), "no answer within %u s%s", seconds,
			 alive ? ", and it cannot be killed" : "");
	} else if (alive) {
		snprintf(report->text + used, sizeof(report->text) - used,
			 "; the reproducer cannot be killed");
	}
}

/* What a reproducer that did not end left behind. What may be wedged is left alone. */
static void clean_up(const struct known *k)
{
	struct err e = {0};

	if (k->destructive)
		return;
	if (vduse_cleanup(WORLD_NAME, &e))
		fprintf(stderr, "ringfence known: %s: cleaning up: %s\n", k->name, e.text);
	else
		(void)nl_dev_del(WORLD_NAME, &e); /* a simulator's */
}

/* False if the reproducer is still alive: nothing can be run beside it. */
static bool run(const struct known *k, const struct options *o, struct known_report *report)
{
	unsigned seconds = o->seconds ? o->seconds : k->seconds ? k->seconds : SECONDS_DEFAULT;
	bool alive;
	int status = 0;

	*report = (struct known_report){.verdict = KNOWN_ERROR};
	mark(k, "begins", k->warns);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		become(k, report);
	if (pid < 0) {
		snprintf(report->text, sizeof(report->text), "fork: %s", strerror(errno));
		return true;
	}
	setpgid(pid, pid);
	if (k->destructive)
		world_brace(); /* to tell of a CPU that stopped */
	bool in_time = attend(pid, report, seconds * 1000, &status, &alive);
	judge(report, in_time, alive, status, seconds);
	mark(k, alive ? "is stuck" : "ends", NULL);

	if (!alive)
		clean_up(k);
	return !alive;
}

/* Why it cannot be run, or NULL. */
static const char *refusal(const struct known *k, const struct options *o, unsigned selected,
			   const char *no_vduse, bool wedged)
{
	if (wedged)
		return "an earlier reproducer is stuck in the kernel: boot again";
	if (k->destructive && (!o->destructive || selected > 1))
		return "it may wedge the kernel: run it alone, on one you can lose, with "
		       "--destructive and --filter";
	return k->needs & NEED_VDUSE ? no_vduse : NULL;
}

static const char *look_for_vduse(void)
{
	struct vduse_facts facts;
	static struct err e;

	if (vduse_probe(&facts, &e))
		return e.text;
	if (!facts.present || facts.api < 1)
		return "needs VDUSE API 1: Linux 7.0 or newer with CONFIG_VDPA_USER";
	if (access("/sys/bus/vdpa/drivers/vhost_vdpa", F_OK))
		return "needs CONFIG_VHOST_VDPA (modprobe vhost_vdpa)";
	return NULL;
}

static int exit_code(const struct tally *t)
{
	if (interrupted)
		return 130;
	if (t->count[KNOWN_GONE] || t->count[KNOWN_ERROR])
		return 1;
	return t->count[KNOWN_SHOWS] ? 0 : 4;
}

static int run_all(const struct options *o, unsigned selected)
{
	const char *no_vduse = look_for_vduse();
	struct known_report *report =
	    mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct tally t = {.begin = world_ms()};
	bool wedged = false;

	if (report == MAP_FAILED)
		return 70;
	if (!no_vduse)
		clean_up(&(const struct known){.name = "start"});
	tell_begin(o->format, selected);
	for (size_t i = 0; i < KNOWN && !interrupted; i++) {
		if (!options_select(o, table[i]->name))
			continue;
		const char *why = refusal(table[i], o, selected, no_vduse, wedged);
		if (why) {
			*report = (struct known_report){.verdict = KNOWN_SKIP};
			snprintf(report->text, sizeof(report->text), "%.390s", why);
		} else {
			wedged = !run(table[i], o, report);
		}
		tell_one(o->format, table[i], report, &t);
	}
	tell_end(o->format, &t, interrupted);
	return exit_code(&t);
}

int main(int argc, char **argv)
{
	struct options o;
	struct err e = {0};
	unsigned selected = 0;
	struct sigaction act = {.sa_handler = on_signal};

	if (options_parse(&o, argc, argv, &e)) {
		fprintf(stderr, "ringfence known: %s\n", e.text);
		return 64;
	}
	for (size_t i = 0; i < KNOWN; i++)
		if (options_select(&o, table[i]->name))
			selected++;
	if (o.help || o.version) {
		fputs(o.help ? options_help : "ringfence " RINGFENCE_VERSION "\n", stdout);
		return 0;
	}
	if (!selected) {
		fputs("ringfence known: --filter selects nothing; --list names what there is\n",
		      stderr);
		return 64;
	}
	for (size_t i = 0; o.list && i < KNOWN; i++)
		if (options_select(&o, table[i]->name))
			tell_listed(table[i]);
	if (o.list)
		return 0;
	if (geteuid()) {
		tell_nothing(o.format, "needs root: VDUSE, vhost-vDPA and /sys/bus/vdpa");
		return 4;
	}
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	int code = run_all(&o, selected);
	_exit(fflush(stdout) ? 70
			     : code); /* a reproducer may hang in the kernel: no more waiting */
}
