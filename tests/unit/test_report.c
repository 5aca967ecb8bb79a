/* SPDX-License-Identifier: MIT */
/*
 * The forms of report, and the exit code. Built with
 * tests/isolation/{report,report_human,report_tap,
 * report_json,report_junit,matrix,verdict,evidence}.c and vdpa/breaks.c, linked with jansson.
 */
#include "test.h"

#include "../isolation/episode.h"
#include "../isolation/report.h"

#include <jansson.h>
#include <stdlib.h>

#define HEADER "ringfence 0.1 · lab · linux 7.3.4 + ctrl-vq patch · kvm_amd on TCG · VDUSE API 1"
#define NOT_CLAIMED                                                                                \
	"a daemon that leaks on purpose, side channels, revocation of what a daemon has mapped, "  \
	"packet secrecy"
#define STOCK                                                                                      \
	"stock kernel: CTRL_VQ is not offered to the kernel; VMM and daemon agree on the third "   \
	"queue privately"

static struct env env;
static struct session ses;
static struct row_result result;
static struct run control[3];

static struct row row_named(const char *name)
{
	for (unsigned i = 0; i < matrix_rows(); i++)
		if (!strcmp(matrix_row(i).name, name))
			return matrix_row(i);
	abort();
}

/* What is printed goes here. */
static char *text;
static size_t text_len;

static FILE *to_text(void)
{
	return open_memstream(&text, &text_len);
}

static int set_up(void **state)
{
	(void)state;
	env = (struct env){.lab = true,
			   .vduse_api = 1,
			   .header = HEADER,
			   .kernel = "linux 7.3.4",
			   .kvm = "kvm_amd"};
	ses = (struct session){.env = &env, .planned = 1, .repeats = 1};
	result = (struct row_result){.row = row_named("vduse/hole/readable-at-cvq"),
				     .repeat = 1,
				     .control = control,
				     .controls = 3,
				     .ns = 1234567890};
	memset(control, 0, sizeof(control));
	result.isolated = (struct run){.as_isolated = true};
	result.isolated.finding = (struct finding){.verdict = VERDICT_HELD,
						   .reason = "refused: no translation in ASID 0"};
	result.isolated.ev.end = END_COMPLETE;
	for (int i = 0; i < 3; i++) {
		static const char *const name[] = {"merge-asid", "no-asid-ack", "ignore-group"};

		result.control[i].brk = name[i];
		result.control[i].finding = (struct finding){.verdict = VERDICT_BREACHED,
							     .saw = SAW_SECRET | SAW_REACH,
							     .reason = "secret read"};
		result.control[i].ev.end = END_COMPLETE;
	}
	text = NULL;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(text);
	return 0;
}

static void breach(void)
{
	result.isolated.finding =
	    (struct finding){.verdict = VERDICT_BREACHED, .reason = "arena changed"};
}

static struct summary judged(void)
{
	struct summary s = {.ns = 6200000000};

	result_judge(&result, ses.brk || ses.no_controls);
	summary_add(&s, &result);
	return s;
}

/* ---- people ---- */

static void human(const struct summary *s, const struct row_result *bad, const char *out)
{
	FILE *f = to_text();

	human_begin(f, &ses);
	human_row(f, &ses, &result);
	human_end(f, &ses, s, bad, out);
	fclose(f);
}

static void test_human_pass(void **state)
{
	struct summary s = judged();

	(void)state;
	human(&s, NULL, NULL);
	assert_string_equal(
	    text,
	    HEADER "\n"
		   " PASS  vduse/hole/readable-at-cvq         refused: no translation in ASID 0    "
		   " controls "
		   "merge-asid, no-asid-ack, ignore-group: secret read\n"
		   "1 rows, 1 held, 0 breached; 0 attempts; 3 of 3 controls succeeded; 6.2 s\n"
		   "not claimed: " NOT_CLAIMED "\n");
}

static void test_human_fail(void **state)
{
	(void)state;
	breach();
	result.control[1].finding =
	    (struct finding){.verdict = VERDICT_NOT_TESTED, .reason = "not shown: secret read"};
	struct summary s = judged();
	human(&s, &result, "out/latest");
	assert_string_equal(
	    text,
	    HEADER "\n"
		   " FAIL  vduse/hole/readable-at-cvq         arena changed                        "
		   " controls "
		   "merge-asid, ignore-group: secret read; control no-asid-ack did NOT succeed\n"
		   "1 rows, 0 held, 1 breached; 0 attempts; 2 of 3 controls succeeded; 6.2 s — "
		   "out/latest\n"
		   "not claimed: " NOT_CLAIMED "\n"
		   "again: ringfence lab prove --filter 'vduse/hole/readable-at-cvq' -v\n");
}

