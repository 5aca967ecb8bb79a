/* SPDX-License-Identifier: MIT */
/* The options of `ringfence run`; see run_opts.h. */
#include "run_opts.h"

#include "../guest/abi.h"
#include "../vdpa/breaks.h"
#include "../virtio/check.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

const char run_usage[] =
    "usage: ringfence run --vdpa [path=]DEV [options]\n"
    "One VMM with one guest on the vhost-vDPA device DEV, the CVQ shadowed in an address space of "
    "its own.\n"
    "  -k, --kernel FILE       the guest: Linux (a bzImage, or a vmlinux with a PVH entry), or an "
    "ELF\n"
    "                          like the built-in one, which is the default\n"
    "      --initrd FILE       Linux's initramfs\n"
    "      --cmdline STR       Linux's command line (console=ttyS0 panic=-1)\n"
    "      --announce LIST     where Linux is told of its network device: some of "
    "acpi,cmdline,fdt\n"
    "                          (acpi,cmdline; with acpi=off on its command line: cmdline,fdt)\n"
    "  -c, --cpus N            vCPUs (2)\n"
    "  -m, --memory SIZE       guest RAM, with K, M or G (32M; Linux: 128M)\n"
    "      --placement P       the CVQ's IOVAs: hole (where no RAM is) or aliased (where RAM is)\n"
    "      --attack N          which attack the guest makes (0: none, legal operations only)\n"
    "      --driver LIST       what the built-in guest's driver takes beside its own features, of\n"
    "                          packed, indirect, event_idx, mq; it fails if one is not offered\n"
    "      --scan-stride SIZE  bytes between the pages that a CPU scan touches (1M)\n"
    "      --expect WHICH      control commands that must work: all, or offered (by the device)\n"
    "      --canary-key HEX    32 hex digits (random)\n"
    "      --canary-magic HEX  16 hex digits (random)\n"
    "      --private-cvq       the device does not offer CTRL_VQ, but its third queue is one\n"
    "      --break NAME        break the isolation on purpose; may be repeated\n"
    "      --state FILE        keep what control commands have left in FILE, written before the "
    "guest sees\n"
    "                          an answer: JSON if it ends in .json, else text\n"
    "      --trace FILE        write each control command and what it left to FILE, as JSON lines\n"
    "      --monitor FD        send memory and records to a judge on this inherited socket\n"
    "      --timeout S         deadline of the whole run in seconds (20; Linux: none)\n"
    "  -v, --verbose  -q, --quiet  --color=auto|always|never  -h, --help  -V, --version\n"
    "exit: 0 the guest was done and its legal operations worked, or Linux switched off, 1 one of "
    "them failed,\n"
    "3 Linux asked for a reset (it reboots), 4 this host or device cannot, 5 Linux panicked, 64 "
    "usage,\n"
    "70 own failure or the guest stopped, 124 deadline, 130 interrupted, or Ctrl-A x on a "
    "terminal\n";

enum {
	OPT_VDPA = 256,
	OPT_INITRD,
	OPT_CMDLINE,
	OPT_ANNOUNCE,
	OPT_PLACEMENT,
	OPT_ATTACK,
	OPT_SCAN_STRIDE,
	OPT_EXPECT,
	OPT_DRIVER,
	OPT_CANARY_KEY,
	OPT_CANARY_MAGIC,
	OPT_PRIVATE_CVQ,
	OPT_BREAK,
	OPT_MONITOR,
	OPT_STATE,
	OPT_TRACE,
	OPT_TIMEOUT,
	OPT_COLOR,
};

