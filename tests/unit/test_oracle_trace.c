/* SPDX-License-Identifier: MIT */
/*
 * The trace oracle on made-up traces. Built with tests/isolation/{oracle_trace,evidence}.c, linked
 * with jansson.
 */
#include "test.h"

#include "../isolation/oracle.h"

#include <stdlib.h>

#define RAM 11
#define READABLE 12
#define WRITABLE 13

static struct evidence fresh(void)
{
	return (struct evidence){
	    .hello_seen = true,
	    .hello = {.ram_size = 32 << 20,
		      .arena_iova = 0x40000000,
		      .cvq_index = 2,
		      .cvq_asid = 1},
	    .arena = {.ram_ino = RAM, .readable_ino = READABLE, .writable_ino = WRITABLE},
	};
}

static void add(struct evidence *ev, uint32_t queue, uint64_t address, uint64_t from, uint64_t to)
{
	struct attempt *at = evidence_next(ev);

	assert_non_null(at);
	at->mark = (struct report_mark){.queue = queue, .address = address, .length = 64};
	at->from_ns = from;
	at->to_ns = to;
	ev->attempts++;
}

static void judge(struct evidence *ev, const char *text)
{
	FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	assert_non_null(f);
	oracle_trace(ev, f);
	fclose(f);
}

#define LINE(t, q, asid, iova, dir, ino, ok)                                                       \
	"{\"t\":" #t ",\"ev\":\"translate\",\"q\":" #q ",\"group\":0,\"asid\":" #asid              \
	",\"iova\":\"" #iova "\",\"len\":16,\"dir\":\"" dir "\",\"ino\":" #ino ",\"ok\":" #ok      \
	"}\n"
#define END "{\"t\":99,\"ev\":\"end\"}\n"

static uint64_t strays(const struct trace_finding *t)
{
	return t->data_in_arena.count + t->data_elsewhere.count + t->data_in_cvq_asid.count +
	       t->cvq_outside.count + t->cvq_wrong_asid.count;
}

static void test_clean(void **state)
{
	struct evidence ev = fresh();

	(void)state;
	judge(&ev,
	      LINE(1, 0, 0, 0x1000, "r", 11, true) LINE(2, 1, 0, 0x2000, "w", 11, true)
		  LINE(3, 2, 1, 0x40000000, "r", 12, true) LINE(4, 2, 1, 0x40004000, "w", 13, true)
		      LINE(5, 2, 1, 0x40004000, "r", 13, true)
			  LINE(6, 0, 0, 0x40000000, "r", 0, false) END);
	assert_true(ev.trace.read && ev.trace.ended && !ev.trace.overflow);
	assert_int_equal(ev.trace.bad_line, 0);
	assert_int_equal(strays(&ev.trace), 0);
	assert_int_equal(ev.trace.data_ok, 2);
	assert_int_equal(ev.trace.cvq_ok, 3);
	assert_int_equal(ev.trace.refused, 1);
	judge(&ev, LINE(7, 0, 0, 0x40000000, "r", 0, false)
		       LINE(8, 65535, 4294967295, 0x1000, "r", 11, true));
	assert_int_equal(ev.trace.refused, 2);
	assert_int_equal(ev.trace.bad_line, 0);
}

/* Without the VMM's hello nobody knows which queue is the CVQ: nothing can be said of anyone. */
static void test_without_hello(void **state)
{
	struct evidence ev = {0};

	(void)state;
	judge(&ev, LINE(1, 0, 0, 0x1000, "r", 11, true) LINE(2, 1, 0, 0x2000, "w", 11, true) END);
	assert_int_equal(strays(&ev.trace), 0);
	assert_true(ev.trace.read && ev.trace.ended);
}

