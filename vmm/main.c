/* SPDX-License-Identifier: MIT */
/*
 * The `ringfence` command: built-in subcommands by table, any other as the program ringfence-NAME
 * beside this one, as git does it. It must never hold anything that a subcommand or a library
 * should.
 */
#include "../vdpa/vduse/cmd.h"
#include "doctor.h"
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_OK = 0, EXIT_USAGE = 64, EXIT_INTERNAL = 70 };

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* NULL: a program of its own */
	const char *help;
} commands[] = {
    {"prove", NULL, "attacks and controls on this kernel, and a verdict"},
    {"bench", NULL, "times, rates and memory of the VMM on this kernel"},
    {"lab", NULL, "the same inside a kernel booted in QEMU"},
    {"run", run_main, "one VMM with one guest on a vhost-vDPA device"},
    {"device", cmd_device, "one VDUSE network device with a control queue"},
    {"doctor", doctor_main, "what this host can do, and how to mend what it cannot"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *to)
{
	fputs("usage: ringfence COMMAND [options]\n", to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].help);
	fputs("ringfence COMMAND --help tells more; ringfence --version\n"
	      "exit: 0 held, 1 violated or failed, 4 this host cannot, 64 usage, 70 own failure, "
	      "124 time-out, "
	      "130 interrupted\n",
	      to);
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/*
 * Become ringfence-@name from this binary's directory, and from nowhere else. Returns on failure
 * only.
 */
static int become(const char *name, char **argv)
{
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (len <= 0) {
		fprintf(stderr, "ringfence: readlink(/proc/self/exe): %s: is /proc mounted?\n",
			strerror(errno));
		return EXIT_INTERNAL;
	}
	path[len] = '\0';
	char *file = strrchr(path, '/') + 1;
	size_t room = sizeof(path) - (size_t)(file - path);
	int n = snprintf(file, room, "ringfence-%s", name);
	if (n > 0 && (size_t)n < room) {
		execv(path, argv);
		if (errno != ENOENT || find(name)) {
			fprintf(stderr, "ringfence: exec(%s): %s: is the build complete?\n", path,
				strerror(errno));
			return EXIT_INTERNAL;
		}
	}
	fprintf(stderr, "ringfence: no command '%s'; see ringfence --help\n", name);
	return EXIT_USAGE;
}

static int run(int argc, char **argv)
{
	const char *name = argv[0];
	const struct command *c = find(name);

	if (c && c->run)
		return c->run(argc, argv);
	/* Only letters, digits and dashes: a name is no path. */
	if (!*name || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")]) {
		fprintf(stderr, "ringfence: no command '%s'; see ringfence --help\n", name);
		return EXIT_USAGE;
	}
	return become(name, argv);
}

static int dispatch(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	const char *first = argv[1];
	if (!strcmp(first, "-h") || !strcmp(first, "--help") ||
	    (!strcmp(first, "help") && argc == 2)) {
		usage(stdout);
		return EXIT_OK;
	}
	if (!strcmp(first, "-V") || !strcmp(first, "--version") || !strcmp(first, "version")) {
		puts("ringfence " RINGFENCE_VERSION);
		return EXIT_OK;
	}
	if (!strcmp(first, "help")) {
		char help[] = "--help";
		char *command[] = {argv[2], help, NULL};
		return run(2, command);
	}
	if (first[0] == '-') {
		fprintf(stderr, "ringfence: unknown option '%s'\n", first);
		usage(stderr);
		return EXIT_USAGE;
	}
	return run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int code = dispatch(argc, argv);

	if (fflush(stdout))
		code = code ? code : EXIT_INTERNAL;
	_exit(code); /* not exit(): a thread stuck in the kernel must not be waited for, nor run
			into destructors */
}
