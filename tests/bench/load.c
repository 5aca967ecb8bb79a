// SPDX-License-Identifier: MIT
/*
 * The guest of `ringfence bench`: an honest driver that does one thing many times and times it. It
 * shares its driver with the attacker (guest/). It must never report a number of a run in which
 * anything failed.
 */
#include "load.h"

#include "../../guest/arch.h"
#include "../../guest/cpus.h"
#include "../../guest/machine.h"
#include "../../guest/net.h"
#include "../../guest/report.h"

#include <stddef.h>
#include <string.h>

#define PATIENCE_MS 20000
#define RX_FRAMES 64 /* more than can be under way */
#define FRAME_LEN 60

static struct {
	uint8_t cmd[LOAD_WINDOW][8]; /* class, command, address */
	uint8_t ack[LOAD_WINDOW];
	uint8_t tx[LOAD_WINDOW][NET_HEADER + FRAME_LEN];
	uint8_t rx[RX_FRAMES][2048];
} memory __attribute__((aligned(4096)));

/* Waits by their length: 2^STEP_BITS steps for each power of two, so to 1.6 %. */
#define STEP_BITS 6
#define STEPS (1u << STEP_BITS)
static uint32_t waits[64 * STEPS];

struct load {
	struct net net;
	uint32_t count, done;
	uint64_t begun;
	uint64_t longest; /* of this tenth */
	uint32_t parts;
};

static unsigned step_of(uint64_t cycles)
{
	unsigned log = 63u - (unsigned)__builtin_clzll(cycles | STEPS);

	return (log - STEP_BITS) * STEPS +
	       (unsigned)(cycles >> (log - STEP_BITS) & (2 * STEPS - 1));
}

/* The lower end of what a step stands for. */
static uint64_t step_cycles(unsigned step)
{
	if (step < 2 * STEPS)
		return step;
	unsigned log = step / STEPS - 1;

	return (uint64_t)(step % STEPS + STEPS) << log;
}

static uint64_t percentile(const struct load *l, uint32_t percent)
{
	uint64_t seen = 0, until = ((uint64_t)l->done * percent + 99) / 100;

	for (unsigned s = 0; s < sizeof(waits) / sizeof(waits[0]); s++) {
		seen += waits[s];
		if (seen && seen >= until)
			return step_cycles(s);
	}
	return 0;
}

static void wait_over(struct load *l, uint64_t cycles)
{
	waits[step_of(cycles)]++;
	if (cycles > l->longest)
		l->longest = cycles;
}

/* @n more are done. */
static void advance(struct load *l, uint32_t n)
{
	l->done += n;
	if ((uint64_t)l->done * LOAD_TENTHS < (uint64_t)(l->parts + 1) * l->count)
		return;
	l->parts++;
	report_line(&(struct line){
	    .text = LOAD_PART,
	    .value = {l->done, arch_cycles() - l->begun, l->longest},
	    .values = 3,
	});
	l->longest = 0;
}

static void submit_command(struct load *l, unsigned slot, uint32_t number)
{
	uint8_t *cmd = memory.cmd[slot];

	cmd[0] = NET_CTRL_MAC;
	cmd[1] = NET_CTRL_MAC_ADDR_SET;
	cmd[2] = 0x02;
	memcpy(cmd + 3, &number, sizeof(number));
	memory.ack[slot] = 0xff;
	virtq_submit(&l->net.q[NET_CVQ], (uint16_t)(2 * slot),
		     (struct virtq_buf[]){{(uintptr_t)cmd, 8, false},
					  {(uintptr_t)&memory.ack[slot], 1, true}},
		     2);
}

/* Take back @n commands; false if one did not come or was not done. */
static bool take_commands(struct load *l, uint32_t n)
{
	struct virtq *q = &l->net.q[NET_CVQ];
	uint16_t head;
	uint32_t len;

	while (n > 0) {
		if (!net_wait(&l->net, NET_CVQ, deadline_in(PATIENCE_MS)) ||
		    !virtq_pop(q, &head, &len) || head / 2 >= LOAD_WINDOW ||
		    __atomic_load_n(&memory.ack[head / 2], __ATOMIC_RELAXED) != NET_OK)
			return false;
		n--;
	}
	return true;
}

static bool commands(struct load *l, uint32_t at_once)
{
	while (l->done < l->count) {
		uint32_t n = l->count - l->done < at_once ? l->count - l->done : at_once;
		uint64_t start = arch_cycles();
		for (uint32_t i = 0; i < n; i++)
			submit_command(l, i, l->done + i);
		virtio_notify(&l->net.dev, NET_CVQ);
		if (!take_commands(l, n))
			return false;
		wait_over(l, arch_cycles() - start);
		advance(l, n);
	}
	return true;
}

