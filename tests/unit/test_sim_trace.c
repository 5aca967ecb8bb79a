/* SPDX-License-Identifier: MIT */
/*
 * From the kernel's trace of a simulator to a device's: lines as a kernel writes them, what they
 * are said to mean, and that nothing which does not fit is passed over.
 */
#include "../../vdpa/sim/follow.h"
#include "../../vdpa/sim/maps.h"
#include "test.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- one line ---- */

#define FIND                                                                                       \
	" vDPA sim worker-45      [000] .....     1.397420: rf_find: (iotlb_translate+0x5b/0x170 " \
	"<- vhost_iotlb_itree_first) iotlb=0xff11000003751c90 start=0x40000042 "                   \
	"last=0x40000043 map=0xff11000003751c00 m_start=0x40000000 m_last=0x40003fff "             \
	"m_size=0x4000 m_addr=0x7fad5889d000 m_perm=0x1"

static void a_line_is_read(void **state)
{
	static const uint64_t find[] = {0xff11000003751c90,
					0x40000042,
					0x40000043,
					0xff11000003751c00,
					0x40000000,
					0x40003fff,
					0x4000,
					0x7fad5889d000,
					1};
	struct sim_event ev;

	(void)state;
	assert_true(sim_event_parse(&ev, FIND));
	assert_int_equal(ev.kind, SIM_FIND);
	assert_int_equal(ev.t, 1397420000);
	assert_int_equal(ev.pid, 45);
	assert_memory_equal(ev.arg, find, sizeof(find));
	assert_true(
	    sim_event_parse(&ev, "  a: b-7 [1] -1234567 [011] dBZ.. 98765.000001: rf_status: "
				 "(vdpa_set_status+0x0/0x30) vdev=0xff11000002305000 status=0xf"));
	assert_int_equal(ev.kind, SIM_STATUS);
	assert_int_equal(ev.t, 98765000001000);
	assert_int_equal(ev.pid, 1234567);
	assert_int_equal(ev.arg[1], 15);
	assert_true(sim_event_parse(&ev, "CPU:1 [LOST 17 EVENTS]"));
	assert_int_equal(ev.kind, SIM_LOST);
	assert_true(sim_event_parse(&ev, "CPU:0 [LOST EVENTS]"));
	assert_int_equal(ev.kind, SIM_LOST);
}

static void what_is_no_line_is_not_read(void **state)
{
	static const char *const cases[] = {
	    "",
	    "rf_find",
	    "a-1 [0] . 1.000000: rf_other: (f+0x0/0x1) vring=0x1",
	    "a-1 [0] . 1.000000: rf_get: (f+0x0/0x1 vring=0x1",
	    "a-1 [0] . 1.000000: rf_get: (f+0x0/0x1)",
	    "a-1 [0] . 1.000000: rf_get: (f+0x0/0x1) vring=1",
	    "a-1 [0] . 1.000000: rf_get: (f+0x0/0x1) vring=0x",
	    "a-1 [0] . 1.000000: rf_get: (f+0x0/0x1) vring=0x1 more=0x2",
	    "a-1 [0] . 1.000000: rf_get: (f+0x0/0x1) vring=0x11111111111111111",
	    "a-1 [0] . 1.000000: rf_get: (f+0x0/0x1) vring=(fault)",
	    "a-1 [0] . 1.00000: rf_get: (f+0x0/0x1) vring=0x1",
	    "a-1 [0] . 1: rf_get: (f+0x0/0x1) vring=0x1",
	    "a-1 [0] . .000001: rf_get: (f+0x0/0x1) vring=0x1",
	    "a-1 0 . 1.000000: rf_get: (f+0x0/0x1) vring=0x1",
	    "a-x [0] . 1.000000: rf_get: (f+0x0/0x1) vring=0x1",
	    "a 1 [0] . 1.000000: rf_get: (f+0x0/0x1) vring=0x1",
	};
	struct sim_event ev;
	char cut[sizeof(FIND)];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (sim_event_parse(&ev, cases[i]))
			fail_msg("taken: %s", cases[i]);
	/* No beginning of a line is one, but for what leaves out digits of its last number. */
	for (size_t len = 0; len < sizeof(FIND) - 2; len++) {
		memcpy(cut, FIND, len);
		cut[len] = '\0';
		if (sim_event_parse(&ev, cut))
			fail_msg("taken: %s", cut);
	}
}

