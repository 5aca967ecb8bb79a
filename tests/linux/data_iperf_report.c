/* SPDX-License-Identifier: MIT */
/*
 * What iperf3's report in JSON says of a run. It must never take one that lacks a number for a good
 * one.
 */
#include "data_iperf.h"

#include <jansson.h>
#include <stdio.h>

/* A number that is not there is -1. */
static int64_t number(const json_t *o, const char *group, const char *name)
{
	const json_t *n = json_object_get(json_object_get(o, group), name);

	return json_is_number(n) ? (int64_t)json_number_value(n) : -1;
}

/* iperf3 ends a run by a word on a connection of its own, which overtakes what the data sockets of
 * both sides still hold: so much may be missing where it was to come, and no more. */
static const char *judge_bytes(const struct iperf_run *r, const json_t *report)
{
	static char why[160];
	const json_t *start = json_object_get(report, "start"),
		     *end = json_object_get(report, "end");
	int64_t sent = number(end, "sum_sent", "bytes"),
		received = number(end, "sum_received", "bytes"),
		sndbuf = json_integer_value(json_object_get(start, "sndbuf_actual")),
		rcvbuf = json_integer_value(json_object_get(start, "rcvbuf_actual"));
	size_t streams = json_array_size(json_object_get(end, "streams"));
	int64_t room = r->udp ? sent / 4 * 3 : r->streams * (sndbuf + rcvbuf);

	snprintf(why, sizeof(why), "%s: %lld bytes sent, %lld received, %zu streams", r->name,
		 (long long)sent, (long long)received, streams);
	printf("# %s\n", why);
	return sent >= (int64_t)r->bytes && received > 0 && received <= sent &&
		       sent - received <= room && streams == r->streams
		   ? NULL
		   : why;
}

const char *iperf_judge_report(const struct iperf_run *r, const char *path)
{
	static char why[160];
	json_error_t error;
	json_t *report = json_load_file(path, 0, &error);
	const json_t *said = json_object_get(report, "error");
	const char *bad = NULL;

	if (!report)
		snprintf(why, sizeof(why), "%s: no report: %.80s", r->name, error.text);
	else if (said)
		snprintf(why, sizeof(why), "%s: %.80s", r->name,
			 json_is_string(said) ? json_string_value(said)
					      : "an error without a word");
	else
		bad = judge_bytes(r, report);
	bool read = report && !said;
	json_decref(report);
	return read ? bad : why;
}
