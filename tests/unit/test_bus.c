/* SPDX-License-Identifier: MIT */
/* The MMIO bus: every access reaches the one device that holds all of it, or nobody. */
#include "../../vmm/bus.h"
#include "test.h"

#include <errno.h>

struct probe {
	struct bus_access last;
	unsigned calls;
};

static struct probe low, high, top;
static struct bus bus;

static void probe_access(void *ctx, struct bus_access *a)
{
	struct probe *p = ctx;

	p->last = *a;
	p->calls++;
	a->value = 0x1122334455667788ull;
}

static int add(struct bus *b, uint64_t start, uint64_t size, struct probe *p)
{
	return bus_add(b, &(struct bus_device){gpa(start), size, probe_access, p});
}

/* Two neighbours, and one that ends with the address space. */
static int setup(void **state)
{
	(void)state;
	low = high = top = (struct probe){0};
	bus = (struct bus){0};
	return add(&bus, 0x1000, 0x1000, &low) || add(&bus, 0x2000, 0x10, &high) ||
	       add(&bus, 0 - 0x1000ull, 0x1000, &top);
}

static unsigned calls(void)
{
	return low.calls + high.calls + top.calls;
}

static void devices_have_ranges_of_their_own(void **state)
{
	static const struct {
		uint64_t start, size;
		int want;
	} cases[] = {
	    {0x5000, 0, -EINVAL},
	    {0 - 0xfffull, 0x1000, -EINVAL}, /* wraps by one byte */
	    {1, ~0ull, -EINVAL},
	    {2, ~0ull, -EINVAL},
	    {0, ~0ull, -EINVAL},
	    {0x1000, 0x1000, -EINVAL},
	    {0x1fff, 1, -EINVAL},
	    {0x1400, 0x10, -EINVAL},
	    {0, 0x1001, -EINVAL},
	    {0, 0x3000, -EINVAL},
	    {0x200f, 0x10, -EINVAL},
	    {~0ull, 1, -EINVAL},
	    {0, 0x1000, 0},
	    {0xff0, 0x10, 0},
	    {0x2010, 1, 0},
	    {0x2010, 0 - 0x3010ull, 0},
	    {0x2010, 0 - 0x300full, -EINVAL},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bus b = bus;
		struct probe p = {0};
		if (add(&b, cases[i].start, cases[i].size, &p) != cases[i].want)
			fail_msg("case %u", i);
		assert_int_equal(b.count, cases[i].want ? 3 : 4);
		uint64_t v = 0;
		bus_access(&b, gpa(cases[i].start), 1, false, &v);
		assert_int_equal(p.calls, cases[i].want ? 0 : 1);
	}
}

static void all_of_the_address_space_is_one_device_too_many(void **state)
{
	struct bus b = {0};

	(void)state;
	assert_int_equal(add(&b, 0, ~0ull, &low), 0);
	assert_int_equal(add(&b, ~0ull, 1, &high), 0);
	assert_int_equal(add(&b, ~0ull, 1, &top), -EINVAL);
}

static void there_is_room_for_so_many(void **state)
{
	struct bus b = {0};

	(void)state;
	for (unsigned i = 0; i < BUS_DEVICES; i++)
		assert_int_equal(add(&b, i, 1, &low), 0);
	assert_int_equal(add(&b, BUS_DEVICES, 1, &low), -ENOSPC);
	assert_int_equal(add(&b, 0, 1, &low), -EINVAL);
	assert_int_equal(b.count, BUS_DEVICES);
	uint64_t v = 0;
	bus_access(&b, gpa(BUS_DEVICES), 1, false, &v); /* none of all */
	assert_int_equal(v, ~0ull);
}

static bool holds(uint64_t start, uint64_t size, uint64_t at, unsigned len)
{
	return at - start < size && len <= size - (at - start);
}

/* Which device answers, by the rule alone; NULL: none. */
static struct probe *expected(uint64_t at, unsigned len)
{
	if (len < 1 || len > 8)
		return NULL;
	return holds(0x1000, 0x1000, at, len)	       ? &low
	       : holds(0x2000, 0x10, at, len)	       ? &high
	       : holds(0 - 0x1000ull, 0x1000, at, len) ? &top
						       : NULL;
}

static void try_one(uint64_t at, unsigned len, bool write)
{
	struct probe *want = expected(at, len);
	uint64_t value = 0xdeadbeefull;
	unsigned before = calls();

	bus_access(&bus, gpa(at), len, write, &value);
	assert_int_equal(calls(), before + (want ? 1 : 0));
	if (!want) {
		assert_int_equal(value, write ? 0xdeadbeefull : ~0ull);
		return;
	}
	assert_int_equal(want->last.len, len);
	assert_int_equal(want->last.write, write);
	assert_int_equal(want->last.value, write ? 0xdeadbeefull : 0);
	assert_int_equal(want->last.offset, want == &top   ? at + 0x1000
					    : want == &low ? at - 0x1000
							   : at - 0x2000);
	assert_int_equal(value, write ? 0xdeadbeefull : 0x1122334455667788ull);
}

static void accesses_reach_who_holds_all_of_them(void **state)
{
	static const uint64_t edges[] = {0,	 0x1000, 0x1ff8,     0x2000,
					 0x2010, 0x3000, 1ull << 63, 0 - 0x1000ull};
	static const unsigned odd[] = {0, 9, 16, 1u << 31, ~0u};

	(void)state;
	for (unsigned i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		for (uint64_t at = edges[i] - 20; at != edges[i] + 20; at++)
			for (unsigned n = 0; n < 13; n++) {
				unsigned len = n < 8 ? n + 1 : odd[n - 8];
				try_one(at, len, false);
				try_one(at, len, true);
			}
	assert_true(low.calls > 100 && high.calls > 100 && top.calls > 100);
}

static void an_empty_bus_answers_all_ones(void **state)
{
	const struct bus none = {0};
	uint64_t v = 5;

	(void)state;
	bus_access(&none, gpa(0), 4, true, &v);
	assert_int_equal(v, 5);
	bus_access(&none, gpa(0), 4, false, &v);
	assert_int_equal(v, ~0ull);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(devices_have_ranges_of_their_own, setup),
	    cmocka_unit_test_setup(all_of_the_address_space_is_one_device_too_many, setup),
	    cmocka_unit_test_setup(there_is_room_for_so_many, setup),
	    cmocka_unit_test_setup(accesses_reach_who_holds_all_of_them, setup),
	    cmocka_unit_test(an_empty_bus_answers_all_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