static void every_probe_has_its_line(void **state)
{
	char line[400];
	struct sim_event ev;

	(void)state;
	for (int k = SIM_LOST + 1; k < SIM_KINDS; k++) {
		const struct probe *p = &sim_probes[k];
		int n = snprintf(line, sizeof(line), "w-9 [000] ..... 5.000000: %s: (f+0x0/0x1)",
				 p->event);

		assert_non_null(p->function);
		for (const char *c = p->fetch; *c; c++)
			if (*c == '=')
				n += snprintf(line + n, sizeof(line) - (size_t)n, " x=0x%x", k);
		if (!sim_event_parse(&ev, line))
			fail_msg("%s", line);
		assert_int_equal(ev.kind, k);
		assert_int_equal(ev.arg[0], k);
	}
}

/* ---- who is who ---- */

enum { VRING = 0x1000, SPACE = 0x2000, LOCK = 0x3000, DEVICE = 0x4000, CLIENT = 77 };

static void learn(struct sim_identity *id, enum sim_event_kind kind, uint64_t a, uint64_t b,
		  uint64_t c)
{
	sim_learn(id, &(struct sim_event){.kind = kind, .arg = {a, b, c}});
}

static struct sim_identity known(void)
{
	struct sim_identity id = {0};

	learn(&id, SIM_SPACE, SPACE, 0, 0);
	learn(&id, SIM_SPACE, SPACE + 1, 0, 0);
	for (uint64_t q = 0; q < SIM_QUEUES; q++) {
		assert_false(sim_known(&id));
		learn(&id, SIM_ASSIGN, VRING + q, SPACE, LOCK);
	}
	assert_false(sim_known(&id));
	learn(&id, SIM_DEVICE, DEVICE, 0, 0);
	return id;
}

static void a_device_is_known_by_how_it_is_made(void **state)
{
	struct sim_identity id = known();

	(void)state;
	assert_true(sim_known(&id));
	learn(&id, SIM_SPACE, SPACE + 2, 0, 0); /* a third address space */
	assert_false(sim_known(&id));
	id = known();
	learn(&id, SIM_ASSIGN, VRING + 3, SPACE, LOCK); /* a fourth queue */
	assert_false(sim_known(&id));
	id = known();
	learn(&id, SIM_DEVICE, DEVICE + 1, 0, 0);
	assert_false(sim_known(&id));
	id = known();
	learn(&id, SIM_LOST, 0, 0, 0);
	assert_false(sim_known(&id));

	id = (struct sim_identity){0};
	learn(&id, SIM_SPACE, SPACE, 0, 0);
	learn(&id, SIM_SPACE, SPACE + 1, 0, 0);
	learn(&id, SIM_ASSIGN, VRING, SPACE + 1, LOCK); /* not made in ASID 0 */
	assert_true(id.odd);
	id = (struct sim_identity){0};
	learn(&id, SIM_SPACE, SPACE, 0, 0);
	learn(&id, SIM_ASSIGN, VRING, SPACE, LOCK);
	learn(&id, SIM_ASSIGN, VRING + 1, SPACE, LOCK + 1); /* two devices at once */
	assert_true(id.odd);
}

/* ---- what it does ---- */

static struct sim_identity id;
static struct follow f;
static char path[] = "/tmp/test_sim_trace.XXXXXX", text[8192];
static struct {
	uint64_t at, len;
	bool fresh;
	unsigned asked;
} asked;

