/* SPDX-License-Identifier: MIT */
/*
 * `ringfence differences`: a table of where the parents' answers differ, each found out on a device
 * of its own, now. It must never print an answer that a parent has not given.
 */
#include "probe.h"

#include "../../raw/raw.h"

#include <stdio.h>
#include <string.h>

enum { EXIT_OK = 0, EXIT_HOST = 4, EXIT_USAGE = 64 };

static const char help[] =
    "usage: ringfence differences [--all]\n"
    "Where VDUSE's answers and vdpa_sim's differ: each is asked or tried on a device of its own.\n"
    "Lines with a * are told from the source. --all: also where they do not differ.\n"
    "Needs root, VDUSE with API 1, vhost_vdpa and vdpa_sim_net.\n"
    "exit: 0; 4 this host has not got both; 64 usage; 70 own failure\n";

static void print(const struct answers a[PARENT_KINDS], bool all)
{
	int width = 0;

	for (unsigned l = 0; l < LINES; l++)
		if (width < (int)strlen(a[PARENT_VDUSE].text[l]))
			width = (int)strlen(a[PARENT_VDUSE].text[l]);
	printf("  %-31s %-*s %s\n", "", width, "vduse", "vdpa_sim");
	for (unsigned l = 0; l < LINES; l++) {
		const char *vduse = a[PARENT_VDUSE].text[l], *sim = a[PARENT_SIM].text[l];

		if (all || strcmp(vduse, sim))
			printf("%c %-31s %-*s %s\n", lines[l].told ? '*' : ' ', lines[l].name,
			       width, vduse, sim);
	}
}

int main(int argc, char **argv)
{
	static const enum parent_kind kinds[] = {PARENT_VDUSE, PARENT_SIM};
	static struct answers a[PARENT_KINDS];
	bool all = argc == 2 && !strcmp(argv[1], "--all");
	struct err e = {0};

	raw_fix_layout(argv);
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return EXIT_OK;
	}
	if (argc > 1 && !all) {
		fprintf(stderr, "ringfence differences: %s: see --help\n", argv[all ? 2 : 1]);
		return EXIT_USAGE;
	}
	for (int i = 0; i < 2; i++)
		if (probe_parent(kinds[i], &a[kinds[i]], &e)) {
			fprintf(stderr, "ringfence differences: %s: %s\n", parent_name(kinds[i]),
				e.text);
			return err_exit_code(e.kind);
		}
	print(a, all);
	return fflush(stdout) || ferror(stdout) ? 70 : EXIT_OK;
}
