/* SPDX-License-Identifier: MIT */
/*
 * The device's address spaces, against a fake kernel: a queue reaches what its group's ASID holds
 * and not a byte else, an access moves all of its bytes or none, and every one leaves its trace.
 */
#include "../../vdpa/breaks.h"
#include "../../vdpa/vduse/as.h"
#include "../../vdpa/vduse/guard.h"
#include "fake_vduse.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define RO VDUSE_ACCESS_RO
#define WO VDUSE_ACCESS_WO
#define RW VDUSE_ACCESS_RW
#define SIZE 0x4000u

/* What a client maps in ASID 0, and in ASID 1. */
static struct fake_memory mem[2];
static struct as_table t;
static char trace_path[32];
static char lines[1 << 16];
static uint8_t buf[SIZE];

static int setup(void **state)
{
	struct err e = {0};

	(void)state;
	fake_vduse_reset();
	t = (struct as_table){.fd = 1000, /* none that is open: all goes to the fake */
			      .api = 1,
			      .queues = 3,
			      .groups = 2,
			      .spaces = 2,
			      .queue_group = {0, 0, 1},
			      .group_asid = {0, 1}};
	memset(buf, 0xee, sizeof(buf));
	snprintf(trace_path, sizeof(trace_path), "/tmp/ringfence-test-XXXXXX");
	int fd = mkstemp(trace_path);
	if (fd < 0 || close(fd) || trace_open(&t.trace, trace_path, &e))
		return -1;
	return fake_memory_make(&mem[0], SIZE, 0xa0, NULL) ||
	       fake_memory_make(&mem[1], SIZE, 0xb1, NULL);
}

static int teardown(void **state)
{
	struct err e = {0};
	int ret = trace_close(t.trace, &e);

	(void)state;
	as_drop_all(&t);
	fake_memory_drop(&mem[0]);
	fake_memory_drop(&mem[1]);
	return unlink(trace_path) || ret;
}

/* Everything traced so far. */
static char *traced(void)
{
	trace_flush(t.trace);
	int fd = open(trace_path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ssize_t n = read(fd, lines, sizeof(lines) - 1);
	assert_true(n >= 0 && (size_t)n < sizeof(lines) - 1);
	lines[n] = '\0';
	close(fd);
	return lines;
}

static unsigned count(const char *what)
{
	unsigned n = 0;

	for (const char *p = traced(); (p = strstr(p, what)); p++)
		n++;
	return n;
}

/* The last line of the trace, from its "ev" on. */
static void last_line_is(const char *format, ...)
{
	char want[256];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(want, sizeof(want), format, args);
	va_end(args);
	assert_true(n > 0 && (size_t)n < sizeof(want));
	const char *p = strrchr(traced(), '{');
	assert_non_null(p);
	p = strstr(p, "\"ev\"");
	assert_non_null(p);
	if (strncmp(p, want, (size_t)n) || strcmp(p + n, "}\n"))
		fail_msg("%s", p);
}

static void last_access_is(unsigned q, unsigned asid, uint64_t at, size_t len, char dir,
			   unsigned long long ino, const char *why)
{
	last_line_is("\"ev\":\"translate\",\"q\":%u,\"group\":%u,\"asid\":%u,\"iova\":\"0x%llx\","
		     "\"len\":%zu,\"dir\":\"%c\",\"ino\":%llu,\"ok\":%s%s%s%s",
		     q, t.queue_group[q], asid, (unsigned long long)at, len, dir, ino,
		     why ? "false" : "true", why ? ",\"why\":\"" : "", why ? why : "",
		     why ? "\"" : "");
}

/*
 * How often a client's memory is mapped in this process with just these rights ("rw-s"), the two
 * that are the test's own aside.
 */
static unsigned mapped(const char *rights)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[256];
	unsigned n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "/memfd:client") && strstr(line, rights);
	fclose(f);
	return n - (strcmp(rights, "rw-s") ? 0 : 2);
}

static void map(unsigned asid, uint64_t start, uint64_t size, uint8_t perm)
{
	fake_vduse_map(asid, start, size, perm, mem[asid].fd, 0);
}