static uint64_t inode(void *ctx, uint64_t at, uint64_t len, bool fresh)
{
	assert_ptr_equal(ctx, &asked);
	asked.at = at;
	asked.len = len;
	asked.fresh = fresh;
	asked.asked++;
	return at < 0x10000 ? 0 : 42;
}

static long read_so_far;

static int setup(void **state)
{
	struct err e = {0};
	int fd = mkstemp(strcpy(path, "/tmp/test_sim_trace.XXXXXX"));

	(void)state;
	close(fd);
	id = known();
	memset(&asked, 0, sizeof(asked));
	read_so_far = 0;
	f = (struct follow){.id = &id, .group = {0, 0, 1}, .inode = inode, .ctx = &asked};
	return trace_open(&f.trace, path, &e);
}

static int teardown(void **state)
{
	struct err e = {0};

	(void)state;
	unlink(path);
	return trace_close(f.trace, &e);
}

/* What was written since the last time. */
static const char *told(void)
{
	trace_flush(f.trace);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	fseek(file, read_so_far, SEEK_SET);
	size_t n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	read_so_far = ftell(file);
	fclose(file);
	return text;
}

static void happens(enum sim_event_kind kind, uint64_t a, uint64_t b, uint64_t c)
{
	follow_event(&f,
		     &(struct sim_event){.kind = kind, .t = 5000, .pid = CLIENT, .arg = {a, b, c}});
}

/* An address looked up in @space, found in a map of [first, last] at @addr; perm 0: nothing was. */
static void looked_up(uint64_t space, uint64_t start, uint64_t end, uint64_t first, uint64_t last,
		      uint64_t addr, unsigned perm)
{
	follow_event(&f, &(struct sim_event){.kind = SIM_FIND,
					     .t = 6000,
					     .arg = {space, start, end, perm ? 0x9999 : 0, first,
						     last, last - first + 1, addr, perm}});
}

static void a_translation_is_told(void **state)
{
	(void)state;
	happens(SIM_GET, VRING + 2, 0, 0);
	assert_string_equal(told(), "");
	looked_up(SPACE + 1, 0x40000042, 0x40000043, 0x40000000, 0x40003fff, 0x70000000, 1);
	assert_string_equal(told(), "{\"t\":6000,\"ev\":\"translate\",\"q\":2,\"group\":1,"
				    "\"asid\":1,\"iova\":\"0x40000042\",\"len\":2,\"dir\":\"r\","
				    "\"ino\":42,\"ok\":true}\n");
	assert_int_equal(asked.at, 0x70000042);
	assert_int_equal(asked.len, 2);

	happens(SIM_PUSH, VRING, 0, 0);
	looked_up(SPACE, 0x1000, 0x1fff, 0, 0x1ffffff, 0x50000000, 3);
	assert_non_null(strstr(told(), "\"q\":0,\"group\":0,\"asid\":0,\"iova\":\"0x1000\","
				       "\"len\":4096,\"dir\":\"w\",\"ino\":42,\"ok\":true}"));
	/* Where there is no file, there is no inode, and it is told as reached all the same. */
	looked_up(SPACE, 0x1000, 0x1fff, 0, ~UINT64_C(0) / 2, 0, 3);
	assert_non_null(strstr(told(), "\"ino\":0,\"ok\":true}"));
}

static void the_space_is_where_it_was_looked_up(void **state)
{
	(void)state;
	happens(SIM_ASSIGN, VRING + 2, SPACE + 1, LOCK);
	assert_non_null(strstr(told(), "\"ev\":\"asid\",\"q\":2,\"asid\":1}"));
	happens(SIM_GET, VRING + 2, 0, 0);
	looked_up(SPACE, 0x40000000, 0x4000000f, 0, 0, 0, 0); /* whatever it was put into */
	assert_non_null(strstr(told(), "\"q\":2,\"group\":1,\"asid\":0,\"iova\":\"0x40000000\","
				       "\"len\":16,\"dir\":\"r\",\"ino\":0,\"ok\":false,"
				       "\"why\":\"no map\"}"));
}

