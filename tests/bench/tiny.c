/* SPDX-License-Identifier: MIT */
/* See tiny.h. Cycles become seconds by the clock out here, read at the guest's first and last line;
 * it must never trust a rate that the guest claims. */
#include "tiny.h"

#include <inttypes.h>
#include <string.h>

#define FIRST_MS 30000
#define PART_MS 1200000

struct said {
	uint64_t value[4];
	int64_t when; /* ns */
};

/* The values behind @word in @line. */
static bool read_values(const char *line, const char *word, struct said *s)
{
	const char *at = strstr(line, word);

	if (!at)
		return false;
	memset(s->value, 0, sizeof(s->value));
	(void)sscanf(at + strlen(word), " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64,
		     &s->value[0], &s->value[1], &s->value[2], &s->value[3]);
	return true;
}

/* From LOAD_BEGIN to LOAD_END. */
static int listen(struct tiny_run *r, struct vmm *v, struct err *e)
{
	struct said begun, part, cycles[LOAD_TENTHS] = {0}, last = {0};
	char line[256];
	int ret = vmm_wait(v, LOAD_BEGIN, FIRST_MS, line, &begun.when, e);

	r->exits = vmm_exits(v);
	r->memory_before = vmm_memory(v);
	while (!ret) {
		ret = vmm_wait(v, "load ", PART_MS, line, &part.when, e);
		if (ret || read_values(line, LOAD_END, &last))
			break;
		if (read_values(line, LOAD_PART, &part) && r->parts < LOAD_TENTHS)
			cycles[r->parts++] = part;
	}
	if (ret)
		return ret;
	last.when = part.when;
	if (r->exits >= 0)
		r->exits = vmm_exits(v) - r->exits;
	r->memory_after = vmm_memory(v);
	r->seconds = (double)(last.when - begun.when) / 1e9;
	double us = last.value[1] ? r->seconds * 1e6 / (double)last.value[1] : 0; /* a cycle */
	r->p50_us = us * (double)last.value[2];
	r->p99_us = us * (double)last.value[3];
	for (unsigned i = 0; i < r->parts; i++) {
		r->part_s[i] = us * (double)cycles[i].value[1] / 1e6;
		r->longest_us[i] = us * (double)cycles[i].value[2];
	}
	if (last.value[0] != r->count)
		return err_set(e, ERR_INTERNAL, 0, "guest", "load", "did %" PRIu64 " of %u",
			       last.value[0], r->count);
	return 0;
}

int tiny_run(struct tiny_run *r, struct err *e)
{
	char work[16], line[256];
	struct device d;
	struct vmm v;
	int64_t when;
	int ret = device_start(&d, NULL, e);

	if (ret)
		return ret;
	snprintf(work, sizeof(work), "%u", (unsigned)r->work << LOAD_SHIFT | r->count);
	const char *argv[] = {"ringfence", "run", "--vdpa",    d.node,	"-k", FILE_LOAD, "-c", "1",
			      "--attack",  work,  "--timeout", "86400", "-m", r->memory, NULL};
	if (!r->memory)
		argv[12] = NULL;
	ret = vmm_start(&v, (char *const *)(uintptr_t)argv, e);
	if (!ret) {
		ret = vmm_wait(&v, LOAD_FIRST, FIRST_MS, line, &when, e);
		r->first_ms = (double)(when - v.started) / 1e6;
		if (!ret)
			ret = listen(r, &v, e);
		/* Its last line: what it takes down after it is not the guest's doing. */
		if (!ret)
			ret = vmm_wait(&v, "done: 0 attempts, 0 ", FIRST_MS, line, &when, e);
		vmm_stop(&v);
	}
	device_stop(&d);
	return ret;
}
