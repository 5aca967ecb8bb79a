/* SPDX-License-Identifier: MIT */
/* The command line of `ringfence device`: what is taken, and that what is refused is named. */
#include "../../vdpa/breaks.h"
#include "../../vdpa/vduse/opts.h"
#include "test.h"

#include <stdlib.h>

#define WORDS 32

static struct opts o;
static struct err e;
static char *argv[WORDS + 1];

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; argv[i]; i++) {
		free(argv[i]);
		argv[i] = NULL;
	}
	return 0;
}

/* Parse `device LINE`, split at blanks, each word in a block of its own size. */
static int parse(const char *line)
{
	char words[512];
	int argc = 0;

	teardown(NULL);
	assert_true(snprintf(words, sizeof(words), "device %s", line) < (int)sizeof(words));
	for (char *w = strtok(words, " "); w; w = strtok(NULL, " ")) {
		assert_true(argc < WORDS);
		argv[argc++] = strdup(w);
	}
	e = (struct err){0};
	memset(&o, 0xa5, sizeof(o));
	return opts_parse(&o, argc, argv, &e);
}

static void accepted(const char *line)
{
	if (parse(line))
		fail_msg("'%s': %s", line, e.text);
	assert_int_equal(e.kind, ERR_NONE);
}

static void refused(const char *line, const char *names)
{
	if (!parse(line))
		fail_msg("'%s' is taken", line);
	assert_int_equal(e.kind, ERR_USAGE);
	if (!strstr(e.text, names))
		fail_msg("'%s': '%s' does not name %s", line, e.text, names);
}

static void defaults_are_as_documented(void **state)
{
	(void)state;
	accepted("--name rf0");
	assert_string_equal(o.net.name, "rf0");
	assert_int_equal(o.net.api, -1); /* what the kernel has */
	assert_int_equal(o.net.breaks, 0);
	assert_int_equal(o.net.pairs, 1);
	assert_false(o.sim);
	assert_int_equal(o.net.shape, NET_SHAPE_NET);
	assert_int_equal(o.net.mac[0] & 3, 2); /* one of our own, and no group's */
	assert_null(o.trace);
	assert_int_equal(o.timeout_s, 0);
	assert_int_equal(o.backend, BACKEND_LOOPBACK);
	assert_null(o.interface);
	assert_null(o.pcap);
	assert_false(o.net.private_cvq || o.verbose || o.quiet || o.help);
}

static void every_option_arrives(void **state)
{
	(void)state;
	accepted(
	    "--name A-z_0.9 --api 0 --queue-pairs 8 --backend loopback --private-cvq "
	    "--mac 02:aB:cd:EF:00:99 --trace t.json --state s.json --timeout 86400 -v --quiet");
	assert_string_equal(o.net.name, "A-z_0.9");
	assert_int_equal(o.net.api, 0);
	assert_int_equal(o.net.pairs, 8);
	assert_true(o.net.private_cvq && o.verbose && o.quiet && !o.help);
	assert_memory_equal(o.net.mac, "\x02\xab\xcd\xef\x00\x99", 6);
	assert_string_equal(o.trace, "t.json");
	assert_string_equal(o.net.state, "s.json");
	assert_int_equal(o.timeout_s, 86400);
	accepted("--name=x --api=1 -q --timeout=1");
	assert_int_equal(o.net.api, 1);
	assert_true(o.quiet && !o.verbose);
	assert_int_equal(o.timeout_s, 1);
}

static void the_name_is_needed_but_not_for_help(void **state)
{
	(void)state;
	refused("", "--name");
	refused("-v", "--name");
	accepted("--help");
	assert_true(o.help);
	accepted("-h");
	assert_true(o.help);
}

