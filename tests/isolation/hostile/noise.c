/* SPDX-License-Identifier: MIT */
/* Looks at the host, see noise.h. It must never look at anything but its arguments. */
#include "noise.h"

void noise_add(struct noise *n, const struct noise_look *look)
{
	if (n->count == NOISE_LOOKS)
		n->count--;
	n->look[n->count++] = *look;
}

/* The last look that is not after @ns, or the first of all. */
static const struct noise_look *before(const struct noise *n, uint64_t ns)
{
	unsigned i = 0;

	while (i + 1 < n->count && n->look[i + 1].ns <= ns)
		i++;
	return &n->look[i];
}

/* The first look that is not before @ns, or the last of all. */
static const struct noise_look *after(const struct noise *n, uint64_t ns)
{
	unsigned i = n->count - 1;

	while (i > 0 && n->look[i - 1].ns >= ns)
		i--;
	return &n->look[i];
}

static uint64_t most(const uint64_t *from, const uint64_t *to, unsigned count)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < count; i++)
		if (to[i] > from[i] + n)
			n = to[i] - from[i];
	return n;
}

uint64_t noise_between(const struct noise *n, uint64_t from, uint64_t to)
{
	if (!n->count)
		return 0;
	const struct noise_look *a = before(n, from), *b = after(n, to);
	/* A vCPU is on one CPU at a time. */
	return most(a->waited_ns, b->waited_ns, PROC_VCPUS) +
	       most(a->lost_ns, b->lost_ns, WITNESS_SLOTS);
}
