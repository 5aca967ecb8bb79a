/* SPDX-License-Identifier: MIT */
/*
 * The two processes under test, the device and the VMM, and what they have written. It must never
 * judge.
 */
#include "judge.h"
#include "linux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX (1u << 20)

char more[256];
const char *cpus = "2", *timeout = "60";

void fail(const char *what, const char *object)
{
	fprintf(stderr, "ringfence-linuxtest: %s(%s): %s\n", what, object, strerror(errno));
	exit(70);
}

int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

pid_t start(char *const argv[], int in, int out)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork", argv[1]);
	if (pid)
		return pid;
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	execv(argv[0], argv);
	_exit(127);
}

int open_out(const char *name, const char *what, char *path, size_t len)
{
	snprintf(path, len, "/out/%s.%s", name, what);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		fail("open", path);
	return fd;
}

char *read_text(const char *path)
{
	static char text[TEXT_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (ssize_t i = 0; i < n; i++)
		if (!text[i])
			text[i] = '.';
	return text;
}

pid_t start_device(const char *name, const char *const *options, char node[64])
{
	char trace[128], device[32], line[128] = "";
	int out[2], nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	static unsigned n;

	snprintf(trace, sizeof(trace), "/out/%s.trace", name);
	snprintf(device, sizeof(device), "linux%u", n++);
	const char *argv[24] = {"/bin/ringfence", "device", "--name", device, "--trace", trace};
	for (unsigned i = 0; options && options[i] && i < 16; i++)
		argv[6 + i] = options[i];
	if (nothing < 0 || pipe2(out, O_CLOEXEC))
		fail("pipe2", "device");
	pid_t pid = start((char *const *)(uintptr_t)argv, nothing, out[1]);
	close(out[1]);
	close(nothing);
	FILE *f = fdopen(out[0], "re");
	*node = '\0';
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "ready %63s", node) != 1)
		fputs(line, stderr);
	if (f)
		fclose(f);
	if (!*node)
		fail("wait for", device);
	return pid;
}

bool stop_device(pid_t pid)
{
	int status;

	kill(pid, SIGTERM);
	if (waitpid(pid, &status, 0) != pid)
		fail("waitpid", "ringfence device");
	return status == 0;
}

void vmm_start(struct vmm *v)
{
	char cmdline[512];
	int pipe_fd[2];

	snprintf(cmdline, sizeof(cmdline), "console=ttyS0 loglevel=5 noxsave panic=-1 %s%s",
		 v->cmdline, more);
	const char *seconds = v->timeout ? v->timeout : timeout;
	const char *argv[24] = {
	    "/bin/ringfence", "run",  "-v",	   "--vdpa", v->node, "-k", KERNEL,
	    "--initrd",	      INITRD, "--cmdline", cmdline,  "-c",    cpus, "--timeout",
	    seconds};
	unsigned n = 15;
	if (v->state) {
		argv[n++] = "--state";
		argv[n++] = v->state;
	}
	if (v->announce) {
		argv[n++] = "--announce";
		argv[n++] = v->announce;
	}
	if (pipe2(pipe_fd, O_CLOEXEC))
		fail("pipe2", "console");
	v->pid = start((char *const *)(uintptr_t)argv, pipe_fd[0], v->out);
	close(pipe_fd[0]);
	v->in = pipe_fd[1];
}

int vmm_wait(struct vmm *v)
{
	int status;

	if (waitpid(v->pid, &status, 0) != v->pid)
		fail("waitpid", "ringfence run");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool device_saw(const char *trace, size_t from, int class, int cmd)
{
	char want[64];

	if (strlen(trace) < from)
		return false;
	snprintf(want, sizeof(want), "\"ev\":\"cvq\",\"class\":%d,\"cmd\":%d,", class, cmd);
	for (const char *at = trace + from; (at = strstr(at, want)); at++) {
		size_t line = strcspn(at, "\n");
		const char *ack = strstr(at, "\"ack\":0");
		if (ack && ack < at + line)
			return true;
	}
	return false;
}
