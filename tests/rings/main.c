/* SPDX-License-Identifier: MIT */
/*
 * ringfence-rings: the built-in guest's legal operations, which are the same data and the same
 * control commands each time, over every way there is to use a ring: split or packed, with indirect
 * tables or without, with event indices or without, one pair of queues or the last of four; and the
 * last of eight, which is the most, in one way with MQ and one without. On a VDUSE device, and what
 * it offers on vdpa_sim. It must never count a run whose guest took less than it was told to. TAP
 * 13; exit 0, 1, or 70.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_MAX (1u << 16)
#define RUNS_MAX 32

enum { PACKED = 1, INDIRECT = 2, EVENT_IDX = 4, MQ = 8 };
#define MQ_DEVICE 16 /* a device of four pairs, whatever its driver takes, */
#define LARGEST 32   /* ... or of eight */

/* Section 6, and 5.1.3: the features' bits. */
static const struct {
	const char *name;
	unsigned set;
	unsigned bit;
} features[] = {{"packed", PACKED, 34},
		{"indirect", INDIRECT, 28},
		{"event_idx", EVENT_IDX, 29},
		{"mq", MQ, 22}};

static void fail(const char *what, const char *object)
{
	fprintf(stderr, "ringfence-rings: %s(%s): %s\n", what, object, strerror(errno));
	exit(70);
}

static pid_t start(const char *const argv[], int out)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork", argv[1]);
	if (pid)
		return pid;
	dup2(out, 1);
	if (!strcmp(argv[1], "run"))
		dup2(out, 2);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* The device's process; its node's path comes on its first line. */
static pid_t start_device(const char *const argv[], char node[64])
{
	char line[128];
	int out[2];

	if (pipe2(out, O_CLOEXEC))
		fail("pipe2", "device");
	pid_t pid = start(argv, out[1]);
	close(out[1]);
	FILE *f = fdopen(out[0], "re");
	*node = '\0';
	while (f && !*node && fgets(line, sizeof(line), f))
		(void)sscanf(line, "ready %63s", node);
	if (!*node)
		fail("wait for", "device");
	fclose(f);
	return pid;
}

static unsigned device_pairs(unsigned set)
{
	return set & LARGEST ? 8 : set & MQ_DEVICE ? 4 : 1;
}

/* That there are for the driver (section 5.1.2). */
static unsigned driver_pairs(unsigned set)
{
	return set & MQ ? device_pairs(set) : 1;
}

static void list(unsigned set, char out[64])
{
	*out = '\0';
	for (unsigned i = 0; i < 4; i++)
		if (set & features[i].set)
			snprintf(out + strlen(out), 64 - strlen(out), "%s%s", *out ? "," : "",
				 features[i].name);
}

