/* SPDX-License-Identifier: MIT */
/*
 * What the lab's own tests run inside: one small deed per invocation, good or bad.
 * It must never do anything outside a lab: it refuses.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <unistd.h>

/* put FILE TEXT: also how /proc/sysrq-trigger and /dev/kmsg are reached. */
static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	size_t len = strlen(text);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len) {
		fprintf(stderr, "lab-job: %s: %s\n", path, strerror(errno));
		return 1;
	}
	close(fd);
	return 0;
}

/* A child that would outlive the job, holding its standard output. */
static int orphan(void)
{
	if (fork() == 0) {
		setsid();
		sleep(1000);
	}
	puts("orphaned");
	return 0;
}

static int panic_with_trace(void)
{
	if (mkdir("/out/rows", 0777) < 0 ||
	    put("/out/rows/trace.jsonl", "{\"before\":\"panic\"}\n"))
		return 1;
	sleep(2);
	return put("/proc/sysrq-trigger", "c");
}

/* PID 1, stopped by a tracer, is to the launcher as good as a kernel that hangs. */
static int hang(void)
{
	if (ptrace(PTRACE_SEIZE, 1, NULL, NULL) < 0 ||
	    ptrace(PTRACE_INTERRUPT, 1, NULL, NULL) < 0) {
		perror("lab-job: ptrace");
		return 1;
	}
	return (int)sleep(1000);
}

static int do_it(int argc, char **argv)
{
	const char *deed = argc > 1 ? argv[1] : "";

	if (strcmp(deed, "hello") == 0) {
		printf("%s, %s\n", getenv("RINGFENCE_ENV_KERNEL"), getenv("RINGFENCE_ENV_ACCEL"));
		fprintf(stderr, "to standard error\n");
		return 0;
	}
	if (strcmp(deed, "exit") == 0 && argc == 3)
		return atoi(argv[2]);
	if (strcmp(deed, "sleep") == 0)
		return (int)sleep(1000);
	if (strcmp(deed, "abort") == 0)
		return raise(SIGABRT);
	if (strcmp(deed, "put") == 0 && argc == 4)
		return put(argv[2], argv[3]);
	if (strcmp(deed, "orphan") == 0)
		return orphan();
	if (strcmp(deed, "hang") == 0)
		return hang();
	if (strcmp(deed, "panic") == 0)
		return panic_with_trace();
	for (int i = 0; strcmp(deed, "flood") == 0 && i < 100000; i++)
		printf("line %d of a hundred thousand, which the channel must carry in order\n", i);
	return 0;
}

int main(int argc, char **argv)
{
	if (!getenv("RINGFENCE_LAB")) {
		fprintf(stderr, "lab-job: only inside the lab\n");
		return 64;
	}
	return do_it(argc, argv);
}
