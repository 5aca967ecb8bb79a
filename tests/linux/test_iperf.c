/* SPDX-License-Identifier: MIT */
/*
 * Reports of iperf3's, as it writes them and as it must not: what the judge of the iperf3 test
 * makes of each. It must never need iperf3.
 */
#include "data_iperf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define START "{\"start\":{\"sndbuf_actual\":3000,\"rcvbuf_actual\":2000},\"intervals\":[],"
#define STREAMS(streams) "\"end\":{\"streams\":[" streams "],"
#define SENT(bytes) "\"sum_sent\":{\"bytes\":" bytes "},"
#define RECEIVED(bytes) "\"sum_received\":{\"bytes\":" bytes "}}}"

static const struct iperf_run tcp = {.name = "TCP", .bytes = 100000, .streams = 1},
			      two = {.name = "two", .bytes = 100000, .streams = 2},
			      udp = {.name = "UDP", .bytes = 100000, .streams = 1, .udp = true};

static bool good(const struct iperf_run *r, const char *text)
{
	char path[] = "/tmp/ringfence-iperf-XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	bool is = !iperf_judge_report(r, path);
	unlink(path);
	return is;
}

static void whole_reports_are_good(void **state)
{
	(void)state;
	assert_true(good(&tcp, START STREAMS("{}") SENT("100000") RECEIVED("100000")));
	assert_true(good(&tcp, START STREAMS("{}") SENT("120000") RECEIVED("115000")));
	assert_true(good(&two, START STREAMS("{},{}") SENT("120000") RECEIVED("110000")));
	assert_true(good(&udp, START STREAMS("{}") SENT("100000") RECEIVED("25000")));
}

static void too_little_is_told(void **state)
{
	(void)state;
	assert_false(good(&tcp, START STREAMS("{}") SENT("99999") RECEIVED("99999")));
	assert_false(good(&tcp, START STREAMS("{}") SENT("100000") RECEIVED("94999")));
	assert_false(good(&two, START STREAMS("{},{}") SENT("100000") RECEIVED("89999")));
	assert_false(good(&udp, START STREAMS("{}") SENT("100000") RECEIVED("24999")));
	assert_false(good(&udp, START STREAMS("{}") SENT("100000") RECEIVED("0")));
}

static void too_much_is_told(void **state)
{
	(void)state;
	assert_false(good(&tcp, START STREAMS("{}") SENT("100000") RECEIVED("100001")));
	assert_false(good(&udp, START STREAMS("{}") SENT("100000") RECEIVED("100001")));
}

static void other_streams_are_told(void **state)
{
	(void)state;
	assert_false(good(&two, START STREAMS("{}") SENT("100000") RECEIVED("100000")));
	assert_false(good(&tcp, START STREAMS("{},{}") SENT("100000") RECEIVED("100000")));
}

static void errors_are_told(void **state)
{
	(void)state;
	assert_false(good(&tcp, START STREAMS("{}")
				    SENT("100000") "\"sum_received\":{\"bytes\":"
						   "100000}},\"error\":\"interrupted\"}"));
	assert_false(good(&tcp, "{\"start\":{},\"intervals\":[],\"end\":{},\"error\":\"\"}"));
}

static void what_is_missing_is_told(void **state)
{
	(void)state;
	assert_false(good(&tcp, ""));
	assert_false(good(&tcp, "[]"));
	assert_false(good(&tcp, START STREAMS("{}") SENT("100000") "\"sum_received\":{\"bytes\":"));
	assert_false(good(&tcp, START STREAMS("{}") SENT("100000") "\"sum_received\":{}}}"));
	assert_false(good(&udp, START STREAMS("{}") SENT("\"100000\"") RECEIVED("100000")));
	assert_false(good(&tcp, "{" STREAMS("{}") SENT("100001") RECEIVED("100000")));
	assert_non_null(iperf_judge_report(&tcp, "/nonexistent"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_reports_are_good), cmocka_unit_test(too_little_is_told),
	    cmocka_unit_test(too_much_is_told),	      cmocka_unit_test(other_streams_are_told),
	    cmocka_unit_test(errors_are_told),	      cmocka_unit_test(what_is_missing_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
