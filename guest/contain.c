// SPDX-License-Identifier: MIT
/*
 * Rows 33 to 35 of the catalogue: the device is hostile, and the guest wants nothing but its
 * commands answered. It measures how long its CPUs are kept waiting meanwhile: CPU 0 times what it
 * does itself, and another one, woken at each of CPU 0's turns, reads registers and touches RAM
 * that is new to it. It must never take a device's word for more than a byte of an answer.
 */
#include "attack.h"

#include "arch.h"
#include "cpus.h"

#include <stddef.h>

/* Section 4.2.2, table 4.1, and section 2.1. */
#define REG_QUEUE_NOTIFY 0x050
#define REG_INTERRUPT_ACK 0x064
#define REG_STATUS 0x070
#define REG_CONFIG_GENERATION 0x0fc
#define STATUS_NEEDS_RESET 0x40u

#define ATTEMPTS 400
#define PATIENCE_MS 4000 /* above any deadline of the host's */
#define GRACE_MS 60	 /* for an answer that comes a little later than DEVICE_NEEDS_RESET */
#define SLOW_MS 500	 /* an answer that took longer was given by the host's deadline, */
#define LATE_MS 200	 /* and the device's own may still come */
#define OTHER_CPU 1
#define TURN_MS (2 * TICK_MS)

/* How long an access took, and when it was over, in cycles. */
struct wait {
	uint64_t took, end;
};

struct contain {
	struct run *run;
	bool measuring;	     /* between a BEGIN and its END, at which the host stops all CPUs */
	struct wait longest; /* of CPU 0 */

	/* Shared with the other CPU, which writes @longest_other while @epoch is odd. */
	bool stop;
	unsigned epoch;
	struct wait longest_other;
	uint64_t page; /* that it touches next */
};

static struct {
	uint8_t header[2], mac[6];
	uint8_t ack;
} command_memory __attribute__((aligned(64)));

static uint64_t reg(const struct contain *c, uint32_t offset)
{
	return c->run->net.dev.base + offset;
}

/* ---- how long a CPU waits ---- */

static void note(struct contain *c, uint64_t begin)
{
	uint64_t end = arch_cycles();

	if (c->measuring && end - begin > c->longest.took)
		c->longest = (struct wait){end - begin, end};
}

static uint32_t timed_read(struct contain *c, uint32_t offset)
{
	uint64_t begin = arch_cycles();
	uint32_t value = mmio_read32(reg(c, offset));

	note(c, begin);
	return value;
}

static void timed_write(struct contain *c, uint32_t offset, uint32_t value)
{
	uint64_t begin = arch_cycles();

	mmio_write32(reg(c, offset), value);
	note(c, begin);
}

/* RAM above it is nobody's. */
static uint64_t first_page(const struct machine *m)
{
	return m->ram + m->ram_size / 4 * 3;
}

/* A page that nobody has touched before, for as long as there are such. */
static void touch_page(struct contain *c)
{
	const struct machine *m = &c->run->machine;

	*(volatile uint64_t *)(uintptr_t)c->page = 0;
	c->page += PAGE;
	if (!machine_has_ram(m, c->page))
		c->page = first_page(m);
}

static void other_looks(struct contain *c)
{
	unsigned epoch = __atomic_load_n(&c->epoch, __ATOMIC_ACQUIRE);
	struct wait longest = c->longest_other;
	uint64_t at[4];

	at[0] = arch_cycles();
	(void)mmio_read32(reg(c, REG_STATUS));
	at[1] = arch_cycles();
	(void)mmio_read32(reg(c, REG_CONFIG_GENERATION));
	at[2] = arch_cycles();
	touch_page(c);
	at[3] = arch_cycles();
	for (unsigned i = 0; i < 3; i++)
		if (at[i + 1] - at[i] > longest.took)
			longest = (struct wait){at[i + 1] - at[i], at[i + 1]};
	/* What began before, or ended after, may have been held up by the host's look. */
	if ((epoch & 1) && __atomic_load_n(&c->epoch, __ATOMIC_ACQUIRE) == epoch)
		c->longest_other = longest;
}