static const struct option long_options[] = {
    {"vdpa", required_argument, NULL, OPT_VDPA},
    {"kernel", required_argument, NULL, 'k'},
    {"initrd", required_argument, NULL, OPT_INITRD},
    {"cmdline", required_argument, NULL, OPT_CMDLINE},
    {"announce", required_argument, NULL, OPT_ANNOUNCE},
    {"cpus", required_argument, NULL, 'c'},
    {"memory", required_argument, NULL, 'm'},
    {"placement", required_argument, NULL, OPT_PLACEMENT},
    {"attack", required_argument, NULL, OPT_ATTACK},
    {"driver", required_argument, NULL, OPT_DRIVER},
    {"scan-stride", required_argument, NULL, OPT_SCAN_STRIDE},
    {"expect", required_argument, NULL, OPT_EXPECT},
    {"canary-key", required_argument, NULL, OPT_CANARY_KEY},
    {"canary-magic", required_argument, NULL, OPT_CANARY_MAGIC},
    {"private-cvq", no_argument, NULL, OPT_PRIVATE_CVQ},
    {"break", required_argument, NULL, OPT_BREAK},
    {"state", required_argument, NULL, OPT_STATE},
    {"trace", required_argument, NULL, OPT_TRACE},
    {"monitor", required_argument, NULL, OPT_MONITOR},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"color", required_argument, NULL, OPT_COLOR},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

static int bad(struct err *e, const char *option, const char *value, const char *rule)
{
	return err_set(e, ERR_USAGE, 0, option, value, "%s", rule);
}

static int parse_vdpa(struct run_opts *o, const char *arg)
{
	static const char prefix[] = "path=";

	o->vdpa = strncmp(arg, prefix, strlen(prefix)) ? arg : arg + strlen(prefix);
	return *o->vdpa ? 0 : -EINVAL;
}

static int parse_placement(struct run_opts *o, const char *arg)
{
	if (strcmp(arg, "hole") && strcmp(arg, "aliased"))
		return -EINVAL;
	o->placement = strcmp(arg, "hole") ? PLACE_ALIASED : PLACE_HOLE;
	return 0;
}

static int parse_magic(struct run_opts *o, const char *arg)
{
	uint8_t bytes[8];
	int ret = opts_hex(arg, bytes, sizeof(bytes));

	if (ret)
		return ret;
	o->canary_magic = 0;
	for (size_t i = 0; i < sizeof(bytes); i++)
		o->canary_magic = o->canary_magic << 8 | bytes[i];
	o->has_magic = true;
	return 0;
}

static int parse_stride(struct run_opts *o, const char *arg)
{
	int ret = opts_size(arg, &o->scan_stride);

	return ret ? ret : o->scan_stride && o->scan_stride % 4096 == 0 ? 0 : -EINVAL;
}

static int parse_unsigned(const char *arg, uint64_t min, uint64_t max, uint64_t *out)
{
	int ret = opts_u64(arg, max, out);

	return ret ? ret : *out >= min ? 0 : -ERANGE;
}

static int parse_break(struct run_opts *o, const char *arg, struct err *e)
{
	int id = break_by_name(arg);

	if (id < 0)
		return bad(e, "--break", arg,
			   RINGFENCE_BREAKS ? "no such break: see ringfence prove --list"
					    : "this build has no breaks (RINGFENCE_BREAKS=OFF)");
	if (!(break_table[id].side & BREAK_IN_VMM))
		return bad(e, "--break", arg, "this one is the device's: ringfence device --break");
	o->breaks |= 1u << id;
	if (id == BREAK_SKIP_CHECK)
		o->skip_check = break_check_of(arg); /* of several, the last */
	return 0;
}

static int parse_machine_option(struct run_opts *o, int opt, const char *arg, struct err *e)
{
	uint64_t v = 0;

	switch (opt) {
	case OPT_VDPA:
		return parse_vdpa(o, arg)
			   ? bad(e, "--vdpa", arg, "must be a path like /dev/vhost-vdpa-0")
			   : 0;
	case 'k':
		o->kernel = arg;
		return 0;
	case 'c':
		if (parse_unsigned(arg, 1, 1024, &v))
			return bad(e, "--cpus", arg, "must be a number from 1");
		o->cpus = (unsigned)v;
		return 0;
	case 'm':
		o->has_memory = true;
		return opts_size(arg, &o->memory)
			   ? bad(e, "--memory", arg, "must be a size like 32M")
			   : 0;
	case OPT_PLACEMENT:
		return parse_placement(o, arg)
			   ? bad(e, "--placement", arg, "must be hole or aliased")
			   : 0;
	case OPT_PRIVATE_CVQ:
		o->private_cvq = true;
		return 0;
	case OPT_BREAK:
		return parse_break(o, arg, e);
	default:
		return -ENOENT;
	}
}

