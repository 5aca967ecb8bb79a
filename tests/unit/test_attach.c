/* SPDX-License-Identifier: MIT */
/*
 * Taking a device into use, against a fake kernel: a missing fact is refused and named, every stage
 * is set on every start, any call that fails ends in a reset, and memory lands in the ASID it
 * belongs to.
 */
#include "../../vdpa/attach.h"
#include "../../vdpa/breaks.h"
#include "fake_vhost.h"
#include "test.h"

#define CVQ_BITS (1ull << 17 | 1ull << 18 | 1ull << 23)

static uint8_t *ram;
static struct gmem mem;
static struct arena a;
static struct attach at;
static struct err e;
static struct attach_queue queues[DEVICE_QUEUES_MAX];
static const uint8_t key[16];

#define RAM_SIZE 0x2000000u

static int setup_at(uint64_t arena_iova)
{
	struct err ignored = {0};

	fake_reset();
	e = (struct err){0};
	mem = (struct gmem){0};
	ram = test_malloc(RAM_SIZE);
	if (gmem_add(&mem, gpa(0), RAM_SIZE, ram) ||
	    arena_create(&a, iova(arena_iova), key, 1, &ignored))
		return -1;
	for (unsigned q = 0; q < 3; q++)
		queues[q] = (struct attach_queue){
		    true, 64, iova(0x1000 * q), iova(0x2000), iova(0x3000), -1, -1};
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_at(0x40000000);
}

static int setup_aliased(void **state)
{
	(void)state;
	return setup_at(0x1000000);
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy(&a);
	test_free(ram);
	return 0;
}

static int open_device(uint32_t breaks)
{
	return attach_open(&at, "/dev/fake", &mem, &a, false, breaks, &e);
}

static int start_device(void)
{
	return attach_start(&at, 1ull << 32 | CVQ_BITS, queues, &e);
}

static void refused(const char *fact)
{
	assert_true(open_device(0) < 0);
	assert_int_equal(e.kind, ERR_HOST);
	if (!strstr(e.text, fact))
		fail_msg("'%s' does not name '%s'", e.text, fact);
	assert_non_null(strstr(fake.calls, "close")); /* and nothing is left open */
}

static void missing_asid_feature(void **state)
{
	(void)state;
	fake.backend_offered = VHOST_F_IOTLB_MSG_V2;
	refused("VHOST_BACKEND_F_IOTLB_ASID");
}

static void one_address_space(void **state)
{
	(void)state;
	fake.spaces = 1;
	refused("address space");
}

static void one_group(void **state)
{
	(void)state;
	fake.groups = 1;
	fake.group[2] = 0;
	refused("group");
}

static void cvq_shares_its_group(void **state)
{
	(void)state;
	fake.group[1] = 1;
	refused("shares group 1 with queue 1");
}

static void not_a_network_device(void **state)
{
	(void)state;
	fake.device_id = 2;
	refused("network");
}

static void legacy_device(void **state)
{
	(void)state;
	fake.features = CVQ_BITS;
	refused("VIRTIO_F_VERSION_1");
}

static void too_few_queues(void **state)
{
	(void)state;
	fake.queues = 2;
	refused("it has 2, 3 are needed");
}

static void out_of_reach(void **state)
{
	(void)state;
	fake.iova_last = a.iova.v + ARENA_SIZE - 2;
	refused("CVQ arena is out of reach");
	e = (struct err){0};
	fake.iova_last = RAM_SIZE - 2;
	refused("guest RAM up to 0x1ffffff is out of reach");
	e = (struct err){0};
	fake.iova_last = ~0ull;
	fake.iova_first = 1;
	refused("guest RAM");
	e = (struct err){0};
	fake.iova_first = 0;
	fake.iova_last = a.iova.v + ARENA_SIZE - 1; /* exactly enough */
	assert_int_equal(open_device(0), 0);
	assert_int_equal(at.config_len, 8);
	assert_int_equal(at.config[7], 0x5a);
	assert_non_null(strstr(fake.calls, "set_owner"));
}

