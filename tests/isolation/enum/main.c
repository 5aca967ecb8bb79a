/* SPDX-License-Identifier: MIT */
/*
 * `ringfence-enum`: all rows that need no kernel, one line each. It must never say that a row held
 * which did not run to its end.
 */
#include "../tally.h"
#include "enum.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: ringfence-enum [--full] [--row NAME]... [--skip CHECK] [--break NAME] [--controls] "
    "[--tally] [--list]\n"
    "What a guest or a device can say to the VMM's own process, enumerated and judged by a model. "
    "No privileges.\n"
    "  --full        all of it (minutes) instead of a part (seconds)\n"
    "  --row NAME    only this row\n"
    "  --skip CHECK  leave a check out: what notices it, fails\n"
    "  --break NAME  double-fetch, or skip-check=CHECK\n"
    "  --controls    leave out each check in turn: every row that must notice, must\n"
    "  --tally       one row's outcome as a line of JSON, for ringfence prove\n"
    "  --list        rows and checks\n"
    "exit: 0 all held (or, with --controls, all was noticed); 1 not; 64 usage; 70 could not run\n";

enum { EXIT_HELD = 0, EXIT_BREACHED = 1, EXIT_USAGE = 64, EXIT_FAILED = 70 };

static int run_row(const struct enum_row *row, const struct enum_how *how)
{
	struct enum_result result;
	char all[32], yes[32], lenient[32], strict[32];
	int ret = enum_run_row(row, how, &result);

	if (ret) {
		fprintf(stderr, "ringfence-enum: %s: %s\n", row->name, strerror(-ret));
		return EXIT_FAILED;
	}
	printf(" %s  %2u %-10s  %11s %s, %s accepted: %s of them that the model refuses, %s "
	       "refused that it accepts  %.2f s\n",
	       result.violations ? "FAIL" : "PASS", row->number, row->name,
	       tally_grouped(result.attempts, all), row->unit, tally_grouped(result.accepted, yes),
	       tally_grouped(result.too_lenient, lenient), tally_grouped(result.too_strict, strict),
	       (double)result.ns / 1e9);
	if (result.note[0])
		printf("       %s\n", result.note);
	if (result.violations)
		printf("       %s violations, the first: %s\n",
		       tally_grouped(result.violations, all), result.first);
	fflush(stdout);
	return result.violations ? EXIT_BREACHED : EXIT_HELD;
}

/* What must be accepted is what is legal; the tally's reader wants both kinds. */
static int tally_row(const struct enum_row *row, const struct enum_how *how)
{
	struct enum_result result;
	struct tally t = {0};
	int ret = enum_run_row(row, how, &result);

	if (ret) {
		fprintf(stderr, "ringfence-enum: %s: %s\n", row->name, strerror(-ret));
		return EXIT_FAILED;
	}
	if (result.accepted > result.too_lenient)
		t.legal = result.accepted - result.too_lenient;
	t.attempts = result.attempts;
	t.violations = result.violations;
	snprintf(t.unit, sizeof(t.unit), "%s", row->unit);
	snprintf(t.first, sizeof(t.first), "%s", result.first);
	snprintf(t.note, sizeof(t.note), "%s", result.note);
	tally_print(stdout, &t);
	return result.violations ? EXIT_BREACHED : EXIT_HELD;
}

static int run_rows(const struct enum_how *how, uint32_t rows)
{
	int worst = EXIT_HELD;

	for (unsigned i = 0; i < ENUM_ROWS; i++) {
		int ret = rows >> i & 1 ? run_row(&enum_rows[i], how) : EXIT_HELD;
		worst = ret > worst ? ret : worst;
	}
	return worst;
}

/* One fault, and every row that must notice it. */
static int control(const char *name, const struct enum_how *how, uint32_t rows)
{
	int worst = EXIT_HELD;

	for (unsigned i = 0; i < ENUM_ROWS; i++) {
		struct enum_result result;
		if (!(rows >> i & 1))
			continue;
		int ret = enum_run_row(&enum_rows[i], how, &result);
		if (ret) {
			fprintf(stderr, "ringfence-enum: %s: %s\n", enum_rows[i].name,
				strerror(-ret));
			return EXIT_FAILED;
		}
		printf(" %s  %-18s  %-10s  %s\n", result.violations ? "noticed" : "MISSED ", name,
		       enum_rows[i].name, result.first);
		fflush(stdout);
		if (!result.violations)
			worst = EXIT_BREACHED;
	}
	return worst;
}

