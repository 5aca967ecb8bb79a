/* SPDX-License-Identifier: MIT */
/*
 * A control state for programs and for people; the format is docs/control-state.md's, which the
 * device's own rendering follows as well. It must never write more than it was given room for.
 */
#include "ctrl.h"

#include <linux/virtio_net.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const rx_name[CTRL_RX_MODES] = {
    [VIRTIO_NET_CTRL_RX_PROMISC] = "promisc", [VIRTIO_NET_CTRL_RX_ALLMULTI] = "allmulti",
    [VIRTIO_NET_CTRL_RX_ALLUNI] = "alluni",   [VIRTIO_NET_CTRL_RX_NOMULTI] = "nomulti",
    [VIRTIO_NET_CTRL_RX_NOUNI] = "nouni",     [VIRTIO_NET_CTRL_RX_NOBCAST] = "nobcast",
};

struct out {
	char *at;
	size_t size, len;
};

static void __attribute__((format(printf, 2, 3))) say(struct out *o, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(o->at + o->len, o->size - o->len, format, args);
	va_end(args);
	if (n > 0)
		o->len += (size_t)n < o->size - o->len ? (size_t)n : o->size - o->len - 1;
}

static void say_mac(struct out *o, const uint8_t mac[6])
{
	say(o, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static void say_key(struct out *o, const struct ctrl_hash *h)
{
	for (unsigned i = 0; i < h->key_len; i++)
		say(o, "%02x", h->key[i]);
}

static bool has_vlan(const struct ctrl_state *s, unsigned id)
{
	return s->vlan[id / 64] >> id % 64 & 1;
}

/* ---- JSON ---- */

static const char *comma(bool *first)
{
	const char *c = *first ? "" : ",";

	*first = false;
	return c;
}

static void json_macs(struct out *o, const char *name, const struct ctrl_state *s, unsigned from,
		      unsigned count)
{
	bool first = true;

	say(o, ",\"%s\":[", name);
	for (unsigned i = from; i < from + count; i++) {
		say(o, "%s\"", comma(&first));
		say_mac(o, s->macs[i]);
		say(o, "\"");
	}
	say(o, "]");
}

static void json_vlans(struct out *o, const struct ctrl_state *s)
{
	bool first = true;

	say(o, ",\"vlans\":[");
	for (unsigned id = 0; id < CTRL_VLANS; id++)
		if (has_vlan(s, id))
			say(o, "%s%u", comma(&first), id);
	say(o, "]");
}

static void json_rss(struct out *o, const struct ctrl_state *s)
{
	bool first = true;

	if (!s->rss) {
		say(o, ",\"rss\":null");
		return;
	}
	say(o, ",\"rss\":{\"types\":%u,\"unclassified\":%u,\"table\":[", s->rss_hash.types,
	    s->unclassified);
	for (unsigned i = 0; i < s->entries; i++)
		say(o, "%s%u", comma(&first), s->table[i]);
	say(o, "],\"key\":\"");
	say_key(o, &s->rss_hash);
	say(o, "\"}");
}

static void json_offloads(struct out *o, const struct ctrl_state *s)
{
	bool first = true;

	say(o, ",\"offloads\":[");
	for (unsigned bit = 0; bit < 64; bit++)
		if (s->offloads >> bit & 1)
			say(o, "%s%u", comma(&first), bit);
	say(o, "]");
}

static void json_coal(struct out *o, const struct ctrl_coal *c)
{
	say(o, "{\"packets\":%u,\"usecs\":%u}", c->packets, c->usecs);
}

static void json_coals(struct out *o, const struct ctrl_state *s)
{
	bool first = true;

	say(o, ",\"coalesce\":{\"rx\":");
	json_coal(o, &s->coal_rx);
	say(o, ",\"tx\":");
	json_coal(o, &s->coal_tx);
	say(o, ",\"queues\":[");
	for (unsigned q = 0; q < 2u * s->max_pairs; q++) {
		say(o, "%s", comma(&first));
		json_coal(o, &s->coal[q]);
	}
	say(o, "]}");
}

size_t ctrl_json(const struct ctrl_state *s, char *out, size_t size)
{
	struct out o = {out, size, 0};
	bool first = true;

	say(&o, "{\"mac\":\"");
	say_mac(&o, s->mac);
	say(&o, "\",\"rx\":{");
	for (unsigned i = 0; i < CTRL_RX_MODES; i++)
		say(&o, "%s\"%s\":%s", comma(&first), rx_name[i], s->rx[i] ? "true" : "false");
	say(&o, "}");
	json_macs(&o, "unicast", s, 0, s->unicast);
	json_macs(&o, "multicast", s, s->unicast, s->multicast);
	json_vlans(&o, s);
	say(&o, ",\"pairs\":%u", s->pairs);
	json_rss(&o, s);
	say(&o, ",\"hash\":{\"types\":%u,\"key\":\"", s->hash.types);
	say_key(&o, &s->hash);
	say(&o, "\"}");
	json_offloads(&o, s);
	json_coals(&o, s);
	say(&o, "}");
	return o.len;
}

/* ---- text ---- */

static void text_macs(struct out *o, const char *name, const struct ctrl_state *s, unsigned from,
		      unsigned count)
{
	for (unsigned i = from; i < from + count; i++) {
		say(o, "%s ", name);
		say_mac(o, s->macs[i]);
		say(o, "\n");
	}
}

static void text_rss(struct out *o, const struct ctrl_state *s)
{
	if (!s->rss)
		return;
	say(o, "rss types 0x%x unclassified %u table", s->rss_hash.types, s->unclassified);
	for (unsigned i = 0; i < s->entries; i++)
		say(o, " %u", s->table[i]);
	say(o, "\nrss key ");
	say_key(o, &s->rss_hash);
	say(o, "\n");
}

static void text_hash(struct out *o, const struct ctrl_hash *h)
{
	if (!h->types && !h->key_len)
		return;
	say(o, "hash types 0x%x key ", h->types);
	say_key(o, h);
	say(o, "\n");
}

static void text_coal(struct out *o, const char *name, const struct ctrl_coal *c)
{
	if (c->packets || c->usecs)
		say(o, "coalesce %s packets %u usecs %u\n", name, c->packets, c->usecs);
}

size_t ctrl_text(const struct ctrl_state *s, char *out, size_t size)
{
	struct out o = {out, size, 0};
	char name[12];

	say(&o, "mac ");
	say_mac(&o, s->mac);
	say(&o, "\n");
	for (unsigned i = 0; i < CTRL_RX_MODES; i++)
		if (s->rx[i])
			say(&o, "rx %s\n", rx_name[i]);
	text_macs(&o, "unicast", s, 0, s->unicast);
	text_macs(&o, "multicast", s, s->unicast, s->multicast);
	for (unsigned id = 0; id < CTRL_VLANS; id++)
		if (has_vlan(s, id))
			say(&o, "vlan %u\n", id);
	say(&o, "pairs %u\n", s->pairs);
	text_rss(&o, s);
	text_hash(&o, &s->hash);
	for (unsigned bit = 0; bit < 64; bit++)
		if (s->offloads >> bit & 1)
			say(&o, "offload %u\n", bit);
	text_coal(&o, "rx", &s->coal_rx);
	text_coal(&o, "tx", &s->coal_tx);
	for (unsigned q = 0; q < 2u * s->max_pairs; q++) {
		snprintf(name, sizeof(name), "%u", q);
		text_coal(&o, name, &s->coal[q]);
	}
	return o.len;
}
