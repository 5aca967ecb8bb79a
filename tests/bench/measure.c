/* SPDX-License-Identifier: MIT */
/* What is measured with our own small guest. It must never mix figures of two runs into one. */
#include "tiny.h"

#define NO_COUNTER "the kernel has no tracepoint kvm_userspace_exit"

static void add_exits(struct row *row, const struct tiny_run *r)
{
	if (r->exits < 0)
		row->what = NO_COUNTER;
	else
		samples_add(&row->samples, (double)r->exits / r->count);
}

static int commands(struct table *t, const struct options *o, struct err *e)
{
	struct row *p50 = table_row(t, "cvq-p50", "us", "a control command, one at a time");
	struct row *p99 = table_row(t, "cvq-p99", "us", "the 99th percentile of them");
	struct row *rate = table_row(t, "cvq-rate", "/s", "control commands, one at a time");
	struct row *full = table_row(t, "cvq-rate-full", "/s", "with a full ring of them");
	struct row *exits = table_row(t, "cvq-exits", "", "VMM exits for each, one at a time");

	for (unsigned i = 0; i < o->runs; i++) {
		struct tiny_run alone = {.work = LOAD_ALONE, .count = o->commands};
		struct tiny_run window = {.work = LOAD_FULL, .count = o->commands};
		int ret = tiny_run(&alone, e);
		if (!ret)
			ret = tiny_run(&window, e);
		if (ret)
			return ret;
		samples_add(&p50->samples, alone.p50_us);
		samples_add(&p99->samples, alone.p99_us);
		samples_add(&rate->samples, alone.count / alone.seconds);
		samples_add(&full->samples, window.count / window.seconds);
		add_exits(exits, &alone);
	}
	return 0;
}

static int packets(struct table *t, const struct options *o, struct err *e)
{
	struct row *rate = table_row(t, "packets-rate", "/s", "frames out and back, 32 under way");
	struct row *exits = table_row(t, "packets-exits", "", "VMM exits for each, out and back");

	for (unsigned i = 0; i < o->runs; i++) {
		struct tiny_run many = {.work = LOAD_FRAMES, .count = o->packets};
		int ret = tiny_run(&many, e);
		if (ret)
			return ret;
		samples_add(&rate->samples, many.count / many.seconds);
		add_exits(exits, &many);
	}
	return 0;
}

int measure_tiny(struct table *t, const struct options *o, struct err *e)
{
	struct row *boot = table_row(t, "boot", "ms", "exec to the guest's first words");
	struct row *memory = table_row(t, "memory", "KiB", "VmHWM less guest RAM");

	for (unsigned i = 0; i < o->runs; i++) {
		struct tiny_run r = {.work = LOAD_ALONE, .count = 10};
		int ret = tiny_run(&r, e);
		if (ret)
			return ret;
		samples_add(&boot->samples, r.first_ms);
		samples_add(&memory->samples, (double)r.memory_after);
	}
	int ret = commands(t, o, e);
	return ret ? ret : packets(t, o, e);
}

static int growth_by_ram(struct table *t, const struct options *o, const char *ram, struct err *e)
{
	char name[48];

	snprintf(name, sizeof(name), "boot-ram-%s", ram);
	struct row *boot = table_row(t, name, "ms", "exec to first words with so much guest RAM");
	snprintf(name, sizeof(name), "memory-ram-%s", ram);
	struct row *memory = table_row(t, name, "KiB", "VmHWM less guest RAM then");
	for (unsigned i = 0; i < o->runs; i++) {
		struct tiny_run r = {.work = LOAD_ALONE, .count = 10, .memory = ram};
		int ret = tiny_run(&r, e);
		if (ret)
			return ret;
		samples_add(&boot->samples, r.first_ms);
		samples_add(&memory->samples, (double)r.memory_after);
	}
	return 0;
}

int measure_growth(struct table *t, const struct options *o, struct err *e)
{
	static const char *const sizes[] = {"32M", "128M", "512M"};
	int ret = 0;

	for (unsigned i = 0; !ret && i < sizeof(sizes) / sizeof(sizes[0]); i++)
		ret = growth_by_ram(t, o, sizes[i], e);
	if (ret)
		return ret;
	struct row *time =
	    table_row(t, "time-commands-x4", "", "time of 4 times the commands by once");
	struct row *memory = table_row(t, "memory-commands-x4", "KiB", "VMM growth over those");
	struct tiny_run once = {.work = LOAD_FULL, .count = o->commands};
	struct tiny_run more = {.work = LOAD_FULL, .count = 4 * o->commands};
	ret = tiny_run(&once, e);
	if (!ret)
		ret = tiny_run(&more, e);
	if (ret)
		return ret;
	samples_add(&time->samples, more.seconds / once.seconds);
	samples_add(&memory->samples, (double)(more.memory_after - more.memory_before));
	return 0;
}

int measure_million(struct table *t, const struct options *o, struct err *e)
{
	struct tiny_run r = {.work = LOAD_FULL, .count = 1000000};

	if (!o->full)
		return 0;
	int ret = tiny_run(&r, e);
	if (ret)
		return ret;
	struct row *rate = table_row(t, "million-rate", "/s", "of 10^6 commands in one run");
	struct row *tenth = table_row(t, "million-tenths", "s", "each tenth of them");
	struct row *longest =
	    table_row(t, "million-longest", "ms", "32 commands, longest of a tenth");
	struct row *memory = table_row(t, "million-memory", "KiB", "VMM growth over all of them");
	samples_add(&rate->samples, r.count / r.seconds);
	samples_add(&memory->samples, (double)(r.memory_after - r.memory_before));
	for (unsigned i = 0; i < r.parts; i++) {
		samples_add(&tenth->samples, r.part_s[i] - (i ? r.part_s[i - 1] : 0));
		samples_add(&longest->samples, r.longest_us[i] / 1000);
	}
	return 0;
}
