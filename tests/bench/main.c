/* SPDX-License-Identifier: MIT */
/*
 * ringfence-bench, started by `ringfence bench`: measures, prints its table. As PID 1 it is the
 * Linux guest that it boots. It must never call a figure good or bad.
 */
#include "../linux/cpio.h"
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char usage[] =
    "usage: ringfence bench [options]\n"
    "What the VMM takes, measured on this kernel, as root, with devices of its own; in the lab:\n"
    "ringfence lab bench. Each figure is a median of runs.\n"
    "  -k FILE           a Linux kernel, booted as a guest as well (in the lab: the lab's)\n"
    "      --runs N      of each thing (3)\n"
    "      --commands N  control commands in one run (2000)\n"
    "      --packets N   frames in one run (20000)\n"
    "      --full        10^6 commands in one run as well\n"
    "      --vs COMMAND  another VMM, by turns with ours, with the same Linux guest; its words "
    "are\n"
    "                    parted by spaces, and @vdpa, @kernel, @initrd, @cmdline filled in. What\n"
    "                    is compared is its guest's console on standard output\n"
    "      --device OPTS further options of ringfence device, for a Linux guest's, as the words of "
    "--vs\n"
    "      --json        the table for programs\n"
    "  -v, -h            what is being done, this\n"
    "exit: 0 the table is whole, 4 this host cannot, 64 usage, 70 something failed, 124 time-out\n";

enum { OPT_RUNS = 256, OPT_COMMANDS, OPT_PACKETS, OPT_FULL, OPT_VS, OPT_DEVICE, OPT_JSON };

static const struct option long_options[] = {
    {"runs", required_argument, NULL, OPT_RUNS},
    {"commands", required_argument, NULL, OPT_COMMANDS},
    {"packets", required_argument, NULL, OPT_PACKETS},
    {"full", no_argument, NULL, OPT_FULL},
    {"vs", required_argument, NULL, OPT_VS},
    {"device", required_argument, NULL, OPT_DEVICE},
    {"json", no_argument, NULL, OPT_JSON},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static int take_number(const char *option, uint32_t min, uint32_t max, uint32_t *to, struct err *e)
{
	char *end;
	unsigned long v = strtoul(optarg, &end, 10);

	if (*end || *optarg < '0' || *optarg > '9' || v < min || v > max)
		return err_set(e, ERR_USAGE, 0, option, optarg, "a number from %u to %u", min, max);
	*to = (uint32_t)v;
	return 0;
}

static int take(struct options *o, int opt, struct err *e)
{
	switch (opt) {
	case 'k':
		o->kernel = optarg;
		return 0;
	case OPT_RUNS:
		return take_number("--runs", 1, SAMPLES_MAX, &o->runs, e);
	case OPT_COMMANDS:
		return take_number("--commands", 20, 10000000, &o->commands, e);
	case OPT_PACKETS:
		return take_number("--packets", 64, 10000000, &o->packets, e);
	case OPT_FULL:
		o->full = true;
		return 0;
	case OPT_VS:
		o->vs = optarg;
		return 0;
	case OPT_DEVICE:
		o->device = optarg;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	default:
		return err_set(e, ERR_USAGE, 0, "option", "bench", "see ringfence bench --help");
	}
}

static int parse(struct options *o, int argc, char **argv, struct err *e)
{
	int opt, ret = 0;

	*o = (struct options){.runs = 3, .commands = 2000, .packets = 20000};
	while (!ret && (opt = getopt_long(argc, argv, "k:vh", long_options, NULL)) != -1)
		ret = take(o, opt, e);
	if (!ret && optind < argc)
		return err_set(e, ERR_USAGE, 0, "argument", argv[optind], "takes none");
	if (!ret && o->vs && !o->kernel)
		return err_set(e, ERR_USAGE, 0, "--vs", o->vs, "needs a guest for both: -k FILE");
	return ret;
}

extern const uint8_t load_image[], load_image_end[];

static int make_file(const char *path, int (*fill)(FILE *f), struct err *e)
{
	FILE *f = fopen(path, "we");
	int code = f ? fill(f) : errno;

	if (f && fclose(f) && !code)
		code = errno;
	return code ? err_set(e, ERR_INTERNAL, code, "write", path, "%s", "") : 0;
}

static int fill_load(FILE *f)
{
	size_t len = (size_t)(load_image_end - load_image);

	return fwrite(load_image, 1, len, f) == len ? 0 : errno;
}

static int fill_initrd(FILE *f)
{
	struct stat st;
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int code =
	    self < 0 || fstat(self, &st) ? errno : cpio_init_only(f, self, (uint64_t)st.st_size);

	if (self >= 0)
		close(self);
	return code;
}

static int measure(struct table *t, const struct options *o, struct err *e)
{
	static int (*const part[])(struct table * t, const struct options *o, struct err *e) = {
	    measure_tiny, measure_growth, measure_million, measure_linux, measure_versus};
	static const char *const name[] = {"our own guest", "growth", "10^6 commands", "Linux",
					   "another VMM"};
	int ret = make_file(FILE_LOAD, fill_load, e);

	if (!ret)
		ret = make_file(FILE_INITRD, fill_initrd, e);
	for (unsigned i = 0; !ret && i < sizeof(part) / sizeof(part[0]); i++) {
		if (o->verbose)
			fprintf(stderr, "ringfence bench: %s\n", name[i]);
		ret = part[i](t, o, e);
	}
	return ret;
}

static void print(const struct table *t, const struct options *o)
{
	const char *kernel = getenv("RINGFENCE_ENV_KERNEL"), *accel = getenv("RINGFENCE_ENV_ACCEL");
	struct utsname uts;
	char text[300];

	uname(&uts);
	snprintf(text, sizeof(text), "%s%s%s", kernel ? kernel : uts.release, accel ? " on " : "",
		 accel ? accel : "");
	if (!o->json) {
		printf("ringfence " RINGFENCE_VERSION " bench: %s\n", text);
		table_text(t, stdout);
		return;
	}
	printf("{\"schema\":1,\"version\":\"" RINGFENCE_VERSION "\",\"kernel\":\"%s\",", text);
	table_json(t, stdout);
	printf("}\n");
}

int main(int argc, char **argv)
{
	static struct table t;
	struct options o;
	struct err e = {0};

	if (getpid() == 1)
		guest_main();
	signal(SIGPIPE, SIG_IGN);
	int ret = parse(&o, argc, argv, &e);
	if (!ret && o.help)
		return fputs(usage, stdout) < 0 ? 70 : 0;
	if (!ret)
		ret = measure(&t, &o, &e);
	if (!ret) {
		print(&t, &o);
		return 0;
	}
	fprintf(stderr, "ringfence bench: %s\n", e.text);
	return err_exit_code(e.kind);
}
