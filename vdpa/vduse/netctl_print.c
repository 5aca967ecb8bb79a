/* SPDX-License-Identifier: MIT */
/*
 * The device's control state, written down; see netctl.h and docs/control-state.md. Both forms come
 * from a memory stream: it must never be called where there may be no memory to allocate.
 */
#include "netctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const mode_name[6] = {"promisc", "allmulti", "alluni",
					 "nomulti", "nouni",	"nobcast"};

static void put_mac(FILE *f, const uint8_t mac[6])
{
	for (unsigned i = 0; i < 6; i++)
		fprintf(f, "%s%02x", i ? ":" : "", mac[i]);
}

static void put_key(FILE *f, const struct netctl_hash *h)
{
	for (unsigned i = 0; i < h->key_len && i < sizeof(h->key); i++)
		fprintf(f, "%02x", h->key[i]);
}

/* ---- JSON ---- */

static void list_macs(FILE *f, const char *name, const uint8_t (*mac)[6], uint32_t count)
{
	fprintf(f, ",\"%s\":[", name);
	for (uint32_t i = 0; i < count; i++) {
		fputs(i ? ",\"" : "\"", f);
		put_mac(f, mac[i]);
		fputc('"', f);
	}
	fputc(']', f);
}

static void list_vlans(FILE *f, const struct netctl *c)
{
	const char *between = "";

	fputs(",\"vlans\":[", f);
	for (unsigned id = 0; id < 4096; id++)
		if (c->vlan[id]) {
			fprintf(f, "%s%u", between, id);
			between = ",";
		}
	fputc(']', f);
}

static void object_rss(FILE *f, const struct netctl *c)
{
	if (c->rss_length == 0) {
		fputs(",\"rss\":null", f);
		return;
	}
	fprintf(f, ",\"rss\":{\"types\":%u,\"unclassified\":%u,\"table\":[", c->rss_hash.types,
		c->rss_default);
	for (uint32_t i = 0; i < c->rss_length; i++)
		fprintf(f, "%s%u", i ? "," : "", c->rss_table[i]);
	fputs("],\"key\":\"", f);
	put_key(f, &c->rss_hash);
	fputs("\"}", f);
}

static void list_offloads(FILE *f, uint64_t offloads)
{
	const char *between = "";

	fputs(",\"offloads\":[", f);
	for (unsigned bit = 0; offloads; bit++, offloads >>= 1)
		if (offloads & 1) {
			fprintf(f, "%s%u", between, bit);
			between = ",";
		}
	fputc(']', f);
}

static void object_delay(FILE *f, const struct netctl_delay *d)
{
	fprintf(f, "{\"packets\":%u,\"usecs\":%u}", d->packets, d->usecs);
}

static void object_coalesce(FILE *f, const struct netctl *c, unsigned queues)
{
	fputs(",\"coalesce\":{\"rx\":", f);
	object_delay(f, &c->kind[0]);
	fputs(",\"tx\":", f);
	object_delay(f, &c->kind[1]);
	fputs(",\"queues\":[", f);
	for (unsigned q = 0; q < queues; q++) {
		fputs(q ? "," : "", f);
		object_delay(f, &c->queue[q]);
	}
	fputs("]}", f);
}

static void put_json(FILE *f, const struct netctl *c, const struct netctl_ability *can)
{
	fputs("{\"mac\":\"", f);
	put_mac(f, c->mac);
	fputs("\",\"rx\":{", f);
	for (unsigned i = 0; i < 6; i++)
		fprintf(f, "%s\"%s\":%s", i ? "," : "", mode_name[i],
			c->rx_mode[i] ? "true" : "false");
	fputc('}', f);
	list_macs(f, "unicast", c->macs.address, c->macs.count[0]);
	list_macs(f, "multicast", c->macs.address + c->macs.count[0], c->macs.count[1]);
	list_vlans(f, c);
	fprintf(f, ",\"pairs\":%u", c->pairs);
	object_rss(f, c);
	fprintf(f, ",\"hash\":{\"types\":%u,\"key\":\"", c->hash.types);
	put_key(f, &c->hash);
	fputs("\"}", f);
	list_offloads(f, c->offloads);
	object_coalesce(f, c, 2u * can->pairs);
	fputc('}', f);
}

/* ---- text ---- */

static void put_delay(FILE *f, const char *of, const struct netctl_delay *d)
{
	if (d->packets || d->usecs)
		fprintf(f, "coalesce %s packets %u usecs %u\n", of, d->packets, d->usecs);
}

static void put_steering(FILE *f, const struct netctl *c)
{
	fprintf(f, "pairs %u\n", c->pairs);
	if (c->rss_length) {
		fprintf(f, "rss types 0x%x unclassified %u table", c->rss_hash.types,
			c->rss_default);
		for (uint32_t i = 0; i < c->rss_length; i++)
			fprintf(f, " %u", c->rss_table[i]);
		fputs("\nrss key ", f);
		put_key(f, &c->rss_hash);
		fputc('\n', f);
	}
	if (c->hash.types || c->hash.key_len) {
		fprintf(f, "hash types 0x%x key ", c->hash.types);
		put_key(f, &c->hash);
		fputc('\n', f);
	}
}

static void put_filters(FILE *f, const struct netctl *c)
{
	for (unsigned i = 0; i < 6; i++)
		if (c->rx_mode[i])
			fprintf(f, "rx %s\n", mode_name[i]);
	for (uint32_t i = 0; i < c->macs.count[0] + c->macs.count[1]; i++) {
		fputs(i < c->macs.count[0] ? "unicast " : "multicast ", f);
		put_mac(f, c->macs.address[i]);
		fputc('\n', f);
	}
	for (unsigned id = 0; id < 4096; id++)
		if (c->vlan[id])
			fprintf(f, "vlan %u\n", id);
}

static void put_text(FILE *f, const struct netctl *c, const struct netctl_ability *can)
{
	char number[12];

	fputs("mac ", f);
	put_mac(f, c->mac);
	fputc('\n', f);
	put_filters(f, c);
	put_steering(f, c);
	for (unsigned bit = 0; bit < 64; bit++)
		if (c->offloads >> bit & 1)
			fprintf(f, "offload %u\n", bit);
	put_delay(f, "rx", &c->kind[0]);
	put_delay(f, "tx", &c->kind[1]);
	for (unsigned q = 0; q < 2u * can->pairs; q++) {
		snprintf(number, sizeof(number), "%u", q);
		put_delay(f, number, &c->queue[q]);
	}
}

static size_t print(void (*put)(FILE *f, const struct netctl *c, const struct netctl_ability *can),
		    const struct netctl *c, const struct netctl_ability *can, char *out,
		    size_t size)
{
	FILE *f = fmemopen(out, size, "w");

	out[0] = '\0';
	if (!f)
		return 0;
	put(f, c, can);
	fclose(f);
	out[size - 1] = '\0';
	return strlen(out);
}

size_t netctl_json(const struct netctl *c, const struct netctl_ability *can, char *out, size_t size)
{
	return print(put_json, c, can, out, size);
}

size_t netctl_text(const struct netctl *c, const struct netctl_ability *can, char *out, size_t size)
{
	return print(put_text, c, can, out, size);
}
