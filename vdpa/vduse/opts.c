/* SPDX-License-Identifier: MIT */
/* The options of `ringfence device`; see opts.h. It must never do anything but parse. */
#include "opts.h"

#include "../breaks.h"

#include <errno.h>
#include <getopt.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MAX_S 86400

/* clang-format off */
const char opts_usage[] =
	"usage: ringfence device --name NAME [OPTION]...\n"
	"\n"
	"Serve one VDUSE device until SIGTERM or SIGINT, or have the kernel serve a\n"
	"simulated one; SIGUSR2 has a VDUSE device ask its driver to announce itself. What a killed device\n"
	"of the same NAME has left behind is cleaned first. Prints \"ready PATH\" when a client can come.\n"
	"\n"
	"  --name NAME        1 to 63 of A-Z a-z 0-9 . _ -; a simulator's to 46\n"
	"  --parent PARENT    vduse, or vdpa_sim: the kernel's simulator, which takes of the following\n"
	"                     --mac, --trace and --timeout\n"
	"  --api 0|1          VDUSE API version; 1 if the kernel has it. 0 has one group and one\n"
	"                     address space, so that its CVQ cannot be shadowed\n"
	"  --queue-pairs N    pairs of data queues, 1 to 8; more than one are there for a client that\n"
	"                     takes MQ\n"
	"  --ring-features LIST\n"
	"                     which of packed, indirect and event_idx it offers; all\n"
	"  --backend loopback|sink|tap[,IFNAME]\n"
	"                     what is sent comes back; is lost; or goes to and comes from an interface of\n"
	"                     this host, made for it, with its checksum and segmentation offloads. What the\n"
	"                     driver receives of a tap is what its control commands let in, on the first\n"
	"                     pair\n"
	"  --pcap FILE        capture what passes either way, for tcpdump; the file grows with it, until\n"
	"                     the disk is full, which ends the capture and not the device\n"
	"  --class net|blk    what it is: a network device, or a block device, which takes of these only\n"
	"                     --name, --api, --file, --ring-features, --trace, --break\n"
	"                     and --timeout\n"
	"  --file PATH        a block device's disk: a regular file of whole sectors of 512 bytes\n"
	"  --shape SHAPE      net: two groups of queues, data and control, and one for queue 2 where it\n"
	"                     can be either; mlx5: a group more, for descriptors, as mlx5_vdpa has it;\n"
	"                     there are two address spaces\n"
	"  --private-cvq      do not offer CTRL_VQ, but serve the CVQ to a client that accepts it\n"
	"  --mac MAC          its address until a client sets another\n"
	"  --trace FILE       write every address translation to FILE, as JSON lines\n"
	"  --state FILE       keep the state that control commands have left in FILE, written at each\n"
	"                     change before the driver sees its answer: JSON if it ends in .json,\n"
	"                     else text\n"
	"  --break NAME       put a fault in on purpose; see ringfence prove --list\n"
	"  --timeout S        end by itself after S seconds, with exit code 124\n"
	"  -v, -q, -h         more, less, this\n";

enum {
	OPT_NAME = 256, /* above all characters: see culprit() */
	OPT_PARENT,
	OPT_CLASS,
	OPT_FILE,
	OPT_SHAPE,
	OPT_API,
	OPT_PAIRS,
	OPT_RINGS,
	OPT_BACKEND,
	OPT_PCAP,
	OPT_PRIVATE_CVQ,
	OPT_MAC,
	OPT_TRACE,
	OPT_STATE,
	OPT_BREAK,
	OPT_TIMEOUT,
};

static const struct option options[] = {
	{"name", required_argument, NULL, OPT_NAME},
	{"parent", required_argument, NULL, OPT_PARENT},
	{"class", required_argument, NULL, OPT_CLASS},
	{"file", required_argument, NULL, OPT_FILE},
	{"shape", required_argument, NULL, OPT_SHAPE},
	{"api", required_argument, NULL, OPT_API},
	{"queue-pairs", required_argument, NULL, OPT_PAIRS},
	{"ring-features", required_argument, NULL, OPT_RINGS},
	{"backend", required_argument, NULL, OPT_BACKEND},
	{"pcap", required_argument, NULL, OPT_PCAP},
	{"private-cvq", no_argument, NULL, OPT_PRIVATE_CVQ},
	{"mac", required_argument, NULL, OPT_MAC},
	{"trace", required_argument, NULL, OPT_TRACE},
	{"state", required_argument, NULL, OPT_STATE},
	{"break", required_argument, NULL, OPT_BREAK},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"verbose", no_argument, NULL, 'v'},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};