/* A refusal leaves both sides as they were. */
static void refused(unsigned q, uint64_t at, size_t len)
{
	static uint8_t before[2][SIZE], mine[sizeof(buf)];

	memcpy(before[0], mem[0].at, SIZE);
	memcpy(before[1], mem[1].at, SIZE);
	memcpy(mine, buf, sizeof(buf));
	assert_int_equal(as_read(&t, q, iova(at), buf, len), -EFAULT);
	assert_int_equal(as_write(&t, q, iova(at), buf, len), -EFAULT);
	assert_memory_equal(buf, mine, sizeof(buf));
	assert_memory_equal(mem[0].at, before[0], SIZE);
	assert_memory_equal(mem[1].at, before[1], SIZE);
}

static void a_queue_sees_its_groups_space(void **state)
{
	(void)state;
	map(0, 0x10000, SIZE, RW);
	map(1, 0x10000, SIZE, RW);
	for (unsigned asids = 0; asids < 4; asids++)
		for (unsigned q = 0; q < 3; q++) {
			t.group_asid[0] = asids & 1;
			t.group_asid[1] = asids >> 1;
			unsigned asid = t.group_asid[q == 2], other = !asid;
			mem[0].at[0x123] = 0xa0;
			mem[1].at[0x123] = 0xb1;
			uint8_t want = mem[asid].at[0x123], rest = mem[other].at[0x123];
			assert_int_equal(as_read(&t, q, iova(0x10123), buf, 1), 0);
			assert_int_equal(buf[0], want);
			assert_int_equal(as_write(&t, q, iova(0x10123), "!", 1), 0);
			assert_int_equal(mem[asid].at[0x123], '!');
			assert_int_equal(mem[other].at[0x123], rest);
		}
}

static void the_other_space_is_out_of_reach(void **state)
{
	(void)state;
	map(0, 0x10000, SIZE, RW);
	map(1, 0x40000, SIZE, RW);
	refused(0, 0x40000, 1);
	refused(1, 0x40000, 64);
	refused(2, 0x10000, 1);
	refused(0, 0x0fff8, 16); /* begins outside */
	last_access_is(0, 0, 0xfff8, 16, 'w', 0, "no map");
}

static void permissions_are_the_regions(void **state)
{
	(void)state;
	for (unsigned perm = 0; perm <= RW; perm++)
		map(0, 0x10000 * perm, 0x1000, (uint8_t)perm);
	for (unsigned perm = 0; perm <= RW; perm++) {
		uint64_t at = 0x10000 * perm;
		assert_int_equal(as_read(&t, 0, iova(at), buf, 8), perm & RO ? 0 : -EFAULT);
		if (!(perm & RO))
			last_access_is(0, 0, at, 8, 'r', 0, "perm");
		static const char *const rights[] = {"---s", "r--s", "-w-s", "rw-s"};
		assert_int_equal(mapped(rights[perm]), 1);
		mem[0].at[0] = 0;
		assert_int_equal(as_write(&t, 0, iova(at), "x", 1), perm & WO ? 0 : -EFAULT);
		assert_int_equal(mem[0].at[0], perm & WO ? 'x' : 0);
	}
}

static void ranges_end_where_regions_do(void **state)
{
	(void)state;
	map(0, 0x1000, 0x100, RW);
	map(0, 0 - 0x100ull, 0x100, RW); /* up to the last address there is */
	static const uint64_t starts[] = {0x1000, 0 - 0x100ull};
	for (unsigned i = 0; i < 2; i++)
		for (uint64_t at = starts[i] - 3; at != starts[i] + 0x104; at++)
			for (size_t len = 0; len <= 0x102;
			     len += len < 5 || len > 0xfb ? 1 : 0xf7) {
				uint64_t off = at - starts[i];
				bool good = len && off < 0x100 && len <= 0x100 - off;
				int ret = as_read(&t, 1, iova(at), buf, len);
				if (ret != (good ? 0 : -EFAULT))
					fail_msg("0x%llx + %zu: %d", (unsigned long long)at, len,
						 ret);
			}
}