static void any_failing_call_fails_the_open(void **state)
{
	static const char *const calls[] = {
	    "set_owner",     "get_device_id",	     "get_features",	     "get_vqs_count",
	    "get_vring_max", "get_backend_features", "set_backend_features", "get_group_num",
	    "get_as_num",    "get_vring_group",	     "get_iova_range",	     "get_config_size",
	    "get_config"};

	(void)state;
	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		fake_reset();
		e = (struct err){0};
		fake.fail_call = calls[i];
		refused(calls[i]);
	}
}

static void no_cvq_needs_no_isolation(void **state)
{
	(void)state;
	fake.features = 1ull << 32;
	fake.queues = 2;
	fake.groups = fake.spaces = 1;
	fake.backend_offered = VHOST_F_IOTLB_MSG_V2;
	assert_int_equal(open_device(0), 0);
	assert_false(at.has_cvq);
	assert_int_equal(attach_start(&at, 1ull << 32, queues, &e), 0);
	assert_int_equal(fake.maps, 1);
	assert_null(strstr(fake.calls, "set_group_asid"));
	assert_false(fake.queue[2].enabled);
}

static void memory_lands_where_it_belongs(void **state)
{
	(void)state;
	assert_int_equal(open_device(0), 0);
	assert_int_equal(start_device(), 0);
	assert_int_equal(fake.group_asid[0], 0);
	assert_int_equal(fake.group_asid[1], 1);
	assert_null(fake_translate(0, a.iova.v, 1)); /* nothing of the probe is left */
	assert_ptr_equal(fake_translate(0, 0x1234, 1), ram + 0x1234);
	assert_ptr_equal(fake_translate(1, a.iova.v, ARENA_READABLE), a.readable);
	assert_ptr_equal(fake_translate(1, a.iova.v + ARENA_READABLE, ARENA_WRITABLE), a.writable);
	for (unsigned i = 0; i < fake.maps; i++) {
		const struct fake_map *m = &fake.map[i];
		bool is_ram = m->host >= ram && m->host < ram + RAM_SIZE;
		assert_int_equal(m->asid, is_ram ? 0 : 1);
		assert_int_equal(m->perm, m->host == a.readable ? VHOST_PERM_RO : VHOST_PERM_RW);
	}
	assert_int_equal(fake.maps, 3);
	assert_int_equal(fake.status, 15);
	assert_int_equal(fake.driver_features, 1ull << 32 | CVQ_BITS | 1ull << 33);
}

static void a_restart_sets_every_stage_again(void **state)
{
	static char first[sizeof(fake.calls)];

	(void)state;
	assert_int_equal(open_device(0), 0);
	fake.calls[0] = 0;
	assert_int_equal(start_device(), 0);
	strcpy(first, fake.calls);
	for (unsigned n = 0; n < 3; n++) {
		fake.calls[0] = 0;
		fake.group_asid[0] = fake.group_asid[1] =
		    3 - n % 2 * 3; /* a reset may leave anything */
		assert_int_equal(start_device(), 0);
		assert_int_equal(fake.group_asid[0], 0);
		assert_int_equal(fake.group_asid[1], 1);
		assert_int_equal(fake.maps, 3);
		/* The same calls, and the old mappings dropped before the new ones. */
		const char *unmap = strstr(fake.calls, "iotlb_unmap iotlb_unmap ");
		assert_non_null(unmap);
		assert_int_equal(strlen(fake.calls),
				 strlen(first) + strlen("iotlb_unmap iotlb_unmap "));
	}
}

static void a_kernel_that_drops_the_asid_is_noticed(void **state)
{
	(void)state;
	fake.drops_asid = true;
	assert_int_equal(open_device(0), 0);
	assert_true(start_device() < 0);
	assert_int_equal(e.kind, ERR_HOST);
	assert_int_equal(fake.status, 0);
}

static void a_group_that_moves_is_noticed(void **state)
{
	(void)state;
	fake.groups = 3;
	fake.group_after_live[2] = 2;
	assert_int_equal(open_device(0), 0);
	assert_true(start_device() < 0);
	assert_non_null(strstr(e.text, "queue 2 moved from group 1 to 2"));
	assert_int_equal(fake.status, 0);
	e = (struct err){0};
	fake.group_after_live[2] = 0; /* now into the data queues' */
	assert_true(start_device() < 0);
	assert_int_equal(fake.status, 0);
}