/* clang-format on */

static int bad(struct err *e, const char *option, const char *value, const char *remedy)
{
	return err_set(e, ERR_USAGE, 0, option, value, "%s", remedy);
}

static bool parse_number(const char *text, unsigned max, unsigned *out)
{
	char *end;

	errno = 0;
	unsigned long v = strtoul(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || v > max)
		return false;
	*out = (unsigned)v;
	return true;
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
	int used = 0;

	if (strlen(text) != 17 || strspn(text, "0123456789abcdefABCDEF:") != 17)
		return false;
	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
		      &mac[3], &mac[4], &mac[5], &used) == 6 &&
	       used == 17 && !(mac[0] & 1);
}

static int add_break(const char *name, uint32_t *set, struct err *e)
{
	int id = break_by_name(name);

	if (id < 0)
		return bad(e, "--break", name, "there is no such break in this build");
	if (!(break_table[id].side & BREAK_IN_DEVICE))
		return bad(e, "--break", name, "it is the VMM's: give it to ringfence run");
	*set |= 1u << id;
	return 0;
}

static int take_parent(struct opts *o, const char *arg, struct err *e)
{
	o->sim = !strcmp(arg, "vdpa_sim");
	return o->sim || !strcmp(arg, "vduse") ? 0 : bad(e, "--parent", arg, "vduse or vdpa_sim");
}

static int take_class(struct opts *o, const char *arg, struct err *e)
{
	o->class = !strcmp(arg, "blk") ? CLASS_BLK : CLASS_NET;
	return o->class || !strcmp(arg, "net") ? 0 : bad(e, "--class", arg, "net or blk");
}

static int take_shape(struct opts *o, const char *arg, struct err *e)
{
	o->net.shape = !strcmp(arg, "mlx5") ? NET_SHAPE_MLX5 : NET_SHAPE_NET;
	return o->net.shape || !strcmp(arg, "net") ? 0 : bad(e, "--shape", arg, "net or mlx5");
}

static int take_api(struct opts *o, const char *arg, struct err *e)
{
	unsigned api;

	if (!parse_number(arg, 1, &api))
		return bad(e, "--api", arg, "0 or 1");
	o->net.api = (int)api;
	return 0;
}

static int take_backend(struct opts *o, const char *arg, struct err *e)
{
	size_t len = strcspn(arg, ",");
	const char *name = arg[len] ? arg + len + 1 : NULL;

	o->interface = NULL;
	if (!strcmp(arg, "loopback"))
		o->backend = BACKEND_LOOPBACK;
	else if (!strcmp(arg, "sink"))
		o->backend = BACKEND_SINK;
	else if (len == 3 && !strncmp(arg, "tap", len))
		o->backend = BACKEND_TAP;
	else
		return bad(e, "--backend", arg, "loopback, sink, or tap[,IFNAME]");
	if (name && (!*name || strlen(name) >= TAP_NAME_LEN || strpbrk(name, "/% :")))
		return bad(e, "--backend", arg, "an interface's name has 1 to 15 characters");
	o->interface = name;
	return 0;
}

/* "", or names with commas between them. */
static int take_rings(struct opts *o, const char *arg, struct err *e)
{
	static const struct {
		const char *name;
		unsigned bit;
	} known[] = {{"packed", VIRTIO_F_RING_PACKED},
		     {"indirect", VIRTIO_RING_F_INDIRECT_DESC},
		     {"event_idx", VIRTIO_RING_F_EVENT_IDX}};

	o->net.rings_without = ~0ull;
	for (const char *at = arg; *arg; at += *at == ',') {
		size_t len = strcspn(at, ","), i = 0;
		while (i < 3 && (strlen(known[i].name) != len || memcmp(at, known[i].name, len)))
			i++;
		if (i == 3)
			return bad(e, "--ring-features", arg,
				   "some of packed, indirect, event_idx");
		o->net.rings_without &= ~(1ull << known[i].bit);
		at += len;
		if (!*at)
			break;
	}
	return 0;
}

