/* SPDX-License-Identifier: MIT */
/*
 * The judge's side of the iperf3 test: Debian's iperf3 as the client behind a tap, its report, and
 * which queues the device saw at work. It must never take a report that is not whole for a good
 * one.
 */
#include "data_iperf.h"
#include "cpio.h"
#include "data.h"
#include "judge.h"
#include "linux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVING_MS 100000
#define CLIENT_MS 90000
#define LOOK_US 20000
#define VMM_SECONDS "420"
#define TRACE "/out/iperf.trace"
#define DATA_LEN 1000 /* what is read at once of a frame of data, and never of a ring */
#define SETTLE_US 500000
#define DATA_PIECES 16 /* of such a length, at least, on each of the guest's queues */

#define MIB (1u << 20)

/* With "-R" the guest sends: on any of its queues, and so that each is used whatever Linux picks,
 * on one. "-w" bounds what may be under way at the end of a run, which iperf3 does not wait for. */
#define TCP(size) "-w", "128K", "-n", size
#define UDP "-u", "-n", "1M", "-b", "4M", "-l", "1400"

const struct iperf_run iperf_runs[] = {
    {"to the guest", IPERF_ANY, {TCP("4M")}, 4 * MIB, 1, false},
    {"from the guest", IPERF_ANY, {TCP("4M"), "-R"}, 4 * MIB, 1, false},
    {"two streams to it", IPERF_ANY, {TCP("4M"), "-P", "2"}, 4 * MIB, 2, false},
    {"two streams from it", IPERF_ANY, {TCP("4M"), "-P", "2", "-R"}, 4 * MIB, 2, false},
    {"UDP to it", IPERF_ANY, {UDP}, 1 * MIB, 1, true},
    {"UDP from it", IPERF_ANY, {UDP, "-R"}, 1 * MIB, 1, true},
    {"from it by the first pair", BIT_OF(0), {TCP("1M"), "-R"}, 1 * MIB, 1, false},
    {"from it by the second", BIT_OF(1), {TCP("1M"), "-R"}, 1 * MIB, 1, false},
    {"from it by the third", BIT_OF(2), {TCP("1M"), "-R"}, 1 * MIB, 1, false},
    {"from it by the fourth", BIT_OF(3), {TCP("1M"), "-R"}, 1 * MIB, 1, false},
};
const unsigned iperf_count = sizeof(iperf_runs) / sizeof(iperf_runs[0]);

/* ---- a run ---- */

static pid_t start_client(const struct iperf_run *r, char *path, size_t len)
{
	const char *argv[32] = {IPERF_COMMAND, "-J", "-c", DATA_GUEST};
	char name[16];
	unsigned n = 0;

	while (argv[n])
		n++;
	for (unsigned i = 0; r->options[i]; i++)
		argv[n++] = r->options[i];
	snprintf(name, sizeof(name), "iperf-%u", (unsigned)(r - iperf_runs));
	int out = open_out(name, "json", path, len),
	    nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid = start((char *const *)(uintptr_t)argv, nothing, out);
	close(out);
	close(nothing);
	return pid;
}

/* Its exit code has to be 0; NULL then. One that goes on for too long is killed. */
static const char *wait_client(const struct iperf_run *r, pid_t pid)
{
	static char why[160];
	int64_t until = now_ms() + CLIENT_MS;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (now_ms() >= until) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			snprintf(why, sizeof(why), "%s: the client does not end", r->name);
			return why;
		}
		usleep(LOOK_US);
	}
	snprintf(why, sizeof(why), "%s: the client's exit code is %d", r->name,
		 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return status ? why : NULL;
}

/* One that says that something failed is not waited for. */
static bool wait_serving(const struct iperf_run *r, const char *console)
{
	char what[64];

	snprintf(what, sizeof(what), TEST_SAYS "serving %s ok", r->name);
	for (int64_t until = now_ms() + SERVING_MS; now_ms() < until; usleep(LOOK_US)) {
		const char *text = read_text(console);
		if (strstr(text, " FAILED: "))
			break;
		if (strstr(text, what))
			return true;
	}
	return false;
}

static void count_pieces(unsigned pieces[2 * IPERF_PAIRS]);
static const char *judge_pair(const struct iperf_run *r, const unsigned before[2 * IPERF_PAIRS]);