static void bad_lengths_are_refused(void **state)
{
	(void)state;
	map(0, 0, SIZE, RW);
	refused(0, 0, 0);
	last_access_is(0, 0, 0, 0, 'w', 0, "range");
	refused(0, 1, SIZE);
	refused(0, ~0ull, 2);
	assert_true(count("\"why\":\"range\"") == 4);
	refused(0, 1, SIZE_MAX);
	assert_true(count("\"why\":\"range\"") == 4); /* ends at the last address: only too long */
	refused(0, 2, SIZE_MAX);
	assert_true(count("\"why\":\"range\"") == 6);
}

static void an_access_may_straddle_regions(void **state)
{
	(void)state;
	fake_vduse_map(1, 0x11000, 0x1000, RW, mem[0].fd, 0x3000); /* out of order, two files */
	fake_vduse_map(1, 0x10000, 0x1000, RW, mem[1].fd, 0x1000);
	memset(buf, 0x11, 8);
	memset(buf + 8, 0x22, 8);
	assert_int_equal(as_write(&t, 2, iova(0x10ff8), buf, 16), 0);
	assert_memory_equal(mem[1].at + 0x1ff8, buf, 8);
	assert_memory_equal(mem[0].at + 0x3000, buf + 8, 8);
	assert_int_equal(mem[1].at[0x2000], 0xb1);
	assert_int_equal(mem[0].at[0x3008], 0xa0);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(as_read(&t, 2, iova(0x10ff7), buf, 17), 0);
	assert_true(buf[0] == 0xb1 && buf[1] == 0x11 && buf[8] == 0x11 && buf[9] == 0x22 &&
		    buf[16] == 0x22);
	last_access_is(2, 1, 0x11000, 8, 'r', mem[0].ino, NULL);
	assert_int_equal(count("\"ev\":\"translate\""), 4); /* a line per piece */
	assert_int_equal(count("\"iova\":\"0x10ff7\",\"len\":9,"), 1);
}

static void half_an_access_is_none(void **state)
{
	(void)state;
	map(0, 0x10000, 0x1000, RW);
	refused(0, 0x10ffc, 8); /* nothing there */
	map(0, 0x11000, 0x1000, 0);
	refused(0, 0x10ffc, 8); /* not permitted there */
	as_drop(&t, 0);
	fake_vduse.region[1].perm = RO;
	assert_int_equal(as_write(&t, 0, iova(0x10ffc), "12345678", 8), -EFAULT);
	assert_int_equal(mem[0].at[0xffc], 0xa0);
	assert_int_equal(as_read(&t, 0, iova(0x10ffc), buf, 8), 0);
}

static void the_kernel_is_asked_for_the_one_address(void **state)
{
	(void)state;
	map(0, 0x10000, 0x1000, RW);
	map(1, 0x10000, 0x1000, RW);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(as_read(&t, 0, iova(0x10008), buf, 8), 0);
	assert_int_equal(fake_vduse.asked, 1);
	assert_int_equal(fake_vduse.ask.start, 0x10008);
	assert_int_equal(fake_vduse.ask.last, 0x10008);
	assert_int_equal(fake_vduse.ask.asid, 0);
	assert_int_equal(as_read(&t, 2, iova(0x10010), buf, 8), 0);
	assert_int_equal(fake_vduse.asked, 2);
	assert_int_equal(fake_vduse.ask.start, 0x10010);
	assert_int_equal(fake_vduse.ask.asid, 1);

	assert_int_equal(mapped("rw-s"), 2);
	as_drop(&t, 1); /* the other space's mappings stay */
	assert_int_equal(mapped("rw-s"), 1);
	assert_int_equal(as_read(&t, 0, iova(0x10008), buf, 8), 0);
	assert_int_equal(fake_vduse.asked, 2);
	assert_int_equal(as_read(&t, 2, iova(0x10008), buf, 8), 0);
	assert_int_equal(fake_vduse.asked, 3);
	as_drop_all(&t);
	assert_int_equal(mapped("rw-s"), 0);
	assert_int_equal(as_read(&t, 0, iova(0x10008), buf, 8), 0);
	assert_int_equal(fake_vduse.asked, 4);
}

