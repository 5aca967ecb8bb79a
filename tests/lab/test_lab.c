/* SPDX-License-Identifier: MIT */
/* Unit tests of the launcher's pure parts: the console's judge, the wire, the options, where files
 * may land. */
#include "console.h"
#include "lab.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
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
	head = (struct wire_head){0x4c464e52u, WIRE_BYE + 1, 0};
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

	assert_int_equal(PARSE("prove", "--kernel-source", "linux", "--junit", "j.xml"), 0);
	assert_null(parsed.kernel);
	assert_string_equal(parsed.kernel_source, "linux");
	assert_string_equal(parsed.junit, "j.xml");
	assert_int_equal(parsed.inners, 0);

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(console_knows_complaints),
	    cmocka_unit_test(console_lets_the_rest_pass),
	    cmocka_unit_test(console_joins_pieces),
	    cmocka_unit_test(wire_carries_frames),
	    cmocka_unit_test(wire_refuses_the_rest),
	    cmocka_unit_test(opts_take_ours_and_leave_the_rest),
	    cmocka_unit_test(opts_refuse),
	    cmocka_unit_test(out_stays_in_its_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