static int run_controls(bool full)
{
	struct enum_how how = {
	    .skip = CHECK_NONE, .breaks = 1u << BREAK_DOUBLE_FETCH, .full = full, .first = true};
	int worst = control("double-fetch", &how, enum_noticed_by_break(BREAK_DOUBLE_FETCH));

	how.breaks = 0;
	for (int id = 0; id < CHECK_COUNT; id++) {
		how.skip = id;
		int ret = control(check_table[id].name, &how, enum_noticed_by((enum check_id)id));
		worst = ret > worst ? ret : worst;
	}
	return worst;
}

static void list(void)
{
	for (unsigned i = 0; i < ENUM_ROWS; i++)
		printf("%2u %-10s  %s\n", enum_rows[i].number, enum_rows[i].name,
		       enum_rows[i].claim);
	for (int id = 0; id < CHECK_COUNT; id++) {
		printf("skip-check=%-18s  refuses %s; noticed by", check_table[id].name,
		       check_table[id].refuses);
		for (unsigned i = 0; i < ENUM_ROWS; i++)
			if (enum_noticed_by((enum check_id)id) >> i & 1)
				printf(" %s", enum_rows[i].name);
		printf("\n");
	}
}

static int row_by_name(const char *name)
{
	for (int i = 0; i < ENUM_ROWS; i++)
		if (!strcmp(enum_rows[i].name, name))
			return i;
	return -1;
}

static int usage(const char *option, const char *value)
{
	fprintf(stderr, "ringfence-enum: %s %s: %s\n", option, value,
		RINGFENCE_BREAKS ? "there is no such thing (--list names them)"
				 : "there is no such thing in a build without breaks");
	return EXIT_USAGE;
}

static bool set_break(struct enum_how *how, const char *name)
{
	int id = break_by_name(name);

	if (id == BREAK_SKIP_CHECK)
		how->skip = break_check_of(name);
	else if (id == BREAK_DOUBLE_FETCH)
		how->breaks |= 1u << id;
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	static const struct option table[] = {
	    {"full", no_argument, NULL, 'f'},
	    {"row", required_argument, NULL, 'r'},
	    {"skip", required_argument, NULL, 's'},
	    {"break", required_argument, NULL, 'b'},
	    {"controls", no_argument, NULL, 'c'},
	    {"list", no_argument, NULL, 'l'},
	    {"tally", no_argument, NULL, 't'},
	    {"help", no_argument, NULL, 'h'},
	    {0},
	};
	struct enum_how how = {.skip = CHECK_NONE};
	uint32_t rows = 0;
	bool controls = false, tally = false;
	int opt, i = -1;

	while ((opt = getopt_long(argc, argv, "h", table, NULL)) != -1) {
		switch (opt) {
		case 'f':
			how.full = true;
			break;
		case 'r':
			i = row_by_name(optarg);
			if (i < 0)
				return usage("--row", optarg);
			rows |= 1u << i;
			break;
		case 's':
			how.skip = check_by_name(optarg);
			if (how.skip == CHECK_NONE)
				return usage("--skip", optarg);
			break;
		case 'b':
			if (!set_break(&how, optarg))
				return usage("--break", optarg);
			break;
		case 'c':
			controls = true;
			break;
		case 't':
			tally = true;
			break;
		case 'l':
			list();
			return 0;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			fputs(help, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc)
		return usage("argument", argv[optind]);
	if (controls && !RINGFENCE_BREAKS)
		return usage("--controls", "");
	if (tally) {
		how.first = how.skip != CHECK_NONE || how.breaks;
		return i < 0 ? usage("--tally", "without --row") : tally_row(&enum_rows[i], &how);
	}
	return controls ? run_controls(how.full)
			: run_rows(&how, rows ? rows : (1u << ENUM_ROWS) - 1);
}