static void what_was_unmapped_is_gone(void **state)
{
	(void)state;
	map(0, 0x10000, 0x1000, RW);
	assert_int_equal(as_read(&t, 0, iova(0x10000), buf, 8), 0);
	fake_vduse.regions = 0;
	as_drop(&t, 0);
	refused(0, 0x10000, 8);
	map(0, 0x10000, 0x1000, RO);
	assert_int_equal(as_read(&t, 0, iova(0x10000), buf, 8), 0);
	assert_int_equal(as_write(&t, 0, iova(0x10000), buf, 8), -EFAULT);
}

/* Else vhost_iotlb_itree_first()'s answer to too wide a question would be taken for the memory. */
static void another_regions_answer_is_not_taken(void **state)
{
	(void)state;
	map(1, 0x20000, 0x1000, RW);
	fake_vduse.lies = true;
	refused(0, 0x10000, 8);
	refused(0, 0x1ffff, 1);
	refused(0, 0x21000, 1);
	assert_int_equal(t.space[0].count, 0);
	assert_int_equal(count("\"ev\":\"map\""), 0);
}

static void regions_need_not_begin_with_a_page(void **state)
{
	(void)state;
	fake_vduse_map(0, 0x10a01, 0x20, RW, mem[0].fd, 0x1ff3); /* over the end of a page */
	memcpy(mem[0].at + 0x1ff3, "0123456789abcdefghijklmnopqrstuv", 32);
	assert_int_equal(as_read(&t, 0, iova(0x10a01), buf, 32), 0);
	assert_memory_equal(buf, "0123456789abcdefghijklmnopqrstuv", 32);
	assert_int_equal(as_write(&t, 0, iova(0x10a20), "!", 1), 0);
	assert_int_equal(mem[0].at[0x2012], '!');
	refused(0, 0x10a00, 1);
	refused(0, 0x10a21, 1);
}

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void regions_that_cannot_be_are_refused(void **state)
{
	const struct fake_region bad[] = {
	    {0, 0, ~0ull, 0, RW, mem[0].fd},	      /* 2^64 bytes */
	    {0, 0, (1ull << 46), 0, RW, mem[0].fd},   /* more than can be mapped */
	    {0, 0, 0xfff, 1ull << 63, RW, mem[0].fd}, /* an offset no file has */
	    {0, 0, 0xfff, ~0ull, RW, mem[0].fd},
	    {0, 0, 0xfff, ~0ull << 12, RW, mem[0].fd},
	    {0, 0, 0xfff, 0, RW, -1},
	};
	int ends[2];

	(void)state;
	unsigned before = open_fds();
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fake_vduse_map(0, 0, 1, RW, -1, 0);
		fake_vduse.region[0] = bad[i];
		fake_vduse.regions = 1;
		refused(0, 0x10, 8);
	}
	assert_int_equal(pipe(ends), 0);
	fake_vduse.region[0] = (struct fake_region){0, 0, 0xfff, 0, RW, ends[0]};
	refused(0, 0x10, 8); /* no file of memory */
	close(ends[0]);
	close(ends[1]);
	fake_vduse.region[0] = (struct fake_region){0, 0, 0xfff, 0, RW, mem[0].fd};
	assert_int_equal(as_read(&t, 0, iova(0), buf, 8), 0);
	assert_int_equal(open_fds(), before);
}

static void there_may_be_many_regions_but_not_endlessly(void **state)
{
	enum { MANY = 4096 };
	static uint8_t all[MANY + 1];

	(void)state;
	for (unsigned i = 0; i < MANY + 1; i++)
		fake_vduse_map(0, i, 1, RW, mem[0].fd, i);
	for (unsigned i = 0; i < MANY + 1; i++)
		mem[0].at[i] = (uint8_t)(i * 7);
	trace_close(t.trace, &(struct err){0});
	t.trace = NULL; /* works as well, and faster */
	assert_int_equal(as_read(&t, 0, iova(0), all, MANY), 0);
	assert_memory_equal(all, mem[0].at, MANY);
	memset(all, 0, sizeof(all));
	assert_int_equal(as_read(&t, 0, iova(0), all, MANY + 1), -EFAULT);
	assert_int_equal(all[0], 0);
	assert_int_equal(as_read(&t, 0, iova(5), all, 1), 0); /* the ones there are still do */
}

