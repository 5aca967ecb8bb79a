/* SPDX-License-Identifier: MIT */
/*
 * The arena and canary oracles: on buffers, and on real memfds with and without their seals. Built
 * with tests/isolation/{oracle_arena,oracle_canary}.c, vdpa/canary.c and vdpa/err.c.
 */
#include "test.h"

#include "../../vdpa/canary.h"
#include "../isolation/oracle.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u
#define READABLE (4 * PAGE)
#define WRITABLE (2 * PAGE)
#define LEN (READABLE + WRITABLE)
#define FIXED (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static const struct canary_seed seed = {.key = "0123456789abcdef", .magic = 0x1122334455667788};
static const struct monitor_hello hello = {
    .ram_size = 16 * PAGE, .arena_readable = READABLE, .arena_writable = WRITABLE};

static void test_compare(void **state)
{
	static uint8_t want[LEN], before[LEN], now[LEN];
	struct arena_diff d;

	(void)state;
	arena_fill_want(want, LEN, &seed);
	memcpy(before, want, LEN);
	memset(before, 0, 128); /* ring state */
	memcpy(now, before, LEN);
	d = arena_compare(before, now, want, LEN);
	assert_int_equal(d.canary_words + d.other_words, 0);

	now[9] ^= 1;
	d = arena_compare(before, now, want, LEN);
	assert_int_equal(d.other_words, 1);
	assert_int_equal(d.canary_words, 0);
	assert_int_equal(d.first, 8);

	now[LEN - 1] ^= 1;
	d = arena_compare(before, now, want, LEN);
	assert_int_equal(d.canary_words, 1);
	assert_int_equal(d.first, LEN - 8);

	now[LEN - 17] ^= 1;
	d = arena_compare(before, now, want, LEN);
	assert_int_equal(d.canary_words, 2);
	assert_int_equal(d.first, LEN - 24);

	now[17] ^= 1;
	d = arena_compare(before, now, want, LEN);
	assert_int_equal(d.other_words, 2);
	assert_int_equal(d.first, LEN - 24);
	memcpy(now + 128, before + 128, LEN - 128);
	assert_int_equal(arena_compare(before, now, want, LEN).first, 8);

	/* Ring state that becomes canaries is a restart's: no canary was destroyed. */
	memcpy(now, want, LEN);
	d = arena_compare(before, now, want, LEN);
	assert_int_equal(d.canary_words, 0);
	assert_int_equal(d.other_words, 16);
}

static void test_every_byte_counts(void **state)
{
	static uint8_t want[PAGE], now[PAGE];

	(void)state;
	arena_fill_want(want, PAGE, &seed);
	memcpy(now, want, PAGE);
	for (size_t at = 0; at < PAGE; at++) {
		now[at] ^= 0x80;
		struct arena_diff d = arena_compare(want, now, want, PAGE);
		assert_int_equal(d.canary_words, 1);
		assert_int_equal(d.first, at / 8 * 8);
		now[at] ^= 0x80;
	}
}

static void test_count(void **state)
{
	static uint8_t want[LEN], now[LEN];
	struct arena_finding f = {0};

	(void)state;
	arena_fill_want(want, LEN, &seed);
	memcpy(now, want, LEN);
	arena_count(&f, now, want, LEN);
	assert_true(f.counted);
	assert_int_equal(f.canary_lines, LEN / 64);
	assert_int_equal(f.page_least, 64);
	memset(now + PAGE, 0, 640);
	arena_count(&f, now, want, LEN);
	assert_int_equal(f.canary_lines, LEN / 64 - 10);
	assert_int_equal(f.page_least, 54);
	/* Right lines in the wrong place are no canaries. */
	memcpy(now + PAGE, want, PAGE);
	arena_count(&f, now, want, LEN);
	assert_int_equal(f.page_least, 0);
}

/* ---- files ---- */

