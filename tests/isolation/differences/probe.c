/* SPDX-License-Identifier: MIT */
/*
 * Trying, see probe.h. Each answer comes from a device that was seen to work just before, so that
 * "nothing happens" is one. It must never start vdpa_sim on an ASID never mapped with a ring that
 * leads anywhere but into memory made for it: finding K7.
 */
#include "probe.h"

#include "../steps/client.h"
#include "../steps/dma.h"

#include <errno.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define QUIET_MS 100 /* in which something would have happened */

const struct line_info lines[LINES] = {
    [LINE_TRANSLATES] = {"who translates", true},
    [LINE_ISOLATES] = {"what keeps queues apart", true},
    [LINE_FEATURES] = {"features offered", false},
    [LINE_BACKEND] = {"backend features", false},
    [LINE_GROUPS] = {"groups, address spaces", false},
    [LINE_RING_MAX] = {"largest ring", false},
    [LINE_UNMAPPED] = {"an ASID never mapped", false},
    [LINE_RESET_GROUPS] = {"after a reset: groups' ASIDs", false},
    [LINE_RESET_MAPS] = {"after a reset: mappings", false},
    [LINE_RESET_MAC] = {"after a reset: MAC address set", false},
    [LINE_NEXT_CLIENT] = {"next client: groups' ASIDs", false},
    [LINE_COMMANDS] = {"control commands answered OK", false},
    [LINE_SHORT] = {"a control command of one byte", false},
    [LINE_TX_REFUSED] = {"TX buffer refused", false},
    [LINE_RX_REFUSED] = {"RX buffer refused", false},
    [LINE_SUSPEND] = {"suspend, resume", false},
};

struct probe {
	struct answers *a;
	struct parent parent;
	struct client client;
	struct set set;
};

static void __attribute__((format(printf, 3, 4)))
say(struct probe *p, enum line line, const char *fmt, ...)
{
	va_list args;
	char *text = p->a->text[line];
	size_t len = strlen(text);

	va_start(args, fmt);
	vsnprintf(text + len, ANSWER_LEN - len, fmt, args);
	va_end(args);
}

/* ---- asked ---- */

struct bit {
	unsigned bit;
	const char *name;
};

static void say_bits(struct probe *p, enum line line, uint64_t bits, const struct bit *names,
		     size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bits >> names[i].bit & 1)
			say(p, line, "%s%s", *p->a->text[line] ? " " : "", names[i].name);
}

static int ask(struct probe *p, struct err *e)
{
	static const struct bit features[] = {
	    {VIRTIO_NET_F_MAC, "MAC"},
	    {VIRTIO_NET_F_STATUS, "STATUS"},
	    {VIRTIO_NET_F_MTU, "MTU"},
	    {VIRTIO_NET_F_MQ, "MQ"},
	    {VIRTIO_NET_F_CTRL_VQ, "CTRL_VQ"},
	    {VIRTIO_NET_F_CTRL_RX, "CTRL_RX"},
	    {VIRTIO_NET_F_CTRL_VLAN, "CTRL_VLAN"},
	    {VIRTIO_NET_F_CTRL_MAC_ADDR, "CTRL_MAC_ADDR"},
	    {VIRTIO_RING_F_INDIRECT_DESC, "INDIRECT_DESC"},
	    {VIRTIO_RING_F_EVENT_IDX, "EVENT_IDX"},
	    {VIRTIO_F_RING_PACKED, "RING_PACKED"},
	};
	static const struct bit backend[] = {
	    {VHOST_BACKEND_F_IOTLB_ASID, "ASID"},
	    {VHOST_BACKEND_F_IOTLB_BATCH, "BATCH"},
	    {VHOST_BACKEND_F_SUSPEND, "SUSPEND"},
	    {VHOST_BACKEND_F_RESUME, "RESUME"},
	    {VHOST_BACKEND_F_DESC_ASID, "DESC_ASID"},
	    {VHOST_BACKEND_F_IOTLB_PERSIST, "PERSIST"},
	    {VHOST_BACKEND_F_ENABLE_AFTER_DRIVER_OK, "ENABLE_LATE"},
	};
	struct client *c = &p->client;
	uint64_t offered;
	uint32_t group;
	int ret = vhost_get_features(&c->vhost, &offered, e);

	if (!ret)
		ret = vhost_get_vring_group(&c->vhost, CVQ, &group, e);
	if (ret)
		return ret;
	c->features |= offered & 1ull << VIRTIO_NET_F_CTRL_RX;
	say_bits(p, LINE_FEATURES, offered, features, sizeof(features) / sizeof(features[0]));
	say_bits(p, LINE_BACKEND, c->backend, backend, sizeof(backend) / sizeof(backend[0]));
	say(p, LINE_GROUPS, "%u, %u; the CVQ in group %u", c->facts.groups, c->facts.spaces, group);
	say(p, LINE_RING_MAX, "%u", c->facts.num_max);
	return 0;
}

