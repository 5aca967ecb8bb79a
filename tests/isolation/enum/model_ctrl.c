/* SPDX-License-Identifier: MIT */
/*
 * The model's control commands: every class of virtio 1.3 section 5.1.6.5 that we track, with the
 * feature bits of section 5.1.3. What a switch's byte or an address is, is the device's business;
 * how long a command is and what it counts or indexes, is judged here.
 */
#include "model.h"

#include <string.h>

#define F_CTRL_GUEST_OFFLOADS 2
#define F_CTRL_VQ 17
#define F_CTRL_RX 18
#define F_CTRL_VLAN 19
#define F_CTRL_RX_EXTRA 20
#define F_GUEST_ANNOUNCE 21
#define F_MQ 22
#define F_CTRL_MAC_ADDR 23
#define F_DEVICE_STATS 50
#define F_VQ_NOTF_COAL 52
#define F_NOTF_COAL 53
#define F_HASH_REPORT 57
#define F_RSS 60
/* GUEST_CSUM, TSO4, TSO6, ECN, UFO, USO4, USO6 */
#define ALL_OFFLOADS (1u << 1 | 1u << 7 | 1u << 8 | 1u << 9 | 1u << 10 | 1ull << 54 | 1ull << 55)

static bool has(uint64_t features, unsigned bit)
{
	return features >> bit & 1;
}

static uint32_t le16_of(const uint8_t *b)
{
	return (uint32_t)(b[0] | b[1] << 8);
}

static uint64_t le32_of(const uint8_t *b)
{
	return le16_of(b) | (uint64_t)le16_of(b + 2) << 16;
}

/* Section 5.1.6.5.2: two tables, each a count and that many addresses, and nothing after them. */
static bool mac_tables(const uint8_t *data, size_t len)
{
	for (unsigned table = 0; table < 2; table++) {
		if (len < 4)
			return false;
		uint64_t bytes = 4 + 6 * le32_of(data);
		if (bytes > len)
			return false;
		data += bytes;
		len -= bytes;
	}
	return len == 0;
}

/* Section 5.1.6.5.6.4: types, four reserved words of 0, and a key. */
static bool hash_config(const struct model_net *net, const uint8_t *data, size_t len)
{
	static const uint8_t reserved[8];

	return len >= 13 && !(le32_of(data) & ~(uint64_t)net->hash_types) &&
	       !memcmp(data + 4, reserved, 8) && data[12] <= net->max_key && len == 13u + data[12];
}

/* Where the key ends that is behind the table. */
static size_t rss_end(const uint8_t *data)
{
	size_t tail = 8 + 2 * ((size_t)le16_of(data + 4) + 1);

	return tail + 3 + data[tail + 2];
}

/* Section 5.1.6.5.7.1: a table of mask + 1 receive queues, a power of two; transmit queues; a key.
 * And no more, but for one byte behind that, which Linux's driver sends. */
static bool rss_config(const struct model_net *net, const uint8_t *data, size_t len)
{
	if (len < 8 || (le32_of(data) & ~(uint64_t)net->hash_types))
		return false;
	uint32_t mask = le16_of(data + 4), entries = mask + 1;
	if ((entries & mask) || mask >= net->max_table || len < 8 + 2 * (size_t)entries + 3)
		return false;
	for (uint32_t i = 0; i <= entries;
	     i++) /* the queue for what is not classified, then the table */
		if (le16_of(data + 6 + 2 * (size_t)i) >= net->max_pairs)
			return false;
	const uint8_t *tail = data + 8 + 2 * (size_t)entries;
	uint32_t tx = le16_of(tail);
	return tx >= 1 && tx <= net->max_pairs && tail[2] <= net->max_key &&
	       (len == rss_end(data) || len == rss_end(data) + 1);
}

static bool multiqueue(uint64_t f, const struct model_net *net, unsigned code, const uint8_t *data,
		       size_t len)
{
	switch (code) {
	case 0: /* VQ_PAIRS_SET, section 5.1.6.5.6 */
		return has(f, F_MQ) && len == 2 && le16_of(data) >= 1 &&
		       le16_of(data) <= net->max_pairs;
	case 1:
		return has(f, F_RSS) && rss_config(net, data, len);
	case 2:
		return has(f, F_HASH_REPORT) && hash_config(net, data, len);
	default:
		return false;
	}
}

/* Section 5.1.6.5.9: pairs of le32; for one queue, its index and a reserved word before them. */
static bool coalescing(uint64_t f, const struct model_net *net, unsigned code, const uint8_t *data,
		       size_t len)
{
	if (code < 2)
		return has(f, F_NOTF_COAL) && len == 8;
	return code < 4 && has(f, F_VQ_NOTF_COAL) && len == (code == 2 ? 12 : 4) &&
	       le16_of(data) < 2u * net->max_pairs && !(net->disabled & 1u << le16_of(data));
}

static bool offloads(uint64_t f, const uint8_t *data, size_t len)
{
	/* Section 5.1.6.5.8.1: only those that were negotiated. */
	return has(f, F_CTRL_GUEST_OFFLOADS) && len == 8 &&
	       !((le32_of(data) | le32_of(data + 4) << 32) & ~(f & ALL_OFFLOADS));
}