static void a_status_that_is_not_taken_is_noticed(void **state)
{
	(void)state;
	assert_int_equal(open_device(0), 0);
	for (unsigned bit = 1; bit <= 8; bit *= 2) {
		e = (struct err){0};
		fake.refuses_status = (uint8_t)bit;
		assert_true(start_device() < 0);
		assert_non_null(strstr(e.text, bit == 4	  ? "DRIVER_OK"
					       : bit == 8 ? "FEATURES_OK"
							  : "ACKNOWLEDGE"));
		assert_int_equal(fake.status, 0);
	}
}

static void any_failing_call_fails_the_start(void **state)
{
	static const char *const calls[] = {
	    "set_status",     "set_backend_features", "get_backend_features", "get_status",
	    "set_features",   "get_vring_group",      "set_group_asid",	      "iotlb_map",
	    "set_vring_num",  "set_vring_base",	      "set_vring_addr",	      "set_vring_kick",
	    "set_vring_call", "set_vring_enable"};
	unsigned failures = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		for (unsigned skip = 0;; skip++) {
			fake_reset();
			e = (struct err){0};
			assert_int_equal(open_device(0), 0);
			fake.fail_call = calls[i];
			fake.fail_skip = skip;
			int ret = start_device();
			if (ret == 0) {
				assert_true(skip > 0);
				break;
			}
			assert_non_null(strstr(e.text, calls[i]));
			assert_int_not_equal(fake.status, 15);
			failures++;
		}
	assert_true(failures > 30);
}

static void aliased_arena_shares_addresses_not_memory(void **state)
{
	(void)state;
	assert_int_equal(open_device(0), 0);
	assert_int_equal(start_device(), 0);
	assert_ptr_equal(fake_translate(0, a.iova.v, 1), ram + a.iova.v);
	assert_ptr_equal(fake_translate(1, a.iova.v, 1), a.readable);
}

#if RINGFENCE_BREAKS
static void breaks_break(void **state)
{
	(void)state;
	assert_int_equal(open_device(1u << BREAK_MERGE_ASID), 0);
	assert_int_equal(start_device(), 0);
	assert_int_equal(fake.group_asid[1], 0);
	assert_ptr_equal(fake_translate(0, a.iova.v, 1), a.readable);
	if (a.iova.v < RAM_SIZE) /* and guest RAM goes on behind it */
		assert_ptr_equal(fake_translate(0, a.iova.v + ARENA_SIZE, 1),
				 ram + a.iova.v + ARENA_SIZE);
	assert_null(fake_translate(1, a.iova.v, 1));

	fake_reset();
	assert_int_equal(open_device(1u << BREAK_NO_ASID_ACK), 0);
	assert_int_equal(start_device(), 0);
	assert_int_equal(fake.backend_acked, VHOST_F_IOTLB_MSG_V2);
	assert_ptr_equal(fake_translate(0, a.iova.v, 1), a.readable);
}
#endif

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define ALIASED(f) cmocka_unit_test_setup_teardown(f, setup_aliased, teardown)
	const struct CMUnitTest tests[] = {
		TEST(missing_asid_feature),
		TEST(one_address_space),
		TEST(one_group),
		TEST(cvq_shares_its_group),
		TEST(not_a_network_device),
		TEST(legacy_device),
		TEST(too_few_queues),
		TEST(out_of_reach),
		TEST(any_failing_call_fails_the_open),
		TEST(no_cvq_needs_no_isolation),
		TEST(memory_lands_where_it_belongs),
		TEST(a_restart_sets_every_stage_again),
		TEST(a_kernel_that_drops_the_asid_is_noticed),
		ALIASED(a_kernel_that_drops_the_asid_is_noticed),
		TEST(a_group_that_moves_is_noticed),
		TEST(a_status_that_is_not_taken_is_noticed),
		TEST(any_failing_call_fails_the_start),
		ALIASED(aliased_arena_shares_addresses_not_memory),
#if RINGFENCE_BREAKS
		TEST(breaks_break),
		ALIASED(breaks_break),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