static int take_value(struct opts *o, int option, const char *arg, struct err *e)
{
	switch (option) {
	case OPT_NAME:
		o->net.name = arg;
		return vduse_name_ok(arg) ? 0
					  : bad(e, "--name", arg, "1 to 63 of A-Z a-z 0-9 . _ -");
	case OPT_PARENT:
		return take_parent(o, arg, e);
	case OPT_CLASS:
		return take_class(o, arg, e);
	case OPT_FILE:
		o->file = arg;
		return *arg ? 0 : bad(e, "--file", arg, "a path");
	case OPT_SHAPE:
		return take_shape(o, arg, e);
	case OPT_API:
		return take_api(o, arg, e);
	case OPT_PAIRS:
		return parse_number(arg, NET_PAIRS_MAX, &o->net.pairs) && o->net.pairs > 0
			   ? 0
			   : bad(e, "--queue-pairs", arg, "1 to 8");
	case OPT_RINGS:
		return take_rings(o, arg, e);
	case OPT_BACKEND:
		return take_backend(o, arg, e);
	case OPT_PCAP:
		o->pcap = arg;
		return 0;
	case OPT_MAC:
		o->has_mac = true;
		return parse_mac(arg, o->net.mac)
			   ? 0
			   : bad(e, "--mac", arg, "02:00:00:00:00:01; no multicast");
	case OPT_TRACE:
		o->trace = arg;
		return 0;
	case OPT_STATE:
		o->net.state = arg;
		return 0;
	case OPT_BREAK:
		return add_break(arg, &o->net.breaks, e);
	default:
		return parse_number(arg, TIMEOUT_MAX_S, &o->timeout_s) && o->timeout_s > 0
			   ? 0
			   : bad(e, "--timeout", arg, "seconds, 1 to 86400");
	}
}

static void take_flag(struct opts *o, int option)
{
	o->net.private_cvq |= option == OPT_PRIVATE_CVQ;
	o->verbose |= option == 'v';
	o->quiet |= option == 'q';
	o->help |= option == 'h';
}

/* What getopt_long() stumbled over; @name is for a short one, which others may stand beside. */
static const char *culprit(char name[3], char **argv)
{
	if (optopt <= 0 || optopt >= OPT_NAME)
		return argv[optind - 1];
	name[0] = '-';
	name[1] = (char)optopt;
	name[2] = '\0';
	return name;
}

/* What only our own network device has, the MAC aside: the first such option, or NULL. */
static const char *of_our_net(const struct opts *o)
{
	const struct net_options *n = &o->net;

	return n->pairs > 1	? "--queue-pairs"
	       : n->shape	? "--shape"
	       : n->private_cvq ? "--private-cvq"
	       : o->backend	? "--backend"
	       : o->pcap	? "--pcap"
				: NULL;
}

static int check_sim(const struct opts *o, struct err *e)
{
	const char *given = o->net.api >= 0	   ? "--api"
			    : o->net.breaks	   ? "--break"
			    : o->net.rings_without ? "--ring-features"
			    : o->class		   ? "--class"
			    : o->file		   ? "--file"
						   : of_our_net(o);

	if (!o->sim || !given)
		return 0;
	return bad(e, given, "--parent vdpa_sim", "the kernel's simulator has no such thing");
}

static int check_class(const struct opts *o, struct err *e)
{
	const char *given = o->net.state ? "--state" : o->has_mac ? "--mac" : of_our_net(o);

	if (o->class == CLASS_BLK && given)
		return bad(e, given, "--class blk", "a block device has no such thing");
	if ((o->class == CLASS_BLK) != (o->file != NULL))
		return bad(e, "--file", o->file ? o->file : "",
			   "it goes with --class blk, which needs it");
	return 0;
}

int opts_parse(struct opts *o, int argc, char **argv, struct err *e)
{
	char name[3];
	int option, ret = 0;

	*o = (struct opts){
	    .net = {.api = -1, .pairs = 1, .mac = {0x02, 0x52, 0x46, 0x00, 0x00, 0x01}}};
	optind = 0; /* glibc: start anew, whoever has parsed before */
	opterr = 0;
	while (!ret && (option = getopt_long(argc, argv, ":vqh", options, NULL)) != -1) {
		if (option == '?')
			return bad(e, "option", culprit(name, argv),
				   "unknown: see ringfence device --help");
		if (option == ':')
			return bad(e, "option", culprit(name, argv), "it needs a value");
		if (optarg)
			ret = take_value(o, option, optarg, e);
		else
			take_flag(o, option);
	}
	if (ret || o->help)
		return ret;
	if (optind < argc)
		return bad(e, "argument", argv[optind], "unexpected: see ringfence device --help");
	if (!o->net.name)
		return bad(e, "--name", "", "it is needed: see ringfence device --help");
	ret = check_sim(o, e);
	return ret ? ret : check_class(o, e);
}