/* Names with commas between, each at most once. */
static int parse_announce(struct run_opts *o, const char *arg)
{
	const struct {
		const char *name;
		bool *flag;
	} place[] = {{"acpi", &o->by_acpi}, {"cmdline", &o->by_cmdline}, {"fdt", &o->by_fdt}};

	o->has_announce = true;
	o->by_acpi = o->by_cmdline = o->by_fdt = false;
	for (;; arg++) {
		size_t len = strcspn(arg, ",");
		bool known = false;
		for (unsigned i = 0; i < sizeof(place) / sizeof(place[0]); i++)
			if (len == strlen(place[i].name) && !strncmp(arg, place[i].name, len) &&
			    !*place[i].flag)
				known = *place[i].flag = true;
		if (!known)
			return -EINVAL;
		arg += len;
		if (!*arg)
			return 0;
	}
}

static int parse_linux_option(struct run_opts *o, int opt, const char *arg, struct err *e)
{
	switch (opt) {
	case OPT_INITRD:
		o->initrd = arg;
		return 0;
	case OPT_CMDLINE:
		o->cmdline = arg;
		return 0;
	case OPT_ANNOUNCE:
		return parse_announce(o, arg)
			   ? bad(e, "--announce", arg, "must be some of acpi,cmdline,fdt")
			   : 0;
	default:
		return -ENOENT;
	}
}

/* Names with commas between them. */
static int parse_driver(struct run_opts *o, const char *arg)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} known[] = {{"packed", DRIVER_PACKED},
		     {"indirect", DRIVER_INDIRECT},
		     {"event_idx", DRIVER_EVENT_IDX},
		     {"mq", DRIVER_MQ}};

	for (const char *at = arg;; at++) {
		size_t len = strcspn(at, ","), i = 0;
		while (i < 4 && (strlen(known[i].name) != len || memcmp(at, known[i].name, len)))
			i++;
		if (i == 4)
			return -EINVAL;
		o->driver |= known[i].bit;
		at += len;
		if (!*at)
			return 0;
	}
}

static int parse_attack_option(struct run_opts *o, int opt, const char *arg, struct err *e)
{
	uint64_t v = 0;

	switch (opt) {
	case OPT_ATTACK:
		if (parse_unsigned(arg, 0, UINT32_MAX, &v))
			return bad(e, "--attack", arg, "must be a number");
		o->attack = (uint32_t)v;
		return 0;
	case OPT_DRIVER:
		return parse_driver(o, arg)
			   ? bad(e, "--driver", arg, "must be some of packed,indirect,event_idx,mq")
			   : 0;
	case OPT_SCAN_STRIDE:
		return parse_stride(o, arg)
			   ? bad(e, "--scan-stride", arg, "must be a multiple of 4K")
			   : 0;
	case OPT_EXPECT:
		o->expect_offered = !strcmp(arg, "offered");
		return o->expect_offered || !strcmp(arg, "all")
			   ? 0
			   : bad(e, "--expect", arg, "must be all or offered");
	case OPT_CANARY_KEY:
		if (opts_hex(arg, o->canary_key, sizeof(o->canary_key)))
			return bad(e, "--canary-key", arg, "must be 32 hex digits");
		o->has_key = true;
		return 0;
	case OPT_CANARY_MAGIC:
		return parse_magic(o, arg) ? bad(e, "--canary-magic", arg, "must be 16 hex digits")
					   : 0;
	default:
		return -ENOENT;
	}
}