/* ---- tried ---- */

static bool frame_works(struct probe *p)
{
	return dma_move(&p->client, DATA_AT + SOURCE, DATA_AT + BUFFER, QUIET_MS, QUIET_MS)
	    .received;
}

static bool command_works(struct probe *p)
{
	struct client *c = &p->client;

	return dma_command(c, dma_arena_command(c), dma_arena_ack(c), QUIET_MS) == DID;
}

/* From where it stands to a device that is seen to work. */
static int make_work(struct probe *p, struct err *e)
{
	int ret = client_start(&p->client, &isolated, e);

	if (!ret && (!frame_works(p) || !command_works(p)))
		ret = err_set(e, ERR_HOST, EIO, "differences", p->client.path,
			      "a frame or a control command came to nothing on a device that was "
			      "started as it should be");
	return ret;
}

/* A start in which some of the stages are left out. */
static int start_without(struct probe *p, bool groups, bool maps, struct err *e)
{
	struct client *c = &p->client;
	int ret = client_negotiate(c, e);

	if (!ret && !groups)
		ret = client_groups(c, &isolated, e);
	if (!ret && !maps)
		ret = client_maps(c, &isolated, e);
	if (!ret)
		ret = client_rings(c, e);
	return ret ? ret : client_driver_ok(c, e);
}

/* The data's IOVAs are its addresses here too: where a parent takes one for the other, a frame
 * works without a mapping. The arena's are not. */
static const char *what_maps(struct probe *p)
{
	if (command_works(p))
		return "kept";
	return frame_works(p) ? "all of the client's address space (K7)" : "none";
}

static int try_unmapped(struct probe *p, struct err *e)
{
	int ret = start_without(p, false, true, e);

	if (!ret)
		say(p, LINE_UNMAPPED, "%s", what_maps(p));
	return ret;
}

static int try_resets(struct probe *p, struct err *e)
{
	struct client *c = &p->client;
	uint8_t before[6] = {0}, after[6] = {0};
	int ret = make_work(p, e);

	if (!ret)
		ret = start_without(p, true, false, e);
	if (!ret)
		say(p, LINE_RESET_GROUPS, "%s", command_works(p) ? "kept" : "all 0");
	if (!ret)
		ret = make_work(p, e);
	if (!ret)
		ret = start_without(p, false, true, e);
	if (!ret)
		say(p, LINE_RESET_MAPS, "%s", what_maps(p));
	if (!ret)
		ret = make_work(p, e);
	if (!ret)
		ret = vhost_get_config(&c->vhost, before, sizeof(before), e);
	if (!ret)
		ret = client_reset(c, e);
	if (!ret)
		ret = vhost_get_config(&c->vhost, after, sizeof(after), e);
	if (!ret)
		say(p, LINE_RESET_MAC, "%s",
		    memcmp(before, after, sizeof(after)) ? "the first again" : "kept");
	return ret;
}

static int try_next_client(struct probe *p, struct err *e)
{
	uint64_t features = p->client.features;
	int ret = make_work(p, e);

	if (ret)
		return ret;
	client_close(&p->client);
	ret = client_open(&p->client, e);
	p->client.features = features;
	if (!ret)
		ret = start_without(p, true, false, e);
	if (!ret)
		say(p, LINE_NEXT_CLIENT, "%s", command_works(p) ? "the last one's (K3)" : "all 0");
	return ret;
}

/* Any bytes as a command; its ack, or -1: it did not come back. */
static int send_command(struct probe *p, const uint8_t *bytes, uint32_t len)
{
	struct client *c = &p->client;
	struct spot at = dma_arena_command(c), ack = dma_arena_ack(c);
	struct ring *r = &c->ring[CVQ];
	uint32_t used;

	memcpy(at.host, bytes, len);
	*ack.host = DMA_UNSET;
	ring_describe(r, 0, at.at, len, false, 1);
	ring_describe(r, 1, ack.at, 1, true, -1);
	ring_offer(r, 0);
	client_kick(c, CVQ);
	c->stuck[CVQ] = !dma_take(c, CVQ, &used, QUIET_MS);
	return c->stuck[CVQ] ? -1 : *ack.host;
}