bool model_command(uint64_t f, const struct model_net *net, const uint8_t *cmd, size_t len)
{
	if (len < 2 || len > MODEL_COMMAND_MAX || !has(f, F_CTRL_VQ))
		return false;
	unsigned code = cmd[1];
	const uint8_t *data = cmd + 2;
	len -= 2;
	switch (cmd[0]) {
	case 0: /* section 5.1.6.5.1 */
		return len == 1 && code < 6 && has(f, code < 2 ? F_CTRL_RX : F_CTRL_RX_EXTRA);
	case 1: /* section 5.1.6.5.2; section 5.1.3 gives setting the address a bit of its own */
		return code == 0   ? has(f, F_CTRL_RX) && mac_tables(data, len)
		       : code == 1 ? has(f, F_CTRL_MAC_ADDR) && len == 6
				   : false;
	case 2: /* section 5.1.6.5.3; an id has 12 bits on the wire */
		return has(f, F_CTRL_VLAN) && code < 2 && len == 2 && le16_of(data) < 4096;
	case 3: /* section 5.1.6.5.4 */
		return has(f, F_GUEST_ANNOUNCE) && code == 0 && len == 0;
	case 4:
		return multiqueue(f, net, code, data, len);
	case 5:
		return code == 0 && offloads(f, data, len);
	case 6:
		return coalescing(f, net, code, data, len);
	case 8: /* section 5.1.6.5.10: a query, or 16 bytes for each queue that is asked after */
		return has(f, F_DEVICE_STATS) &&
		       (code == 0 ? len == 0 : code == 1 && len > 0 && len % 16 == 0);
	default:
		return false;
	}
}

void model_room(const uint8_t *cmd, size_t *least, size_t *most)
{
	bool fixed = (cmd[0] == 6 && cmd[1] == 3) || (cmd[0] == 8 && cmd[1] == 0);

	*least = fixed ? 8 : 0;
	*most = cmd[0] == 8 && cmd[1] == 1 ? 4095 : *least; /* with the answer's byte, a page */
}

/* Section 5.1.6.5.10.2: a driver steps from one to the next by the size in its header. */
bool model_result(const uint8_t *cmd, const uint8_t *result, size_t len)
{
	if (cmd[0] != 8 || cmd[1] != 1)
		return len == (cmd[0] == 8 || (cmd[0] == 6 && cmd[1] == 3) ? 8 : 0);
	while (len >= 8) {
		size_t size = le16_of(result + 6);
		if (size < 8 || size > len)
			return false;
		result += size;
		len -= size;
	}
	return len == 0;
}

/* Section 5.1.6.5.1: with CTRL_RX a device is promiscuous until it is told otherwise. One pair of
 * queues (section 5.1.6.5.6), and every offload that was negotiated (section 5.1.6.5.8). */
void model_settings_reset(struct model_settings *s, uint64_t features)
{
	memset(s, 0, sizeof(*s));
	s->mode[0] = has(features, F_CTRL_RX);
	s->pairs = 1;
	s->offloads = features & ALL_OFFLOADS;
}

static void keep(struct model_data *d, const uint8_t *data, size_t len)
{
	memcpy(d->bytes, data, len);
	d->len = len;
}

/* Section 5.1.6.5.9: of all commands that set a queue's, the last holds. */
static void apply_coalescing(struct model_settings *s, unsigned code, const uint8_t *data)
{
	uint32_t packets = (uint32_t)le32_of(data + (code == 2 ? 4 : 0)),
		 usecs = (uint32_t)le32_of(data + (code == 2 ? 8 : 4));

	if (code == 2) {
		s->queue[le16_of(data)][0] = packets;
		s->queue[le16_of(data)][1] = usecs;
	}
	if (code > 1)
		return;
	unsigned kind = code == 0; /* TX_SET comes first, transmit queues are odd */
	s->every[kind][0] = packets;
	s->every[kind][1] = usecs;
	for (unsigned q = kind; q < 16; q += 2) {
		s->queue[q][0] = packets;
		s->queue[q][1] = usecs;
	}
}

/* Section 5.1.6.5.5: the last of the two that steer holds; a hash waits for the first. */
static void apply_steering(struct model_settings *s, unsigned code, const uint8_t *data, size_t len)
{
	if (code == 0) {
		s->rss.len = 0;
		s->pairs = (uint16_t)le16_of(data);
	} else if (code == 1) {
		keep(&s->rss, data, rss_end(data));
		s->pairs = (uint16_t)le16_of(data + 10 + 2 * le16_of(data + 4));
	} else if (code == 2) {
		keep(&s->hash, data, len);
	}
}

void model_settings_apply(struct model_settings *s, const uint8_t *cmd, size_t len)
{
	const uint8_t *data = cmd + 2;
	unsigned code = cmd[1], id;

	switch (len < 3 ? 0xff : cmd[0]) {
	case 0:
		s->mode[code] = data[0];
		break;
	case 1:
		if (code == 0)
			keep(&s->macs, data, len - 2);
		else
			memcpy(s->mac, data, 6);
		s->mac_set |= code == 1;
		break;
	case 2:
		id = le16_of(data);
		s->vlans[id / 8] = (uint8_t)((s->vlans[id / 8] & ~(1u << id % 8)) |
					     (unsigned)(code == 0) << id % 8);
		break;
	case 4:
		apply_steering(s, code, data, len - 2);
		break;
	case 5:
		s->offloads = le32_of(data) | le32_of(data + 4) << 32;
		break;
	case 6:
		apply_coalescing(s, code, data);
		break;
	default:
		break;
	}
}
