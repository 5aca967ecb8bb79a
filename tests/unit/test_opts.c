/* SPDX-License-Identifier: MIT */
/* The values of options, at each of their limits; what is refused leaves nothing behind. */
#include "../../vmm/opts.h"
#include "test.h"

#include <errno.h>

#define UNTOUCHED 0x5a5a5a5a5a5a5a5aull

/* What no number may look like, whatever its unit. */
static const char *const no_number[] = {
    "",	   " ",	  " 1",	  "\t1",  "+1", "-1",  "-",  "x",    "x1",  "0x",  "0X",
    "0xg", "0x ", "0x-1", "0x+1", "1 ", "1\n", "1x", "0x1h", "1,0", "--1",
};
#define NO_NUMBERS (sizeof(no_number) / sizeof(no_number[0]))

static int u64(const char *text, uint64_t max, uint64_t want)
{
	uint64_t v = UNTOUCHED;
	int ret = opts_u64(text, max, &v);

	if (v != (ret ? UNTOUCHED : want))
		fail_msg("'%s' is %llu", text, (unsigned long long)v);
	return ret;
}

static void numbers_are_decimal_or_hex(void **state)
{
	(void)state;
	assert_int_equal(u64("0", 0, 0), 0);
	assert_int_equal(u64("00", 0, 0), 0);
	assert_int_equal(u64("0x0", 0, 0), 0);
	assert_int_equal(u64("010", ~0ull, 10), 0); /* never octal */
	assert_int_equal(u64("0x10", ~0ull, 16), 0);
	assert_int_equal(u64("0XfF", ~0ull, 255), 0);
	assert_int_equal(u64("1234567890", ~0ull, 1234567890), 0);
	for (unsigned i = 0; i < NO_NUMBERS; i++)
		assert_int_equal(u64(no_number[i], ~0ull, 0), -EINVAL);
	assert_int_equal(u64("1K", ~0ull, 0), -EINVAL);
}

static void numbers_end_at_their_maximum(void **state)
{
	(void)state;
	assert_int_equal(u64("7", 7, 7), 0);
	assert_int_equal(u64("8", 7, 0), -ERANGE);
	assert_int_equal(u64("1", 0, 0), -ERANGE);
	assert_int_equal(u64("18446744073709551615", ~0ull, ~0ull), 0);
	assert_int_equal(u64("18446744073709551615", ~0ull - 1, 0), -ERANGE);
	assert_int_equal(u64("18446744073709551616", ~0ull, 0), -ERANGE);
	assert_int_equal(u64("0xffffffffffffffff", ~0ull, ~0ull), 0);
	assert_int_equal(u64("0x10000000000000000", ~0ull, 0), -ERANGE);
	assert_int_equal(u64("99999999999999999999999999", ~0ull, 0), -ERANGE);
	assert_int_equal(u64("18446744073709551616 ", ~0ull, 0), -ERANGE); /* wrong twice */
	errno = ERANGE; /* an old errno means nothing */
	assert_int_equal(u64("3", 7, 3), 0);
}

static int size(const char *text, uint64_t want)
{
	uint64_t v = UNTOUCHED;
	int ret = opts_size(text, &v);

	if (v != (ret ? UNTOUCHED : want))
		fail_msg("'%s' is %llu", text, (unsigned long long)v);
	return ret;
}

static void sizes_have_units(void **state)
{
	(void)state;
	assert_int_equal(size("0", 0), 0);
	assert_int_equal(size("0G", 0), 0);
	assert_int_equal(size("4095", 4095), 0);
	assert_int_equal(size("1K", 1024), 0);
	assert_int_equal(size("32M", 32ull << 20), 0);
	assert_int_equal(size("3G", 3ull << 30), 0);
	assert_int_equal(size("0x20m", 32ull << 20), 0);
	assert_int_equal(size("1k", 1024), 0);
	assert_int_equal(size("5g", 5ull << 30), 0);
	for (unsigned i = 0; i < NO_NUMBERS; i++)
		assert_int_equal(size(no_number[i], 0), -EINVAL);
	assert_int_equal(size("1KB", 0), -EINVAL);
	assert_int_equal(size("1KK", 0), -EINVAL);
	assert_int_equal(size("1 K", 0), -EINVAL);
	assert_int_equal(size("K", 0), -EINVAL);
	assert_int_equal(size("1.5M", 0), -EINVAL);
}

static void every_other_unit_is_refused(void **state)
{
	char text[] = "1?";

	(void)state;
	for (unsigned c = 1; c < 256; c++) {
		text[1] = (char)c;
		if (!strchr("KMGkmg0123456789", (char)c))
			assert_int_equal(size(text, 0), -EINVAL);
	}
}

static void sizes_end_at_2_to_the_64(void **state)
{
	(void)state;
	assert_int_equal(size("18446744073709551615", ~0ull), 0);
	assert_int_equal(size("18446744073709551616", 0), -ERANGE);
	assert_int_equal(size("18014398509481983K", ~0ull << 10), 0);
	assert_int_equal(size("18014398509481984K", 0), -ERANGE);
	assert_int_equal(size("17592186044415M", ~0ull << 20), 0);
	assert_int_equal(size("17592186044416M", 0), -ERANGE);
	assert_int_equal(size("17179869183G", ~0ull << 30), 0);
	assert_int_equal(size("17179869184G", 0), -ERANGE);
	assert_int_equal(size("18446744073709551615G", 0), -ERANGE);
}