static int try_commands(struct probe *p, struct err *e)
{
	static const struct {
		const char *name;
		uint8_t bytes[8];
		uint32_t len;
	} commands[] = {
	    {"RX_PROMISC", {VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1}, 3},
	    {"MAC_ADDR_SET",
	     {VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, 2, 0, 0, 0, 0, 9},
	     8},
	    {"VLAN_ADD", {VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, 7, 0}, 4},
	    {"MQ", {VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 1, 0}, 4},
	    {"an unknown class", {0x7f, 0}, 2},
	};
	int ret = make_work(p, e), ack;

	for (size_t i = 0; !ret && i < sizeof(commands) / sizeof(commands[0]); i++) {
		ack = send_command(p, commands[i].bytes, commands[i].len);
		if (ack == VIRTIO_NET_OK)
			say(p, LINE_COMMANDS, "%s%s", *p->a->text[LINE_COMMANDS] ? " " : "",
			    commands[i].name);
		if (ack < 0)
			ret = make_work(p, e);
	}
	if (ret)
		return ret;
	ack = send_command(p, commands[1].bytes, 1);
	say(p, LINE_SHORT, "%s", ack < 0 ? "never given back (K21)" : ack ? "ERR" : "OK");
	return 0;
}

/* No data queue has a mapping where the arena is. */
static int try_refusals(struct probe *p, struct err *e)
{
	struct client *c = &p->client;
	struct moved m;
	int ret = make_work(p, e);

	if (ret)
		return ret;
	m = dma_move(c, HOLE_AT, DATA_AT + BUFFER, QUIET_MS, QUIET_MS);
	say(p, LINE_TX_REFUSED, "%s", m.sent ? "given back, unsent" : "never given back");
	ret = make_work(p, e);
	if (ret)
		return ret;
	m = dma_move(c, DATA_AT + SOURCE, HOLE_AT, QUIET_MS, QUIET_MS);
	say(p, LINE_RX_REFUSED, "%s, %s", ring_in_flight(&c->ring[RX]) ? "kept" : "given back",
	    m.sent ? "the frame is lost" : "and so is the frame's");
	return 0;
}

static const char *outcome(int ret)
{
	return !ret ? "yes" : errno == EOPNOTSUPP ? "no" : strerror(errno);
}

static int try_suspend(struct probe *p, struct err *e)
{
	int ret = make_work(p, e);

	if (ret)
		return ret;
	say(p, LINE_SUSPEND, "%s, ", outcome(ioctl(p->client.vhost.fd, VHOST_VDPA_SUSPEND)));
	say(p, LINE_SUSPEND, "%s", outcome(ioctl(p->client.vhost.fd, VHOST_VDPA_RESUME)));
	return 0;
}

static void tell(struct probe *p, enum parent_kind kind)
{
	bool vduse = kind == PARENT_VDUSE;

	say(p, LINE_TRANSLATES, "%s",
	    vduse ? "the device's process" : "the kernel (iotlb_translate)");
	say(p, LINE_ISOLATES, "%s",
	    vduse ? "the device's process (vdpa/vduse/as.c)" : "the kernel (vringh_set_iotlb)");
}

/* The first has to be first: later there is no ASID that was never mapped. */
static int try_all(struct probe *p, struct err *e)
{
	int (*const tries[])(struct probe *, struct err *) = {
	    ask, try_unmapped, try_resets, try_next_client, try_commands, try_refusals, try_suspend,
	};
	int ret = client_open(&p->client, e);

	for (size_t i = 0; !ret && i < sizeof(tries) / sizeof(tries[0]); i++)
		ret = tries[i](p, e);
	client_close(&p->client);
	return ret;
}

int probe_parent(enum parent_kind kind, struct answers *a, struct err *e)
{
	struct probe p = {.a = a};
	char device[40];

	*a = (struct answers){0};
	snprintf(device, sizeof(device), "rf-%d-%u", (int)getpid(), (unsigned)kind);
	const struct parent_setup setup = {.kind = kind, .device = device};
	int ret = parent_start(&p.parent, &setup, e);
	if (ret)
		return ret;
	tell(&p, kind);
	ret = set_make(&p.set, IN_HOLE, 1, true, e);
	if (!ret)
		ret = client_make(&p.client, p.parent.path, IN_HOLE, 0, false, e);
	if (!ret) {
		p.client.set = &p.set;
		ret = try_all(&p, e);
		client_drop(&p.client);
	}
	set_drop(&p.set);
	struct err late = {0};
	int gone = parent_stop(&p.parent, &late);
	if (gone && e->kind == ERR_NONE)
		*e = late;
	return ret ? ret : gone;
}