static void bad_values_are_named(void **state)
{
	static const struct {
		const char *option;
		const char *values; /* each of which is refused, separated by commas */
	} cases[] = {
	    {"--name", ",.x,control,a/b,../x"},
	    {"--parent", ",vdpa,sim,VDUSE,mlx5"},
	    {"--shape", ",net2,mlx,Mlx5"},
	    {"--class", ",disk,Blk,blk2"},
	    {"--api", ",2,-1,0x1,1x,one,4294967296,18446744073709551616"},
	    {"--queue-pairs", ",0,9,-1,+2,1x,256"},
	    {"--ring-features", "split,Packed,packe,packed2,event-idx"},
	    {"--backend", ",tap2,sinks,loopbac,Loopback,Tap"},
	    {"--mac", ",02:00:00:00:00,02:00:00:00:00:0,02:00:00:00:00:01:,2:00:00:00:00:001,"
		      "03:00:00:00:00:01,ff:ff:ff:ff:ff:ff,02-00-00-00-00-01,02:00:00:00:00:0g,"
		      "0200:00:00:00:01:,::::::::::::::::0,020000000000000:0"},
	    {"--timeout", ",0,-1,86401,1s,0.5,18446744073709551617"},
	    {"--break", ",nope,Ignore-group,merge-asid"},
	};
	char line[128], value[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (const char *v = cases[i].values; v;
		     v = strchr(v, ',') ? strchr(v, ',') + 1 : NULL) {
			snprintf(value, sizeof(value), "%.*s", (int)strcspn(v, ","), v);
			snprintf(line, sizeof(line), "--name n %s=%s", cases[i].option, value);
			refused(line, cases[i].option);
			assert_non_null(strstr(e.text, value));
		}
}

static void unknown_and_unfinished_options_are_named(void **state)
{
	(void)state;
	refused("--name n --nope", "--nope");
	refused("--name n -x", "-x");
	refused("--name n -xv", "-x");
	refused("--name n -vx", "-x");
	refused("--name n -qvm", "-m"); /* a character that is no long option's either */
	refused("--name n --private-cvq=1", "--private-cvq");
	refused("--name n guest", "guest");
	refused("--name n -- -v", "-v");
	refused("--name", "--name");
	refused("--name n --mac", "--mac");
	refused("--name n --t 1", "--t"); /* trace or timeout */
}

static void only_the_devices_breaks_are_taken(void **state)
{
	char line[64];

	(void)state;
	for (unsigned i = 0; i < BREAK_COUNT; i++) {
		snprintf(line, sizeof(line), "--name n --break %s", break_table[i].name);
		if (RINGFENCE_BREAKS && (break_table[i].side & BREAK_IN_DEVICE)) {
			accepted(line);
			assert_int_equal(o.net.breaks, 1u << i);
		} else {
			refused(line, break_table[i].name);
		}
	}
}

static void a_simulator_takes_what_it_has(void **state)
{
	(void)state;
	accepted("--parent vdpa_sim --name n --mac 02:00:00:00:00:07 --trace t --timeout 3 -v "
		 "--queue-pairs 1 --backend loopback");
	assert_true(o.sim);
	assert_int_equal(o.net.mac[5], 7);
	accepted("--parent vdpa_sim --parent vduse --name n --api 1");
	assert_false(o.sim);
	refused("--name n --parent vdpa_sim --api 0", "--api");
	refused("--name n --parent vdpa_sim --queue-pairs 2", "--queue-pairs");
	refused("--name n --shape mlx5 --parent vdpa_sim", "--shape");
	refused("--name n --parent vdpa_sim --private-cvq", "--private-cvq");
	if (RINGFENCE_BREAKS)
		refused("--name n --parent vdpa_sim --break ignore-group", "--break");
}

static void ring_features_are_a_list(void **state)
{
	static const struct {
		const char *line;
		uint64_t offered;
	} cases[] = {
	    {"--name n --ring-features=", 0},
	    {"--name n --ring-features packed", 1ull << 34},
	    {"--name n --ring-features event_idx,indirect", 3ull << 28},
	    {"--name n --ring-features indirect,packed,event_idx", 1ull << 34 | 3ull << 28}};

	(void)state;
	accepted("--name n");
	assert_int_equal(o.net.rings_without, 0);
	for (unsigned i = 0; i < 4; i++) {
		accepted(cases[i].line);
		assert_int_equal(~o.net.rings_without, cases[i].offered);
	}
	refused("--name n --ring-features ,", "--ring-features");
	refused("--name n --ring-features packed,,indirect", "--ring-features");
	refused("--name n --ring-features packed --parent vdpa_sim", "--ring-features");
}

static void shapes_are_told_apart(void **state)
{
	(void)state;
	accepted("--name n --shape mlx5");
	assert_int_equal(o.net.shape, NET_SHAPE_MLX5);
	accepted("--name n --shape mlx5 --shape net");
	assert_int_equal(o.net.shape, NET_SHAPE_NET);
}

static void backends_are_told_apart(void **state)
{
	(void)state;
	accepted("--name n --backend sink --pcap /tmp/x");
	assert_int_equal(o.backend, BACKEND_SINK);
	assert_string_equal(o.pcap, "/tmp/x");
	accepted("--name n --backend tap");
	assert_int_equal(o.backend, BACKEND_TAP);
	assert_null(o.interface);
	accepted("--name n --backend tap,fifteen-letters");
	assert_int_equal(o.backend, BACKEND_TAP);
	assert_string_equal(o.interface, "fifteen-letters");
	accepted("--name n --backend tap,x --backend loopback");
	assert_int_equal(o.backend, BACKEND_LOOPBACK);
	assert_null(o.interface);
	refused("--name n --backend tap,", "--backend");
	refused("--name n --backend tap,sixteen-letters1", "--backend");
	refused("--name n --backend tap,a/b", "--backend");
	refused("--name n --backend tap,a%d", "--backend");
	refused("--name n --backend sink,x", "--backend");
	refused("--name n --parent vdpa_sim --backend sink", "--backend");
	refused("--name n --parent vdpa_sim --pcap p", "--pcap");
}

static void a_block_device_takes_what_it_has(void **state)
{
	static const char *const others[] = {
	    "--queue-pairs 2", "--shape mlx5", "--private-cvq",		 "--backend sink",
	    "--pcap p",	       "--state s",    "--mac 02:00:00:00:00:07"};
	char line[128];

	(void)state;
	accepted("--name n --class blk --file /tmp/d --api 0 --trace t --timeout 3");
	assert_int_equal(o.class, CLASS_BLK);
	assert_string_equal(o.file, "/tmp/d");
	accepted("--name n --class blk --class net");
	assert_int_equal(o.class, CLASS_NET);
	refused("--name n --class blk", "--file");
	refused("--name n --file d", "--file");
	refused("--name n --class blk --file=", "--file");
	refused("--name n --class blk --file d --parent vdpa_sim", "--class");
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(line, sizeof(line), "--name n --class blk --file d %s", others[i]);
		char word[32];
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(others[i], " "), others[i]);
		refused(line, word);
	}
}