static void test_human_not_tested(void **state)
{
	(void)state;
	result.control[2].finding =
	    (struct finding){.verdict = VERDICT_NOT_TESTED, .reason = "not shown: secret read"};
	struct summary s = judged();
	human(&s, &result, NULL);
	assert_non_null(strstr(
	    text, " FAIL  vduse/hole/readable-at-cvq         not tested: control ignore-group: not "
		  "shown: secret read  controls merge-asid, no-asid-ack: secret read; control "
		  "ignore-group did NOT succeed\n"));
	assert_non_null(
	    strstr(text, "1 rows, 0 held, 0 breached, 1 not tested; 0 attempts; 2 of 3 controls"));
}

static void test_human_one_control(void **state)
{
	(void)state;
	result.controls = 1;
	struct summary s = judged();
	human(&s, NULL, NULL);
	assert_non_null(strstr(text, "  control merge-asid: secret read\n"));
}

static void test_second_try_is_told(void **state)
{
	(void)state;
	result.isolated.tries = result.control[1].tries = 2;
	struct summary s = judged();
	human(&s, NULL, NULL);
	assert_non_null(
	    strstr(text, "  refused: no translation in ASID 0 (second try)  controls merge-asid, "
			 "no-asid-ack (second try), ignore-group: secret read\n"));
}

static void test_human_break_shouts(void **state)
{
	(void)state;
	ses.brk = "merge-asid";
	ses.full = true;
	env.stock = true;
	result.controls = 0;
	breach();
	struct summary s = judged();
	human(&s, &result, NULL);
	assert_non_null(strstr(text, STOCK "\n"));
	assert_non_null(strstr(text, "BROKEN ON PURPOSE: merge-asid ("));
	assert_non_null(strstr(text, "1 rows, 0 held, 1 breached; 0 attempts; 6.2 s\n"));
	assert_non_null(strstr(text, "again: ringfence lab prove --stock --full --filter "
				     "'vduse/hole/readable-at-cvq' --break merge-asid -v\n"));
	assert_null(strstr(text, "unnoticed"));
}

static void test_human_break_unnoticed(void **state)
{
	(void)state;
	ses.brk = "memslot";
	result.controls = 0;
	struct summary s = judged();
	human(&s, NULL, NULL);
	assert_non_null(strstr(text, "break memslot went unnoticed"));
}

static void test_human_colors(void **state)
{
	struct summary s = judged();

	(void)state;
	human(&s, NULL, NULL);
	assert_null(strchr(text, 27));
	free(text);
	ses.color = true;
	human(&s, NULL, NULL);
	assert_non_null(strstr(text, " \033[32mPASS\033[0m  vduse"));
}

static void test_human_stopped_and_repeated(void **state)
{
	struct summary s = judged();

	(void)state;
	ses.planned = 6;
	ses.repeats = 3;
	result.repeat = 2;
	s.stopped = STOPPED_BY_SIGNAL;
	human(&s, NULL, NULL);
	assert_non_null(strstr(text, "vduse/hole/readable-at-cvq (2 of 3)  "));
	assert_non_null(strstr(text, "interrupted: 5 of 6 rows were not finished\n"));
}

/* ---- TAP ---- */

static void tap(const struct summary *s)
{
	FILE *f = to_text();

	tap_begin(f, &ses);
	tap_plan(f, &ses);
	tap_row(f, &ses, 1, &result);
	tap_end(f, &ses, s);
	fclose(f);
}

static void test_tap(void **state)
{
	struct summary s = judged();

	(void)state;
	env.stock = true;
	tap(&s);
	assert_string_equal(
	    text,
	    "TAP version 13\n# " HEADER "\n# " STOCK "\n# not claimed: " NOT_CLAIMED "\n1..1\n"
	    "ok 1 vduse/hole/readable-at-cvq # time=1234ms\n"
	    "# held: refused: no translation in ASID 0; controls merge-asid, no-asid-ack, "
	    "ignore-group: secret read\n"
	    "# 1 rows, 1 held, 0 breached; 0 attempts; 3 of 3 controls succeeded; "
	    "6.2 s\n");
}

/* Each line is a comment, the version, the plan, a result or a bail-out: a reason cannot make
 * another. */
static void check_tap_lines(void)
{
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		bool fine = line[0] == '#' || !strcmp(line, "TAP version 13") ||
			    !strncmp(line, "1..", 3) || !strncmp(line, "ok 1 ", 5) ||
			    !strncmp(line, "not ok 1 ", 9) || !strncmp(line, "Bail out!", 9);
		if (!fine)
			fail_msg("%s", line);
	}
}