static void ring_fields_are_little_endian_and_whole(void **state)
{
	uint16_t v = 0;

	(void)state;
	map(0, 0x10000, 0x1000, RW);
	map(0, 0x11000, 0x1000, RO);
	map(0, 0x12000, 0x1000, WO);
	assert_int_equal(as_store16(&t, 1, iova(0x10002), 0x1234), 0);
	assert_memory_equal(mem[0].at + 1, "\xa0\x34\x12\xa0", 4);
	assert_int_equal(as_load16(&t, 1, iova(0x11002), &v), 0);
	assert_int_equal(v, 0x1234);
	assert_int_equal(count("\"len\":2,\"dir\":\"w\""), 1);
	assert_int_equal(count("\"len\":2,\"dir\":\"r\""), 1);
	assert_int_equal(as_store16(&t, 1, iova(0x11002), 1), -EFAULT);
	assert_int_equal(as_load16(&t, 1, iova(0x12002), &v), -EFAULT);
	assert_int_equal(as_load16(&t, 1, iova(0x10001), &v), -EINVAL);
	assert_int_equal(as_load16(&t, 1, iova(0x10fff), &v), -EINVAL); /* half of it elsewhere */
	assert_int_equal(as_store16(&t, 1, iova(0x10003), 0), -EINVAL);
	assert_int_equal(as_load16(&t, 1, iova(0x13000), &v), -EFAULT);
	assert_int_equal(as_load16(&t, 2, iova(0x10002), &v), -EFAULT);
	assert_int_equal(v, 0x1234);
	assert_memory_equal(mem[0].at + 1, "\xa0\x34\x12\xa0", 4);
	fake_vduse_map(1, 0x20001, 0x10, RW, mem[1].fd, 0x100); /* what counts is where it lies */
	assert_int_equal(as_load16(&t, 2, iova(0x20001), &v), 0);
	assert_int_equal(as_load16(&t, 2, iova(0x20002), &v), -EINVAL);
}

static void memory_taken_away_is_survived(void **state)
{
	struct err e = {0};
	uint16_t v;

	(void)state;
	assert_int_equal(guard_install(&e), 0); /* here: cmocka has a handler of its own */
	map(0, 0x10000, SIZE, RW);
	map(1, 0x10000, SIZE, RW);
	assert_int_equal(as_read(&t, 0, iova(0x10000), buf, 8), 0);
	assert_int_equal(as_read(&t, 2, iova(0x10000), buf, 8), 0);
	assert_int_equal(ftruncate(mem[0].fd, 0x1000), 0);
	assert_int_equal(as_read(&t, 0, iova(0x10ff8), buf, 16), -EFAULT);
	last_line_is("\"ev\":\"fault\",\"q\":0,\"asid\":0,\"iova\":\"0x10ff8\"");
	assert_int_equal(t.space[0].count, 0);
	assert_int_equal(t.space[1].count, 1);
	assert_int_equal(as_write(&t, 0, iova(0x11000), buf, 8), -EFAULT);
	assert_int_equal(as_load16(&t, 0, iova(0x11000), &v), -EFAULT);
	assert_int_equal(as_store16(&t, 0, iova(0x11000), 1), -EFAULT);
	assert_int_equal(count("\"ev\":\"fault\""), 4);
	assert_int_equal(as_read(&t, 0, iova(0x10ff0), buf, 8), 0); /* the page that is left */
	assert_int_equal(buf[0], 0xa0);
	assert_int_equal(ftruncate(mem[0].fd, SIZE), 0);
	assert_int_equal(as_write(&t, 0, iova(0x11000), "back", 4), 0);
	assert_memory_equal(mem[0].at + 0x1000, "back", 4); /* in the file, not in what stood in */
	assert_int_equal(as_read(&t, 2, iova(0x11000), buf, 8), 0);
	assert_int_equal(buf[0], 0xb1);
}

