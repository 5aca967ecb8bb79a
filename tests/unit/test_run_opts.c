/* SPDX-License-Identifier: MIT */
/* The command line of `ringfence run`: what is taken, and that what is refused is named. */
#include "../../guest/abi.h"
#include "../../vdpa/breaks.h"
#include "../../virtio/check.h"
#include "../../vmm/run_opts.h"
#include "test.h"

#include <errno.h>
#include <stdlib.h>

#define WORDS 40

static struct run_opts o;
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

/* Parse `run LINE`, split at blanks, each word in a block of its own size. */
static int parse(const char *line)
{
	char words[512], *before[WORDS + 1];
	int argc = 0;

	memcpy(before, argv, sizeof(before));
	memset(argv, 0, sizeof(argv));
	assert_true(snprintf(words, sizeof(words), "run %s", line) < (int)sizeof(words));
	for (char *w = strtok(words, " "); w; w = strtok(NULL, " ")) {
		assert_true(argc < WORDS);
		argv[argc++] = strdup(w);
	}
	e = (struct err){0};
	memset(&o, 0xa5, sizeof(o));
	int ret = run_parse(&o, argc, argv, &e);
	for (unsigned i = 0; before[i];
	     i++) /* only now: getopt() may have been in the middle of one */
		free(before[i]);
	return ret;
}

static void accepted(const char *line)
{
	if (parse(line))
		fail_msg("'%s': %s", line, e.text);
	assert_int_equal(e.kind, ERR_NONE);
}

/* A usage error, whose line is CALL(OBJECT): rule. */
static void refused(const char *line, const char *names)
{
	if (!parse(line))
		fail_msg("'%s' is taken", line);
	assert_int_equal(e.kind, ERR_USAGE);
	assert_int_equal(e.code, 0);
	if (strncmp(e.text, names, strlen(names)) || strncmp(e.text + strlen(names), ": ", 2))
		fail_msg("'%s': '%s', not '%s'", line, e.text, names);
}

static void defaults_are_as_documented(void **state)
{
	(void)state;
	accepted("--vdpa /dev/vhost-vdpa-0");
	assert_string_equal(o.vdpa, "/dev/vhost-vdpa-0");
	assert_null(o.kernel);
	assert_int_equal(o.cpus, 2);
	assert_int_equal(o.memory, 32u << 20);
	assert_int_equal(o.placement, PLACE_HOLE);
	assert_int_equal(o.attack, ATTACK_NONE);
	assert_int_equal(o.scan_stride, 1u << 20);
	assert_false(o.has_key || o.has_magic || o.private_cvq || o.verbose || o.quiet);
	assert_false(o.help || o.version);
	assert_int_equal(o.breaks, 0); /* the isolated configuration */
	assert_int_equal(o.skip_check, CHECK_NONE);
	assert_int_equal(o.monitor_fd, -1);
	assert_int_equal(o.timeout_ms, 20000);
	assert_int_equal(o.color, OPTS_COLOR_AUTO);
}

static void linux_options_and_their_defaults(void **state)
{
	(void)state;
	accepted("--vdpa v");
	assert_null(o.initrd);
	assert_null(o.cmdline);
	run_opts_for_linux(&o);
	assert_int_equal(o.memory, 128u << 20);
	assert_int_equal(o.timeout_ms, 0);
	assert_true(o.by_acpi && o.by_cmdline && !o.by_fdt);
	accepted("--vdpa v --cmdline acpi=off --memory 64M --timeout 3 --initrd i");
	assert_string_equal(o.initrd, "i");
	run_opts_for_linux(&o);
	assert_int_equal(o.memory, 64u << 20);
	assert_int_equal(o.timeout_ms, 3000);
	assert_true(!o.by_acpi && o.by_cmdline && o.by_fdt);
	accepted("--vdpa v --cmdline noacpi=off");
	run_opts_for_linux(&o);
	assert_true(o.by_acpi);
	accepted("--vdpa v --announce fdt,acpi --cmdline acpi=off");
	run_opts_for_linux(&o);
	assert_true(o.by_acpi && !o.by_cmdline && o.by_fdt);
	refused("--vdpa v --announce pci", "--announce(pci)");
	refused("--vdpa v --announce acpi,", "--announce(acpi,)");
	refused("--vdpa v --announce acpi,acpi", "--announce(acpi,acpi)");
	refused("--vdpa v --announce=", "--announce()");
}

