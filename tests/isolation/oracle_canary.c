/* SPDX-License-Identifier: MIT */
/* Oracle 1: is what the guest claims to have read really a line of the arena? It must never trust a
 * claim. */
#include "oracle.h"

#include "../../vdpa/canary.h"

#include <string.h>

void oracle_leak(struct canary_finding *f, const struct canary_seed *seed, uint64_t lines,
		 const struct report_leak *leak)
{
	struct canary_line line;
	bool secret;

	memcpy(&line, leak->line, sizeof(line)); /* UNTRUSTED: guest */
	secret = canary_find(seed->key, seed->magic, lines, &line) >= 0;
	if (f->secrets == 0 && (secret || f->lies == 0))
		f->address = leak->address;
	if (secret)
		f->secrets++;
	else
		f->lies++;
}
