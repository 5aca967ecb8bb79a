/* SPDX-License-Identifier: MIT */
/*
 * `ringfence-steps`: the rows of the catalogue that need a real kernel and a real parent, but no
 * guest. It must never say that a row held which did not run to its end.
 */
#include "opts.h"
#include "run.h"

#include "../../../vdpa/clock.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { EXIT_HELD = 0, EXIT_BREACHED = 1, EXIT_CANNOT = 4, EXIT_USAGE = 64, EXIT_FAILED = 70 };

/* A call that never comes back ends the row, not the caller's patience. */
#define ROW_S 120
#define ROW_FULL_S 600

static void on_alarm(int sig)
{
	static const char text[] = "ringfence-steps: the row did not end\n";

	(void)sig;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(EXIT_FAILED);
}

/* One row on one parent. */
static int run(const struct run_how *how, struct tally *t)
{
	struct err e = {0};

	alarm(how->full ? ROW_FULL_S : ROW_S);
	int ret = run_row(how, t, &e);
	alarm(0);
	if (ret && e.kind == ERR_HOST) {
		snprintf(t->skip, sizeof(t->skip), "%.199s", e.text);
		return EXIT_CANNOT;
	}
	if (ret) {
		fprintf(stderr, "ringfence-steps: %s on %s: %s\n", steps_rows[how->row].name,
			parent_name(how->parent), e.text);
		return EXIT_FAILED;
	}
	return t->violations || t->failed ? EXIT_BREACHED : EXIT_HELD;
}

static void tell(const struct run_how *how, const struct tally *t, int code, int64_t ms)
{
	const struct steps_row *row = &steps_rows[how->row];
	char attempts[32], legal[32], violations[32], failed[32];

	printf(" %s  %2u %s/%-14s  %s attempts, %s legal operations  %.2f s\n",
	       code == EXIT_HELD       ? "PASS"
	       : code == EXIT_BREACHED ? "FAIL"
	       : code == EXIT_CANNOT   ? "SKIP"
				       : "ERROR",
	       row->number, parent_name(how->parent), row->name,
	       tally_grouped(t->attempts, attempts), tally_grouped(t->legal, legal),
	       (double)ms / 1000);
	if (t->violations || t->failed)
		printf("       %s violations, %s legal operations failed, the first: %s\n",
		       tally_grouped(t->violations, violations), tally_grouped(t->failed, failed),
		       t->first);
	if (t->skip[0] || t->note[0])
		printf("       %s\n", t->skip[0] ? t->skip : t->note);
	fflush(stdout);
}

static int run_and_tell(const struct run_how *how)
{
	struct tally t;
	int64_t from = clock_ms();
	int code = run(how, &t);

	tell(how, &t, code, clock_ms() - from);
	return code;
}

/* Each control must be noticed by a breach; that something does not work any more is none. */
static int run_controls(const struct run_how *isolated_how)
{
	int worst = EXIT_HELD;

	for (const char *const *c = steps_rows[isolated_how->row].controls; *c; c++) {
		struct run_how how = *isolated_how;
		struct tally t;
		int64_t from = clock_ms();
		if (!opts_break_fits(*c, how.parent))
			continue;
		how.breaks = 1u << break_by_name(*c);
		int code = run(&how, &t);
		printf(" %s  %2u %s/%-14s  %-12s  %.2f s  %s\n",
		       code == EXIT_BREACHED ? "noticed" : "MISSED ", steps_rows[how.row].number,
		       parent_name(how.parent), steps_rows[how.row].name, *c,
		       (double)(clock_ms() - from) / 1000, code == EXIT_CANNOT ? t.skip : t.first);
		fflush(stdout);
		if (code == EXIT_CANNOT && worst == EXIT_HELD)
			worst = EXIT_CANNOT;
		else if (code != EXIT_BREACHED && code != EXIT_CANNOT)
			worst = code == EXIT_HELD ? EXIT_BREACHED : code;
	}
	return worst;
}

static int run_all(const struct opts *o)
{
	uint32_t rows = o->rows ? o->rows : (1u << STEPS_ROWS) - 1;
	uint32_t parents = o->parents ? o->parents : (1u << PARENT_KINDS) - 1;
	int worst = EXIT_HELD;

	for (unsigned kind = 0; kind < PARENT_KINDS; kind++)
		for (unsigned row = 0; row < STEPS_ROWS; row++) {
			const struct run_how how = {.row = (enum steps_index)row,
						    .parent = (enum parent_kind)kind,
						    .device = o->device,
						    .private_cvq = o->private_cvq,
						    .full = o->full,
						    .breaks = o->breaks};
			if (!(parents >> kind & 1) || !(rows >> row & 1) ||
			    (o->brk && !opts_break_fits(o->brk, how.parent)))
				continue;
			int code = o->controls ? run_controls(&how) : run_and_tell(&how);
			if (code > worst || (code == EXIT_BREACHED && worst == EXIT_CANNOT))
				worst =
				    code == EXIT_CANNOT && worst == EXIT_BREACHED ? worst : code;
		}
	return worst;
}

static int tally_one(const struct opts *o)
{
	struct run_how how = {.device = o->device,
			      .private_cvq = o->private_cvq,
			      .full = o->full,
			      .breaks = o->breaks};
	struct tally t;

	while (!(o->rows >> how.row & 1))
		how.row++;
	while (!(o->parents >> how.parent & 1))
		how.parent++;
	int code = run(&how, &t);
	if (code != EXIT_FAILED)
		tally_print(stdout, &t);
	return code;
}

static void list(void)
{
	for (unsigned i = 0; i < STEPS_ROWS; i++) {
		printf("%2u %-14s  %s; controls:", steps_rows[i].number, steps_rows[i].name,
		       steps_rows[i].claim);
		for (const char *const *c = steps_rows[i].controls; *c; c++)
			if (break_by_name(*c) >= 0)
				printf(" %s", *c);
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	struct opts o;
	struct err e = {0};

	raw_fix_layout(argv);
	if (opts_parse(&o, argc, argv, &e)) {
		fprintf(stderr, "ringfence-steps: %s\n", e.text);
		return EXIT_USAGE;
	}
	if (o.help || o.list) {
		if (o.help)
			fputs(opts_usage, stdout);
		else
			list();
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, on_alarm);
	return o.tally ? tally_one(&o) : run_all(&o);
}
