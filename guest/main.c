// SPDX-License-Identifier: MIT
/*
 * Owns the guest's course: legal operations, the attack that the FDT asks for, the same legal
 * operations, done. It must never end without saying so.
 */
#include "arch.h"
#include "attack.h"
#include "cpus.h"
#include "report.h"

#include <stddef.h>

#define CPUS_MS 500

void guest_start(uint64_t fdt, uint64_t cpu);

static void attack(struct run *r)
{
	switch (r->machine.attack) {
	case ATTACK_CPU_SCAN:
		attack_cpu(r);
		return;
	case ATTACK_CANARY_SCAN:
		attack_canary(r);
		return;
	case ATTACK_DESC:
	case ATTACK_AVAIL:
	case ATTACK_USED:
		attack_ring(r);
		return;
	case ATTACK_READABLE:
	case ATTACK_WRITABLE:
		attack_buffer(r);
		return;
	case ATTACK_INDIRECT:
		attack_indirect(r);
		return;
	case ATTACK_STRADDLE:
		attack_straddle(r);
		return;
	case ATTACK_SWEEP:
		attack_sweep(r);
		return;
	case ATTACK_TOCTOU:
		attack_toctou(r);
		return;
	case ATTACK_RESET:
		attack_reset(r);
		return;
	case ATTACK_SWAP:
		attack_swap(r);
		return;
	case ATTACK_RENEGOTIATE:
		if (r->net.takes & NET_F_MQ)
			attack_moves(r);
		else
			attack_renegotiate(r);
		return;
	case ATTACK_NOTIFY:
		attack_notify(r);
		return;
	case ATTACK_FLOOD:
		attack_flood(r);
		return;
	case ATTACK_CONFIG:
		attack_config(r);
		return;
	case ATTACK_CONTAIN:
		attack_contain(r);
		return;
	default:
		run_step(r, "attack known", false);
	}
}

static void introduce(const struct run *r)
{
	const struct machine *m = &r->machine;

	report_line(&(struct line){
	    .text = "starting: CPUs, RAM, attack, arena",
	    .value = {r->cpus, m->ram_size, m->attack, m->arena},
	    .values = 4,
	});
}

/* What the driver takes beside its own features. */
static uint64_t driver_features(uint32_t driver)
{
	return (driver & DRIVER_PACKED ? VIRTIO_F_RING_PACKED : 0) |
	       (driver & DRIVER_INDIRECT ? VIRTIO_F_INDIRECT_DESC : 0) |
	       (driver & DRIVER_EVENT_IDX ? VIRTIO_F_EVENT_IDX : 0) |
	       (driver & DRIVER_MQ ? NET_F_MQ : 0);
}

static void park(unsigned cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	arch_halt();
}

static void run(struct run *r)
{
	const struct machine *m = &r->machine;

	arch_irq_init(m->virtio_gsi);
	r->cpus = cpus_wait(m->cpus, CPUS_MS);
	introduce(r);
	if (r->cpus < m->cpus && r->cpus < CPUS_MAX)
		run_step(r, "all CPUs start", false);
	if (!net_find(&r->net, m->virtio))
		run_step(r, "net device found", false);
	r->net.takes = driver_features(m->driver);
	steps(r);
	if (m->attack == ATTACK_NONE)
		return;
	attack(r);
	r->phase = 1;
	steps(r);
}

/* Every CPU comes here from start_x86.S. */
void guest_start(uint64_t fdt, uint64_t cpu)
{
	static struct run r;
	const char *problem;

	arch_cpu_init((unsigned)cpu);
	if (cpu != 0)
		cpus_serve((unsigned)cpu);
	problem = machine_read(&r.machine, fdt);
	if (!r.machine.report || !report_init(r.machine.report))
		arch_halt();
	if (problem) {
		report_line(&(struct line){.text = problem});
		run_step(&r, "FDT read", false);
	} else {
		run(&r);
	}
	for (unsigned i = 1; i < r.cpus; i++)
		cpus_run(i, park, NULL, 0);
	report_done(r.failed + report_refused(), r.attempts);
	arch_halt();
}
