/* SPDX-License-Identifier: MIT */
/*
 * ringfence-linuxtest: boots Linux with `ringfence run` on a VDUSE device and judges what comes of
 * it: the console, the exit code and what the device's trace says. It carries its own guest: as PID
 * 1 it is the guest's init, and behind its ELF follows the kernel to boot. It must never run
 * outside the lab. TAP 13; exit 0, 1, or 70.
 */
#include "linux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KERNEL "/tmp/kernel"
#define INITRD "/tmp/initrd"
#define TEXT_MAX (1u << 20)

/* Behind the ELF: the kernel, then this. */
struct trailer {
	uint64_t elf_size, kernel_size, magic;
};
#define TRAILER_MAGIC 0x656c6c69766b6e69ull

struct scenario {
	const char *name, *mode, *cmdline; /* @cmdline: what is added to the common one */
	const char *typed;		   /* at its console, or NULL */
	const char *says[6];		   /* lines, or parts of them, that have to come */
	int code;
	bool network; /* whether the device's end is looked at */
};

#define CPUS TEST_SAYS "cpus 2"
#define DONE TEST_SAYS "down ok"
#define PANIC "Kernel panic - not syncing"

static const struct scenario scenarios[] = {
    {.name = "power-off",
     .mode = "off",
     .says = {CPUS, TEST_SAYS "device of ACPI ok", DONE, "switched off (ACPI S5)"},
     .network = true},
    {.name = "reset",
     .mode = "reset",
     .says = {DONE, "asked for a reset (ACPI reset register)"},
     .code = 3,
     .network = true},
    {.name = "reset-by-keyboard",
     .mode = "reset",
     .cmdline = "reboot=k",
     .says = {DONE, "asked for a reset (keyboard controller)"},
     .code = 3,
     .network = true},
    {.name = "reset-by-triple-fault",
     .mode = "reset",
     .cmdline = "reboot=t",
     .says = {DONE, "asked for a reset (triple fault)"},
     .code = 3,
     .network = true},
    {.name = "by-command-line",
     .mode = "reset",
     .cmdline = "acpi=off",
     .says = {"virtio_mmio.device=4K@0xd0000000:5", DONE, "asked for a reset"},
     .code = 3,
     .network = true},
    {.name = "panic-with-reset",
     .mode = "panic",
     .says = {PANIC, "kernel panicked (ACPI reset register)"},
     .code = 5},
    {.name = "panic-without-reset",
     .mode = "panic",
     .cmdline = "panic=0",
     .says = {PANIC, "kernel panicked (no reset after it)"},
     .code = 5},
    {.name = "echo",
     .mode = "echo",
     .typed = "hello in there\n",
     .says = {TEST_SAYS "heard \"hello in there\"", "switched off"}},
    {.name = "flood",
     .mode = "flood",
     .says = {TEST_SAYS "line 0 of", TEST_SAYS "line 149 of", "switched off"}},
};
/* On demand: for kernels that have no driver for the device. */
static const struct scenario plain = {
    .name = "plain", .mode = "plain", .says = {CPUS, TEST_SAYS "nothing ok", "switched off"}};
