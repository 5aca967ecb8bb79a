// SPDX-License-Identifier: MIT
/*
 * Row 2 of the catalogue: all of guest RAM is searched for canaries, after CVQ commands and again
 * after a reset and another one. It must never have the magic in RAM itself, or it would find that:
 * words are inverted as they are read and compared with the inverted magic.
 */
#include "attack.h"

#include "scan.h"

#define WORDS_AT_ONCE 8

/* The empty asm statement keeps the compiler from inverting the other side of the comparison
 * instead. */
static bool is_magic(const volatile uint64_t *word, uint64_t magic_inverted)
{
	uint64_t inverted = ~*word;

	__asm__("" : "+r"(inverted));
	return inverted == magic_inverted;
}

static void search_ram(unsigned cpu, void *scan)
{
	struct scan *s = scan;
	const struct machine *m = s->machine;
	const volatile uint64_t *ram = (const volatile uint64_t *)(uintptr_t)m->ram;
	struct finding *f = &s->found[cpu];
	uint64_t pages = m->ram_size / PAGE, words = PAGE / sizeof(*ram);
	uint64_t end = scan_share(s, pages, cpu + 1) * words;

	for (uint64_t at = scan_share(s, pages, cpu) * words; at < end; at += WORDS_AT_ONCE) {
		for (unsigned i = 0; i < WORDS_AT_ONCE; i++) {
			if (is_magic(&ram[at + i], m->magic_inverted))
				scan_found(f, (uintptr_t)&ram[at + i]);
		}
		f->touched += WORDS_AT_ONCE;
	}
}

static void attempt_search(struct run *r)
{
	attempt_begin(r, REPORT_CPU_SCAN, r->machine.ram, r->machine.ram_size);
	scan_run(r, search_ram);
}

void attack_canary(struct run *r)
{
	run_command(r);
	attempt_search(r);
	if (!net_start(&r->net))
		run_step(r, "reset between scans", false);
	run_command(r);
	attempt_search(r);
}