static void a_range_goes_on_in_the_next_map(void **state)
{
	(void)state;
	happens(SIM_PULL, VRING + 1, 0, 0);
	looked_up(SPACE, 0x1ff0, 0x200f, 0x1000, 0x1fff, 0x50000000, 3);
	assert_non_null(strstr(told(), "\"iova\":\"0x1ff0\",\"len\":16,"));
	assert_int_equal(asked.at, 0x50000ff0);
	looked_up(SPACE, 0x2000, 0x200f, 0x2000, 0x2fff, 0x60000000, 3);
	assert_non_null(strstr(told(), "\"iova\":\"0x2000\",\"len\":16,"));
	looked_up(SPACE, 0x3000, 0x300f, 0x3008, 0x3fff, 0x60000000, 3); /* a gap before it */
	assert_non_null(strstr(told(), "\"len\":16,\"dir\":\"r\",\"ino\":0,\"ok\":false,"
				       "\"why\":\"no map\"}"));
	/* All of 64 bits but for the first byte, up to the end. */
	looked_up(SPACE, 1, ~UINT64_C(0), 0, 0, 0, 0);
	assert_non_null(strstr(told(), "\"iova\":\"0x1\",\"len\":18446744073709551615,"));
}

static void what_a_map_does_not_permit_is_refused(void **state)
{
	static const struct {
		enum sim_event_kind op;
		uint64_t len;
		unsigned perm;
		bool ok;
	} cases[] = {
	    {SIM_GET, 16, 1, true},	 {SIM_GET, 16, 2, false},     {SIM_NOTIFY, 2, 2, false},
	    {SIM_PULL, 64, 1, true},	 {SIM_PULL, 64, 2, false},    {SIM_PUSH, 2, 1, false},
	    {SIM_PUSH, 64, 2, true},	 {SIM_COMPLETE, 8, 1, false}, {SIM_COMPLETE, 8, 3, true},
	    {SIM_COMPLETE, 2, 1, true}, /* as the kernel has it: putu16_iotlb() */
	    {SIM_COMPLETE, 2, 2, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		happens(cases[i].op, VRING, 0, 0);
		looked_up(SPACE, 0x1000, 0x1000 + cases[i].len - 1, 0x1000, 0x1fff, 0x50000,
			  cases[i].perm);
		if (!strstr(told(), cases[i].ok ? "\"ok\":true" : "\"why\":\"perm\""))
			fail_msg("case %zu: %s", i, text);
	}
}

static void a_chain_refused_unread_is_told(void **state)
{
	(void)state;
	happens(SIM_GET, VRING, 0, 0);
	looked_up(SPACE, 0x1000, 0x1001, 0, 0x1fff, 0x50000, 3);
	happens(SIM_GOT, VRING, (uint32_t)-EPROTO, 0);
	assert_non_null(strstr(told(), "\"ev\":\"bad\",\"q\":0,\"why\":\"errno 71\"}"));
	happens(SIM_GET, VRING, 0, 0);
	happens(SIM_GOT, VRING, 0, 0);
	happens(SIM_GET, VRING, 0, 0);
	happens(SIM_GOT, VRING, 1, 0);
	assert_string_equal(told(), "");
	/* One of the CVQ's is a command. */
	happens(SIM_GET, VRING + 2, 0, 0);
	happens(SIM_GOT, VRING + 2, 0, 0);
	assert_string_equal(told(), "");
	happens(SIM_GET, VRING + 2, 0, 0);
	happens(SIM_GOT, VRING + 2, 1, 0);
	assert_string_equal(told(), "{\"t\":5000,\"ev\":\"taken\",\"q\":2}\n");
	/* One that could not be read says nothing of its shape. */
	happens(SIM_GET, VRING, 0, 0);
	looked_up(SPACE, 0x1000, 0x1001, 0, 0, 0, 0);
	happens(SIM_GOT, VRING, (uint32_t)-EINVAL, 0);
	assert_null(strstr(told(), "\"bad\""));
}

static void starts_are_told_and_mappings_looked_at_again(void **state)
{
	(void)state;
	for (uint64_t q = 0; q < SIM_QUEUES; q++)
		happens(SIM_RESET, VRING + q, 0, 0);
	assert_string_equal(told(), "{\"t\":5000,\"ev\":\"reset\"}\n");
	happens(SIM_READY, VRING + 1, 64, 0);
	assert_string_equal(told(), "{\"t\":5000,\"ev\":\"ready\",\"q\":1,\"ready\":1}\n");
	happens(SIM_STATUS, DEVICE, 15, 0);
	assert_string_equal(told(), "{\"t\":5000,\"ev\":\"status\",\"status\":15}\n");
	assert_int_equal(f.client, 0);
	happens(SIM_ASSIGN, VRING, SPACE, LOCK);
	assert_int_equal(f.client, CLIENT);
	happens(SIM_GET, VRING, 0, 0);
	for (unsigned n = 1; n <= 3; n++) {
		looked_up(SPACE, 0x1000, 0x1001, 0, 0x1fff, 0x50000, 3);
		assert_int_equal(asked.asked, n);
		assert_int_equal(asked.fresh, n == 1 || n == 3);
		if (n == 2)
			happens(SIM_READY, VRING, 64, 0);
	}
}

static void overflows(const char *why)
{
	if (!strstr(told(), "\"ev\":\"overflow\""))
		fail_msg("%s: %s", why, text);
	assert_null(strstr(text, "translate"));
}

static void nothing_that_does_not_fit_is_passed_over(void **state)
{
	(void)state;
	looked_up(SPACE, 0x1000, 0x1001, 0, 0x1fff, 0x50000, 3);
	overflows("an address before any queue");
	happens(SIM_GET, VRING, 0, 0);
	happens(SIM_GET, VRING + 9, 0, 0);
	overflows("another device's queue");
	looked_up(SPACE, 0x1000, 0x1001, 0, 0x1fff, 0x50000, 3);
	overflows("an address of another device's queue");
	happens(SIM_GET, VRING, 0, 0);
	happens(SIM_LOST, 0, 0, 0);
	overflows("lost events");
	looked_up(SPACE, 0x1000, 0x1001, 0, 0x1fff, 0x50000, 3);
	overflows("an address after lost events, of whatever queue");
	happens(SIM_ASSIGN, VRING, SPACE + 9, LOCK);
	overflows("another device's space, assigned");
	happens(SIM_SPACE, SPACE + 9, 0, 0);
	overflows("a space made later");
	happens(SIM_GET, VRING, 0, 0);
	looked_up(SPACE + 9, 0x1000, 0x1001, 0, 0x1fff, 0x50000, 3);
	overflows("another device's space");

	/* Maps that are none, as if the kernel's struct had other offsets. */
	static const uint64_t odd[][5] = {
	    {0x2000, 0x2fff, 0x1000, 0x50000, 3}, {0, 0xfff, 0x1000, 0x50000, 3},
	    {0, 0x1fff, 0x1fff, 0x50000, 3},	  {0, 0x1fff, 0x2000, 0x50000, 0},
	    {0, 0x1fff, 0x2000, 0x50000, 4},
	};
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct sim_event ev = {.kind = SIM_FIND, .arg = {SPACE, 0x1000, 0x1001, 0x9999}};

		memcpy(&ev.arg[FIND_MAP_FIRST], odd[i], sizeof(odd[i]));
		follow_event(&f, &ev);
		overflows("a map");
	}
}