static void other_cpu(unsigned cpu, void *contain)
{
	struct contain *c = contain;

	(void)cpu;
	while (!__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
		other_looks(c);
		arch_sleep();
	}
}

static void measure(struct contain *c, bool on)
{
	if (on)
		c->longest = c->longest_other = (struct wait){0, 0};
	c->measuring = on;
	__atomic_fetch_add(&c->epoch, 1, __ATOMIC_ACQ_REL);
}

/* ---- the device ---- */

/* A turn of a wait: the other CPU looks once, this one sleeps until something happens. */
static void turn(struct contain *c)
{
	if (c->run->cpus > OTHER_CPU)
		arch_wake(OTHER_CPU);
	arch_sleep();
	if (arch_device_irq())
		timed_write(c, REG_INTERRUPT_ACK, 1);
}

/* Whether the device has said since its last start, or in a reset, that it needs a reset. */
static bool needs_reset(struct contain *c, uint32_t *seen)
{
	if (!(timed_read(c, REG_STATUS) & STATUS_NEEDS_RESET))
		return false;
	*seen |= CONTAIN_NEEDS_RESET;
	return true;
}

/* Reset and start. A reset that is told to have failed (@seen) is not waited for. */
static bool restart(struct contain *c, uint64_t deadline, uint32_t *seen)
{
	struct net *n = &c->run->net;
	uint64_t begin;

	timed_write(c, REG_STATUS, 0);
	while (timed_read(c, REG_STATUS)) {
		if ((seen && needs_reset(c, seen)) || deadline_passed(deadline))
			return false;
		turn(c);
	}
	while (!net_setup(n, NULL)) {
		if ((seen && needs_reset(c, seen)) || deadline_passed(deadline))
			return false;
		turn(c);
	}
	net_rx_fill(n);
	begin = arch_cycles();
	net_go(n);
	note(c, begin);
	return true;
}

static void submit(struct contain *c, uint8_t op, uint32_t number)
{
	struct virtq *q = &c->run->net.q[NET_CVQ];
	const struct virtq_buf chain[] = {
	    {(uintptr_t)command_memory.header, 2, false},
	    {(uintptr_t)command_memory.mac, 6, false},
	    {(uintptr_t)&command_memory.ack, 1, true},
	};
	const uint8_t mac[6] = {CONTAIN_PREFIX >> 16,	CONTAIN_PREFIX >> 8 & 0xff,
				CONTAIN_PREFIX & 0xff,	op,
				(uint8_t)(number >> 8), (uint8_t)number};

	command_memory.header[0] = NET_CTRL_MAC;
	command_memory.header[1] = NET_CTRL_MAC_ADDR_SET;
	for (unsigned i = 0; i < sizeof(mac); i++)
		command_memory.mac[i] = mac[i];
	command_memory.ack = CONTAIN_SILENT;
	virtq_submit(q, q->avail_idx % 2 ? NET_OWN_DESCS + 4 : NET_OWN_DESCS, chain, 3);
	timed_write(c, REG_QUEUE_NOTIFY, NET_CVQ);
}

/* A command's ack, or CONTAIN_SILENT if there is none by @deadline, or soon after @seen. */
static uint32_t command(struct contain *c, uint8_t op, uint32_t number, uint64_t deadline,
			uint32_t *seen)
{
	struct virtq *q = &c->run->net.q[NET_CVQ];
	uint16_t head;
	uint32_t len;
	bool failed = false;

	if (c->run->net.cvq_dead) /* there is none */
		return CONTAIN_SILENT;
	submit(c, op, number);
	while (!virtq_has_used(q)) {
		if (!failed && needs_reset(c, seen)) {
			failed = true;
			deadline = deadline_in(GRACE_MS);
		}
		if (deadline_passed(deadline))
			return CONTAIN_SILENT;
		turn(c);
	}
	virtq_pop(q, &head, &len);
	return __atomic_load_n(&command_memory.ack, __ATOMIC_RELAXED);
}

