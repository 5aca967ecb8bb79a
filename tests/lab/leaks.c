/* SPDX-License-Identifier: MIT */
/*
 * Asks the kernel's leak detector, where it has one (Documentation/dev-tools/kmemleak.rst). It must
 * never hold back a run on a kernel without.
 */
#include "init.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KMEMLEAK "/sys/kernel/debug/kmemleak"
#define REPORT OUT_DIR "/kmemleak.txt"
#define AGE_S 6 /* mm/kmemleak.c: younger than 5 s counts as in use */

static bool ask(const char *what)
{
	int fd = open(KMEMLEAK, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, what, strlen(what)) == (ssize_t)strlen(what);

	if (fd >= 0)
		close(fd);
	return done;
}

void leaks_begin(void)
{
	if (ask("scan"))
		(void)ask("clear");
}

/* Each object is a few lines, of which the first begins so. */
static int copy_report(FILE *from, FILE *to)
{
	static const char head[] = "unreferenced object ";
	char line[512];
	int count = 0;

	while (fgets(line, sizeof(line), from)) {
		count += strncmp(line, head, strlen(head)) == 0;
		fputs(line, to);
	}
	return count;
}

int leaks_end(void)
{
	int count = -1;

	if (access(KMEMLEAK, W_OK) < 0)
		return -1;
	sleep(AGE_S);
	/* An object that has changed since the scan before is in use, so one scan tells nothing. */
	for (int scans = 0; scans < 2; scans++)
		if (!ask("scan"))
			return -1;
	FILE *from = fopen(KMEMLEAK, "re"), *to = fopen(REPORT, "we");
	if (from && to)
		count = copy_report(from, to);
	if (from)
		fclose(from);
	if (to)
		fclose(to);
	if (count == 0)
		unlink(REPORT);
	return count;
}
