// SPDX-License-Identifier: MIT
/*
 * Row 29 of the catalogue: writes to the config space, at every offset and of every width; accesses
 * to registers of widths that they do not have, which must change none; and the MAC read, byte by
 * byte, while another CPU sets it by control commands. What may change is the MAC, between two that
 * were sent.
 */
#include "attack.h"

#include "arch.h"
#include "cpus.h"

#include <stddef.h>
#include <string.h>

#define OTHER_CPU 1
#define READS 120
#define READS_FULL 20000
#define READS_MS 20000 /* however long it takes, but not for ever */
#define SPACE 64u      /* more than the VMM shows of it */
#define MAC 6u
#define NEXT VIRTQ_DESC_NEXT
#define WRITE VIRTQ_DESC_WRITE

static const uint8_t widths[] = {1, 2, 4, 8};

static uint64_t config(const struct net *n, uint32_t offset)
{
	return n->dev.base + VREG_CONFIG + offset;
}

static void read_space(const struct net *n, uint8_t space[SPACE])
{
	for (uint32_t i = 0; i < SPACE; i++)
		space[i] = mmio_read8(config(n, i));
}

/* ---- writes ---- */

static void writes(struct run *r)
{
	struct net *n = &r->net;
	uint8_t before[SPACE], after[SPACE];
	uint64_t tried = 0;

	attempt_begin_as(r, SHAPE_WRITES, NET_CVQ, VREG_CONFIG, SPACE);
	read_space(n, before);
	for (uint32_t i = 0; i < SPACE; i++) {
		for (unsigned w = 0; w < sizeof(widths); w++, tried++)
			mmio_write(config(n, i), widths[w], ~0x5a5a5a5a5a5a5a5aULL + i);
	}
	read_space(n, after);
	attempt_end(r, memcmp(before, after, SPACE) ? OUTCOME_ALLOWED : OUTCOME_REFUSED, tried);
}

/* ---- registers, of other widths than 4 ---- */

static void read_registers(const struct net *n, uint32_t all[VREG_CONFIG / 4])
{
	for (uint32_t i = 0; i < VREG_CONFIG / 4; i++)
		all[i] = virtio_read(&n->dev, i * 4);
}

/* Status is last: a write of 0 there would leave nothing to see. */
static void odd_widths(struct run *r)
{
	static const uint64_t value[] = {0, ~0ULL, 0x0101010101010101};
	struct net *n = &r->net;
	uint32_t before[VREG_CONFIG / 4], after[VREG_CONFIG / 4];
	uint64_t tried = 0;

	read_registers(n, before);
	attempt_begin_as(r, SHAPE_WIDTHS, NET_CVQ, 0, VREG_CONFIG);
	for (uint32_t reg = 0; reg < VREG_CONFIG; reg += 4) {
		for (unsigned w = 0; w < sizeof(widths); w++) {
			if (widths[w] == 4)
				continue;
			(void)mmio_read(n->dev.base + reg, widths[w]);
			mmio_write(n->dev.base + reg, widths[w], value[reg / 4 % 3]);
			tried += 2;
		}
	}
	for (unsigned w = 0; w < sizeof(widths); w++) {
		if (widths[w] != 4)
			mmio_write(n->dev.base + VREG_STATUS, widths[w], 0);
	}
	read_registers(n, after);
	attempt_end(r, memcmp(before, after, sizeof(after)) ? OUTCOME_ALLOWED : OUTCOME_REFUSED,
		    tried);
}

/* ---- reads while it changes ---- */

static struct setter {
	struct net *net;
	bool stop;
	uint64_t sent;
	uint8_t command[2][8]; /* two that differ in every byte of the address but the first */
	uint8_t ack;
} setter;

/* The other CPU owns the CVQ meanwhile. It has no tick, so it looks at the ring until told to end.
 */