/* ---- mappings ---- */

static int parse_maps(struct maps *m, const char *lines)
{
	FILE *file = fmemopen((void *)(uintptr_t)lines, strlen(lines), "r");
	int ret = maps_parse(m, file);

	fclose(file);
	return ret;
}

static void an_address_has_the_inode_of_its_mapping(void **state)
{
	static struct maps m;

	(void)state;
	assert_int_equal(parse_maps(&m,
				    "00400000-00401000 r--p 00000000 00:02 77     /bin/x y (z)\n"
				    "7f0000000000-7f0000002000 rw-s 00001000 00:01 1025 "
				    "/memfd:ram (deleted)\n"
				    "7f0000002000-7f0000003000 rw-p 00000000 00:00 0 \n"
				    "7f0000003000-7f0000004000 rw-s 00000000 00:01 1026 x\n"
				    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  "
				    "[vsyscall]\n"),
			 0);
	assert_int_equal(m.count, 5);
	assert_int_equal(maps_inode(&m, 0x7f0000000000, 0x2000), 1025);
	assert_int_equal(maps_inode(&m, 0x7f0000001fff, 1), 1025);
	assert_int_equal(maps_inode(&m, 0x7f0000001fff, 2), 0); /* and on into another */
	assert_int_equal(maps_inode(&m, 0x7f0000002000, 1), 0);
	assert_int_equal(maps_inode(&m, 0x7f0000003000, 1), 1026);
	assert_int_equal(maps_inode(&m, 0x3fffff, 2), 0);
	assert_int_equal(maps_inode(&m, 0x400000, 1), 77);
	assert_int_equal(maps_inode(&m, 0x401000, 1), 0);
	assert_int_equal(maps_inode(&m, 0x400fff, ~UINT64_C(0)), 0);
}

