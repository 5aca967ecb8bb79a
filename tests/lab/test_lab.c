/* SPDX-License-Identifier: MIT */
/* Unit tests of the launcher's pure parts: the console's judge, the wire, the options, where files
 * may land. */
#include "console.h"
#include "lab.h"
#include "mutant.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void console_knows_complaints(void **state)
{
	static const char *const bad[] = {
	    "[    1.234567] WARNING: kernel/sched/core.c:12 at foo+0x1/0x2, CPU#0: swapper/1",
	    "[    1.2][    T1] BUG: KASAN: slab-use-after-free in vduse_dev_release+0x1/0x2",
	    "[   12.000000] Oops: general protection fault, probably for non-canonical address",
	    "kernel BUG at mm/slub.c:300!",
	    "KASAN: null-ptr-deref in range [0x0000000000000008-0x000000000000000f]",
	    "[    9.0] UBSAN: array-index-out-of-bounds in x.c:1:2",
	    "[    9.0] WARNING: possible circular locking dependency detected",
	    "[   20.1] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
	    "[   20.1][   T77] BUG: sleeping function called from invalid context at mm/slab.h:1",
	    "[   20.1] INFO: possible recursive locking detected",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(console_judge(bad[i]), CONSOLE_COMPLAINT);
	assert_int_equal(
	    console_judge("[    1.0] Kernel panic - not syncing: Attempted to kill init!"),
	    CONSOLE_PANIC);
}

static void console_lets_the_rest_pass(void **state)
{
	static const char *const fine[] = {
	    "",
	    "[    0.000000] Linux version 7.3.4-ringfence",
	    "[    0.1] x86/cpu: no BUG: found here",
	    "[    0.1] the word WARNING: in the middle of a line",
	    "[unclosed WARNING:",
	    "ringfence-init: no virtio port named x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(*fine); i++)
		assert_int_equal(console_judge(fine[i]), CONSOLE_FINE);
}

/* Lines arrive in pieces, and may be longer than any buffer. */
static void console_joins_pieces(void **state)
{
	struct console c = {.log_fd = open("/dev/null", O_WRONLY | O_CLOEXEC)};
	char filler[2000];

	(void)state;
	memset(filler, 'x', sizeof(filler));
	console_feed(&c, "[ 1.0] WARN", 11);
	assert_int_equal(c.complaints, 0);
	console_feed(&c, "ING: a\r\n", 8);
	assert_int_equal(c.complaints, 1);
	assert_string_equal(c.first, "WARNING: a");
	console_feed(&c, filler, sizeof(filler));
	console_feed(&c, "\nKernel panic - not syncing: b\n", 31);
	assert_true(c.panicked);
	assert_string_equal(c.first, "Kernel panic - not syncing: b");
	close(c.log_fd);
}

#define WARN_IN(f) "[    2.0] WARNING: drivers/vdpa/x.c:1208 at " f "+0xba2/0xda0, CPU#1: x/57\n"
#define MARK(text) "[    1.9] ringfence-known: " text "\n"

/* How many complaints are left of what @text says while findings run. */
static unsigned complaints_in(const char *text, bool known, unsigned *announced)
{
	struct console c = {.log_fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .known = known};

	console_feed(&c, text, strlen(text));
	close(c.log_fd);
	*announced = c.expectations;
	return c.complaints;
}

static void console_lets_announced_warnings_pass(void **state)
{
	static const char good[] = MARK("k5 begins, may warn in bad_ioctl") WARN_IN("bad_ioctl");
	unsigned announced;

	(void)state;
	assert_int_equal(complaints_in(good, true, &announced), 0);
	assert_int_equal(announced, 1);
	assert_int_equal(complaints_in(good, false, &announced), 1);
	assert_int_equal(announced, 0);
	assert_int_equal(complaints_in(MARK("k5 begins, may warn in bad_ioctl")
					   WARN_IN("other_ioctl") WARN_IN("very_bad_ioctl")
					       WARN_IN("bad_ioctl_2"),
				       true, &announced),
			 3);
	assert_int_equal(complaints_in(MARK("k5 begins, may warn in bad_ioctl") MARK("k5 ends")
					   WARN_IN("bad_ioctl"),
				       true, &announced),
			 1);
	assert_int_equal(complaints_in(MARK("k5 begins, may warn in bad_ioctl") MARK("k6 begins")
					   WARN_IN("bad_ioctl"),
				       true, &announced),
			 1);
	assert_int_equal(
	    complaints_in(
		MARK("k5 begins, may warn in bad_ioctl") "[ 2.0] BUG: KASAN: use-after-free in "
							 "bad_ioctl+0x1/0x2\n",
		true, &announced),
	    1);
	assert_int_equal(announced, 0);
}

static void wire_carries_frames(void **state)
{
	static struct wire_in in;
	static char big[WIRE_MAX + 1];
	struct wire_frame f;
	int p[2];

	(void)state;
	memset(&in, 0, sizeof(in));
	assert_int_equal(pipe(p), 0);
	assert_int_equal(wire_send(p[1], WIRE_HELLO, "7.3.4", 5), 0);
	assert_int_equal(wire_send2(p[1], WIRE_STDOUT, "ab", 2, "cd", 2), 0);
	assert_int_equal(wire_send(p[1], WIRE_BYE, NULL, 0), 0);
	assert_int_equal(wire_send(p[1], WIRE_STDOUT, big, sizeof(big)), -E2BIG);
	assert_int_equal(wire_read(&in, p[0]), 1);
	assert_int_equal(wire_next(&in, &f), 1);
	assert_int_equal(f.type, WIRE_HELLO);
	assert_memory_equal(f.payload, "7.3.4", 5);
	assert_int_equal(wire_next(&in, &f), 1);
	assert_int_equal(f.len, 4);
	assert_memory_equal(f.payload, "abcd", 4);
	assert_int_equal(wire_next(&in, &f), 1);
	assert_int_equal(f.type, WIRE_BYE);
	assert_int_equal(wire_next(&in, &f), 0);
	close(p[1]);
	assert_int_equal(wire_read(&in, p[0]), 0);
	close(p[0]);
}

/* Half a frame is no frame; another protocol, an unknown type and a length out of bounds are none
 * of ours. */
static void wire_refuses_the_rest(void **state)
{
	static struct wire_in in;
	struct wire_frame f;
	struct wire_head head = {0x4c464e52u, WIRE_STDOUT, 8};

	(void)state;
	memcpy(in.buf, &head, sizeof(head));
	in.used = 0;
	in.have = sizeof(head) - 1;
	assert_int_equal(wire_next(&in, &f), 0);
	in.have = sizeof(head) + 7;
	assert_int_equal(wire_next(&in, &f), 0);
	head.len = WIRE_MAX + 1;
	memcpy(in.buf, &head, sizeof(head));
	assert_int_equal(wire_next(&in, &f), -EPROTO);
	head = (struct wire_head){0x4c464e52u, WIRE_GATHERED + 1, 0};
	memcpy(in.buf, &head, sizeof(head));
	assert_int_equal(wire_next(&in, &f), -EPROTO);
	memset(in.buf, 'x', sizeof(head));
	assert_int_equal(wire_next(&in, &f), -EPROTO);
}

#define PARSE(...) parse((char *[]){"ringfence-lab", __VA_ARGS__, NULL})

static struct lab_opts parsed;
static char *inner[32];

static int parse(char **argv)
{
	struct err e = {.kind = ERR_NONE};
	int argc = 0;

	while (argv[argc])
		argc++;
	return opts_parse(&parsed, argc, argv, inner, &e);
}

static void opts_take_ours_and_leave_the_rest(void **state)
{
	(void)state;
	assert_int_equal(PARSE("prove", "--filter", "x*", "--stock", "--timeout=2.5", "-v",
			       "--break", "merge-asid"),
			 0);
	assert_true(parsed.stock && parsed.verbose);
	assert_int_equal(parsed.seconds, 3);
	assert_int_equal(parsed.inners, 6);
	assert_string_equal(inner[0], "--filter");
	assert_string_equal(inner[2], "--timeout=2.5");
	assert_string_equal(inner[3], "-v");
	assert_string_equal(inner[5], "merge-asid");
	assert_true(opts_inner_has(&parsed, "--timeout"));
	assert_false(opts_inner_has(&parsed, "--time"));

	assert_int_equal(PARSE("exec", "--accel", "auto", "./prog", "--stock", "-v"), 0);
	assert_int_equal(parsed.accel, ACCEL_AUTO);
	assert_false(parsed.stock);
	assert_int_equal(parsed.inners, 3);

	assert_int_equal(PARSE("exec", "--take", "tree", "./prog", "--take", "x"), 0);
	assert_string_equal(parsed.take, "tree");
	assert_int_equal(parsed.inners, 3);

	assert_int_equal(PARSE("prove", "--kernel-source", "linux", "--junit", "j.xml"), 0);
	assert_null(parsed.kernel);
	assert_string_equal(parsed.kernel_source, "linux");
	assert_string_equal(parsed.junit, "j.xml");
	assert_int_equal(parsed.inners, 0);

	assert_int_equal(
	    PARSE("prove", "-v", "--timeout", "5", "--known", "--timeout=9", "--filter", "k5"), 0);
	assert_true(parsed.known);
	assert_int_equal(parsed.seconds, 9);
	assert_int_equal(parsed.inners, 2);
	assert_string_equal(inner[1], "k5");

	assert_int_equal(PARSE("mutants", "--list", "--filter", "x*", "--timeout", "9"), 0);
	assert_true(parsed.list);
	assert_string_equal(parsed.filter, "x*");
	assert_int_equal(parsed.seconds, 9);

	assert_int_equal(PARSE("prove", "--kasan", "--append", "a=b c", "--list"), 0);
	assert_true(parsed.kasan);
	assert_false(parsed.list);
	assert_string_equal(parsed.append, "a=b c");
	assert_int_equal(parsed.inners, 1);

	assert_int_equal(PARSE("run", "--", "--kernel", "guest.elf"), 0);
	assert_null(parsed.kernel);
	assert_int_equal(parsed.inners, 2);
}

static void opts_refuse(void **state)
{
	(void)state;
	assert_int_equal(PARSE("nonsense"), -EINVAL);
	assert_int_equal(PARSE("prove", "--kernel"), -EINVAL);
	assert_int_equal(PARSE("prove", "--stock", "--kernel", "x"), -EINVAL);
	assert_int_equal(PARSE("prove", "--accel", "hvf"), -EINVAL);
	assert_int_equal(PARSE("prove", "--timeout", "0"), -EINVAL);
	assert_int_equal(PARSE("prove", "--timeout", "nan"), -EINVAL);
	assert_int_equal(PARSE("prove", "--timeout", "1x"), -EINVAL);
	assert_int_equal(PARSE("status", "--what"), -EINVAL);
	assert_int_equal(PARSE("mutants", "--what"), -EINVAL);
	assert_int_equal(PARSE("prove", "--stock", "--kasan"), -EINVAL);
	assert_int_equal(PARSE("exec"), -EINVAL);
}

static int store(struct out *out, const char *path, uint32_t anew, const char *text)
{
	char frame[256];
	struct wire_file file = {.anew = anew, .path_len = (uint32_t)strlen(path)};

	memcpy(frame, &file, sizeof(file));
	memcpy(frame + sizeof(file), path, file.path_len);
	memcpy(frame + sizeof(file) + file.path_len, text, strlen(text));
	return out_store(out, frame, sizeof(file) + file.path_len + strlen(text));
}

static void assert_content(const struct out *out, const char *path, const char *text)
{
	char have[64] = "";
	int fd = openat(out->fd, path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, have, sizeof(have) - 1) >= 0);
	close(fd);
	assert_string_equal(have, text);
}

static void out_stays_in_its_directory(void **state)
{
	char dir[] = "/tmp/ringfence-lab-unit-XXXXXX";
	struct err e = {.kind = ERR_NONE};
	struct lab_opts o = {.command = LAB_EXEC};
	struct out out;

	(void)state;
	assert_non_null(mkdtemp(dir));
	o.out = dir;
	assert_int_equal(out_open(&out, &o, &e), 0);
	assert_int_equal(store(&out, "a/b.txt", 1, "one"), 0);
	assert_int_equal(store(&out, "a/b.txt", 0, "two"), 0);
	assert_content(&out, "a/b.txt", "onetwo");
	assert_int_equal(store(&out, "a/b.txt", 1, "new"), 0);
	assert_content(&out, "a/b.txt", "new");

	assert_int_equal(symlinkat("/tmp", out.fd, "link"), 0);
	assert_true(store(&out, "../escaped", 1, "x") < 0);
	assert_true(store(&out, "a/../../escaped", 1, "x") < 0);
	assert_true(store(&out, "/tmp/escaped", 1, "x") < 0);
	assert_true(store(&out, "link/escaped", 1, "x") < 0);
	assert_int_equal(symlinkat("a/b.txt", out.fd, "file-link"), 0);
	assert_true(store(&out, "file-link", 1, "x") < 0);
	assert_content(&out, "a/b.txt", "new");
	assert_true(store(&out, "", 1, "x") < 0);
	assert_true(out_store(&out, "x", 1) < 0);
	struct wire_file lying = {.anew = 1, .path_len = 4000};
	assert_true(out_store(&out, &lying, sizeof(lying)) < 0);

	out.temporary = true; /* so that it goes away */
	out_close(&out, false);
	assert_int_equal(access(dir, F_OK), -1);
}

static json_t *json_of(const char *text)
{
	json_t *j = json_loads(text, 0, NULL);

	assert_non_null(j);
	return j;
}

#define ROW(name, verdict, evidence)                                                               \
	"{\"name\":\"" name "\",\"verdict\":\"" verdict                                            \
	"\",\"reason\":\"because\",\"run\":{\"evidence\":{\"end\":" evidence "}}}"
#define EPISODE "\"complete\",\"steps\":{}"
#define PROGRAM "\"complete\",\"legal\":1"
#define RESULTS(planned, stopped, rows)                                                            \
	"{\"summary\":{\"planned\":" planned ",\"stopped\":\"" stopped "\"},\"rows\":[" rows "]}"
#define LAB(more) "{\"result\":{\"finished\":true" more "}}"

static const char base_results[] = RESULTS(
    "3", "no",
    ROW("a", "held", EPISODE) "," ROW("b", "held", PROGRAM) "," ROW("c", "skipped", EPISODE));

/* What is seen where @rows, two beside a skipped one, are all that a run tells. */
static enum mutant_seen seen_in(const char *results, const char *env, unsigned *by)
{
	json_t *base = json_of(base_results), *r = json_of(results), *lab = json_of(env);
	struct sight s;

	mutant_judge(&s, base, r, lab);
	if (by)
		*by = (unsigned)json_array_size(s.by);
	enum mutant_seen seen = s.seen;
	sight_free(&s);
	json_decref(base);
	json_decref(r);
	json_decref(lab);
	return seen;
}

#define SEEN(a, b) seen_in(RESULTS("2", "no", a "," b), LAB(""), NULL)
#define HELD_A ROW("a", "held", EPISODE)
#define HELD_B ROW("b", "held", PROGRAM)

static void mutants_are_judged(void **state)
{
	unsigned by;

	(void)state;
	assert_int_equal(SEEN(HELD_A, HELD_B), SEEN_NOTHING);
	assert_int_equal(SEEN(ROW("a", "breached", "\"late\""), HELD_B), SEEN_BY_ROWS);
	assert_int_equal(SEEN(ROW("a", "failed", EPISODE), HELD_B), SEEN_BY_ROWS);
	assert_int_equal(SEEN(ROW("a", "not tested", EPISODE), HELD_B), SEEN_BY_ROWS);
	assert_int_equal(SEEN(ROW("a", "skipped", EPISODE), HELD_B), SEEN_BY_VMM);
	assert_int_equal(SEEN(HELD_A, ROW("b", "breached", PROGRAM)), SEEN_BY_ROWS);
	assert_int_equal(
	    seen_in(RESULTS("2", "by time",
			    ROW("a", "skipped", EPISODE) "," ROW("b", "breached", PROGRAM)),
		    LAB(""), &by),
	    SEEN_BY_ROWS);
	assert_int_equal(by, 2);
}

/* A row that did not come to its end, or never held, says nothing; nor does a lab that broke. */
static void mutants_are_not_caught_by_accident(void **state)
{
	(void)state;
	assert_int_equal(SEEN(ROW("a", "failed", "\"late\""), HELD_B), SEEN_UNCLEAR);
	assert_int_equal(SEEN(ROW("a", "held", "\"late\""), HELD_B), SEEN_UNCLEAR);
	assert_int_equal(SEEN(HELD_A, ROW("b", "not tested", PROGRAM)), SEEN_UNCLEAR);
	assert_int_equal(SEEN(HELD_A, ROW("c", "breached", EPISODE)), SEEN_UNCLEAR);
	assert_int_equal(SEEN(HELD_A "," HELD_B, HELD_B), SEEN_UNCLEAR);
	assert_int_equal(seen_in(RESULTS("2", "by time", HELD_A "," HELD_B), LAB(""), NULL),
			 SEEN_UNCLEAR);
	assert_int_equal(seen_in(RESULTS("2", "no", HELD_A "," HELD_B),
				 "{\"result\":{\"finished\":false}}", NULL),
			 SEEN_UNCLEAR);
	assert_int_equal(seen_in("{}", "{}", NULL), SEEN_UNCLEAR);
	assert_int_equal(seen_in("{}", LAB(",\"panicked\":true"), NULL), SEEN_BY_KERNEL);
	assert_int_equal(
	    seen_in(RESULTS("2", "no", HELD_A "," HELD_B), LAB(",\"kernel_complaints\":1"), NULL),
	    SEEN_BY_KERNEL);
}

/* On the unmutated kernel a row may be skipped, and nothing else but held. */
static void mutants_need_a_sound_base(void **state)
{
	static const struct {
		const char *rows;
		enum mutant_seen seen;
	} cases[] = {
	    {HELD_A "," ROW("c", "skipped", EPISODE), SEEN_NOTHING},
	    {HELD_A "," ROW("c", "failed", EPISODE), SEEN_BY_ROWS},
	    {HELD_A "," ROW("c", "failed", "\"late\""), SEEN_UNCLEAR},
	    {ROW("a", "skipped", EPISODE) "," ROW("c", "skipped", EPISODE), SEEN_UNCLEAR},
	};
	char text[1024];
	struct sight s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), RESULTS("2", "no", "%s"), cases[i].rows);
		json_t *r = json_of(text), *lab = json_of(LAB(""));
		mutant_judge(&s, NULL, r, lab);
		assert_int_equal(s.seen, cases[i].seen);
		sight_free(&s);
		json_decref(r);
		json_decref(lab);
	}
}

