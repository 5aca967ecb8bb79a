/* SPDX-License-Identifier: MIT */
/*
 * What is measured with a Linux guest, and the same guest under another VMM's command, by turns, so
 * that what disturbs one disturbs the other. It must never compare runs of two kernels or initrds.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

#define INIT_MS 120000
#define WORK_MS 600000
#define WORDS_MAX 64

/* A guest's figures; what it was not asked for is < 0. */
struct linux_run {
	unsigned addresses, frames; /* to ask for */
	unsigned pairs;		    /* of the device's queues; 0: one */
	double init_ms, p50_us, p99_us, frames_s;
	long memory, init_exits; /* when init has started, before any work */
	long exits;		 /* while frames were sent */
};

static const char *cmdline_for(const struct linux_run *r)
{
	static char text[256];

	snprintf(text, sizeof(text),
		 "console=ttyS0 quiet noxsave panic=-1 " GUEST_ADDRESSES "%u " GUEST_FRAMES "%u",
		 r->addresses, r->frames);
	return text;
}

/* The numbers behind @word in @line, of which the first says that all was done that was asked for.
 */
static int figures(const char *line, const char *word, unsigned asked, unsigned long long n[4],
		   unsigned count, struct err *e)
{
	const char *at = strstr(line, word) + strlen(word);
	int got = sscanf(at, "%llu %llu %llu %llu", &n[0], &n[1], &n[2], &n[3]);

	if (got < (int)count || n[0] != asked || !n[1])
		return err_set(e, ERR_INTERNAL, 0, "measure", "the guest",
			       "asked for %u, it says:%s", asked, at);
	return 0;
}

/* The guest from its first word to its last. */
static int listen(struct linux_run *r, struct vmm *v, struct err *e)
{
	unsigned long long n[4];
	char line[256];
	int64_t when;
	int ret = vmm_wait(v, GUEST_INIT, INIT_MS, line, &when, e);

	if (ret)
		return ret;
	r->init_ms = (double)(when - v->started) / 1e6;
	r->memory = vmm_memory(v);
	r->init_exits = vmm_exits(v);
	if (r->addresses && !(ret = vmm_wait(v, GUEST_SET, WORK_MS, line, &when, e)) &&
	    !(ret = figures(line, GUEST_SET, r->addresses, n, 4, e))) {
		r->p50_us = (double)n[2] / 1e3;
		r->p99_us = (double)n[3] / 1e3;
	}
	if (!ret && r->frames)
		ret = vmm_wait(v, GUEST_SENDING, WORK_MS, line, &when, e);
	r->exits = vmm_exits(v);
	if (!ret && r->frames && !(ret = vmm_wait(v, GUEST_SENT, WORK_MS, line, &when, e)) &&
	    !(ret = figures(line, GUEST_SENT, r->frames, n, 2, e)))
		r->frames_s = (double)n[1] / 1e9;
	if (r->exits >= 0)
		r->exits = vmm_exits(v) - r->exits;
	return ret ? ret : vmm_wait(v, GUEST_DONE, WORK_MS, line, &when, e);
}

/* The words of a string, parted by spaces; @text is written to. How r. */
static unsigned split(char *text, const char *word[WORDS_MAX + 1])
{
	unsigned n = 0;

	for (char *w = strtok(text, " "); w && n < WORDS_MAX; w = strtok(NULL, " "))
		word[n++] = w;
	word[n] = NULL;
	return n;
}

/* What a word of a command line stands for; @vdpa may also stand inside one. */
static const char *fill_in(const char *word, const char *node, const struct options *o,
			   const struct linux_run *r, char inside[256])
{
	const char *at = strstr(word, "@vdpa");

	if (!strcmp(word, "@kernel"))
		return o->kernel;
	if (!strcmp(word, "@initrd"))
		return FILE_INITRD;
	if (!strcmp(word, "@cmdline"))
		return cmdline_for(r);
	if (!at)
		return word;
	snprintf(inside, 256, "%.*s%s%s", (int)(at - word), word, node, at + strlen("@vdpa"));
	return inside;
}

static int start_device(struct device *d, const struct options *o, const struct linux_run *r,
			struct err *e)
{
	const char *word[WORDS_MAX + 3] = {0};
	char text[512], pairs[16];
	unsigned n;

	snprintf(text, sizeof(text), "%s", o->device ? o->device : "");
	n = split(text, word);
	if (r->pairs) {
		snprintf(pairs, sizeof(pairs), "%u", r->pairs);
		word[n++] = "--queue-pairs";
		word[n++] = pairs;
	}
	return device_start(d, word, e);
}

/* Run @argv on a device of its own. */
static int linux_run(struct linux_run *r, const struct options *o, const char *const *argv,
		     struct err *e)
{
	const char *word[WORDS_MAX + 1] = {0};
	char inside[256]; /* @vdpa stands in one word */
	struct device d;
	struct vmm v;
	int ret = start_device(&d, o, r, e);