/* Run the guest to its end; its output, and whether it ended well. */
static bool run_guest(const char *node, unsigned set, char text[TEXT_MAX])
{
	char taken[64];
	const char *argv[] = {"/bin/ringfence", "run",	   "--vdpa",   node,  "--timeout", "20",
			      "--expect",	"offered", "--driver", taken, NULL};
	size_t len = 0;
	ssize_t n;
	int out[2], status;

	list(set, taken);
	if (!*taken)
		argv[8] = NULL;
	if (pipe2(out, O_CLOEXEC))
		fail("pipe2", "guest");
	pid_t pid = start(argv, out[1]);
	close(out[1]);
	while (len < TEXT_MAX - 1 && (n = read(out[0], text + len, TEXT_MAX - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(out[0]);
	if (waitpid(pid, &status, 0) != pid)
		fail("waitpid", "ringfence run");
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* What the guest says that it negotiated: no more and no less of these than @set. */
static const char *check_taken(const char *text, unsigned set, unsigned long long *bits,
			       unsigned *pairs)
{
	const char *says = strstr(text, "negotiated: features, pairs ");

	if (!says)
		return set % MQ_DEVICE ? "the guest did not say what it negotiated" : NULL;
	if (sscanf(says, "negotiated: features, pairs 0x%llx 0x%x", bits, pairs) != 2)
		return "what the guest negotiated cannot be read";
	for (unsigned i = 0; i < 4; i++)
		if ((*bits >> features[i].bit & 1) != !!(set & features[i].set))
			return "the guest took another set than it was told to";
	return *pairs == driver_pairs(set) ? NULL : "the guest has another number of pairs";
}

/* Whether the device's trace shows the data on the pair, and commands on the queue, that this set
 * says. */
static const char *check_queues(const char *path, unsigned set)
{
	const unsigned cvq = 2 * driver_pairs(set), tx = cvq - 1;
	char line[4096], want[3][48];
	bool seen[3] = {false};
	FILE *f = fopen(path, "re");

	if (!f)
		fail("open", path);
	snprintf(want[0], sizeof(want[0]), "\"ev\":\"translate\",\"q\":%u,", cvq);
	snprintf(want[1], sizeof(want[1]), "\"ev\":\"translate\",\"q\":%u,", tx);
	snprintf(want[2], sizeof(want[2]), "\"ev\":\"translate\",\"q\":%u,", tx - 1);
	while (fgets(line, sizeof(line), f))
		for (unsigned i = 0; i < 3; i++)
			seen[i] |= strstr(line, want[i]) != NULL;
	fclose(f);
	return seen[0] && seen[1] && seen[2] ? NULL : "the device served other queues";
}

static bool judge(unsigned number, const char *name, const char *why, const char *text,
		  unsigned long long bits, unsigned pairs)
{
	printf("%s %u %s\n", why ? "not ok" : "ok", number, name);
	if (bits)
		printf("# negotiated 0x%llx, pairs %u\n", bits, pairs);
	if (why) {
		printf("# %s\n", why);
		for (const char *at = text; *at;) {
			size_t len = strcspn(at, "\n");
			printf("#   %.*s\n", (int)len, at);
			at += len + (at[len] == '\n');
		}
	}
	fflush(stdout);
	return !why;
}

static void end_device(pid_t device)
{
	int status;

	kill(device, SIGTERM);
	if (waitpid(device, &status, 0) != device || status)
		fail("end", "ringfence device");
}

/* One device that has all, and a guest that takes @set of it. */
static bool run_vduse(unsigned number, unsigned set)
{
	static char text[TEXT_MAX];
	char name[96], node[64], device[32], trace[64], taken[64], has[4];
	unsigned long long bits = 0;
	unsigned pairs = 1;

	list(set, taken);
	snprintf(has, sizeof(has), "%u", device_pairs(set));
	snprintf(name, sizeof(name), "vduse/%s-pair%s/%s%s%s", has, *has == '1' ? "" : "s",
		 set & PACKED ? "" : "split", set & PACKED || !*taken ? "" : ",", taken);
	snprintf(device, sizeof(device), "rings%u", number);
	snprintf(trace, sizeof(trace), "/out/%u.trace", number);
	const char *const argv[] = {"/bin/ringfence", "device",	       "--name",
				    device,	      "--queue-pairs", has,
				    "--trace",	      trace,	       NULL};
	pid_t pid = start_device(argv, node);
	bool good = run_guest(node, set, text);
	end_device(pid);
	const char *why = good ? check_taken(text, set, &bits, &pairs) : "the guest failed";
	if (!why)
		why = check_queues(trace, set);
	return judge(number, name, why, text, bits, pairs);
}

/* What the simulator offers passes, and what it does not offer is not taken for it. */
static bool run_sim(unsigned number, unsigned set)
{
	static char text[TEXT_MAX];
	char name[96], node[64], device[32], taken[64];

	list(set, taken);
	snprintf(name, sizeof(name), "vdpa_sim/%s%s", *taken ? "refuses-" : "split", taken);
	snprintf(device, sizeof(device), "rings%u", number);
	const char *const argv[] = {"/bin/ringfence", "device",	  "--name", device,
				    "--parent",	      "vdpa_sim", NULL};
	pid_t pid = start_device(argv, node);
	bool good = run_guest(node, set, text);
	end_device(pid);
	const char *why = NULL;
	if (!set && !good)
		why = "the guest failed";
	if (set && (good || !strstr(text, "FAILED: driver-takes")))
		why = "a feature that is not offered was not missed";
	return judge(number, name, why, text, 0, 0);
}

int main(void)
{
	unsigned number = 0, failed = 0;

	if (!getenv("RINGFENCE_LAB")) {
		fprintf(stderr, "ringfence-rings: only in the lab; see test.sh\n");
		return 64;
	}
	printf("TAP version 13\n");
	for (unsigned set = 0; set < RUNS_MAX; set++)
		if (!(set & MQ) || (set & MQ_DEVICE))
			failed += !run_vduse(++number, set);
	failed += !run_vduse(++number, LARGEST | PACKED | INDIRECT | EVENT_IDX | MQ);
	failed += !run_vduse(++number, LARGEST | PACKED | INDIRECT | EVENT_IDX);
	failed += !run_sim(++number, 0);
	for (unsigned i = 0; i < 4; i++)
		failed += !run_sim(++number, features[i].set);
	printf("1..%u\n", number);
	return failed ? 1 : 0;
}