static void test_strays(void **state)
{
	static const struct {
		const char *line;
		size_t stray;
	} cases[] = {
	    {LINE(1, 0, 0, 0x40000000, "r", 12, true),
	     offsetof(struct trace_finding, data_in_arena)},
	    {LINE(1, 1, 0, 0x40004000, "w", 13, true),
	     offsetof(struct trace_finding, data_in_arena)},
	    {LINE(1, 1, 0, 0x5000, "r", 77, true), offsetof(struct trace_finding, data_elsewhere)},
	    {LINE(1, 0, 1, 0x5000, "r", 11, true),
	     offsetof(struct trace_finding, data_in_cvq_asid)},
	    {LINE(1, 0, 1, 0x5000, "r", 0, false),
	     offsetof(struct trace_finding, data_in_cvq_asid)},
	    {LINE(1, 2, 1, 0x5000, "r", 11, true), offsetof(struct trace_finding, cvq_outside)},
	    {LINE(1, 2, 1, 0x40000000, "w", 12, true), offsetof(struct trace_finding, cvq_outside)},
	    {LINE(1, 2, 0, 0x40000000, "r", 12, true),
	     offsetof(struct trace_finding, cvq_wrong_asid)},
	    {LINE(1, 2, 0, 0x40000000, "r", 0, false),
	     offsetof(struct trace_finding, cvq_wrong_asid)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct evidence ev = fresh();
		const struct stray *s;

		judge(&ev, cases[i].line);
		s = (const struct stray *)(const void *)((const char *)&ev.trace + cases[i].stray);
		assert_int_equal(strays(&ev.trace), 1);
		assert_int_equal(s->count, 1);
		assert_true(s->iova == 0x5000 || s->iova >= 0x40000000);
	}
}

static void test_first_stray_is_kept(void **state)
{
	struct evidence ev = fresh();

	(void)state;
	judge(&ev,
	      LINE(1, 1, 0, 0x40000010, "r", 12, true) LINE(2, 0, 0, 0x40000020, "r", 12, true));
	assert_int_equal(ev.trace.data_in_arena.count, 2);
	assert_int_equal(ev.trace.data_in_arena.queue, 1);
	assert_int_equal(ev.trace.data_in_arena.iova, 0x40000010);
}

static void test_attempts(void **state)
{
	struct evidence ev = fresh();

	(void)state;
	add(&ev, 0, 0x40000000, 100, 200);
	add(&ev, 1, 0x40000000, 300, 400);
	judge(&ev, LINE(90, 0, 0, 0x40000030, "r", 0, false) /* before BEGIN: while it was set up */
	      LINE(95, 0, 0, 0x40000000, "r", 11, true)
		  LINE(150, 0, 0, 0x3ffffff8, "r", 0, false) /* into it from below */
	      LINE(150, 0, 0, 0x40000040, "r", 0, false)     /* just behind it */
	      LINE(150, 0, 0, 0x3ffffff0, "r", 0, false)     /* just before it */
	      LINE(150, 1, 0, 0x40000000, "r", 0, false)     /* another queue */
	      LINE(200, 0, 0, 0x40000000, "r", 11, true)     /* at its very end */
	      LINE(201, 1, 0, 0x40000000, "w", 13, true)     /* the next one, set up */
	      LINE(200, 1, 0, 0x40000000, "r", 11, true) LINE(202, 1, 0, 0x40000000, "w", 13, true)
		  LINE(350, 0, 0, 0x40000000, "r", 0, false)   /* the first one's, but too late */
	      LINE(401, 1, 0, 0x40000000, "r", 0, false) END); /* after all */
	assert_int_equal(ev.attempt[0].aimed_refused, 2);
	assert_int_equal(ev.attempt[0].aimed_ram, 2);
	assert_int_equal(ev.attempt[0].aimed_arena, 0);
	assert_int_equal(ev.attempt[1].aimed_refused, 0);
	assert_int_equal(ev.attempt[1].aimed_arena, 2);
	assert_int_equal(ev.attempt[1].aimed_ram, 0);
	assert_false(ev.attempt[0].busy);
	evidence_free(&ev);
}

static void test_edges_of_64_bits(void **state)
{
	struct evidence ev = fresh();

	(void)state;
	add(&ev, 0, 0xffffffffffffffe0, 100, 200);
	judge(&ev,
	      LINE(150, 0, 0, 0xfffffffffffffff8, "r", 0, false) LINE(150, 0, 0, 0x0, "r", 0, false)
		  LINE(150, 0, 0, 0xffffffffffffffd0, "r", 0, false));
	assert_int_equal(ev.attempt[0].aimed_refused, 1);
	evidence_free(&ev);
}

static void test_no_length_meets_nothing(void **state)
{
	struct evidence ev = fresh();

	(void)state;
	add(&ev, 0, 0x40000000, 100, 200);
	judge(
	    &ev,
	    "{\"t\":150,\"ev\":\"translate\",\"q\":0,\"asid\":0,\"iova\":\"0x40000010\",\"len\":0,"
	    "\"dir\":\"r\",\"ino\":0,\"ok\":false}\n");
	ev.attempt[0].mark.length = 0;
	judge(&ev, LINE(150, 0, 0, 0x3ffffff8, "r", 0, false));
	assert_int_equal(ev.attempt[0].aimed_refused, 0);
	assert_int_equal(ev.trace.refused, 2);
	evidence_free(&ev);
}

static void test_busy(void **state)
{
	static const char *const lines[] = {
	    "{\"t\":150,\"ev\":\"status\",\"status\":15}\n",
	    "{\"t\":150,\"ev\":\"reset\"}\n",
	    LINE(150, 2, 1, 0x40000000, "r", 12, true),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct evidence ev = fresh();

		add(&ev, 0, 0x40000000, 10, 90);
		add(&ev, 0, 0x40000000, 100, 200);
		add(&ev, 0, 0x40000000, 300, 400);
		judge(&ev, lines[i]);
		assert_false(ev.attempt[0].busy);
		assert_true(ev.attempt[1].busy);
		assert_false(ev.attempt[2].busy);
		judge(&ev,
		      "{\"t\":500,\"ev\":\"reset\"}\n" LINE(501, 2, 1, 0x40000000, "r", 12, true));
		assert_true(ev.attempt[1].busy); /* what comes later takes nothing back */
		judge(&ev, "{\"t\":10,\"ev\":\"reset\"}\n{\"t\":400,\"ev\":\"reset\"}\n");
		assert_true(ev.attempt[0].busy && ev.attempt[2].busy); /* edges count */
		assert_int_equal(ev.trace.bad_line, 0);
		evidence_free(&ev);
	}
}

static void test_bad_chain(void **state)
{
	struct evidence ev = fresh();

	(void)state;
	add(&ev, 0, 0x40000000, 100, 200);
	judge(&ev, "{\"t\":150,\"ev\":\"bad\",\"q\":0,\"why\":\"readable\"}\n"
		   "{\"t\":150,\"ev\":\"bad\",\"q\":1,\"why\":\"readable\"}\n"
		   "{\"t\":160,\"ev\":\"bad\",\"q\":0,\"why\":\"readable\"}\n"
		   "{\"t\":250,\"ev\":\"bad\",\"q\":0,\"why\":\"readable\"}\n");
	assert_int_equal(ev.trace.bad_line, 0);
	assert_int_equal(ev.attempt[0].chains_refused, 2);
	evidence_free(&ev);
}

/* A translation that lacks any one of its members is none. */
#define CVQ(t, class, cmd, len)                                                                    \
	"{\"t\":" #t ",\"ev\":\"cvq\",\"class\":" #class ",\"cmd\":" #cmd ",\"len\":" #len         \
							 ",\"ack\":0}\n"

static void test_commands(void **state)
{
	static const char *const odd[] = {CVQ(1, 127, 1, 8), CVQ(1, 1, 0, 8),	CVQ(1, 1, 1, 7),
					  CVQ(1, 1, 1, 9),   CVQ(1, 0, 0, 2),	CVQ(1, 0, 0, 4),
					  CVQ(1, 0, 2, 3),   CVQ(1, 4, 0, 4),	CVQ(1, -1, -1, 0),
					  CVQ(1, -1, -1, 1), CVQ(1, 1, 257, 8), CVQ(1, 256, 0, 3)};
	struct evidence ev = fresh();

	(void)state;
	judge(&ev, CVQ(1, 0, 0, 3) CVQ(2, 0, 1, 3) CVQ(3, 1, 1, 8));
	assert_int_equal(ev.trace.odd.count, 0);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		ev = fresh();
		judge(&ev, odd[i]);
		assert_int_equal(ev.trace.odd.count, 1);
	}
	ev = fresh();
	judge(&ev, CVQ(1, 127, 3, 9) CVQ(1, 4, 0, 4));
	assert_int_equal(ev.trace.odd.count, 2);
	assert_int_equal(ev.trace.odd.class, 127);
	assert_int_equal(ev.trace.odd.code, 3);
	assert_int_equal(ev.trace.odd.len, 9);
	assert_int_equal(ev.trace.bad_line, 0);
	ev = fresh(); /* of a device with more pairs it is another matter */
	ev.hello.cvq_index = 8;
	judge(&ev, CVQ(1, 4, 0, 4) CVQ(1, 4, 0, 5) CVQ(1, 4, 1, 4));
	assert_int_equal(ev.trace.odd.count, 2);
	ev = fresh();
	judge(&ev, "{\"t\":1,\"ev\":\"cvq\",\"class\":1,\"len\":8}\n"); /* which command? */
	assert_int_equal(ev.trace.bad_line, 1);
}

