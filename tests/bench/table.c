/* SPDX-License-Identifier: MIT */
/* The table of figures, for people and for programs; see bench.h. It must never round what JSON
 * shows. */
#include "bench.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void samples_add(struct samples *s, double v)
{
	if (s->n < SAMPLES_MAX)
		s->v[s->n++] = v;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct samples sorted(const struct samples *s)
{
	struct samples copy = *s;

	qsort(copy.v, copy.n, sizeof(copy.v[0]), by_size);
	return copy;
}

double samples_median(const struct samples *s)
{
	struct samples c = sorted(s);

	if (c.n == 0)
		return 0;
	return c.n % 2 ? c.v[c.n / 2] : (c.v[c.n / 2 - 1] + c.v[c.n / 2]) / 2;
}

struct row *table_row(struct table *t, const char *name, const char *unit, const char *what)
{
	assert(t->rows < ROWS_MAX);
	struct row *r = &t->row[t->rows++];

	*r = (struct row){.unit = unit, .what = what};
	snprintf(r->name, sizeof(r->name), "%s", name);
	return r;
}

static int digits(double v)
{
	return v >= 1000 || v <= -1000 ? 0 : v >= 10 || v <= -10 ? 1 : 3;
}

static void text_row(const struct row *r, FILE *f)
{
	struct samples s = sorted(&r->samples);
	double median = samples_median(&s);

	if (s.n == 0) {
		fprintf(f, " %-26s %10s %-6s %s\n", r->name, "-", r->unit, r->what);
		return;
	}
	fprintf(f, " %-26s %10.*f %-6s %s", r->name, digits(median), median, r->unit, r->what);
	if (s.n > 1)
		fprintf(f, " (median of %u, %.*f to %.*f)", s.n, digits(median), s.v[0],
			digits(median), s.v[s.n - 1]);
	fputc('\n', f);
}

void table_text(const struct table *t, FILE *f)
{
	for (unsigned i = 0; i < t->rows; i++)
		text_row(&t->row[i], f);
}

/* Our own words only: nothing in them needs an escape. */
void table_json(const struct table *t, FILE *f)
{
	fputs("\"rows\":[", f);
	for (unsigned i = 0; i < t->rows; i++) {
		const struct row *r = &t->row[i];
		fprintf(f, "%s\n{\"name\":\"%s\",\"unit\":\"%s\",\"what\":\"%s\",\"median\":",
			i ? "," : "", r->name, r->unit, r->what);
		if (r->samples.n)
			fprintf(f, "%.9g", samples_median(&r->samples));
		else
			fputs("null", f);
		fputs(",\"samples\":[", f);
		for (unsigned n = 0; n < r->samples.n; n++)
			fprintf(f, "%s%.9g", n ? "," : "", r->samples.v[n]);
		fputs("]}", f);
	}
	fputs("]", f);
}
