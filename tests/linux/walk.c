/* SPDX-License-Identifier: MIT */
/*
 * Walks a Linux guest along the list of steps. After each, three accounts of the control state have
 * to be the same: the device's, the VMM's, and what the list says. It must never take two of them
 * that agree for the third.
 */
#include "judge.h"
#include "linux.h"
#include "steps.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATE_MAX 4096
#define BOOT_MS 60000
#define STEP_MS 20000
#define LOOK_US 10000

#define DEVICE_STATE "/out/steps.device.state"
#define VMM_STATE "/out/steps.vmm.state"
#define TRACE "/out/steps.trace"

struct walk {
	pid_t device;
	struct vmm vmm;
	char console[128];
	size_t console_from, trace_from; /* what was there before this step or boot */
	bool running;
	char wanted[STATE_MAX];
	char why[2 * STATE_MAX + 64]; /* lines */
};

/* ---- what the list says ---- */

/* Where @line, @len bytes with its newline, is one of @text's lines; NULL: nowhere. */
static char *find_line(char *text, const char *line, size_t len)
{
	for (char *at = text; *at; at += strcspn(at, "\n") + 1)
		if (!strncmp(at, line, len))
			return at;
	return NULL;
}

/*
 * Apply a step's change to what is wanted, as an unordered set of lines. A line that is lost must
 * have been there, and one that is gained not: else the list is wrong.
 */
static bool apply(char *wanted, const char *change)
{
	while (*change) {
		size_t len = strcspn(change, "\n"); /* without the sign, with the newline */
		char *there = find_line(wanted, change + 1, len);
		if (!there == (*change == '-'))
			return false;
		if (there)
			memmove(there, there + len, strlen(there + len) + 1);
		else if (strlen(wanted) + len < STATE_MAX)
			strncat(wanted, change + 1, len);
		change += len + 1;
	}
	return true;
}

static bool want(struct walk *w, const struct step *s)
{
	if (!s->change)
		snprintf(w->wanted, sizeof(w->wanted), "%s", steps_fresh);
	return apply(w->wanted, s->change ? s->change : "");
}

/* Whether @line is the first one of @wanted, where '?' is a hex digit, whichever. */
static bool fits(const char *line, const char *wanted)
{
	while (*line && (*line == *wanted || (*wanted == '?' && isxdigit((unsigned char)*line))))
		if (wanted++, *line++ == '\n')
			return true;
	return false;
}

/* Whether a state has the lines that are wanted, in whatever order. A '?' is as long as what it
 * stands for. */
static bool same_lines(const char *state, const char *wanted)
{
	if (strlen(state) != strlen(wanted))
		return false;
	for (const char *at = state; *at; at += strcspn(at, "\n") + 1) {
		const char *there = wanted;
		while (*there && !fits(at, there))
			there += strcspn(there, "\n") + 1;
		if (!*there)
			return false;
	}
	return true;
}

/* ---- what the two ends say ---- */

static void read_state(const char *path, char to[STATE_MAX])
{
	snprintf(to, STATE_MAX, "%s", read_text(path));
}

/* One look: whether both ends have what is wanted. The modes and filters of an interface are sent
 * by a thread of the guest's kernel, so that they may come a little later than the step's answer.
 */
static bool look(struct walk *w)
{
	char device[STATE_MAX], vmm[STATE_MAX];

	read_state(DEVICE_STATE, device);
	read_state(VMM_STATE, vmm);
	if (strcmp(device, vmm))
		snprintf(w->why, sizeof(w->why),
			 "the two ends differ, see " DEVICE_STATE " and " VMM_STATE);
	else if (!same_lines(device, w->wanted))
		snprintf(w->why, sizeof(w->why), "both ends have:\n%sinstead of:\n%s", device,
			 w->wanted);
	else
		return true;
	return false;
}

static bool agree(struct walk *w)
{
	for (int64_t until = now_ms() + STEP_MS; now_ms() < until; usleep(LOOK_US))
		if (look(w)) {
			*w->why = '\0';
			return true;
		}
	return false;
}

/* ---- the guest ---- */

static bool says(const struct walk *w, const char *what)
{
	const char *text = read_text(w->console);

	return strlen(text) >= w->console_from && strstr(text + w->console_from, what);
}

