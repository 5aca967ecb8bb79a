/* SPDX-License-Identifier: MIT */
/*
 * ringfence-linuxtest: boots Linux with `ringfence run` on a VDUSE device and judges what comes of
 * it: the console, the exit code and what the device's trace says. It carries its own guest: as PID
 * 1 it is the guest's init, and behind its ELF follows the kernel to boot. It must never run
 * outside the lab. TAP 13; exit 0, 1, or 70.
 */
#include "data.h"
#include "judge.h"
#include "linux.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scenario {
	const char *name, *mode, *cmdline; /* @cmdline: what is added to the common one */
	const char *announce;		   /* how the device is, or NULL: as the VMM finds right */
	const char *typed;		   /* at its console, or NULL */
	const char *timeout;		   /* seconds, or NULL: the common one */
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
     .announce = "cmdline",
     .says = {"virtio_mmio.device=4K@0xd0000f00:5", TEST_SAYS "device of command line ok", DONE,
	      "asked for a reset"},
     .code = 3,
     .network = true},
    {.name = "by-device-tree",
     .mode = "reset",
     .cmdline = "acpi=off",
     .announce = "fdt",
     .says = {CPUS, TEST_SAYS "device of device tree ok", DONE, "asked for a reset"},
     .code = 3,
     .network = true},
    {.name = "without-acpi",
     .mode = "reset",
     .cmdline = "acpi=off",
     .says = {CPUS, DONE, "asked for a reset"},
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
    /* Up or not by then, it is still there, and each of its CPUs somewhere. */
    {.name = "too-late",
     .mode = "echo",
     .timeout = "8",
     .says = {"deadline passed while running the guest", "vCPU 0: rip 0x", "vCPU 1: rip 0x"},
     .code = 124},
    {.name = "flood",
     .mode = "flood",
     .says = {TEST_SAYS "line 0 of", TEST_SAYS "line 149 of", "switched off"}},
};
/* On demand: for kernels that have no driver for the device. */
static const struct scenario plain = {
    .name = "plain", .mode = "plain", .says = {CPUS, TEST_SAYS "nothing ok", "switched off"}};
#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

/* Type when the guest listens. */
static void type(const struct scenario *s, const char *console, int to)
{
	for (int64_t until = now_ms() + 60000; now_ms() < until; usleep(50000))
		if (strstr(read_text(console), TEST_SAYS "listening ok"))
			break;
	if (write(to, s->typed, strlen(s->typed)) < 0)
		fail("write", "console");
}

/* Runs the VMM to its end; its exit code. */
static int run_vmm(const struct scenario *s, const char *node, char *console, size_t len)
{
	char cmdline[512];
	struct vmm v = {
	    .node = node, .cmdline = cmdline, .announce = s->announce, .timeout = s->timeout};

	snprintf(cmdline, sizeof(cmdline), TEST_WORD "%s %s", s->mode,
		 s->cmdline ? s->cmdline : "");
	v.out = open_out(s->name, "console", console, len);
	vmm_start(&v);
	if (s->typed)
		type(s, console, v.in);
	int code = vmm_wait(&v);
	close(v.in);
	close(v.out);
	return code;
}

static const char *judge_device(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/out/%s.trace", name);
	const char *trace = read_text(path);
	if (!device_saw(trace, 0, 1, 1))
		return "the device saw no new address";
	if (!device_saw(trace, 0, 0, 0))
		return "the device saw no promiscuous mode";
	if (!device_saw(trace, 0, 0, 1))
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

/*
 * Whether the guest's kernel stood still before its init had said a word. In an emulated lab that
 * has been seen twice in some hundred boots of Debian's kernel, and its reason is not known: such a
 * guest is booted once more, and where its CPUs stood is told. See docs/linux-guest.md.
 */
static bool stood_still(const struct scenario *s, int code, const char *console)
{
	const char *accel = getenv("RINGFENCE_ENV_ACCEL");
	const char *text = read_text(console);

	if (code != 124 || s->code == 124 || !accel || strcmp(accel, "TCG") ||
	    strstr(text, TEST_SAYS))
		return false;
	printf("# %s: not a word of the guest's init; once more. It said:\n", s->name);
	for (size_t n; *text; text += n) {
		n = strcspn(text, "\n");
		printf("#   %.*s\n", (int)n, text);
		n += text[n] == '\n';
	}
	return true;
}

/* Boot the guest on a device of its own; NULL, or what is wrong. */
static const char *boot(const struct scenario *s, bool again)
{
	char node[64], console[128];
	pid_t device = start_device(s->name, NULL, node);
	int code = run_vmm(s, node, console, sizeof(console));
	bool well = stop_device(device);

	if (!again && well && stood_still(s, code, console))
		return boot(s, true);
	const char *why = judge(s, code, console);
	return why || well ? why : "the device did not end well";
}

static bool run(unsigned number, const struct scenario *s)
{
	int64_t started = now_ms();
	const char *why = boot(s, false);

	printf("%s %u %s # time=%lldms\n", why ? "not ok" : "ok", number, s->name,
	       (long long)(now_ms() - started));
	if (why)
		printf("# %s\n", why);
	fflush(stdout);
	return !why;
}

/* A scenario by its name, or the walk along the list of steps. */
static unsigned run_named(const char *name, unsigned *number)
{
	unsigned failed = 0;

	for (unsigned i = 0; i < SCENARIOS; i++)
		if (!strcmp(name, scenarios[i].name))
			failed += !run(++*number, &scenarios[i]);
	if (!strcmp(name, plain.name))
		failed += !run(++*number, &plain);
	if (!strcmp(name, "steps"))
		failed += walk(number);
	return failed + data_judge(name, number);
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
	for (; argc > optind && argv[argc - 1][0] == '+'; argc--)
		snprintf(more + strlen(more), sizeof(more) - strlen(more), " %s",
			 argv[argc - 1] + 1);
	printf("TAP version 13\n");
	for (int a = optind; a < argc; a++)
		failed += run_named(argv[a], &number);
	for (unsigned i = 0; i < SCENARIOS && argc == optind; i++)
		failed += !run(++number, &scenarios[i]);
	printf("1..%u\n", number);
	return number && !failed ? 0 : 1;
}