static void test_tap_fail(void **state)
{
	(void)state;
	ses.brk = "ignore-group";
	result.controls = 0;
	breach();
	snprintf(result.isolated.finding.reason, sizeof(result.isolated.finding.reason),
		 "a\nok 2 b # SKIP");
	struct summary s = judged();
	s.stopped = STOPPED_BY_TIME;
	tap(&s);
	assert_non_null(strstr(
	    text,
	    "\nnot ok 1 vduse/hole/readable-at-cvq # time=1234ms\n# breached: a ok 2 b # SKIP\n"));
	assert_non_null(strstr(text, "\n# BROKEN ON PURPOSE: ignore-group ("));
	assert_non_null(strstr(text, "\nBail out! out of time\n"));
	check_tap_lines();
}

/* A row that cannot run here is neither good nor bad, and is told by name. */
static void test_skipped_row(void **state)
{
	(void)state;
	result.isolated.finding =
	    (struct finding){.verdict = VERDICT_SKIPPED, .reason = "no vdpa_sim_net #1"};
	struct summary s = judged();
	tap(&s);
	assert_non_null(
	    strstr(text, "\nok 1 vduse/hole/readable-at-cvq # SKIP no vdpa_sim_net  1\n"));
	assert_non_null(
	    strstr(text, "\n# 1 rows, 0 held, 0 breached, 1 skipped; 0 attempts; 0 of 0 controls"));
	free(text);
	human(&s, NULL, NULL);
	assert_non_null(
	    strstr(text, " SKIP  vduse/hole/readable-at-cvq         no vdpa_sim_net #1"));
}

static void test_tap_skip(void **state)
{
	FILE *f = to_text();

	(void)state;
	tap_skip(f, "open(/dev/kvm): #1\nno", false);
	fclose(f);
	assert_string_equal(text, "1..1\nok 1 prove # SKIP open(/dev/kvm):  1 no\n");
	free(text);
	f = to_text();
	tap_skip(f, "no /dev/kvm", true);
	fclose(f);
	assert_string_equal(text, "1..1\nnot ok 1 prove\n# nothing can run here: no /dev/kvm\n");
}

/* ---- JSON, JUnit ---- */

static const char *string(const json_t *j, const char *a, const char *b)
{
	const json_t *inner = b ? json_object_get(j, a) : j;

	return json_string_value(json_object_get(inner, b ? b : a));
}

static void test_json(void **state)
{
	const struct row_result *rows[] = {&result};
	struct summary s = judged();
	FILE *f = to_text();

	(void)state;
	env.stock = true;
	/* Text from a log may be anything; it must not take the row with it. */
	snprintf(result.isolated.finding.reason, sizeof(result.isolated.finding.reason),
		 "\xff\xfe");
	json_write(f, &ses, rows, 1, &s, NULL, 0);
	fclose(f);
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	assert_int_equal(json_integer_value(json_object_get(j, "schema")), 2);
	assert_string_equal(string(j, "header", NULL), HEADER);
	assert_string_equal(string(j, "not_claimed", NULL), NOT_CLAIMED);
	assert_string_equal(string(j, "stock_note", NULL), STOCK);
	assert_true(json_is_null(json_object_get(j, "broken_on_purpose")));
	assert_string_equal(string(j, "environment", "kernel"), "linux 7.3.4");
	json_t *r = json_array_get(json_object_get(j, "rows"), 0);
	assert_string_equal(string(r, "name", NULL), "vduse/hole/readable-at-cvq");
	assert_string_equal(string(r, "verdict", NULL), "held");
	assert_string_equal(string(r, "run", "reason"), "(not UTF-8)");
	assert_string_equal(string(r, "run", "configuration"), "isolated");
	json_t *c = json_array_get(json_object_get(r, "controls"), 2);
	assert_string_equal(string(c, "configuration", NULL), "ignore-group");
	assert_true(json_is_true(json_object_get(c, "succeeded")));
	assert_string_equal(string(c, "evidence", "end"), "complete");
	assert_int_equal(json_array_size(json_object_get(c, "saw")), 2);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "summary"), "held")),
			 1);
	json_decref(j);
}

static void test_json_skip(void **state)
{
	struct summary s = {0};
	FILE *f = to_text();

	(void)state;
	ses.brk = "memslot";
	json_write(f, &ses, NULL, 0, &s, "no /dev/kvm", 4);
	fclose(f);
	json_t *j = json_loads(text, 0, NULL);
	assert_non_null(j);
	assert_string_equal(string(j, "skip", NULL), "no /dev/kvm");
	assert_string_equal(string(j, "broken_on_purpose", NULL), "memslot");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "summary"), "exit")),
			 4);
	json_decref(j);
}

