/* SPDX-License-Identifier: MIT */
/*
 * `ringfence device`; see cmd.h. It must never end and leave a device of its own behind without
 * saying so.
 */
#include "cmd.h"

#include "../breaks.h"
#include "../nl.h"
#include "guard.h"
#include "net.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MAX_S 86400
#define LOOK_MS 500 /* how soon a broken device or trace ends the command */

struct options {
	struct net_options net;
	const char *trace;
	unsigned timeout_s; /* 0: none */
	bool verbose, quiet, help;
};

static const char usage[] =
    "usage: ringfence device --name NAME [--api 0|1] [--queue-pairs 1] [--backend loopback]\n"
    "                        [--private-cvq] [--mac MAC] [--trace FILE] [--break NAME] [--timeout "
    "S]\n"
    "\n"
    "Serve one VDUSE network device until SIGTERM or SIGINT. Left-overs of the same NAME are "
    "cleaned first.\n"
    "\n"
    "  --api 0|1        VDUSE API version; 1, if the kernel has it. 0 has no groups: its CVQ "
    "cannot be shadowed\n"
    "  --private-cvq    do not offer CTRL_VQ to the kernel, but serve queue 2 to a client that "
    "accepts it\n"
    "  --trace FILE     write every address translation to FILE, as JSON lines\n"
    "  --timeout S      end by itself after S seconds, with exit code 124\n"
    "  -v, -q, -h       more, less, this\n";

/* ---- options ---- */

static int bad_option(struct err *e, const char *option, const char *value, const char *remedy)
{
	return err_set(e, ERR_USAGE, 0, option, value ? value : "", "%s", remedy);
}

static int parse_number(const char *text, unsigned max, unsigned *out)
{
	char *end;

	errno = 0;
	unsigned long v = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] < '0' || text[0] > '9' || v > max)
		return -EINVAL;
	*out = (unsigned)v;
	return 0;
}

static int parse_mac(const char *text, uint8_t mac[6])
{
	int used = 0;

	if (strlen(text) != 17 || strspn(text, "0123456789abcdefABCDEF:") != 17 ||
	    sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
		   &mac[3], &mac[4], &mac[5], &used) != 6 ||
	    used != 17 || (mac[0] & 1))
		return -EINVAL;
	return 0;
}

static int add_break(const char *name, uint32_t *set, struct err *e)
{
	int id = break_by_name(name);

	if (id < 0)
		return bad_option(e, "--break", name, "there is no such break in this build");
	if (break_table[id].side != BREAK_IN_DEVICE)
		return bad_option(e, "--break", name,
				  "this break is the VMM's: give it to ringfence run");
	*set |= 1u << id;
	return 0;
}

static int take_option(struct options *o, int option, const char *arg, struct err *e)
{
	unsigned n;

	switch (option) {
	case 'n':
		o->net.name = arg;
		return vduse_name_ok(arg)
			   ? 0
			   : bad_option(e, "--name", arg, "1 to 63 of A-Z a-z 0-9 . _ -");
	case 'a':
		if (parse_number(arg, 1, &n))
			return bad_option(e, "--api", arg, "0 or 1");
		o->net.api = (int)n;
		return 0;
	case 'p':
		return strcmp(arg, "1") ? bad_option(e, "--queue-pairs", arg, "this device has 1")
					: 0;
	case 'b':
		return strcmp(arg, "loopback")
			   ? bad_option(e, "--backend", arg, "loopback is the one there is")
			   : 0;
	case 'c':
		o->net.private_cvq = true;
		return 0;
	case 'm':
		return parse_mac(arg, o->net.mac)
			   ? bad_option(e, "--mac", arg,
					"six bytes as in 02:00:00:00:00:01, no multicast")
			   : 0;
	case 't':
		o->trace = arg;
		return 0;
	case 'k':
		return add_break(arg, &o->net.breaks, e);
	case 'T':
		if (parse_number(arg, TIMEOUT_MAX_S, &o->timeout_s) || o->timeout_s == 0)
			return bad_option(e, "--timeout", arg, "seconds, 1 to 86400");
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	default:
		o->help = true;
		return 0;
	}
}

