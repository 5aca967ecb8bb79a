/* SPDX-License-Identifier: MIT */
/*
 * What ringfence-steps is made of, as far as no kernel is needed: its rules at their edges, its
 * driver's ring against our device's, its table and its command line.
 */
#include "test.h"

#include "../../vdpa/breaks.h"
#include "../../vdpa/vduse/vring.h"
#include "../isolation/steps/opts.h"
#include "../isolation/steps/ring.h"
#include "../isolation/steps/rule.h"
#include "fake_vduse.h"

#include <errno.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct facts facts = {.queues = 3, .groups = 2, .spaces = 2, .num_max = 256};

static void test_group_asid(void **state)
{
	const struct {
		uint32_t group, asid;
		bool live;
		int right, wrong;
	} cases[] = {
	    {0, 1, false, 0, -EBUSY},
	    {1, 0, false, 0, -EINVAL},
	    {0, 0, true, -EBUSY, 0},
	    {1, 1, true, -EBUSY, -EIO},
	    {2, 0, false, -EINVAL, 0},
	    {2, 0, true, -EINVAL, -EBUSY},
	    {2, 0, false, -EINVAL, -ENOBUFS},
	    {3, 0, false, -ENOBUFS, 0},
	    {3, 0, false, -EINVAL, -EIO},
	    {0, 2, false, -EINVAL, 0},
	    {0, 2, true, -EINVAL, -EBUSY},
	    {UINT32_MAX, UINT32_MAX, false, -ENOBUFS, 0},
	    {0, UINT32_MAX, false, -EINVAL, -ENOBUFS},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		assert_true(rule_group_asid(&facts, cases[i].group, cases[i].asid, cases[i].live,
					    cases[i].right));
		assert_false(rule_group_asid(&facts, cases[i].group, cases[i].asid, cases[i].live,
					     cases[i].wrong));
	}
}

static void test_num(void **state)
{
	const uint32_t bad[] = {0, 3, 6, 255, 257, 512, 65536, 65537, 0x80000000, UINT32_MAX};

	(void)state;
	for (uint32_t num = 1; num <= 256; num *= 2)
		assert_true(rule_num(&facts, num));
	for (unsigned i = 0; i < COUNT(bad); i++)
		assert_false(rule_num(&facts, bad[i]));
}

static void test_map(void **state)
{
	const struct extent there[] = {{0x1000, 0x1000}, {~0ull - 0xfff, 0x1000}};

	(void)state;
	assert_true(rule_map(there, 2, 0, 0x1000));
	assert_true(rule_map(there, 2, 0x2000, 0x1000));
	assert_true(rule_map(there, 2, 0x2000, ~0ull - 0x2fff));
	assert_true(rule_map(there, 0, ~0ull, 1));
	assert_true(rule_map(there, 0, 1, ~0ull));
	assert_false(rule_map(there, 0, 0, 0));
	assert_false(rule_map(there, 2, 0x1000, 0));
	assert_false(rule_map(there, 2, 0x5000, 0));
	assert_false(rule_map(there, 2, 0, 0x1001));
	assert_false(rule_map(there, 2, 0x1fff, 1));
	assert_false(rule_map(there, 2, 0x1800, 0x10));
	assert_false(rule_map(there, 2, 0, 0x10000));
	assert_false(rule_map(there, 2, 0x2000, ~0ull - 0x2ffe));
	assert_false(rule_map(there, 2, ~0ull, 1));
	assert_false(rule_map(there, 0, ~0ull, 2));
	assert_false(rule_map(there, 0, 2, ~0ull));
	assert_false(rule_map(there, 0, 1ull << 63, (1ull << 63) + 1));
}

/* The device follows what the driver has laid out, and the driver what the device gives back. */
static void test_ring(void **state)
{
	const uint64_t base = 0x700000;
	struct as_table t = {.fd = 1000, .api = 1, .queues = 1, .groups = 1, .spaces = 2};
	struct fake_memory mem;
	struct vring_queue v;
	struct vring_chain c;
	struct ring r;
	uint32_t head, len;

	(void)state;
	fake_vduse_reset();
	assert_int_equal(fake_memory_make(&mem, 0x1000, 0x77, NULL), 0);
	fake_vduse_map(0, base, 0x1000, 3, mem.fd, 0);
	ring_init(&r, mem.at, iova(base), mem.at + RING_DRIVER_LEN, iova(base + RING_DRIVER_LEN));
	vring_start(&v, 0, 0, RING_NUM, VRING_NUM_MAX, r.desc_at, r.avail_at, r.used_at, 0);
	assert_null(v.stopped);
	for (unsigned round = 0; round < 3 * RING_NUM; round++) {
		unsigned at = round % RING_NUM & ~1u;
		assert_int_equal(vring_pop(&v, &t, &c), 0);
		ring_describe(&r, at, base + round, 16, false, (int)at + 1);
		ring_describe(&r, at + 1, base + 0x800, 32, true, -1);
		ring_offer(&r, at);
		assert_int_equal(ring_in_flight(&r), 1);
		assert_false(ring_take(&r, &head, &len));
		assert_int_equal(vring_pop(&v, &t, &c), 1);
		assert_int_equal(c.head, at);
		assert_int_equal(c.readable, 1);
		assert_int_equal(c.writable, 1);
		assert_int_equal(c.seg[0].at.v, base + round);
		assert_int_equal(c.seg[1].len, 32);
		assert_int_equal(vring_push(&v, &t, c.head, 7 + round), 0);
		assert_true(ring_take(&r, &head, &len));
		assert_int_equal(head, at);
		assert_int_equal(len, 7 + round);
		assert_int_equal(ring_in_flight(&r), 0);
	}
	assert_int_equal(mem.at[RING_DRIVER_LEN + RING_DEVICE_LEN], 0x77);
	as_drop_all(&t);
	fake_memory_drop(&mem);
}