static void test_junit(void **state)
{
	const struct row_result *rows[] = {&result};

	(void)state;
	breach();
	snprintf(result.isolated.finding.reason, sizeof(result.isolated.finding.reason), "<&\">");
	struct summary s = judged();
	FILE *f = to_text();
	junit_write(f, &ses, rows, 1, &s, NULL);
	fclose(f);
	assert_non_null(strstr(text, "tests=\"1\" failures=\"1\" skipped=\"0\" time=\"6.200\""));
	assert_non_null(strstr(text, "<property name=\"header\" value=\"" HEADER "\"/>"));
	assert_non_null(strstr(
	    text, "<testcase classname=\"ringfence.prove\" name=\"vduse/hole/readable-at-cvq\" "
		  "time=\"1.235\"><failure type=\"breached\" message=\"&lt;&amp;&quot;&gt;\"/>"));
	free(text);
	f = to_text();
	s = (struct summary){0};
	junit_write(f, &ses, rows, 0, &s, "no /dev/kvm");
	fclose(f);
	assert_non_null(strstr(text, "tests=\"1\" failures=\"0\" skipped=\"1\""));
	assert_non_null(strstr(text, "<skipped message=\"no /dev/kvm\"/>"));
}

static void test_counting(void **state)
{
	struct summary s = {0};

	(void)state;
	for (enum verdict v = VERDICT_HELD; v <= VERDICT_SKIPPED; v++) {
		for (unsigned n = 0; n < 2 + v; n++) {
			result.finding.verdict = v;
			summary_add(&s, &result);
		}
	}
	assert_int_equal(s.rows, 2 + 3 + 4 + 5 + 6);
	assert_int_equal(s.skipped, 6);
	assert_int_equal(s.held, 2);
	assert_int_equal(s.breached, 3);
	assert_int_equal(s.not_tested, 4);
	assert_int_equal(s.failed, 5);
	assert_int_equal(s.controls, 3 * (s.rows - s.skipped));
	assert_int_equal(s.controls_shown, 3 * (s.rows - s.skipped));
}

/* ---- the exit code ---- */

static void test_exit(void **state)
{
	struct summary s = {.rows = 1, .held = 1};

	(void)state;
	assert_int_equal(summary_exit(&s, &ses, false), 0);
	ses.planned = 2;
	assert_int_equal(summary_exit(&s, &ses, false), 1); /* a row that was not told */
	ses.planned = 0;
	s = (struct summary){0};
	assert_int_equal(summary_exit(&s, &ses, false), 1); /* nothing run is nothing held */
	ses.planned = 2;
	for (int v = 0; v < 3; v++) {
		s = (struct summary){.rows = 2,
				     .held = 1,
				     .breached = v == 0,
				     .not_tested = v == 1,
				     .failed = v == 2};
		assert_int_equal(summary_exit(&s, &ses, false), 1);
	}
	s = (struct summary){.rows = 2, .held = 1, .skipped = 1};
	assert_int_equal(summary_exit(&s, &ses, false), 0);
	assert_int_equal(summary_exit(&s, &ses, true), 1);
	s.held_in_process = 1; /* all that needed the kernel was skipped */
	assert_int_equal(summary_exit(&s, &ses, false), 4);
	s = (struct summary){.rows = 2, .skipped = 2};
	assert_int_equal(summary_exit(&s, &ses, false), 4);
	ses.no_controls = true;
	s = (struct summary){.rows = 2, .held = 2};
	assert_int_equal(summary_exit(&s, &ses, false), 70);
	s = (struct summary){.rows = 2, .held = 1, .failed = 1};
	assert_int_equal(summary_exit(&s, &ses, false), 1);
	s.stopped = STOPPED_BY_TIME;
	assert_int_equal(summary_exit(&s, &ses, false), 124);
	s = (struct summary){.rows = 2, .held = 2, .stopped = STOPPED_BY_SIGNAL};
	assert_int_equal(summary_exit(&s, &ses, false), 130);
}

static void test_exit_break(void **state)
{
	struct summary s = {.rows = 2, .held = 2};

	(void)state;
	ses.brk = "merge-asid";
	ses.planned = 2;
	assert_int_equal(summary_exit(&s, &ses, false),
			 70); /* unnoticed: never 0, and not what a test waits for */
	s = (struct summary){.rows = 2, .failed = 2};
	assert_int_equal(summary_exit(&s, &ses, false), 70);
	s = (struct summary){.rows = 2, .held = 1, .breached = 1};
	assert_int_equal(summary_exit(&s, &ses, false), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_human_pass),
	    TEST(test_human_fail),
	    TEST(test_human_not_tested),
	    TEST(test_human_one_control),
	    TEST(test_second_try_is_told),
	    TEST(test_human_break_shouts),
	    TEST(test_human_break_unnoticed),
	    TEST(test_human_colors),
	    TEST(test_human_stopped_and_repeated),
	    TEST(test_tap),
	    TEST(test_tap_fail),
	    TEST(test_tap_skip),
	    TEST(test_skipped_row),
	    TEST(test_json),
	    TEST(test_json_skip),
	    TEST(test_junit),
	    TEST(test_counting),
	    TEST(test_exit),
	    TEST(test_exit_break),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