static void post(struct load *l, uint16_t buffer)
{
	virtq_submit(&l->net.q[NET_RX], buffer,
		     &(struct virtq_buf){(uintptr_t)memory.rx[buffer], sizeof(memory.rx[0]), true},
		     1);
}

static void submit_frame(struct load *l, uint16_t slot)
{
	virtq_submit(&l->net.q[NET_TX], slot,
		     &(struct virtq_buf){(uintptr_t)memory.tx[slot], sizeof(memory.tx[0]), false},
		     1);
}

static void make_frames(const struct load *l)
{
	for (unsigned i = 0; i < LOAD_WINDOW; i++) {
		uint8_t *frame = memory.tx[i] + NET_HEADER;
		memset(frame, 0xff, 6);
		memcpy(frame + 6, l->net.mac, 6);
		frame[12] = 0x88, frame[13] = 0xb5; /* IEEE 802: for local experiments */
	}
}

/* Frames that have come back; their buffers are posted again. */
static uint32_t take_frames(struct load *l)
{
	uint32_t n = 0, len;
	uint16_t head;

	while (virtq_pop(&l->net.q[NET_RX], &head, &len) && head < RX_FRAMES) {
		post(l, head);
		n++;
	}
	return n;
}

/* Each window goes out whole and comes back whole. */
static bool frames(struct load *l)
{
	struct virtq *tx = &l->net.q[NET_TX];

	make_frames(l);
	while (l->done < l->count) {
		uint32_t left = l->count - l->done, n = left < LOAD_WINDOW ? left : LOAD_WINDOW;
		uint32_t back = 0, sent = 0, len;
		uint64_t start = arch_cycles();
		uint16_t head;
		for (uint32_t i = 0; i < n; i++)
			submit_frame(l, (uint16_t)i);
		virtio_notify(&l->net.dev, NET_TX);
		while (back < n) {
			if (!net_wait(&l->net, NET_RX, deadline_in(PATIENCE_MS)))
				return false;
			back += take_frames(l);
		}
		while (sent < n) {
			if (!net_wait(&l->net, NET_TX, deadline_in(PATIENCE_MS)) ||
			    !virtq_pop(tx, &head, &len))
				return false;
			sent++;
		}
		wait_over(l, arch_cycles() - start);
		advance(l, n);
	}
	return true;
}

static bool start(struct load *l)
{
	if (!net_setup(&l->net, NULL))
		return false;
	for (uint16_t i = 0; i < RX_FRAMES && i < l->net.q[NET_RX].num; i++)
		post(l, i);
	net_go(&l->net);
	/* Its answer says that the device has started. */
	submit_command(l, 0, 0);
	virtio_notify(&l->net.dev, NET_CVQ);
	return take_commands(l, 1);
}

static bool work(struct load *l, uint32_t what)
{
	l->count = what & LOAD_COUNT;
	l->begun = arch_cycles();
	report_line(&(struct line){.text = LOAD_BEGIN});
	switch (what >> LOAD_SHIFT) {
	case LOAD_ALONE:
		return commands(l, 1);
	case LOAD_FULL:
		return commands(l, LOAD_WINDOW);
	case LOAD_FRAMES:
		return frames(l);
	default:
		return false;
	}
}

static bool run(const struct machine *m)
{
	static struct load l;

	report_line(&(struct line){.text = LOAD_FIRST});
	arch_irq_init(m->virtio_gsi);
	if (!net_find(&l.net, m->virtio) || !start(&l) || !work(&l, m->attack))
		return false;
	uint64_t cycles = arch_cycles() - l.begun;
	report_line(&(struct line){
	    .text = LOAD_END,
	    .value = {l.done, cycles, percentile(&l, 50), percentile(&l, 99)},
	    .values = 4,
	});
	for (uint64_t until = deadline_in(LOAD_REST_MS); !deadline_passed(until);)
		arch_sleep();
	return true;
}

/* Every CPU comes here from start_x86.S. */
void guest_start(uint64_t fdt, uint64_t cpu);
void guest_start(uint64_t fdt, uint64_t cpu)
{
	static struct machine m;

	arch_cpu_init((unsigned)cpu);
	if (cpu != 0)
		cpus_serve((unsigned)cpu);
	const char *problem = machine_read(&m, fdt);
	if (!m.report || !report_init(m.report))
		arch_halt();
	if (problem)
		report_line(&(struct line){.text = problem});
	report_done(problem || !run(&m), 0);
	arch_halt();
}