/* ---- attempts ---- */

/* A look at what comes that nobody asked for; then one more command, while the fault may go on. */
static uint32_t afterwards(struct contain *c, uint32_t number, bool slow)
{
	const struct virtq *q = &c->run->net.q[NET_CVQ];
	uint64_t deadline = deadline_in(slow ? LATE_MS : SETTLE_MS);
	uint32_t seen = 0, ack;

	while (!virtq_has_used(q) && !deadline_passed(deadline))
		turn(c);
	if (virtq_has_used(q)) {
		needs_reset(c, &seen);
		return seen | CONTAIN_UNASKED | CONTAIN_SILENT << 8;
	}
	ack = command(c, CONTAIN_AFTER, number, deadline_in(PATIENCE_MS), &seen);
	/* After a command that was given up, this is its answer. */
	if (ack != CONTAIN_SILENT && virtq_has_used(q))
		seen |= CONTAIN_UNASKED;
	needs_reset(c, &seen);
	return seen | ack << 8;
}

static uint32_t try(struct contain *c, uint32_t number)
{
	uint64_t deadline = deadline_in(PATIENCE_MS), slow;
	uint32_t seen = 0, ack;

	if (!restart(c, deadline, &seen))
		return seen | CONTAIN_SILENT << 8 | CONTAIN_SILENT;
	slow = deadline_in(SLOW_MS);
	ack = command(c, CONTAIN_TRY, number, deadline, &seen);
	if (ack == CONTAIN_SILENT)
		return seen | CONTAIN_SILENT << 8 | CONTAIN_SILENT;
	return seen | ack | afterwards(c, number, deadline_passed(slow));
}

static uint64_t units(uint64_t cycles)
{
	uint64_t n = cycles / CONTAIN_CYCLES;

	return n < CONTAIN_FIELD ? n : CONTAIN_FIELD;
}

/* Whether the device has got over it, and goes on as it is. */
static bool attempt(struct contain *c, uint32_t number)
{
	const struct wait *longest = &c->longest;
	uint64_t begin, took, touched;
	uint32_t outcome;

	attempt_begin(c->run, NET_CVQ, number, 0);
	measure(c, true);
	begin = arch_cycles();
	outcome = try(c, number);
	took = arch_cycles() - begin;
	measure(c, false);
	if (c->longest_other.took > longest->took)
		longest = &c->longest_other;
	touched = units(took) | units(longest->took) << CONTAIN_LONGEST_SHIFT;
	if (longest->end > begin)
		touched |= units(longest->end - begin) << CONTAIN_WHEN_SHIFT;
	attempt_end(c->run, (enum attempt_outcome)outcome, touched);
	return outcome == (NET_OK << 8 | NET_OK);
}

/* A device that does not answer is none that has no more to try, and is told apart from it. */
static void attempts(struct contain *c)
{
	bool works = false;

	for (uint32_t number = 0; number < ATTEMPTS; number++) {
		uint64_t deadline = deadline_in(PATIENCE_MS);
		uint32_t seen = 0, ack = CONTAIN_SILENT;

		if (works || restart(c, deadline, NULL))
			ack = command(c, CONTAIN_ASK, number, deadline, &seen);
		if (ack != NET_OK) {
			run_step(c->run, "the device has no more to try", ack == NET_ERR && !seen);
			return;
		}
		works = attempt(c, number);
	}
}

void attack_contain(struct run *r)
{
	static struct contain c;

	c.run = r;
	c.page = first_page(&r->machine);
	arch_tick_every(TURN_MS);
	if (r->cpus > OTHER_CPU)
		cpus_start(OTHER_CPU, other_cpu, &c);
	attempts(&c);
	arch_tick_every(TICK_MS);
	__atomic_store_n(&c.stop, true, __ATOMIC_RELEASE);
	if (r->cpus > OTHER_CPU) {
		arch_wake(OTHER_CPU);
		if (!cpus_join(OTHER_CPU, OTHER_STOP_MS))
			run_step(r, "the other CPU stops", false);
	}
}