#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static void fail(const char *what, const char *object)
{
	fprintf(stderr, "ringfence-linuxtest: %s(%s): %s\n", what, object, strerror(errno));
	exit(70);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- what the guest boots from ---- */

static void copy(int from, off_t at, uint64_t len, FILE *to)
{
	char data[65536];

	while (len) {
		size_t want = len < sizeof(data) ? (size_t)len : sizeof(data);
		ssize_t n = pread(from, data, want, at);
		if (n <= 0 || fwrite(data, 1, (size_t)n, to) != (size_t)n)
			fail("copy", "self");
		at += n;
		len -= (uint64_t)n;
	}
}

/* An entry of a cpio archive in the "newc" format: a file of @len bytes of @from, or none. */
static void cpio(FILE *f, const char *name, unsigned mode, unsigned major, unsigned minor, int from,
		 uint64_t len)
{
	static unsigned inode;

	fprintf(f, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", ++inode, mode, 0,
		0, 1, 0, (unsigned)len, 0, 0, major, minor, (unsigned)strlen(name) + 1, 0);
	fwrite(name, 1, strlen(name) + 1, f);
	for (; ftell(f) % 4;)
		fputc(0, f);
	copy(from, 0, len, f);
	for (; ftell(f) % 4;)
		fputc(0, f);
}

static void unpack(void)
{
	struct trailer t;
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	off_t end = lseek(self, 0, SEEK_END);

	if (self < 0 || pread(self, &t, sizeof(t), end - (off_t)sizeof(t)) != sizeof(t) ||
	    t.magic != TRAILER_MAGIC) {
		fprintf(stderr, "ringfence-linuxtest: carries no kernel; see test.sh\n");
		exit(70);
	}
	FILE *kernel = fopen(KERNEL, "we"), *initrd = fopen(INITRD, "we");
	if (!kernel || !initrd)
		fail("open", "/tmp");
	copy(self, (off_t)t.elf_size, t.kernel_size, kernel);
	cpio(initrd, "dev", S_IFDIR | 0755, 0, 0, self, 0);
	cpio(initrd, "dev/console", S_IFCHR | 0600, 5, 1, self, 0);
	cpio(initrd, "init", S_IFREG | 0755, 0, 0, self, t.elf_size);
	cpio(initrd, "TRAILER!!!", 0, 0, 0, self, 0);
	if (fclose(kernel) || fclose(initrd))
		fail("write", "/tmp");
	close(self);
}

/* ---- the two processes ---- */

static pid_t start(char *const argv[], int in, int out)
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

static int open_out(const char *name, const char *what, char *path, size_t len)
{
	snprintf(path, len, "/out/%s.%s", name, what);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		fail("open", path);
	return fd;
}

/* The device's process; its node's path comes on its first line. */
static pid_t start_device(const char *name, char node[64])
{
	char trace[128], device[32], line[128] = "";
	int out[2], nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	static unsigned n;

	snprintf(trace, sizeof(trace), "/out/%s.trace", name);
	snprintf(device, sizeof(device), "linux%u", n++);
	char *argv[] = {"/bin/ringfence", "device", "--name", device, "--trace", trace, NULL};
	if (nothing < 0 || pipe2(out, O_CLOEXEC))
		fail("pipe2", "device");
	pid_t pid = start(argv, nothing, out[1]);
	close(out[1]);
	close(nothing);
	FILE *f = fdopen(out[0], "re");
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "ready %63s", node) != 1)
		fputs(line, stderr);
	if (f)
		fclose(f);
	if (!*node)
		fail("wait for", device);
	return pid;
}

static char *read_text(const char *path)
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

/* Type when the guest listens. */
static void type(const struct scenario *s, const char *console, int to)
{
	for (int64_t until = now_ms() + 60000; now_ms() < until; usleep(50000))
		if (strstr(read_text(console), TEST_SAYS "listening ok"))
			break;
	if (write(to, s->typed, strlen(s->typed)) < 0)
		fail("write", "console");
}

/* Words with a plus before them on our own command line go to every guest's. */
static char more[256];
static const char *cpus = "2", *timeout = "60";

