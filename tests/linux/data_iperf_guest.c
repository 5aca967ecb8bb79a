/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of the iperf3 test: one server for each run, which sends on the queues that the
 * list says. It must never serve the next run while a server is left over.
 */
#include "data.h"
#include "data_iperf.h"
#include "linux.h"

#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LISTEN_MS 60000
#define SERVE_MS 120000
#define LOOK_MS 20

static void say(const char *what, const char *name, int code)
{
	printf(TEST_SAYS "%s%s %s%s\n", what, name, code ? "FAILED: " : "ok",
	       code ? strerror(code) : "");
	fflush(stdout);
}

/* The driver has each CPU send on queues of its own (virtnet_set_affinity()): now any does on those
 * that are wanted. */
static int use_pairs(const char *name, unsigned pairs)
{
	char path[128];
	int ret = 0;

	for (unsigned i = 0; !ret && i < IPERF_PAIRS; i++) {
		snprintf(path, sizeof(path), "/sys/class/net/%s/queues/tx-%u/xps_cpus", name, i);
		FILE *f = fopen(path, "we");
		if (!f || fputs(pairs & BIT_OF(i) ? "3" : "0", f) < 0 || fflush(f))
			ret = errno;
		if (f)
			fclose(f);
	}
	return ret;
}

static pid_t start_server(void)
{
	static const char *const argv[] = {IPERF_COMMAND, "-s", "-1", NULL};
	pid_t pid = fork();

	if (pid)
		return pid;
	execv(argv[0], (char *const *)(uintptr_t)argv);
	say(argv[0], "", errno);
	_exit(127);
}

/* Whether anybody listens at IPERF_PORT, 0x1451, by the kernel's list. */
static bool listening(void)
{
	char line[256];
	bool found = false;
	FILE *f = fopen("/proc/net/tcp", "re");

	while (f && fgets(line, sizeof(line), f))
		found |= strstr(line, ":1451 00000000:0000 0A ") != NULL;
	if (f)
		fclose(f);
	return found;
}

static int wait_listening(void)
{
	for (unsigned ms = 0; ms < LISTEN_MS; ms += LOOK_MS) {
		if (listening())
			return 0;
		usleep(LOOK_MS * 1000);
	}
	return ETIMEDOUT;
}

/* Its exit code has to be 0; one that goes on for too long is killed. */
static int wait_server(pid_t pid)
{
	int status;

	for (unsigned ms = 0; ms < SERVE_MS; ms += LOOK_MS) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status ? EPROTO : 0;
		usleep(LOOK_MS * 1000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return ETIMEDOUT;
}

static void serve(const char *name, const struct iperf_run *r)
{
	int ret = use_pairs(name, r->pairs);
	pid_t pid = start_server();

	say("serving ", r->name, ret ? ret : wait_listening());
	say("served ", r->name, wait_server(pid));
}

bool data_iperf(const char *mode)
{
	char *const pairs[STEP_WORDS] = {"channels", "4"};
	char name[IFNAMSIZ] = "";

	if (strcmp(mode, "iperf"))
		return false;
	(void)mkdir("/tmp", 0777); /* where iperf3 has its buffers */
	say("interface", "", guest_interface(name));
	say("address", "", data_interface(name, DATA_GUEST));
	say("pairs", "", guest_do(name, pairs, 2));
	say("ping", "", data_ping());
	for (unsigned i = 0; i < iperf_count; i++)
		serve(name, &iperf_runs[i]);
	say("ping again", "", data_ping());
	return true;
}