static void one_bad_value_spoils_the_line(void **state)
{
	(void)state;
	refused("--name n --api 9 --api 1", "--api");
	refused("--api 9 --help", "--api");
	accepted("--name a --name b");
	assert_string_equal(o.net.name, "b");
}

static void the_help_knows_every_option(void **state)
{
	static const char *const options[] = {
	    "--ring-features", "--parent",	"--shape", "--name",  "--api",	 "--queue-pairs",
	    "--backend",       "--private-cvq", "--mac",   "--trace", "--state", "SIGUSR2",
	    "--break",	       "--timeout",	"-v",	   "-q",      "-h"};

	(void)state;
	for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (!strstr(opts_usage, options[i]))
			fail_msg("%s", options[i]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, NULL, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(defaults_are_as_documented),
	    TEST(every_option_arrives),
	    TEST(the_name_is_needed_but_not_for_help),
	    TEST(bad_values_are_named),
	    TEST(unknown_and_unfinished_options_are_named),
	    TEST(only_the_devices_breaks_are_taken),
	    TEST(a_simulator_takes_what_it_has),
	    TEST(shapes_are_told_apart),
	    TEST(ring_features_are_a_list),
	    TEST(backends_are_told_apart),
	    TEST(a_block_device_takes_what_it_has),
	    TEST(one_bad_value_spoils_the_line),
	    TEST(the_help_knows_every_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