/* Rows 22 to 26 and 36, each with a name of its own and a control that there is. */
static void test_table(void **state)
{
	uint64_t numbers = 0;

	(void)state;
	for (unsigned i = 0; i < STEPS_ROWS; i++) {
		unsigned controls = 0;
		assert_non_null(steps_rows[i].name);
		assert_true(strlen(steps_rows[i].claim) > 20);
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(steps_rows[i].name, steps_rows[k].name);
		for (const char *const *c = steps_rows[i].controls; *c; c++)
			controls += break_by_name(*c) >= 0;
		assert_int_equal(controls >= 3, RINGFENCE_BREAKS);
		numbers |= 1ull << steps_rows[i].number;
	}
	assert_int_equal(numbers, 0x1full << 22 | 1ull << 36);
}

static int parse(struct opts *o, const char *const *words)
{
	char *argv[16] = {(char *)(uintptr_t) "ringfence-steps"};
	struct err e = {0};
	int n = 1;

	for (; *words; words++)
		argv[n++] = (char *)(uintptr_t)*words;
	int ret = opts_parse(o, n, argv, &e);
	assert_int_equal(ret != 0, e.kind == ERR_USAGE);
	return ret;
}

#define PARSE(o, ...) parse(o, (const char *const[]){__VA_ARGS__, NULL})

static void test_options(void **state)
{
	struct opts o;

	(void)state;
	assert_int_equal(PARSE(&o, NULL), 0);
	assert_true(!o.rows && !o.parents && !o.breaks && !o.tally);
	assert_string_equal(o.device, "ringfence-steps");
	assert_int_equal(PARSE(&o, "--tally", "--row", "batches", "--parent", "vdpa_sim",
			       "--device", "rf-1", "--private-cvq", "--full"),
			 0);
	assert_int_equal(o.rows, 1u << STEPS_ROW_BATCHES);
	assert_int_equal(o.parents, 1u << PARENT_SIM);
	assert_true(o.tally && o.private_cvq && o.full && !o.controls);
	assert_int_equal(PARSE(&o, "--row", "batches", "--row", "residue"), 0);
	assert_int_equal(o.rows, 1u << STEPS_ROW_BATCHES | 1u << STEPS_ROW_RESIDUE);

	assert_int_equal(PARSE(&o, "--parent", "vduse-mlx5"), 0);
	assert_int_equal(o.parents, 1u << PARENT_MLX5);

	assert_int_not_equal(PARSE(&o, "--row", "batch"), 0);
	assert_int_not_equal(PARSE(&o, "--parent", "mlx5"), 0);
	assert_int_not_equal(PARSE(&o, "--device", "../x"), 0);
	assert_int_not_equal(PARSE(&o, "--device"), 0);
	assert_int_not_equal(PARSE(&o, "--break", "nothing"), 0);
	assert_int_not_equal(PARSE(&o, "--tally", "--row", "batches"), 0);
	assert_int_not_equal(PARSE(&o, "--tally", "--parent", "vduse"), 0);
	assert_int_not_equal(
	    PARSE(&o, "--tally", "--row", "batches", "--row", "residue", "--parent", "vduse"), 0);
	assert_int_not_equal(PARSE(&o, "batches"), 0);
	assert_int_not_equal(PARSE(&o, "--nonsense"), 0);
}

/* In a build without them there are none. */
static void test_breaks(void **state)
{
	struct opts o;

	(void)state;
	assert_int_equal(PARSE(&o, "--break", "merge-asid") == 0, RINGFENCE_BREAKS);
	assert_int_equal(o.breaks, RINGFENCE_BREAKS ? 1u << BREAK_MERGE_ASID : 0);
	assert_int_equal(PARSE(&o, "--controls") == 0, RINGFENCE_BREAKS);
	assert_int_equal(PARSE(&o, "--parent", "vduse", "--break", "ignore-group") == 0,
			 RINGFENCE_BREAKS);
	assert_int_not_equal(PARSE(&o, "--parent", "vdpa_sim", "--break", "ignore-group"), 0);
	assert_int_not_equal(PARSE(&o, "--break", "memslot"), 0); /* is none of these rows' */
	assert_int_not_equal(PARSE(&o, "--controls", "--break", "merge-asid"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_group_asid), cmocka_unit_test(test_num),
	    cmocka_unit_test(test_map),	       cmocka_unit_test(test_ring),
	    cmocka_unit_test(test_table),      cmocka_unit_test(test_options),
	    cmocka_unit_test(test_breaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