/* What the report says of an error tells more than the exit code, which comes with it. */
static const char *run(const struct iperf_run *r, const char *console)
{
	char path[128];

	unsigned before[2 * IPERF_PAIRS];

	if (!wait_serving(r, console))
		return "the guest does not serve";
	count_pieces(before);
	const char *code = wait_client(r, start_client(r, path, sizeof(path)));
	if (code)
		printf("# %s\n", code);
	const char *why = iperf_judge_report(r, path);
	if (!why)
		why = code;
	return why || r->pairs == IPERF_ANY ? why : judge_pair(r, before);
}

/* ---- the device's word ---- */

/* Data on each of the guest's queues until now: its trace, read line by line, as it is long. */
static void count_pieces(unsigned pieces[2 * IPERF_PAIRS])
{
	char line[512];
	unsigned q;
	FILE *f = fopen(TRACE, "re");

	memset(pieces, 0, 2 * IPERF_PAIRS * sizeof(*pieces));
	while (f && fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, "\"ev\":\"translate\",\"q\":"),
			   *len = strstr(line, "\"len\":");
		if (at && len && sscanf(at, "\"ev\":\"translate\",\"q\":%u", &q) == 1 &&
		    q < 2 * IPERF_PAIRS && strstr(len, "\"dir\":\"r\""))
			pieces[q] += strtoul(len + 6, NULL, 10) >= DATA_LEN;
	}
	if (f)
		fclose(f);
}

/* All data of a run on one pair went by that pair, @before told from what there is now. */
static const char *judge_pair(const struct iperf_run *r, const unsigned before[2 * IPERF_PAIRS])
{
	unsigned now[2 * IPERF_PAIRS], by_it = 0, by_others = 0;
	static char why[160];

	usleep(SETTLE_US); /* the trace's last lines are written when the device rests */
	count_pieces(now);
	for (unsigned q = 1; q < 2 * IPERF_PAIRS; q += 2)
		*(r->pairs == BIT_OF(q / 2) ? &by_it : &by_others) += now[q] - before[q];
	snprintf(why, sizeof(why), "%s: %u pieces of data by it, %u by others", r->name, by_it,
		 by_others);
	printf("# %s\n", why);
	return by_it >= DATA_PIECES && by_others < DATA_PIECES / 4 ? NULL : why;
}

/* Each of the guest's queues has carried data. */
static const char *judge_queues(void)
{
	unsigned pieces[2 * IPERF_PAIRS];
	static char why[160];

	count_pieces(pieces);
	snprintf(why, sizeof(why), "pieces of data on the guest's queues: %u %u %u %u", pieces[1],
		 pieces[3], pieces[5], pieces[7]);
	printf("# %s\n", why);
	for (unsigned q = 1; q < 2 * IPERF_PAIRS; q += 2)
		if (pieces[q] < DATA_PIECES)
			return why;
	return NULL;
}

/* ---- the test ---- */

static void take_along(void)
{
	FILE *initrd = fopen(INITRD, "r+e");
	int ret = initrd ? cpio_add_directory(initrd, IPERF_DIR, IPERF_NAME) : errno;

	if (ret || fclose(initrd)) {
		errno = ret ? ret : errno;
		fail("add " IPERF_DIR, INITRD);
	}
}

/* A guest that a run has gone wrong with is not waited for. */
static const char *run_guest(const char *node)
{
	static const char *const says[] = {TEST_SAYS "ping ok", TEST_SAYS "ping again ok", NULL};
	char console[128];
	const char *why = NULL, *usual = timeout;
	struct vmm v = {.node = node, .cmdline = TEST_WORD "iperf"};

	timeout = VMM_SECONDS;
	v.out = open_out("iperf", "console", console, sizeof(console));
	vmm_start(&v);
	for (unsigned i = 0; !why && i < iperf_count; i++)
		why = run(&iperf_runs[i], console);
	if (why)
		kill(v.pid, SIGTERM);
	int code = vmm_wait(&v);
	close(v.in);
	close(v.out);
	timeout = usual;
	return why ? why : data_judge_console(console, code, says);
}

const char *data_test_iperf(void)
{
	static const char *const options[] = {"--backend", "tap,rf0", "--queue-pairs", "4", NULL};
	char node[64];

	take_along();
	pid_t device = start_device("iperf", options, node);
	int ret = data_interface("rf0", DATA_HOST);
	const char *why = ret ? strerror(ret) : run_guest(node);

	if (!stop_device(device) && !why)
		why = "the device did not end well";
	return why ? why : judge_queues();
}
