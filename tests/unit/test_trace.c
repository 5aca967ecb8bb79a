/* SPDX-License-Identifier: MIT */
/* Lines of a trace that are longer than its buffer, between lines that are not. */
#include "../../vdpa/trace.h"
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

static void a_line_is_as_long_as_its_json(void **state)
{
	static const size_t lens[] = {2, 300, 1000, 65000, 65536, 70000, 140000};
	char path[] = "/tmp/test_trace.XXXXXX", *json = malloc(140001), *line = NULL;
	size_t room = 0, count = sizeof(lens) / sizeof(lens[0]);
	struct trace *t;
	struct err e = {0};

	(void)state;
	close(mkstemp(path));
	assert_int_equal(trace_open(&t, path, &e), 0);
	trace_json(NULL, "state", "state", "{}");
	for (size_t i = 0; i < count; i++) {
		memset(json, 'x', lens[i]);
		json[0] = json[lens[i] - 1] = '"';
		json[lens[i]] = '\0';
		trace_event(t, "before", "%s", "");
		trace_json(t, "state", "state", json);
	}
	assert_int_equal(trace_close(t, &e), 0);

	FILE *f = fopen(path, "r");
	for (size_t i = 0; i < count; i++) {
		assert_true(getline(&line, &room, f) > 0);
		assert_non_null(strstr(line, "\"ev\":\"before\"}\n"));
		ssize_t n = getline(&line, &room, f);
		char *value = strstr(line, "\"ev\":\"state\",\"state\":\"");
		assert_non_null(value);
		value = strchr(value, ',') + strlen(",\"state\":");
		assert_int_equal(line + n - value, lens[i] + 2);
		assert_string_equal(line + n - 3, "\"}\n");
	}
	assert_true(getline(&line, &room, f) > 0);
	assert_non_null(strstr(line, "\"ev\":\"end\""));
	fclose(f);
	unlink(path);
	free(line);
	free(json);
}

static void a_text_is_a_string_of_json(void **state)
{
	char path[] = "/tmp/test_trace.XXXXXX", line[256];
	struct trace *t;
	struct err e = {0};

	(void)state;
	close(mkstemp(path));
	assert_int_equal(trace_open(&t, path, &e), 0);
	trace_text(NULL, "failed", "why", "nobody hears");
	trace_text(t, "failed", "why", "a \"b\" c\\d\ne\x7f\xff.");
	assert_int_equal(trace_close(t, &e), 0);
	FILE *f = fopen(path, "r");
	assert_non_null(fgets(line, sizeof(line), f));
	assert_non_null(strstr(line, "\"ev\":\"failed\",\"why\":\"a \\\"b\\\" c\\\\d\\u000ae"
				     "\\u007f\\u00ff.\"}\n"));
	fclose(f);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_line_is_as_long_as_its_json),
					   cmocka_unit_test(a_text_is_a_string_of_json)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