static void keys_are_hex_of_their_length(void **state)
{
	static const uint8_t want[] = {0x01, 0x23, 0xaf, 0xAF};
	uint8_t out[4];
	char text[16] = "";

	(void)state;
	assert_int_equal(opts_hex("0123afAF", out, 4), 0);
	assert_memory_equal(out, want, 4);
	assert_int_equal(opts_hex("", out, 0), 0);
	memset(out, 0x5a, 4);
	for (unsigned len = 0; len < 12; len++) {
		if (len != 8)
			assert_int_equal(opts_hex(text, out, 4), -EINVAL);
		text[len] = '1';
	}
	for (unsigned at = 0; at < 8; at++)
		for (unsigned c = 0; c < 256; c++) {
			strcpy(text, "11111111");
			text[at] = (char)c;
			if (!c || !strchr("0123456789abcdefABCDEF", (char)c))
				assert_int_equal(opts_hex(text, out, 4), -EINVAL);
		}
	assert_int_equal(opts_hex("0x111111", out, 4), -EINVAL);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(out[i], 0x5a);
}

static void every_byte_has_its_two_digits(void **state)
{
	char text[3];
	uint8_t out;

	(void)state;
	for (unsigned v = 0; v < 256; v++) {
		snprintf(text, sizeof(text), v & 1 ? "%02X" : "%02x", v);
		assert_int_equal(opts_hex(text, &out, 1), 0);
		assert_int_equal(out, v);
	}
}

static void seconds_become_milliseconds(void **state)
{
	static const struct {
		const char *text;
		unsigned ms; /* 0: refused */
	} cases[] = {
	    {"1", 1000},
	    {"20", 20000},
	    {"0.5", 500},
	    {"0.001", 1},
	    {"0.0019", 1},
	    {"1.234567", 1234},
	    {"3.", 3000},
	    {"86400", 86400000},
	    {"86400.000", 86400000},
	    {"86399.999", 86399999},
	    {"0.05", 50},
	    {"10.10", 10100},
	    {"0", 0},
	    {"0.0", 0},
	    {"0.0009", 0},
	    {"86400.001", 0},
	    {"86401", 0},
	    {".5", 0},
	    {"1.5.5", 0},
	    {"1.-5", 0},
	    {"1.5s", 0},
	    {"1s", 0},
	    {"1e3", 0},
	    {"inf", 0},
	    {"99999999999999999999999", 0},
	    {"18446744073709551", 0},
	    {"18446744073709552", 0}, /* 384 ms, if it wrapped */
	    {"4294968", 0},
	};
	unsigned ms;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ms = 77;
		int ret = opts_seconds(cases[i].text, &ms);
		if (ret != (cases[i].ms ? 0 : -EINVAL) || ms != (cases[i].ms ? cases[i].ms : 77))
			fail_msg("'%s': %d, %u ms", cases[i].text, ret, ms);
	}
	for (unsigned i = 0; i < NO_NUMBERS; i++)
		assert_int_equal(opts_seconds(no_number[i], &ms), -EINVAL);
}

static void colour_is_asked_for_or_found_out(void **state)
{
	enum opts_color mode = OPTS_COLOR_NEVER;

	(void)state;
	assert_int_equal(opts_color_mode("auto", &mode), 0);
	assert_int_equal(mode, OPTS_COLOR_AUTO);
	assert_int_equal(opts_color_mode("always", &mode), 0);
	assert_int_equal(mode, OPTS_COLOR_ALWAYS);
	assert_int_equal(opts_color_mode("never", &mode), 0);
	assert_int_equal(mode, OPTS_COLOR_NEVER);
	assert_int_equal(opts_color_mode("", &mode), -EINVAL);
	assert_int_equal(opts_color_mode("Always", &mode), -EINVAL);
	assert_int_equal(opts_color_mode("autos", &mode), -EINVAL);
	assert_int_equal(mode, OPTS_COLOR_NEVER);

	assert_true(opts_color(OPTS_COLOR_AUTO, NULL, true));
	assert_true(opts_color(OPTS_COLOR_AUTO, "", true)); /* empty is as good as unset */
	assert_false(opts_color(OPTS_COLOR_AUTO, "1", true));
	assert_false(opts_color(OPTS_COLOR_AUTO, NULL, false));
	assert_true(opts_color(OPTS_COLOR_ALWAYS, "1", false));
	assert_false(opts_color(OPTS_COLOR_NEVER, NULL, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_decimal_or_hex),
	    cmocka_unit_test(numbers_end_at_their_maximum),
	    cmocka_unit_test(sizes_have_units),
	    cmocka_unit_test(every_other_unit_is_refused),
	    cmocka_unit_test(sizes_end_at_2_to_the_64),
	    cmocka_unit_test(keys_are_hex_of_their_length),
	    cmocka_unit_test(every_byte_has_its_two_digits),
	    cmocka_unit_test(seconds_become_milliseconds),
	    cmocka_unit_test(colour_is_asked_for_or_found_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