static void api_0_has_one_space(void **state)
{
	(void)state;
	t.api = fake_vduse.api = 0;
	t.groups = t.spaces = 1;
	t.queue_group[2] = 0;
	fake_vduse_map(0, 0x10000, 0x1000, RO, mem[0].fd, 0x2000);
	memcpy(mem[0].at + 0x2008, "12345678", 8);
	assert_int_equal(as_read(&t, 2, iova(0x10008), buf, 8), 0);
	assert_memory_equal(buf, "12345678", 8);
	assert_int_equal(as_write(&t, 2, iova(0x10008), buf, 8), -EFAULT);
	assert_int_equal(fake_vduse.asked, 1);
	refused(2, 0x11000, 1);
	assert_int_equal(fake_vduse.ask.last, 0x11000);
}

#if RINGFENCE_BREAKS
static void the_break_takes_any_space(void **state)
{
	(void)state;
	t.breaks = 1u << BREAK_IGNORE_GROUP;
	map(0, 0x10000, SIZE, RW);
	assert_int_equal(as_read(&t, 2, iova(0x10000), buf, 1), 0);
	assert_int_equal(buf[0], 0xa0);
	map(1, 0x10000, SIZE, RW);
	map(1, 0x40000, SIZE, RO);
	assert_int_equal(as_read(&t, 0, iova(0x10000), buf, 1), 0);
	assert_int_equal(buf[0], 0xb1); /* the last one first */
	assert_int_equal(as_read(&t, 0, iova(0x40000), buf, 1), 0);
	last_access_is(0, 1, 0x40000, 1, 'r', mem[1].ino, NULL); /* and the trace says so */
	assert_int_equal(as_write(&t, 0, iova(0x40000), buf, 1), -EFAULT);
	assert_int_equal(as_read(&t, 0, iova(0x90000), buf, 1), -EFAULT);
}

/* What is behind a region in its file is taken for more of it, up to the file's end. */
static void the_break_runs_on_behind_a_region(void **state)
{
	(void)state;
	mem[0].at[0x2000] = 0x5e;
	map(0, 0x10000, 0x2000, RW);
	assert_int_equal(as_read(&t, 0, iova(0x11fff), buf, 2), -EFAULT);
	as_drop(&t, 0);
	t.breaks = 1u << BREAK_SHARED_MEMFD;
	assert_int_equal(as_read(&t, 0, iova(0x11fff), buf, 2), 0);
	assert_int_equal(buf[0], 0xa0);
	assert_int_equal(buf[1], 0x5e);
	last_access_is(0, 0, 0x11fff, 2, 'r', mem[0].ino, NULL);
	assert_int_equal(as_write(&t, 0, iova(0x11ffe), "abcd", 4), 0);
	assert_memory_equal(mem[0].at + 0x1ffe, "abcd", 4);
	assert_int_equal(as_read(&t, 0, iova(0x11fff), buf, SIZE - 0x2000 + 1), 0);
	assert_int_equal(as_read(&t, 0, iova(0x11fff), buf, SIZE - 0x2000 + 2), -EFAULT);
	assert_int_equal(as_read(&t, 0, iova(0x12000), buf, 1), -EFAULT); /* it must begin in it */
}
#endif

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_queue_sees_its_groups_space),
		TEST(the_other_space_is_out_of_reach),
		TEST(permissions_are_the_regions),
		TEST(ranges_end_where_regions_do),
		TEST(bad_lengths_are_refused),
		TEST(an_access_may_straddle_regions),
		TEST(half_an_access_is_none),
		TEST(the_kernel_is_asked_for_the_one_address),
		TEST(what_was_unmapped_is_gone),
		TEST(another_regions_answer_is_not_taken),
		TEST(regions_need_not_begin_with_a_page),
		TEST(regions_that_cannot_be_are_refused),
		TEST(there_may_be_many_regions_but_not_endlessly),
		TEST(ring_fields_are_little_endian_and_whole),
		TEST(memory_taken_away_is_survived),
		TEST(api_0_has_one_space),
#if RINGFENCE_BREAKS
		TEST(the_break_takes_any_space),
		TEST(the_break_runs_on_behind_a_region),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