static void put_patch(const char *dir, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void mutants_are_found(void **state)
{
	char dir[] = "/tmp/ringfence-lab-unit-XXXXXX", rm[64];
	struct err e = {.kind = ERR_NONE};
	struct mutant *m;
	unsigned n;

	(void)state;
	assert_non_null(mkdtemp(dir));
	put_patch(dir, "b.patch", "Parent: vhost\nMutant: x\n--- a\nEquivalent: no\n");
	put_patch(dir, "a-1.patch", "Parent: vduse\nMutant: y\nEquivalent: it is\n--- a\n");
	put_patch(dir, "README", "Parent: none\n");
	assert_int_equal(mutants_find(dir, NULL, &m, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_string_equal(m[0].name, "a-1");
	assert_string_equal(m[0].equivalent, "it is");
	assert_string_equal(m[1].parent, "vhost");
	assert_string_equal(m[1].equivalent, "");
	free(m);
	assert_int_equal(mutants_find(dir, "b*", &m, &n, &e), 0);
	assert_int_equal(n, 1);
	free(m);
	assert_int_equal(mutants_find(dir, "c*", &m, &n, &e), -EINVAL);
	free(m);
	put_patch(dir, "c.patch", "Parent: nobody\nMutant: y\n--- a\n");
	assert_true(mutants_find(dir, NULL, &m, &n, &e) < 0);
	free(m);
	snprintf(rm, sizeof(rm), "rm -r %s", dir);
	assert_int_equal(system(rm), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(console_knows_complaints),
	    cmocka_unit_test(console_lets_the_rest_pass),
	    cmocka_unit_test(console_joins_pieces),
	    cmocka_unit_test(console_lets_announced_warnings_pass),
	    cmocka_unit_test(wire_carries_frames),
	    cmocka_unit_test(wire_refuses_the_rest),
	    cmocka_unit_test(opts_take_ours_and_leave_the_rest),
	    cmocka_unit_test(opts_refuse),
	    cmocka_unit_test(out_stays_in_its_directory),
	    cmocka_unit_test(mutants_are_judged),
	    cmocka_unit_test(mutants_are_not_caught_by_accident),
	    cmocka_unit_test(mutants_need_a_sound_base),
	    cmocka_unit_test(mutants_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
