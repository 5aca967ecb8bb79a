/* SPDX-License-Identifier: MIT */
/* The two forms of output; see tell.h. Every line is flushed: the next finding may take the kernel
 * with it. */
#include "tell.h"

#include <stdio.h>
#include <sys/utsname.h>

static const char *const word[] = {[KNOWN_ERROR] = "ERROR",
				   [KNOWN_SHOWS] = "XFAIL",
				   [KNOWN_GONE] = "XPASS",
				   [KNOWN_SKIP] = "SKIP"};

static void head(const char *before)
{
	struct utsname u;

	uname(&u);
	printf("%sringfence " RINGFENCE_VERSION " · known kernel findings · linux %s\n", before,
	       u.release);
}

/* No newline, and no "#", which would begin a directive. */
static void put_plain(const char *text)
{
	for (; *text; text++)
		putchar(*text == '\n' || *text == '#' ? ' ' : *text);
}

void tell_listed(const struct known *k)
{
	printf("%-4s %s%s\n", k->name, k->title, k->destructive ? " (destructive)" : "");
}

void tell_begin(enum format f, unsigned planned)
{
	if (f == FORMAT_TAP) {
		puts("TAP version 13");
		head("# ");
		printf("1..%u\n", planned);
	} else {
		head("");
	}
	fflush(stdout);
}

static void tell_tap(const struct known *k, const struct known_report *r, unsigned number)
{
	bool ok = r->verdict == KNOWN_GONE || r->verdict == KNOWN_SKIP;

	printf("%s %u %s", ok ? "ok" : "not ok", number, k->name);
	if (r->verdict == KNOWN_SKIP)
		printf(" # SKIP ");
	else if (r->verdict != KNOWN_ERROR)
		printf(" # TODO %s", k->title);
	if (r->verdict == KNOWN_SKIP)
		put_plain(r->text);
	else
		printf("\n# %s%s: ", word[r->verdict],
		       r->verdict == KNOWN_GONE ? ", it does not show any more" : "");
	if (r->verdict != KNOWN_SKIP)
		put_plain(r->text);
	putchar('\n');
}

void tell_one(enum format f, const struct known *k, const struct known_report *r, struct tally *t)
{
	t->count[r->verdict]++;
	t->told++;
	if (f == FORMAT_TAP) {
		tell_tap(k, r, t->told);
	} else {
		printf(" %-5s  %-4s %s\n             ", word[r->verdict], k->name, k->title);
		put_plain(r->text);
		putchar('\n');
	}
	fflush(stdout);
}

void tell_end(enum format f, const struct tally *t, bool interrupted)
{
	if (f == FORMAT_TAP && interrupted)
		puts("Bail out! interrupted");
	printf("%s%u show, %u do not show any more, %u skipped, %u failed; %.1f s\n",
	       f == FORMAT_TAP ? "# " : "", t->count[KNOWN_SHOWS], t->count[KNOWN_GONE],
	       t->count[KNOWN_SKIP], t->count[KNOWN_ERROR], (double)(world_ms() - t->begin) / 1000);
	if (t->count[KNOWN_GONE])
		printf("%sa finding that does not show any more: is this kernel fixed? Then its "
		       "page in "
		       "docs/kernel-findings should say so\n",
		       f == FORMAT_TAP ? "# " : "");
	fflush(stdout);
}

void tell_nothing(enum format f, const char *why)
{
	if (f == FORMAT_TAP)
		puts("TAP version 13\n1..1");
	fputs(f == FORMAT_TAP ? "ok 1 known # SKIP " : "SKIP: nothing can run here: ", stdout);
	put_plain(why);
	putchar('\n');
	fflush(stdout);
}
