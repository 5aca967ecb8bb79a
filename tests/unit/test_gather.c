/* SPDX-License-Identifier: MIT */
/*
 * What another lab has gathered: records that come whole, in pieces, twice, or that are none. Built
 * with tests/isolation/{gather,evidence}.c and vdpa/err.c.
 */
#include "test.h"

#include "../isolation/gather.h"

#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/test_gather.XXXXXX";

/* A record's bytes, as gather_write() makes them. */
struct bytes {
	char *at;
	size_t len;
};

static struct bytes record(const char *name, unsigned attempts, const struct evidence *like)
{
	struct bytes b = {0};
	struct attempt attempt[4] = {0};
	struct run run = {.tries = 2, .ev = like ? *like : (struct evidence){.end = END_COMPLETE}};
	FILE *f = open_memstream(&b.at, &b.len);

	for (unsigned i = 0; i < attempts; i++)
		attempt[i].secrets = 100 + i;
	run.ev.attempts = attempts;
	run.ev.attempt = attempt;
	run.ev.untraced = "what a reader knows himself";
	assert_int_equal(gather_write(f, name, &run), 0);
	fclose(f);
	return b;
}

static void append(const char *at, size_t len)
{
	FILE *f = fopen(path, "a");

	assert_int_equal(fwrite(at, 1, len, f), len);
	fclose(f);
}

static void open_anew(struct gather *g)
{
	struct err e = {0};

	unlink(path);
	assert_int_equal(gather_open(g, path, &e), 0);
}

static void test_comes_in_pieces(void **state)
{
	struct evidence ev = {.end = END_LATE, .detail = "late", .scan_stride = 7};
	struct bytes one = record("a 1 ", 3, &ev), two = record("b 1 merge-asid", 0, NULL);
	struct gather g;
	struct run run = {0};

	(void)state;
	open_anew(&g);
	assert_false(gather_take(&g, "a 1 ", &run)); /* nothing has come */
	for (size_t at = 0; at < one.len; at += 97) {
		assert_false(gather_take(&g, "a 1 ", &run));
		append(one.at + at, one.len - at < 97 ? one.len - at : 97);
	}
	append(two.at, two.len - 1);
	assert_true(gather_take(&g, "a 1 ", &run));
	assert_int_equal(run.tries, 2);
	assert_int_equal(run.ev.end, END_LATE);
	assert_string_equal(run.ev.detail, "late");
	assert_int_equal(run.ev.scan_stride, 7);
	assert_null(run.ev.untraced);
	assert_int_equal(run.ev.attempts, 3);
	assert_int_equal(run.ev.attempt[2].secrets, 102);
	evidence_free(&run.ev);

	assert_false(gather_take(&g, "a 1 ", &run)); /* given out once */
	assert_false(gather_take(&g, "b 1 merge-asid", &run));
	append(two.at + two.len - 1, 1);
	assert_true(gather_take(&g, "b 1 merge-asid", &run));
	assert_int_equal(g.taken, 2);
	assert_false(g.broken);
	evidence_free(&run.ev);
	gather_close(&g);
	free(one.at);
	free(two.at);
}

/* What is not taken is freed; names are whole. */
static void test_names(void **state)
{
	struct row_result row = {.row = {.name = "vduse/hole/used-at-cvq"}, .repeat = 3};
	struct run run = {.brk = "merge-asid"}, none = {0};
	char name[GATHER_NAME];
	struct gather g;

	(void)state;
	gather_name(name, &row, &run);
	struct bytes b = record(name, 1, NULL);
	open_anew(&g);
	append(b.at, b.len);
	append(b.at, b.len);
	gather_name(name, &row, &none);
	assert_false(gather_take(&g, name, &run));
	row.repeat = 2;
	gather_name(name, &row, &run);
	assert_false(gather_take(&g, name, &run));
	row.repeat = 3;
	gather_name(name, &row, &run);
	assert_true(gather_take(&g, name, &run));
	evidence_free(&run.ev);
	gather_close(&g);
	free(b.at);
}

static void spoil_magic(struct bytes *b)
{
	b->at[0] ^= 1;
}

/* Behind the magic: the two sizes, the attempts, the tries, the name. */
static void spoil_size(struct bytes *b)
{
	b->at[4] ^= 1;
}

static void spoil_attempts(struct bytes *b)
{
	b->at[14] = 1; /* 65536 and some */
}

static void spoil_tries(struct bytes *b)
{
	b->at[16] = 0;
}

static void spoil_name(struct bytes *b)
{
	memset(b->at + 20, 'x', GATHER_NAME);
}

static void spoil_end(struct bytes *b)
{
	b->at[20 + GATHER_NAME] = END_PROGRAM_DIED + 1;
}

static void spoil_not_run(struct bytes *b)
{
	b->at[20 + GATHER_NAME] = END_NOT_RUN;
}

static void spoil_text(struct bytes *b)
{
	memset(b->at + 20 + GATHER_NAME + offsetof(struct evidence, detail), 'x',
	       sizeof(((struct evidence *)0)->detail));
}

/* None of what follows a bad record is believed either. */
static void test_no_record(void **state)
{
	void (*const spoil[])(struct bytes *) = {spoil_magic,	spoil_size, spoil_attempts,
						 spoil_tries,	spoil_name, spoil_end,
						 spoil_not_run, spoil_text};

	(void)state;
	for (unsigned i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++) {
		struct bytes bad = record("a 1 ", 1, NULL), good = record("a 1 ", 1, NULL);
		struct gather g;
		struct run run = {0};

		spoil[i](&bad);
		open_anew(&g);
		append(bad.at, bad.len);
		append(good.at, good.len);
		assert_false(gather_take(&g, "a 1 ", &run));
		assert_true(g.broken);
		gather_close(&g);
		free(bad.at);
		free(good.at);
	}
}

static int make_path(void **state)
{
	(void)state;
	return mkstemp(path) < 0;
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_comes_in_pieces),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_no_record),
	};

	return cmocka_run_group_tests(tests, make_path, remove_path);
}