static void mappings_that_make_no_sense_are_refused(void **state)
{
	static struct maps m;
	static char many[MAPS_MAX * 48 + 100];
	size_t n = 0;

	(void)state;
	assert_int_equal(parse_maps(&m, "hello\n"), -EBADMSG);
	assert_int_equal(parse_maps(&m, "2000-1000 r--p 00000000 00:02 77\n"), -EBADMSG);
	assert_int_equal(parse_maps(&m, "1000-2000 r--p 00000000 00:02\n"), -EBADMSG);
	for (unsigned i = 0; i <= MAPS_MAX; i++)
		n += (size_t)sprintf(many + n, "%x000-%x000 r--p 00000000 00:02 7\n", i, i + 1);
	assert_int_equal(parse_maps(&m, many), -E2BIG);
	many[n - strlen("1ff000-200000 r--p 00000000 00:02 7\n")] = '\0';
	assert_int_equal(parse_maps(&m, many), 0);
	assert_int_equal(m.count, MAPS_MAX);
}

static void our_own_mappings_are_read(void **state)
{
	static struct maps m;

	(void)state;
	assert_int_equal(maps_read(&m, (int)getpid()), 0);
	assert_true(maps_inode(&m, (uintptr_t)&our_own_mappings_are_read, 1) != 0);
	unsigned count = m.count;
	assert_true(maps_read(&m, 0x7ffffff0) < 0); /* nobody */
	assert_int_equal(m.count, count);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_is_read),
	    cmocka_unit_test(what_is_no_line_is_not_read),
	    cmocka_unit_test(every_probe_has_its_line),
	    cmocka_unit_test(a_device_is_known_by_how_it_is_made),
	    TEST(a_translation_is_told),
	    TEST(the_space_is_where_it_was_looked_up),
	    TEST(a_range_goes_on_in_the_next_map),
	    TEST(what_a_map_does_not_permit_is_refused),
	    TEST(a_chain_refused_unread_is_told),
	    TEST(starts_are_told_and_mappings_looked_at_again),
	    TEST(nothing_that_does_not_fit_is_passed_over),
	    cmocka_unit_test(an_address_has_the_inode_of_its_mapping),
	    cmocka_unit_test(mappings_that_make_no_sense_are_refused),
	    cmocka_unit_test(our_own_mappings_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