static int file(size_t len, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

struct files {
	int fd[3];
};

static struct files good_files(void)
{
	return (struct files){{file(16 * PAGE, 0), file(READABLE, FIXED | F_SEAL_FUTURE_WRITE),
			       file(WRITABLE, FIXED)}};
}

static void replace(struct files *f, int i, int fd)
{
	close(f->fd[i]);
	f->fd[i] = fd;
}

static bool seen; /* by the last open_files() */

static const char *open_files(struct files f)
{
	static char bad[sizeof(((struct arena_finding *)0)->files_bad)];
	struct arena a = {0};
	struct arena_finding found = {0};
	struct err e = {0};

	assert_int_equal(arena_open(&a, &found, &hello, f.fd, &seed, &e), 0);
	seen = found.seen;
	assert_true(seen || found.files_bad[0]);
	/* Without a mapping these must be harmless. */
	arena_begin(&a, &found);
	assert_int_equal(arena_end(&a, &found).canary_words, 0);
	arena_close(&a);
	for (int i = 0; i < 3; i++)
		close(f.fd[i]);
	memcpy(bad, found.files_bad, sizeof(bad));
	return bad;
}

static void test_files(void **state)
{
	struct files f = good_files();

	(void)state;
	assert_string_equal(open_files(f), "");

	f = good_files();
	replace(&f, 1, file(READABLE, FIXED));
	assert_string_equal(open_files(f), "the readable arena lacks F_SEAL_FUTURE_WRITE");
	f = good_files();
	replace(&f, 1, file(READABLE, F_SEAL_FUTURE_WRITE | F_SEAL_GROW | F_SEAL_SEAL));
	assert_string_equal(open_files(f), "the readable arena is not sealed");
	assert_false(seen); /* it may shrink under our eyes */
	f = good_files();
	replace(&f, 2, file(WRITABLE, F_SEAL_SHRINK | F_SEAL_GROW));
	assert_string_equal(open_files(f), "the writable arena is not sealed");
	f = good_files();
	replace(&f, 2, fcntl(f.fd[1], F_DUPFD_CLOEXEC, 0));
	assert_string_equal(open_files(f), "the arena's two parts are one file");
	f = good_files();
	replace(&f, 0, fcntl(f.fd[1], F_DUPFD_CLOEXEC, 0));
	assert_string_equal(open_files(f), "a file is shorter than the VMM said");
	assert_true(seen); /* that of RAM is */
	f = good_files();
	replace(&f, 2, file(WRITABLE - PAGE, FIXED));
	assert_string_equal(open_files(f), "a file is shorter than the VMM said");
	assert_false(seen);
	f = good_files();
	char path[] = "/tmp/ringfence-test-XXXXXX";
	int other = mkstemp(path);
	assert_true(other >= 0 && unlink(path) == 0 && ftruncate(other, 16 * PAGE) == 0);
	replace(&f, 0, other);
	assert_string_equal(open_files(f), "the files are not of one file system");
	f = good_files();
	replace(&f, 1, file(16 * PAGE, FIXED | F_SEAL_FUTURE_WRITE));
	replace(&f, 0, fcntl(f.fd[1], F_DUPFD_CLOEXEC, 0));
	assert_string_equal(open_files(f), "the arena is in guest RAM's file");
	assert_true(seen);
}

/* The arena behind guest RAM in its file, as a break has it: told of, and looked at. */
static void test_offsets(void **state)
{
	struct monitor_hello h = hello;
	struct files f = good_files();
	struct err e = {0};
	uint64_t end = 16 * PAGE;
	uint8_t *at;

	(void)state;
	replace(&f, 0, file(end + LEN, FIXED));
	replace(&f, 1, fcntl(f.fd[0], F_DUPFD_CLOEXEC, 0));
	replace(&f, 2, fcntl(f.fd[0], F_DUPFD_CLOEXEC, 0));
	at = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, f.fd[0], (off_t)end);
	assert_true(at != MAP_FAILED);
	arena_fill_want(at, LEN, &seed);
	for (int i = 0; i < 4; i++) {
		struct arena a = {0};
		struct arena_finding found = {0};
		static const uint64_t skew[4] = {0, PAGE, 64, UINT64_C(1) << 63};

		h.arena_offset[0] = end;
		h.arena_offset[1] = end + READABLE + skew[i];
		assert_int_equal(arena_open(&a, &found, &h, f.fd, &seed, &e), 0);
		assert_true(found.files_bad[0]);
		assert_int_equal(found.seen, i == 0);
		arena_begin(&a, &found);
		assert_int_equal(found.canary_lines, i == 0 ? LEN / 64 : 0);
		arena_close(&a);
	}
	munmap(at, LEN);
	for (int i = 0; i < 3; i++)
		close(f.fd[i]);
}