static int parse(struct options *o, int argc, char **argv, struct err *e)
{
	static const struct option options[] = {{"name", required_argument, NULL, 'n'},
						{"api", required_argument, NULL, 'a'},
						{"queue-pairs", required_argument, NULL, 'p'},
						{"backend", required_argument, NULL, 'b'},
						{"private-cvq", no_argument, NULL, 'c'},
						{"mac", required_argument, NULL, 'm'},
						{"trace", required_argument, NULL, 't'},
						{"break", required_argument, NULL, 'k'},
						{"timeout", required_argument, NULL, 'T'},
						{"verbose", no_argument, NULL, 'v'},
						{"quiet", no_argument, NULL, 'q'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	int option, ret = 0;

	*o = (struct options){.net = {.api = -1, .mac = {0x02, 0x52, 0x46, 0x00, 0x00, 0x01}}};
	optind = 0; /* glibc: start anew, whoever has parsed before */
	opterr = 0;
	while (!ret && (option = getopt_long(argc, argv, ":vqh", options, NULL)) != -1) {
		if (option == '?' || option == ':')
			return bad_option(e, "option", argv[optind - 1],
					  option == '?' ? "unknown: see ringfence device --help"
							: "it needs a value");
		ret = take_option(o, option, optarg, e);
	}
	if (ret || o->help)
		return ret;
	if (optind < argc)
		return bad_option(e, "argument", argv[optind],
				  "unexpected: see ringfence device --help");
	return o->net.name
		   ? 0
		   : bad_option(e, "--name", "", "it is needed: see ringfence device --help");
}

/* ---- the command ---- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until a signal, the end of the time, or something that makes going on pointless. */
static int wait_for_end(const struct options *o, const struct vduse_dev *d, int signals,
			struct err *e)
{
	int64_t end = now_ms() + (int64_t)o->timeout_s * 1000;

	for (;;) {
		struct pollfd p = {.fd = signals, .events = POLLIN};
		struct signalfd_siginfo info;
		if (poll(&p, 1, LOOK_MS) > 0 &&
		    read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
			return 0;
		if (atomic_load(&d->broken))
			return err_set(e, ERR_INTERNAL, EIO, "VDUSE", d->name,
				       "the kernel gave the device up: an answer came too late, or "
				       "its client was killed while it "
				       "enabled a queue (vduse_vdpa_set_vq_ready): start it again");
		if (trace_failed(o->net.trace))
			return -EIO; /* trace_close() says what it was */
		if (o->timeout_s && now_ms() >= end)
			return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "--timeout", d->name,
				       "its %u s are over", o->timeout_s);
	}
}

static void announce(const struct options *o, const struct vduse_dev *d, const char *node)
{
	for (int id = 0; id < BREAK_COUNT; id++) {
		if (!broken(o->net.breaks, (enum break_id)id))
			continue;
		fprintf(stderr, "ringfence device: BREAK %s: %s\n", break_table[id].name,
			break_table[id].effect);
		trace_event(o->net.trace, "break", ",\"name\":\"%s\"", break_table[id].name);
	}
	if (!o->quiet && d->as.api == 0)
		fprintf(stderr, "ringfence device: VDUSE API 0: one group, one address space: its "
				"CVQ cannot be shadowed\n");
	if (o->verbose)
		fprintf(stderr, "ringfence device: %s: API %u, queue-ready %s, CTRL_VQ %s, %s\n",
			d->name, (unsigned)d->as.api, d->has_queue_ready ? "yes" : "no",
			o->net.private_cvq ? "private" : "offered", node);
	printf("ready %s\n", node);
	fflush(stdout);
}

/* The vDPA device comes last and goes first: it needs somebody who answers. */
static int attach(const struct options *o, struct vduse_dev *d, int signals, struct err *e)
{
	char node[64];
	int ret = nl_dev_add("vduse", d->name, node, sizeof(node), e);

	if (ret)
		return ret;
	announce(o, d, node);
	ret = wait_for_end(o, d, signals, e);

	struct err late = {0};
	int gone = nl_dev_del(d->name, &late);
	if (gone && gone != -ENODEV && e->kind == ERR_NONE)
		*e = late;
	return ret ? ret : gone == -ENODEV ? 0 : gone;
}

/* *@stuck: the data thread could not be stopped, so what it uses, the trace too, must stay until we
 * exit. */
static int serve(const struct options *o, int signals, bool *stuck, struct err *e)
{
	struct vduse_setup setup;
	struct vduse_dev *d;
	struct net *n;
	int ret = vduse_cleanup(o->net.name, e);

	if (ret)
		return ret;
	net_describe(&setup, &o->net);
	ret = vduse_create(&d, &setup, e);
	if (ret)
		return ret;
	ret = net_start(&n, d, e);
	if (!ret)
		ret = attach(o, d, signals, e);

	struct err late = {0};
	int stopped = net_stop(n, &late);
	*stuck = stopped;
	if (!stopped)
		stopped = vduse_destroy(d, &late);
	if (stopped && e->kind == ERR_NONE)
		*e = late;
	return ret ? ret : stopped;
}

/* The signals that end the command are blocked, in threads to come as well, and arrive by a
 * descriptor. */
static int catch_signals(struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signal(SIGPIPE, SIG_IGN); /* whoever reads our "ready" may leave */
	int fd = sigprocmask(SIG_BLOCK, &set, NULL) ? -1 : signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? err_set(e, ERR_INTERNAL, errno, "signalfd", "signals", "%s", "") : fd;
}

static int run(struct options *o, struct err *e)
{
	int signals = catch_signals(e);
	bool stuck = false;

	if (signals < 0)
		return signals;
	int ret = guard_install(e);
	if (!ret)
		ret = trace_open(&o->net.trace, o->trace, e);
	if (!ret) {
		ret = serve(o, signals, &stuck, e);
		trace_flush(o->net.trace);
		int closed = stuck ? 0 : trace_close(o->net.trace, e);
		ret = ret ? ret : closed;
	}
	close(signals);
	return ret;
}

int cmd_device(int argc, char **argv)
{
	struct options o;
	struct err e = {0};
	int ret = parse(&o, argc, argv, &e);

	if (!ret && o.help) {
		fputs(usage, stdout);
		return 0;
	}
	if (!ret)
		ret = run(&o, &e);
	if (!ret)
		return 0;
	fprintf(stderr, "ringfence device: %s\n", e.text);
	return err_exit_code(e.kind);
}