#define TAKEN(t, q) "{\"t\":" #t ",\"ev\":\"taken\",\"q\":" #q "}\n"

/* What a device got that does not tell what it was. */
static void test_untold_commands(void **state)
{
	struct evidence ev = fresh();

	(void)state;
	add(&ev, 2, 0, 100, 200);
	judge(&ev, TAKEN(99, 2) TAKEN(100, 2) TAKEN(150, 0) TAKEN(200, 2) TAKEN(201, 2));
	assert_int_equal(ev.attempt[0].commands, 2);
	assert_int_equal(ev.trace.odd.count, 0);
	assert_int_equal(ev.trace.bad_line, 0);
	judge(&ev, "{\"t\":150,\"ev\":\"taken\"}\n"); /* by which queue? */
	assert_int_equal(ev.trace.bad_line, 1);
	evidence_free(&ev);
}

#define TAKES(t, features) "{\"t\":" #t ",\"ev\":\"features\",\"features\":\"" #features "\"}\n"
#define RESET(t) "{\"t\":" #t ",\"ev\":\"reset\"}\n"

static struct evidence four_pairs(void)
{
	struct evidence ev = fresh();

	ev.hello.cvq_index = 8;
	return ev;
}

/* Section 5.1.2: with MQ or RSS the CVQ comes after all pairs, and queue 2 is any other. */
static void test_the_cvq_moves_with_the_features(void **state)
{
	struct evidence ev = four_pairs();

	(void)state;
	judge(&ev,
	      TAKES(1, 0x100820020) LINE(2, 2, 1, 0x40000000, "r", 12, true)
		  LINE(3, 2, 1, 0x40004000, "w", 13, true) LINE(4, 1, 0, 0x2000, "w", 11, true)
		      RESET(5) TAKES(6, 0x100c20020) LINE(7, 2, 0, 0x2000, "w", 11, true)
			  LINE(8, 8, 1, 0x40000000, "r", 12, true) RESET(9)
			      TAKES(10, 0x1000000100820020) LINE(11, 2, 0, 0x2000, "w", 11, true)
				  LINE(12, 8, 1, 0x40000000, "r", 12, true) END);
	assert_int_equal(ev.trace.bad_line, 0);
	assert_int_equal(strays(&ev.trace), 0);
	assert_int_equal(ev.trace.data_ok, 3);
	assert_int_equal(ev.trace.cvq_ok, 4);
	assert_true(ev.trace.ended);
}