/* Runs the VMM to its end; its exit code. */
static int run_vmm(const struct scenario *s, const char *node, char *console, size_t len)
{
	char cmdline[512];
	int pipe_fd[2], out = open_out(s->name, "console", console, len), status;

	snprintf(cmdline, sizeof(cmdline),
		 "console=ttyS0 loglevel=5 noxsave panic=-1 " TEST_WORD "%s %s%s", s->mode,
		 s->cmdline ? s->cmdline : "", more);
	const char *argv[24] = {
	    "/bin/ringfence", "run",	   "-v",    "--vdpa", node, "-k",	 KERNEL, "--initrd",
	    INITRD,	      "--cmdline", cmdline, "-c",     cpus, "--timeout", timeout};
	if (pipe2(pipe_fd, O_CLOEXEC))
		fail("pipe2", "console");
	pid_t pid = start((char *const *)(uintptr_t)argv, pipe_fd[0], out);
	close(pipe_fd[0]);
	if (s->typed)
		type(s, console, pipe_fd[1]);
	if (waitpid(pid, &status, 0) != pid)
		fail("waitpid", "ringfence run");
	close(pipe_fd[1]);
	close(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- judging ---- */

/* Whether the trace has an acknowledged command of @class and @cmd. */
static bool device_saw(const char *trace, int class, int cmd)
{
	char want[64];

	snprintf(want, sizeof(want), "\"ev\":\"cvq\",\"class\":%d,\"cmd\":%d,", class, cmd);
	for (const char *at = trace; (at = strstr(at, want)); at++) {
		size_t line = strcspn(at, "\n");
		const char *ack = strstr(at, "\"ack\":0");
		if (ack && ack < at + line)
			return true;
	}
	return false;
}

static const char *judge_device(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/out/%s.trace", name);
	const char *trace = read_text(path);
	if (!device_saw(trace, 1, 1))
		return "the device saw no new address";
	if (!device_saw(trace, 0, 0))
		return "the device saw no promiscuous mode";
	if (!device_saw(trace, 0, 1))
		return "the device saw no all-multicast mode";
	return NULL;
}

static const char *judge(const struct scenario *s, int code, const char *console)
{
	static char why[160];
	const char *text = read_text(console);

	for (unsigned i = 0; i < 6 && s->says[i]; i++)
		if (!strstr(text, s->says[i])) {
			snprintf(why, sizeof(why), "exit code %d; not said: %s", code, s->says[i]);
			return why;
		}
	if (strstr(text, "FAILED"))
		return "the guest says that a step failed";
	if (code != s->code) {
		snprintf(why, sizeof(why), "exit code %d instead of %d", code, s->code);
		return why;
	}
	return s->network ? judge_device(s->name) : NULL;
}

static bool run(unsigned number, const struct scenario *s)
{
	char node[64] = "", console[128];
	int64_t started = now_ms();
	pid_t device = start_device(s->name, node);
	int code = run_vmm(s, node, console, sizeof(console)), status;

	kill(device, SIGTERM);
	if (waitpid(device, &status, 0) != device)
		fail("waitpid", "ringfence device");
	const char *why = judge(s, code, console);
	if (!why && status)
		why = "the device did not end well";
	printf("%s %u %s # time=%lldms\n", why ? "not ok" : "ok", number, s->name,
	       (long long)(now_ms() - started));
	if (why)
		printf("# %s\n", why);
	fflush(stdout);
	return !why;
}

int main(int argc, char **argv)
{
	unsigned number = 0, failed = 0;

	if (getpid() == 1)
		guest_main();
	if (!getenv("RINGFENCE_LAB")) {
		fprintf(stderr, "ringfence-linuxtest: only in the lab; see test.sh\n");
		return 64;
	}
	unpack();
	for (int opt; (opt = getopt(argc, argv, "+c:t:")) != -1;) {
		if (opt == 'c')
			cpus = optarg;
		else if (opt == 't')
			timeout = optarg;
		else
			return 64;
	}
	argv += optind - 1;
	argc -= optind - 1;
	for (int a = argc - 1; a > 0 && argv[a][0] == '+'; a--, argc--)
		snprintf(more + strlen(more), sizeof(more) - strlen(more), " %s", argv[a] + 1);
	printf("TAP version 13\n");
	for (int a = 1; a < argc; a++)
		for (unsigned i = 0; i < SCENARIOS; i++)
			if (!strcmp(argv[a], scenarios[i].name))
				failed += !run(++number, &scenarios[i]);
	for (int a = 1; a < argc; a++)
		if (!strcmp(argv[a], plain.name))
			failed += !run(++number, &plain);
	for (unsigned i = 0; i < SCENARIOS && argc < 2; i++)
		failed += !run(++number, &scenarios[i]);
	printf("1..%u\n", number);
	return number && !failed ? 0 : 1;
}