static bool wait_says(struct walk *w, const char *what, int ms)
{
	char failed[64];

	snprintf(failed, sizeof(failed), "%.*s FAILED", (int)(strlen(what) - strlen(" ok")), what);
	for (int64_t until = now_ms() + ms; now_ms() < until; usleep(LOOK_US)) {
		if (says(w, what))
			return true;
		if (says(w, failed))
			break;
	}
	snprintf(w->why, sizeof(w->why), "not said: %s", what);
	return false;
}

static bool boot(struct walk *w)
{
	w->console_from = strlen(read_text(w->console));
	vmm_start(&w->vmm);
	w->running = true;
	return wait_says(w, TEST_SAYS "listening ok", BOOT_MS);
}

static bool tell(struct walk *w, unsigned number, const struct step *s)
{
	char line[STEP_LINE], answer[64];
	int n = snprintf(line, sizeof(line), "%u %s\n", number, s->guest);

	if (write(w->vmm.in, line, (size_t)n) != n) {
		snprintf(w->why, sizeof(w->why), "the console takes nothing: %s", strerror(errno));
		return false;
	}
	snprintf(answer, sizeof(answer), TEST_SAYS "step %u ok", number);
	return s->ends || wait_says(w, answer, STEP_MS);
}

static bool ended(struct walk *w, const struct step *s)
{
	int code = vmm_wait(&w->vmm);

	close(w->vmm.in);
	w->running = false;
	if (code == s->ends - 1)
		return true;
	snprintf(w->why, sizeof(w->why), "the VMM ended with %d instead of %d", code, s->ends - 1);
	return false;
}

static bool seen(struct walk *w, const struct step *s)
{
	for (int64_t until = now_ms() + STEP_MS; now_ms() < until; usleep(LOOK_US))
		if (device_saw(read_text(TRACE), w->trace_from, s->class, s->cmd))
			return true;
	snprintf(w->why, sizeof(w->why), "the device did not see class %d command %d", s->class,
		 s->cmd);
	return false;
}

/* Its length once all of the last step is in it: a device writes its state first, and its trace
 * when it has nothing else to do. */
static size_t trace_at_rest(void)
{
	size_t len = strlen(read_text(TRACE)), before;

	do {
		before = len;
		usleep(3 * LOOK_US);
		len = strlen(read_text(TRACE));
	} while (len != before);
	return len;
}

static bool step(struct walk *w, unsigned number, const struct step *s)
{
	*w->why = '\0';
	if (!want(w, s)) {
		snprintf(w->why, sizeof(w->why), "the list is wrong here");
		return false;
	}
	if (!w->running && !boot(w))
		return false;
	w->trace_from = s->seen ? trace_at_rest() : strlen(read_text(TRACE));
	if (s->announce)
		kill(w->device, SIGUSR2);
	return (!s->guest || tell(w, number, s)) && (!s->ends || ended(w, s)) &&
	       (!s->seen || seen(w, s)) && agree(w);
}

static void report(const struct walk *w, unsigned number, const struct step *s, bool good,
		   int64_t ms)
{
	printf("%s %u steps: %s # time=%lldms\n", good ? "ok" : "not ok", number, s->name,
	       (long long)ms);
	for (const char *at = w->why; !good && *at; at += strcspn(at, "\n"), at += *at == '\n')
		printf("# %.*s\n", (int)strcspn(at, "\n"), at);
	fflush(stdout);
}

unsigned walk(unsigned *number)
{
	static struct walk w;
	unsigned failed = 0;
	char node[64];
	const char *options[16] = {"--state", DEVICE_STATE};

	for (unsigned i = 0; steps_device[i]; i++)
		options[2 + i] = steps_device[i];
	w.vmm = (struct vmm){.node = node,
			     .cmdline = TEST_WORD "steps",
			     .state = VMM_STATE,
			     .out = open_out("steps", "console", w.console, sizeof(w.console))};
	w.device = start_device("steps", options, node);
	/* After a step that failed the state is not what the next one builds on. */
	for (unsigned i = 0; i < steps_count && !failed; i++) {
		int64_t started = now_ms();
		bool good = step(&w, ++*number, &steps[i]);
		report(&w, *number, &steps[i], good, now_ms() - started);
		failed += !good;
	}
	if (w.running) {
		kill(w.vmm.pid, SIGTERM);
		(void)vmm_wait(&w.vmm);
	}
	if (!stop_device(w.device)) {
		printf("not ok %u steps: the device ends well\n", ++*number);
		failed++;
	}
	close(w.vmm.out);
	return failed;
}