/* Each in the session where it is the other kind of queue: through the CVQ's ASID, and not. */
static void test_a_moved_cvq_strays(void **state)
{
	static const struct {
		const char *text;
		size_t stray;
	} cases[] = {
	    {TAKES(1, 0x100c20020) LINE(2, 2, 1, 0x2000, "r", 0, false),
	     offsetof(struct trace_finding, data_in_cvq_asid)},
	    {TAKES(1, 0x100c20020) LINE(2, 2, 0, 0x40000000, "r", 12, true),
	     offsetof(struct trace_finding, data_in_arena)},
	    {TAKES(1, 0x100820020) LINE(2, 8, 1, 0x2000, "r", 0, false),
	     offsetof(struct trace_finding, data_in_cvq_asid)},
	    {TAKES(1, 0x100820020) LINE(2, 2, 0, 0x40000000, "r", 0, false),
	     offsetof(struct trace_finding, cvq_wrong_asid)},
	    {TAKES(1, 0x100c20020) LINE(2, 8, 0, 0x40000000, "r", 0, false),
	     offsetof(struct trace_finding, cvq_wrong_asid)},
	    {TAKES(1, 0x100820020) LINE(2, 2, 1, 0x40000000, "w", 12, true),
	     offsetof(struct trace_finding, cvq_outside)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct evidence ev = four_pairs();
		const struct stray *s;

		judge(&ev, cases[i].text);
		s = (const struct stray *)(const void *)((const char *)&ev.trace + cases[i].stray);
		if (strays(&ev.trace) != 1 || s->count != 1)
			fail_msg("case %zu", i);
	}
}

/* Without MQ nobody may send VQ_PAIRS_SET, however many pairs there are. */
static void test_pairs_are_set_with_mq_alone(void **state)
{
	struct evidence ev = four_pairs();

	(void)state;
	judge(&ev, TAKES(1, 0x100c20020) CVQ(2, 4, 0, 4));
	assert_int_equal(ev.trace.odd.count, 0);
	judge(&ev, RESET(3) TAKES(4, 0x100820020) CVQ(5, 4, 0, 4));
	assert_int_equal(ev.trace.odd.count, 1);
}

/* What an attempt is told of where the CVQ was, then and in the last session that had a command. */
static void test_attempts_know_where_the_cvq_was(void **state)
{
	struct evidence ev = four_pairs();

	(void)state;
	add(&ev, 0, 0x40000000, 100, 200);
	add(&ev, 2, 0x40000000, 300, 400);
	add(&ev, 3, 0x40000000, 500, 600);
	add(&ev, 3, 0x40001000, 700, 800);
	judge(&ev,
	      TAKES(1, 0x100c20020) CVQ(2, 1, 1, 8) RESET(90) TAKES(91, 0x100820020)
		  CVQ(92, 1, 1, 8) LINE(150, 0, 0, 0x40000000, "r", 0, false) RESET(210) RESET(211)
		      TAKES(212, 0x100c20020) LINE(350, 2, 0, 0x40000000, "r", 0, false) RESET(410)
			  TAKES(411, 0x100c20020) LINE(550, 3, 0, 0x40000000, "r", 0, false)
			      CVQ(560, 1, 1, 8) RESET(610) TAKES(611, 0x100c20020)
				  LINE(750, 3, 0, 0x40000000, "r", 0, false) END);
	assert_int_equal(ev.attempt[0].cvq, 2);
	assert_int_equal(ev.attempt[0].cvq_before, 8);
	assert_int_equal(ev.attempt[1].cvq, 8);
	assert_int_equal(ev.attempt[1].cvq_before, 2);
	assert_int_equal(ev.attempt[2].cvq, 8);
	assert_int_equal(ev.attempt[2].cvq_before, 2); /* the one before this had no command */
	assert_int_equal(ev.attempt[3].cvq, 0);	       /* its aim was not seen */
	assert_int_equal(ev.trace.session.before, 8);
	evidence_free(&ev);
}

static void test_what_came_meanwhile(void **state)
{
	struct evidence ev = fresh();

	(void)state;
	add(&ev, 2, 0, 10, 20);
	add(&ev, 2, 0, 30, 40);
	judge(&ev,
	      CVQ(9, 1, 1, 8)
		  CVQ(10, 1, 1, 8) "{\"t\":15,\"ev\":\"reset\"}\n"
				   "{\"t\":16,\"ev\":\"status\",\"status\":15}\n" CVQ(20, 0, 0, 3)
				       CVQ(21, 1, 1, 8)
					   CVQ(35, 127, 1, 8) "{\"t\":41,\"ev\":\"reset\"}\n");
	assert_int_equal(ev.attempt[0].commands, 2);
	assert_int_equal(ev.attempt[0].resets, 1); /* a status is none */
	assert_int_equal(ev.attempt[1].commands, 1);
	assert_int_equal(ev.attempt[1].resets, 0);
	evidence_free(&ev);
}

/* What an attempt on the CVQ names are the guest's addresses, not the device's. */
static void test_the_cvq_aims_at_nothing(void **state)
{
	struct evidence ev = fresh();

	(void)state;
	add(&ev, 2, 0x40000000, 0, 10);
	judge(&ev,
	      LINE(1, 2, 1, 0x40000000, "r", 12, true) LINE(2, 2, 1, 0x40000000, "r", 0, false));
	assert_true(ev.attempt[0].busy);
	assert_int_equal(
	    ev.attempt[0].aimed_arena + ev.attempt[0].aimed_refused + ev.attempt[0].aimed_ram, 0);
	evidence_free(&ev);
}

static void test_sweeps(void **state)
{
	struct evidence ev = fresh();

	(void)state;
	add(&ev, 1, 0, 10, 20);
	ev.attempt[0].mark.shape = SHAPE_SWEEP;
	ev.attempt[0].mark.length = UINT64_MAX;
	add(&ev, 1, 0x10000000000, 20, 30);			    /* no sweep */
	judge(&ev, LINE(9, 1, 0, 0x8000000000000000, "r", 0, false) /* too early, */
	      LINE(11, 0, 0, 0x8000000000000000, "r", 0, false)	    /* another queue's, */
	      LINE(12, 1, 0, 0x8000000000000000, "r", 0, false)	    /* this one, */
	      LINE(13, 1, 0, 0x8000000000000001, "r", 11, true)	    /* these, */
	      LINE(14, 1, 0, 0x7fffffffffffffff, "r", 0, false)	    /* */
	      LINE(15, 1, 0, 0x7ffffffffffffffe, "r", 0, false)	    /* none, */
	      LINE(16, 1, 0, 0x0, "r", 11, true)		    /* 2^0 - 1, */
	      LINE(17, 1, 0, 0x2, "r", 11, true)		    /* 2^0 + 1 and 2^1, */
	      LINE(18, 1, 0, 0x40005000, "r", 0, false)		    /* and a page of the arena */
	      LINE(19, 1, 0, 0x40004010, "r", 0, false)
		  LINE(21, 1, 0, 0x10000000000, "r", 0, false));
	assert_int_equal(ev.trace.swept[1][0], UINT64_C(1) << 63 | 1);
	assert_int_equal(ev.trace.swept[1][1], UINT64_C(1) << 63 | 2);
	assert_int_equal(ev.trace.swept[1][2], UINT64_C(1) << 63 | 1);
	assert_int_equal(ev.trace.swept[0][1], 0);
	assert_int_equal(ev.trace.swept_pages[1], 1u << 5);
	assert_int_equal(ev.attempt[0].aimed_refused, 6);
	evidence_free(&ev);
}

static void test_members(void **state)
{
	static const char *const members[] = {
	    "\"t\":1",	  "\"q\":0",	"\"asid\":0",	 "\"iova\":\"0x1000\"",
	    "\"len\":16", "\"ino\":11", "\"dir\":\"r\"", "\"ok\":true"};
	const size_t n = sizeof(members) / sizeof(members[0]);

	(void)state;
	for (size_t lacking = 0; lacking <= n; lacking++) {
		struct evidence ev = fresh();
		char line[300] = "{\"ev\":\"translate\"";

		for (size_t i = 0; i < n; i++) {
			if (i == lacking)
				continue;
			strcat(line, ",");
			strcat(line, members[i]);
		}
		strcat(line, "}\n");
		judge(&ev, line);
		assert_int_equal(ev.trace.bad_line, lacking < n);
	}
}

static ssize_t broken_read(void *cookie, char *buf, size_t len)
{
	(void)cookie;
	(void)buf;
	(void)len;
	return -1;
}

static void test_read_error(void **state)
{
	struct evidence ev = fresh();
	FILE *f = fopencookie(NULL, "r", (cookie_io_functions_t){.read = broken_read});

	(void)state;
	assert_non_null(f);
	oracle_trace(&ev, f);
	fclose(f);
	assert_int_equal(ev.trace.bad_line, 1);
}

static void test_nonsense(void **state)
{
	static const char *const lines[] = {
	    "hello\n",
	    "\n",
	    "{}\n",
	    "[1]\n",
	    "{\"ev\":1}\n",
	    "{\"ev\":\"x\",\"ev\":\"y\"}\n",
	    "{\"t\":1,\"ev\":\"en", /* cut off */
	    "{\"t\":1,\"ev\":\"end\"}",
	    "{\"ev\":\"reset\"}\n",
	    "{\"t\":-1,\"ev\":\"reset\"}\n",
	    "{\"t\":1,\"ev\":\"bad\"}\n",
	    "{\"t\":1,\"ev\":\"features\"}\n",
	    "{\"t\":1,\"ev\":\"features\",\"features\":4198400}\n",
	    "{\"t\":1,\"ev\":\"translate\"}\n",
	    LINE(1, 0, 0, 1000, "r", 11, true),
	    LINE(1, 0, 0, 0x, "r", 11, true),
	    LINE(1, 0, 0, 0x10g, "r", 11, true),
	    LINE(1, 0, 0, 0x1000, "x", 11, true),
	    LINE(1, 0, 0, 0x1000, "r", 11, 1),
	    LINE(1, -1, 0, 0x1000, "r", 11, true),
	    LINE(1, 65536, 0, 0x1000, "r", 11, true),
	    LINE(1.5, 0, 0, 0x1000, "r", 11, true),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct evidence ev = fresh();
		char text[600];

		snprintf(text, sizeof(text), "{\"t\":1,\"ev\":\"x\"}\n%s", lines[i]);
		judge(&ev, text);
		if (ev.trace.bad_line != 2)
			fail_msg("taken: %s", lines[i]);
	}
}

static void test_overflow_and_end(void **state)
{
	struct evidence ev = fresh();

	(void)state;
	judge(&ev, END LINE(1, 0, 0, 0x1000, "r", 11, true));
	assert_false(ev.trace.ended); /* an end that is not the last line is none */
	judge(&ev, "{\"t\":1,\"ev\":\"overflow\"}\n");
	assert_true(ev.trace.overflow);
	assert_false(ev.trace.ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clean),
	    cmocka_unit_test(test_no_length_meets_nothing),
	    cmocka_unit_test(test_members),
	    cmocka_unit_test(test_commands),
	    cmocka_unit_test(test_untold_commands),
	    cmocka_unit_test(test_the_cvq_moves_with_the_features),
	    cmocka_unit_test(test_a_moved_cvq_strays),
	    cmocka_unit_test(test_pairs_are_set_with_mq_alone),
	    cmocka_unit_test(test_attempts_know_where_the_cvq_was),
	    cmocka_unit_test(test_what_came_meanwhile),
	    cmocka_unit_test(test_the_cvq_aims_at_nothing),
	    cmocka_unit_test(test_sweeps),
	    cmocka_unit_test(test_read_error),
	    cmocka_unit_test(test_strays),
	    cmocka_unit_test(test_without_hello),
	    cmocka_unit_test(test_first_stray_is_kept),
	    cmocka_unit_test(test_attempts),
	    cmocka_unit_test(test_edges_of_64_bits),
	    cmocka_unit_test(test_busy),
	    cmocka_unit_test(test_bad_chain),
	    cmocka_unit_test(test_nonsense),
	    cmocka_unit_test(test_overflow_and_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