static void every_option_arrives(void **state)
{
	static const uint8_t key[16] = {0,    0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
					0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

	(void)state;
	accepted("--vdpa=path=/dev/v --kernel g.elf --cpus 3 --memory 1G --placement aliased "
		 "--attack 7 --driver packed,mq --scan-stride 4K --expect offered --canary-key "
		 "00112233445566778899aabbccddeeff --canary-magic 0123456789abcdef --private-cvq "
		 "--state s --trace t --monitor 5 --timeout 0.25 --verbose --quiet --color never");
	assert_string_equal(o.vdpa, "/dev/v");
	assert_string_equal(o.kernel, "g.elf");
	assert_int_equal(o.cpus, 3);
	assert_int_equal(o.memory, 1u << 30);
	assert_int_equal(o.placement, PLACE_ALIASED);
	assert_int_equal(o.attack, 7);
	assert_int_equal(o.driver, DRIVER_PACKED | DRIVER_MQ);
	assert_int_equal(o.scan_stride, 4096);
	assert_true(o.expect_offered);
	assert_true(o.has_key && o.has_magic && o.private_cvq && o.verbose && o.quiet);
	assert_memory_equal(o.canary_key, key, sizeof(key));
	assert_int_equal(o.canary_magic, 0x0123456789abcdefull);
	assert_int_equal(o.monitor_fd, 5);
	assert_string_equal(o.state, "s");
	assert_string_equal(o.trace, "t");
	assert_int_equal(o.timeout_ms, 250);
	assert_int_equal(o.color, OPTS_COLOR_NEVER);

	accepted("--vdpa d -k g -c1 -m 64M -vq --placement hole");
	assert_string_equal(o.kernel, "g");
	assert_int_equal(o.cpus, 1);
	assert_int_equal(o.memory, 64u << 20);
	assert_true(o.verbose && o.quiet);
	assert_int_equal(o.placement, PLACE_HOLE);
}

static void the_last_of_two_counts(void **state)
{
	(void)state;
	accepted("--vdpa a --vdpa b -c 1 -c 4 --placement aliased --placement hole");
	assert_string_equal(o.vdpa, "b");
	assert_int_equal(o.cpus, 4);
	assert_int_equal(o.placement, PLACE_HOLE);
	refused("--vdpa d -c 0 -c 4", "--cpus(0)"); /* which does not make the first one good */
}

static void nothing_of_one_line_is_in_the_next(void **state)
{
	(void)state;
	refused("--vdpa d -xv", "run(-x)"); /* leaves getopt in the middle of a word */
	accepted("--vdpa d");
	assert_false(o.verbose);
	refused("", "run(--vdpa)");
}

static void the_device_must_be_named(void **state)
{
	(void)state;
	refused("", "run(--vdpa)");
	refused("-v", "run(--vdpa)");
	refused("--vdpa=", "--vdpa()");
	refused("--vdpa path=", "--vdpa(path=)");
	accepted("--vdpa path=path=x");
	assert_string_equal(o.vdpa, "path=x");
}

static void help_and_version_need_no_device(void **state)
{
	(void)state;
	accepted("-h");
	assert_true(o.help && !o.version);
	accepted("--version");
	assert_true(o.version && !o.help);
	accepted("-V --attack 99");
	refused("-h --cpus 0", "--cpus(0)");
}

static void unknown_options_are_named(void **state)
{
	(void)state;
	refused("--vdpa d --nope", "run(--nope)");
	refused("--vdpa d --nope=1 -v", "run(--nope=1)");
	refused("--vdpa d -x", "run(-x)");
	refused("-vqx --vdpa d", "run(-x)");
	refused("--vdpa d --ca 1", "run(--ca)");		     /* ambiguous */
	refused("--vdpa d --private-cvq=1", "run(--private-cvq=1)"); /* takes none */
	refused("--vdpa d -?", "run(-?)");
	refused("--vdpa d -:", "run(-:)");
	assert_non_null(strstr(e.text, "unknown"));
}

static void no_argument_is_left_over(void **state)
{
	(void)state;
	refused("--vdpa d guest.elf", "run(guest.elf)");
	refused("guest.elf --vdpa d", "run(guest.elf)");
	refused("--vdpa d -- -v", "run(-v)");
	refused("--vdpa d -", "run(-)");
	accepted("--vdpa d --");
}

static void a_missing_value_is_named(void **state)
{
	static const char *const options[] = {"--vdpa",
					      "--placement",
					      "--attack",
					      "--driver",
					      "--scan-stride",
					      "--expect",
					      "--canary-key",
					      "--canary-magic",
					      "--break",
					      "--state",
					      "--monitor",
					      "--timeout",
					      "--trace",
					      "--color",
					      "-k",
					      "-c",
					      "-m"};
	char line[64], names[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		snprintf(line, sizeof(line), "-v %s", options[i]);
		snprintf(names, sizeof(names), "run(%s)", options[i]);
		refused(line, names);
		assert_non_null(strstr(e.text, "needs a value"));
	}
}

static void bad_values_are_named(void **state)
{
	static const struct {
		const char *option;
		const char *values; /* the ones that are refused, separated by commas */
	} cases[] = {
	    {"--cpus", "0,-1,1025,two,1K,,4294967297,0x10000000000000001"},
	    {"--memory", "-1,32MB,32Q,,M,18446744073709551616,17179869184G"},
	    {"--placement", "holes,HOLE,,aliase,arena"},
	    {"--attack", "-1,all,4294967296,,1K"},
	    {"--driver", "split,Packed,packed2,,mq1"},
	    {"--scan-stride", "0,1,4095,4097,0K,-4096,4T,,17179869184G"},
	    {"--expect", ",none,Offered,ALL"},
	    {"--canary-key", "0,,00112233445566778899aabbccddeef,00112233445566778899aabbccddeeff0,"
			     "0x112233445566778899aabbccddeeff,g0112233445566778899aabbccddeeff"},
	    {"--canary-magic",
	     "0,,0123456789abcde,0123456789abcdef0,0x23456789abcdef,x123456789abcdef"},
	    {"--monitor", "-1,2147483648,stdin,"},
	    {"--timeout", "0,-1,86401,20s,,0.0001"},
	    {"--color", "maybe,,ALWAYS"},
	    {"--break", "nope,,Merge-asid,merge-asid=1,ignore-group"},
	};
	char line[128], names[128], value[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (const char *v = cases[i].values; v;
		     v = strchr(v, ',') ? strchr(v, ',') + 1 : NULL) {
			snprintf(value, sizeof(value), "%.*s", (int)strcspn(v, ","), v);
			snprintf(line, sizeof(line), "--vdpa d %s=%s", cases[i].option, value);
			snprintf(names, sizeof(names), "%s(%s)", cases[i].option, value);
			refused(line, names);
		}
}

static void limits_are_inside(void **state)
{
	(void)state;
	accepted(
	    "--vdpa d -c 1024 --monitor 2147483647 --timeout 86400 --scan-stride 17179869183G");
	assert_int_equal(o.cpus, 1024);
	assert_int_equal(o.monitor_fd, 2147483647);
	assert_int_equal(o.timeout_ms, 86400000);
	assert_int_equal(o.scan_stride, ~0ull << 30);
	accepted("--vdpa d -c 1 --monitor 0 --timeout 0.001 --scan-stride 4096 --attack 0");
	assert_int_equal(o.cpus, 1);
	assert_int_equal(o.monitor_fd, 0);
	assert_int_equal(o.timeout_ms, 1);
}

static void attacks_are_the_guests(void **state)
{
	char line[64], names[32];

	(void)state;
	for (unsigned n = 0; n < 300; n++) {
		snprintf(line, sizeof(line), "--vdpa d --attack %u", n);
		snprintf(names, sizeof(names), "--attack(%u)", n);
		bool known =
		    n <= 10 || n == 14 || (n >= 19 && n <= 21) || (n >= 27 && n <= 29) || n == 33;
		if (known)
			accepted(line);
		else
			refused(line, names);
		/* Somebody's own guest may know more of them. */
		snprintf(line, sizeof(line), "--vdpa d --attack %u -k other.elf", n);
		accepted(line);
		assert_int_equal(o.attack, n);
	}
	accepted("--vdpa d -k g --attack 4294967295");
	assert_int_equal(o.attack, ~0u);
}

static void only_the_vmms_breaks_are_taken(void **state)
{
	char line[64], names[64];
	uint32_t set = 0;

	(void)state;
	for (unsigned i = 0; i < BREAK_COUNT; i++) {
		snprintf(line, sizeof(line), "--vdpa d --break %s", break_table[i].name);
		snprintf(names, sizeof(names), "--break(%s)", break_table[i].name);
		if (RINGFENCE_BREAKS && (break_table[i].side & BREAK_IN_VMM)) {
			accepted(line);
			assert_int_equal(o.breaks, 1u << i);
			set |= 1u << i;
		} else {
			refused(line, names);
		}
	}
	assert_int_equal(set != 0, RINGFENCE_BREAKS);
#if RINGFENCE_BREAKS
	assert_int_equal(o.skip_check,
			 check_by_name("cvq-validate")); /* the one that it means alone */
	accepted("--vdpa d --break skip-check=queue-head --break skip-check=load-ram");
	assert_int_equal(o.breaks, 1u << BREAK_SKIP_CHECK);
	assert_int_equal(o.skip_check, CHECK_LOAD_RAM);
	refused("--vdpa d --break skip-check=nope", "--break(skip-check=nope)");
	refused("--vdpa d --break skip-check=", "--break(skip-check=)");
	refused("--vdpa d --break skip-checks", "--break(skip-checks)");
	accepted("--vdpa d --break memslot --break merge-asid --break memslot");
	assert_int_equal(o.breaks, 1u << BREAK_MEMSLOT | 1u << BREAK_MERGE_ASID);
	assert_int_equal(o.skip_check, CHECK_NONE);
#endif
}

static void the_help_knows_every_option(void **state)
{
	static const char *const options[] = {"--vdpa",
					      "--kernel",
					      "--cpus",
					      "--memory",
					      "--placement",
					      "--attack",
					      "--scan-stride",
					      "--expect",
					      "--canary-key",
					      "--canary-magic",
					      "--private-cvq",
					      "--break",
					      "--monitor",
					      "--timeout",
					      "--verbose",
					      "--quiet",
					      "--color",
					      "--help",
					      "--version",
					      "-k",
					      "-c",
					      "-m",
					      "-v",
					      "-q",
					      "-h",
					      "-V"};

	(void)state;
	for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (!strstr(run_usage, options[i]))
			fail_msg("%s", options[i]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, NULL, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(defaults_are_as_documented),
	    TEST(linux_options_and_their_defaults),
	    TEST(every_option_arrives),
	    TEST(the_last_of_two_counts),
	    TEST(nothing_of_one_line_is_in_the_next),
	    TEST(the_device_must_be_named),
	    TEST(help_and_version_need_no_device),
	    TEST(unknown_options_are_named),
	    TEST(no_argument_is_left_over),
	    TEST(a_missing_value_is_named),
	    TEST(bad_values_are_named),
	    TEST(limits_are_inside),
	    TEST(attacks_are_the_guests),
	    TEST(only_the_vmms_breaks_are_taken),
	    TEST(the_help_knows_every_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