static int parse_common_option(struct run_opts *o, int opt, const char *arg, struct err *e)
{
	uint64_t v = 0;

	switch (opt) {
	case OPT_MONITOR:
		if (parse_unsigned(arg, 0, INT32_MAX, &v))
			return bad(e, "--monitor", arg,
				   "must be the number of an inherited socket");
		o->monitor_fd = (int)v;
		return 0;
	case OPT_STATE:
		o->state = arg;
		return *arg ? 0 : bad(e, "--state", arg, "must be the name of a file");
	case OPT_TRACE:
		o->trace = arg;
		return *arg ? 0 : bad(e, "--trace", arg, "must be the name of a file");
	case OPT_TIMEOUT:
		o->has_timeout = true;
		return opts_seconds(arg, &o->timeout_ms)
			   ? bad(e, "--timeout", arg, "must be seconds, above 0")
			   : 0;
	case OPT_COLOR:
		return opts_color_mode(arg, &o->color)
			   ? bad(e, "--color", arg, "must be auto, always or never")
			   : 0;
	case 'v':
		o->verbose = true;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	case 'V':
		o->version = true;
		return 0;
	default:
		return -ENOENT;
	}
}

static int parse_option(struct run_opts *o, int opt, const char *arg, struct err *e)
{
	int ret = parse_machine_option(o, opt, arg, e);

	if (ret == -ENOENT)
		ret = parse_linux_option(o, opt, arg, e);
	if (ret == -ENOENT)
		ret = parse_attack_option(o, opt, arg, e);
	if (ret == -ENOENT)
		ret = parse_common_option(o, opt, arg, e);
	return ret;
}

static bool knows_attack(uint32_t id)
{
	static const uint32_t others[] = {ATTACK_TOCTOU,      ATTACK_RESET,  ATTACK_SWAP,
					  ATTACK_RENEGOTIATE, ATTACK_NOTIFY, ATTACK_FLOOD,
					  ATTACK_CONFIG,      ATTACK_CONTAIN};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (id == others[i])
			return true;
	return id <= ATTACK_SWEEP;
}

/* Whether @word is a word of its own in a command line. */
static bool has_word(const char *line, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = line; (at = strstr(at, word)); at++)
		if ((at == line || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	return false;
}

void run_opts_for_linux(struct run_opts *o)
{
	bool acpi = !o->cmdline || !has_word(o->cmdline, "acpi=off");

	if (!o->has_memory)
		o->memory = 128ull << 20;
	if (!o->has_timeout)
		o->timeout_ms = 0;
	if (o->has_announce)
		return;
	o->by_cmdline = true;
	o->by_acpi = acpi;
	o->by_fdt = !acpi;
}

static int check(const struct run_opts *o, struct err *e)
{
	char number[16];

	if (o->help || o->version)
		return 0;
	if (!o->vdpa)
		return bad(e, "run", "--vdpa", "missing: which /dev/vhost-vdpa-N?");
	if (!o->kernel && !knows_attack(o->attack)) {
		snprintf(number, sizeof(number), "%u", o->attack);
		return bad(e, "--attack", number,
			   "the built-in guest knows 0 to 10, 14, 19 to 21, 27 to 29 and 33");
	}
	return 0;
}

/* The option that getopt_long() stumbled over; @buf is for short ones. */
static const char *culprit(char buf[3], char **argv)
{
	if (optopt <= 0 || optopt >= OPT_VDPA)
		return argv[optind - 1];
	buf[0] = '-';
	buf[1] = (char)optopt;
	buf[2] = '\0';
	return buf;
}

int run_parse(struct run_opts *o, int argc, char **argv, struct err *e)
{
	int opt, ret = 0;
	char name[3];

	*o = (struct run_opts){
	    .cpus = 2,
	    .memory = 32ull << 20,
	    .placement = PLACE_HOLE,
	    .scan_stride = 1ull << 20,
	    .skip_check = CHECK_NONE,
	    .monitor_fd = -1,
	    .timeout_ms = 20000,
	};
	opterr = 0;
	optind = 0; /* glibc: start anew */
	while (!ret && (opt = getopt_long(argc, argv, "+:k:c:m:vqhV", long_options, NULL)) != -1) {
		if (opt == '?')
			return bad(e, "run", culprit(name, argv),
				   "unknown option: see ringfence run --help");
		if (opt == ':')
			return bad(e, "run", culprit(name, argv),
				   "needs a value: see ringfence run --help");
		ret = parse_option(o, opt, optarg, e);
	}
	if (ret)
		return ret;
	if (optind < argc)
		return bad(e, "run", argv[optind],
			   "takes no such argument: see ringfence run --help");
	return check(o, e);
}