	r->p50_us = r->p99_us = r->frames_s = -1;
	if (ret)
		return ret;
	for (unsigned i = 0; argv[i] && i < WORDS_MAX; i++)
		word[i] = fill_in(argv[i], d.node, o, r, inside);
	ret = vmm_start(&v, (char *const *)(uintptr_t)word, e);
	if (!ret) {
		ret = listen(r, &v, e);
		vmm_stop(&v);
	}
	device_stop(&d);
	return ret;
}

static const char *const ours[] = {"ringfence",	 "run",	     "--vdpa",	"@vdpa",     "-k",
				   "@kernel",	 "--initrd", "@initrd", "--cmdline", "@cmdline",
				   "--announce", "acpi",     "-c",	"1",	     NULL};

static int by_pairs(struct table *t, const struct options *o, unsigned pairs, struct err *e)
{
	char name[48];

	snprintf(name, sizeof(name), "linux-init-pairs-%u", pairs);
	struct row *init = table_row(t, name, "ms", "exec to init with so many queue pairs");
	snprintf(name, sizeof(name), "linux-memory-pairs-%u", pairs);
	struct row *memory = table_row(t, name, "KiB", "VmHWM less guest RAM then");
	for (unsigned i = 0; i < o->runs; i++) {
		struct linux_run r = {.pairs = pairs};
		int ret = linux_run(&r, o, ours, e);
		if (ret)
			return ret;
		samples_add(&init->samples, r.init_ms);
		samples_add(&memory->samples, (double)r.memory);
	}
	return 0;
}

int measure_linux(struct table *t, const struct options *o, struct err *e)
{
	if (!o->kernel)
		return 0;
	struct row *init = table_row(t, "linux-init", "ms", "exec to the first words of init");
	struct row *start = table_row(t, "linux-init-exits", "", "VMM exits by then");
	struct row *memory = table_row(t, "linux-memory", "KiB", "VmHWM less guest RAM");
	struct row *p50 = table_row(t, "linux-cvq-p50", "us", "setting the address");
	struct row *p99 = table_row(t, "linux-cvq-p99", "us", "the 99th percentile of it");
	struct row *rate =
	    table_row(t, "linux-packets-rate", "/s", "frames out and back, 16 under way");
	struct row *exits = table_row(t, "linux-packets-exits", "", "VMM exits for each");
	int ret = 0;

	for (unsigned i = 0; i < o->runs; i++) {
		struct linux_run r = {.frames = o->packets, .addresses = o->commands};
		ret = linux_run(&r, o, ours, e);
		if (ret)
			return ret;
		samples_add(&init->samples, r.init_ms);
		samples_add(&memory->samples, (double)r.memory);
		samples_add(&p50->samples, r.p50_us);
		samples_add(&p99->samples, r.p99_us);
		samples_add(&rate->samples, r.frames / r.frames_s);
		if (r.exits < 0)
			continue;
		samples_add(&start->samples, (double)r.init_exits);
		samples_add(&exits->samples, (double)r.exits / r.frames);
	}
	for (unsigned pairs = 1; !ret && !o->device && pairs <= 8; pairs *= 2)
		ret = by_pairs(t, o, pairs, e);
	return ret;
}

int measure_versus(struct table *t, const struct options *o, struct err *e)
{
	const char *theirs[WORDS_MAX + 1];
	char text[2048];

	if (!o->vs)
		return 0;
	snprintf(text, sizeof(text), "%s", o->vs);
	(void)split(text, theirs);
	struct row *init = table_row(t, "vs-init-theirs", "ms", "exec to init, the other VMM");
	struct row *init_ratio = table_row(t, "vs-init", "", "ours by theirs, pair by pair");
	struct row *exits = table_row(t, "vs-init-exits-theirs", "", "VMM exits by then");
	struct row *p50 = table_row(t, "vs-cvq-p50-theirs", "us", "setting the address");
	struct row *p50_ratio = table_row(t, "vs-cvq-p50", "", "ours by theirs, pair by pair");
	struct row *memory =
	    table_row(t, "vs-memory-theirs", "KiB", "VmHWM less guest RAM, the other VMM");
	for (unsigned i = 0; i < o->runs; i++) {
		struct linux_run a = {.addresses = o->commands}, b = a;
		bool first = i % 2 == 0; /* who comes second finds what the first has warmed up */
		int ret = linux_run(first ? &a : &b, o, first ? ours : theirs, e);
		if (!ret)
			ret = linux_run(first ? &b : &a, o, first ? theirs : ours, e);
		if (ret)
			return ret;
		samples_add(&init->samples, b.init_ms);
		samples_add(&init_ratio->samples, a.init_ms / b.init_ms);
		samples_add(&p50->samples, b.p50_us);
		samples_add(&p50_ratio->samples, a.p50_us / b.p50_us);
		samples_add(&memory->samples, (double)b.memory);
		if (b.init_exits >= 0)
			samples_add(&exits->samples, (double)b.init_exits);
	}
	return 0;
}