static void set_on(unsigned cpu, void *arg)
{
	struct setter *s = arg;
	struct virtq *q = &s->net->q[NET_CVQ];
	uint16_t head;
	uint32_t len;

	(void)cpu;
	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		q->desc[AIM_HEAD] =
		    desc((uintptr_t)s->command[s->sent & 1], sizeof(s->command[0]), NEXT, 1);
		q->desc[AIM_HEAD + 1] = desc((uintptr_t)&s->ack, 1, WRITE, 0);
		virtq_offer(q, AIM_HEAD);
		net_notify(s->net, NET_CVQ);
		s->sent++;
		while (!virtq_pop(q, &head, &len) && !__atomic_load_n(&s->stop, __ATOMIC_RELAXED))
			arch_pause();
	}
}

static void fill_commands(struct setter *s)
{
	for (unsigned i = 0; i < 2; i++) {
		const uint8_t to[8] = {NET_CTRL_MAC, NET_CTRL_MAC_ADDR_SET, 0x02};

		memcpy(s->command[i], to, sizeof(to));
		memset(s->command[i] + 3, i ? 0x22 : 0x11, MAC - 1);
	}
}

/* Section 4.2.2, ConfigGeneration. False: it changed meanwhile. */
static bool read_mac(const struct net *n, uint8_t mac[MAC])
{
	uint32_t generation = virtio_read(&n->dev, VREG_CONFIG_GENERATION);

	for (uint32_t i = 0; i < MAC; i++)
		mac[i] = mmio_read8(config(n, i));
	return virtio_read(&n->dev, VREG_CONFIG_GENERATION) == generation;
}

static bool was_sent(const struct setter *s, const uint8_t mac[MAC], const uint8_t first[MAC])
{
	return !memcmp(mac, s->command[0] + 2, MAC) || !memcmp(mac, s->command[1] + 2, MAC) ||
	       !memcmp(mac, first, MAC);
}

static void reads(struct run *r, unsigned count)
{
	struct net *n = &r->net;
	uint8_t first[MAC], mac[MAC];
	uint64_t deadline = deadline_in(READS_MS), whole = 0;
	uint32_t torn = 0;
	bool mixed = false;

	attempt_begin_as(r, SHAPE_READS, NET_CVQ, VREG_CONFIG, MAC);
	read_mac(n, first);
	setter = (struct setter){.net = n};
	fill_commands(&setter);
	cpus_start(OTHER_CPU, set_on, &setter);
	while (whole + torn < count && !deadline_passed(deadline)) {
		if (!read_mac(n, mac)) {
			torn++;
		} else {
			whole++;
			mixed |= !was_sent(&setter, mac, first);
		}
		if ((whole + torn) % 8 == 0)
			arch_sleep(); /* else time stands still */
	}
	__atomic_store_n(&setter.stop, true, __ATOMIC_RELAXED);
	if (!cpus_join(OTHER_CPU, OTHER_STOP_MS))
		run_step(r, "the other CPU stops", false);
	attempt_end_with(r, mixed ? OUTCOME_ALLOWED : OUTCOME_COMPLETED, whole, torn);
}

/* Section 5.1.6.5.2.1: the config space shows what a command has set once that is answered. */
static void shows_what_was_set(struct run *r)
{
	static const uint8_t mac[MAC] = {0x02, 1, 2, 3, 4, 5};
	struct net *n = &r->net;
	uint8_t now[MAC] = {0};
	bool set = net_command(n, NET_CTRL_MAC, NET_CTRL_MAC_ADDR_SET, mac, MAC) == NET_OK;

	run_step(r, "the config space shows a new MAC",
		 set && read_mac(n, now) && !memcmp(now, mac, MAC));
}

void attack_config(struct run *r)
{
	attempt_start(r, NULL, true);
	shows_what_was_set(r);
	writes(r);
	odd_widths(r);
	attempt_start(r, NULL, true);
	if (r->cpus > OTHER_CPU)
		reads(r, machine_wants_all(&r->machine) ? READS_FULL : READS);
	attempt_start(r, NULL, true);
	attempt_probe(r, 1);
}