static void test_sizes(void **state)
{
	static const uint64_t bad[] = {0, 100, PAGE + 1, UINT64_MAX, (UINT64_C(16) << 20) + PAGE};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct files f = good_files();
		struct arena a = {0};
		struct arena_finding found = {0};
		struct err e = {0};
		struct monitor_hello h = hello;

		h.arena_writable = bad[i];
		assert_true(arena_open(&a, &found, &h, f.fd, &seed, &e) < 0);
		assert_false(found.seen);
		arena_close(&a);
		for (int j = 0; j < 3; j++)
			close(f.fd[j]);
	}
}

static void test_snapshots(void **state)
{
	struct files f = good_files();
	struct arena a = {0};
	struct arena_finding found = {0};
	struct err e = {0};
	uint8_t *w = mmap(NULL, WRITABLE, PROT_READ | PROT_WRITE, MAP_SHARED, f.fd[2], 0);
	uint8_t *want = malloc(LEN);

	(void)state;
	assert_true(w != MAP_FAILED && want);
	arena_fill_want(want, LEN, &seed);
	memcpy(w, want + READABLE, WRITABLE);
	assert_int_equal(arena_open(&a, &found, &hello, f.fd, &seed, &e), 0);
	arena_begin(&a, &found);
	assert_int_equal(found.page_least, 0); /* the readable part has none */
	assert_int_equal(found.canary_lines, WRITABLE / 64);
	w[100]++;
	struct arena_diff d = arena_end(&a, &found);
	assert_int_equal(d.canary_words, 1);
	assert_int_equal(d.first, READABLE + 96);
	/* The next attempt starts from what is there now; canaries are counted once. */
	arena_begin(&a, &found);
	assert_int_equal(arena_end(&a, &found).canary_words, 0);
	assert_int_equal(found.canary_lines, WRITABLE / 64);
	arena_close(&a);
	free(want);
	munmap(w, WRITABLE);
	for (int i = 0; i < 3; i++)
		close(f.fd[i]);
}

/* ---- claims ---- */

static struct report_leak claim(uint64_t n, uint64_t address)
{
	struct canary_line line = canary_make(seed.key, seed.magic, n);
	struct report_leak leak = {.address = address};

	memcpy(leak.line, &line, sizeof(line));
	return leak;
}

static void test_leaks(void **state)
{
	struct canary_finding f = {0};
	struct report_leak lie = claim(3, 0x1000), beyond = claim(384, 0x2000),
			   truth = claim(383, 0x3000);

	(void)state;
	lie.line[63] ^= 1;
	oracle_leak(&f, &seed, 384, &lie);
	assert_int_equal(f.lies, 1);
	assert_int_equal(f.address, 0x1000);
	oracle_leak(&f, &seed, 384, &beyond);
	assert_int_equal(f.lies, 2);
	assert_int_equal(f.address, 0x1000);
	oracle_leak(&f, &seed, 384, &truth);
	assert_int_equal(f.secrets, 1);
	assert_int_equal(f.address, 0x3000);
	struct report_leak first = claim(0, 0x4000);
	oracle_leak(&f, &seed, 384, &first);
	assert_int_equal(f.secrets, 2);
	oracle_leak(&f, &seed, 384, &lie);
	assert_int_equal(f.address, 0x3000);
	assert_int_equal(f.lies, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_compare),   cmocka_unit_test(test_every_byte_counts),
	    cmocka_unit_test(test_count),     cmocka_unit_test(test_files),
	    cmocka_unit_test(test_sizes),     cmocka_unit_test(test_offsets),
	    cmocka_unit_test(test_snapshots), cmocka_unit_test(test_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
