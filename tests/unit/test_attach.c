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
	    arena_create(&a, iova(arena_iova), key, 1, 0, &ignored))
		return -1;
	for (unsigned q = 0; q < DEVICE_QUEUES_MAX; q++)
		queues[q] = (struct attach_queue){
		    true, 64, iova(0x1000ull * q), iova(0x2000), iova(0x3000), -1, -1};
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

#define MQ (1ull << 22)
#define HASH_REPORT (1ull << 57)
#define RSS (1ull << 60)

/* Four pairs; queue 2 and the last are each alone in a group, so that either can be the CVQ. */
static void four_pairs(void)
{
	fake_reset();
	e = (struct err){0};
	fake.pairs = 4;
	fake.queues = 9;
	fake.groups = 3;
	fake.group[2] = 2;
	fake.group[8] = 1;
	memcpy(fake.group_after_live, fake.group, sizeof(fake.group));
	memset(fake.group_asid, 0xff, sizeof(fake.group_asid));
}

static unsigned enabled(void)
{
	unsigned n = 0;

	while (n < 17 && fake.queue[n].enabled)
		n++;
	return n;
}

/* Section 5.1.2: what was negotiated says which queue is the CVQ. */
static void the_cvq_is_where_the_features_put_it(void **state)
{
	(void)state;
	four_pairs();
	assert_int_equal(open_device(0), 0);
	assert_int_equal(at.pairs, 4);
	assert_true(at.features & MQ);
	for (unsigned i = 0; i < 4; i++) { /* each start anew, whatever the last one took */
		uint64_t features = 1ull << 32 | CVQ_BITS | (i % 2 ? MQ : 0);

		assert_int_equal(attach_start(&at, features, queues, &e), 0);
		assert_int_equal(attach_cvq_index(&at, features), i % 2 ? 8 : 2);
		assert_int_equal(enabled(), i % 2 ? 9 : 3);
		assert_int_equal(fake.group_asid[0], 0);
		assert_int_equal(fake.group_asid[1], i % 2);
		assert_int_equal(fake.group_asid[2], !(i % 2));
	}
	assert_int_equal(attach_queue_count(&at, 0), 2);
	assert_int_equal(attach_queue_count(&at, MQ), 8);
	attach_close(&at);
}

/* Section 2.8.1: a packed ring begins with both wrap counters set. */
static void rings_begin_at_their_beginning(void **state)
{
	(void)state;
	assert_int_equal(open_device(0), 0);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t packed = i ? 1ull << 34 : 0;
		assert_true(at.features & 1ull << 34);
		assert_int_equal(attach_start(&at, 1ull << 32 | CVQ_BITS | packed, queues, &e), 0);
		for (unsigned q = 0; q < 3; q++)
			assert_int_equal(fake.queue[q].base, i ? 0x80008000 : 0);
	}
	attach_close(&at);
}

static void pairs_that_cannot_be_are_not_offered(void **state)
{
	static const struct {
		uint16_t pairs;
		uint32_t queues;
	} none[] = {{9, 19}, {0x8000, 19}, {4, 8}, {2, 4}, {0x400, 9}};

	(void)state;
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		four_pairs();
		fake.pairs = none[i].pairs;
		fake.queues = none[i].queues;
		fake.group[2] = 1;
		assert_int_equal(open_device(0), 0);
		assert_false(at.features & (MQ | RSS));
		assert_int_equal(at.pairs, 1);
		assert_int_equal(attach_queue_count(&at, at.features), 3);
		attach_close(&at);
	}
}

/* A device whose queue 2 is like any other's: a driver that takes MQ can be had, and no other. */
static void a_cvq_that_only_mq_isolates(void **state)
{
	(void)state;
	four_pairs();
	fake.group[2] = fake.group_after_live[2] = 0;
	assert_int_equal(open_device(0), 0);
	assert_int_equal(e.kind, ERR_NONE);
	assert_int_equal(attach_start(&at, 1ull << 32 | CVQ_BITS | MQ, queues, &e), 0);
	assert_true(start_device() < 0);
	assert_non_null(strstr(e.text, "CVQ (queue 2) shares group 0"));
	attach_close(&at);
	four_pairs();
	fake.group[2] = fake.group[8] = 0;
	refused("CVQ (queue 2) shares group 0");
	four_pairs(); /* and the reverse */
	fake.group[8] = fake.group_after_live[8] = 0;
	assert_int_equal(open_device(0), 0);
	assert_int_equal(start_device(), 0);
	assert_true(attach_start(&at, 1ull << 32 | CVQ_BITS | MQ, queues, &e) < 0);
	assert_non_null(strstr(e.text, "CVQ (queue 8) shares group 0"));
	attach_close(&at);
}

/* A parent that says nothing of its CVQ says nothing of MQ either, but has the pairs, and what they
 * are steered by. */
static void a_private_cvq_may_have_pairs(void **state)
{
	(void)state;
	for (uint16_t pairs = 1; pairs < 5; pairs += 3) {
		four_pairs();
		fake.pairs = pairs;
		fake.features = 1ull << 32;
		assert_int_equal(attach_open(&at, "/dev/fake", &mem, &a, true, 0, &e), 0);
		assert_int_equal(at.features & (MQ | HASH_REPORT | RSS),
				 pairs > 1 ? MQ | HASH_REPORT | RSS : 0);
		assert_int_equal(at.pairs, pairs);
		attach_close(&at);
	}
}

/* As mlx5_vdpa has it: buffers of data queues, the CVQ, descriptors of data queues. */
static void shape_of_mlx5(void)
{
	static const uint32_t group[] = {0, 0, 1}, rings[] = {2, 2, 1};

	fake_reset();
	e = (struct err){0};
	fake.groups = 3;
	fake.backend_offered |= VHOST_F_DESC_ASID;
	memcpy(fake.group, group, sizeof(group));
	memcpy(fake.group_after_live, group, sizeof(group));
	memcpy(fake.desc_group, rings, sizeof(rings));
	memcpy(fake.desc_group_after_live, rings, sizeof(rings));
	memset(fake.group_asid, 0xff, sizeof(fake.group_asid));
}

static void groups_are(uint32_t g0, uint32_t g1, uint32_t g2)
{
	assert_int_equal(start_device(), 0);
	assert_int_equal(fake.group_asid[0], g0);
	assert_int_equal(fake.group_asid[1], g1);
	assert_int_equal(fake.group_asid[2], g2);
	attach_close(&at);
}

static void more_groups_than_address_spaces(void **state)
{
	(void)state;
	shape_of_mlx5();
	assert_int_equal(open_device(0), 0);
	groups_are(0, 1, 0);

	shape_of_mlx5(); /* the kernel does not tell of descriptors: the third is nobody's */
	fake.backend_offered &= ~VHOST_F_DESC_ASID;
	assert_int_equal(open_device(0), 0);
	groups_are(0, 1, 0);

	shape_of_mlx5(); /* any order will do */
	fake.group[0] = fake.group[1] = 2;
	fake.group_after_live[0] = fake.group_after_live[1] = 2;
	fake.group[2] = fake.group_after_live[2] = fake.desc_group[2] = 0;
	fake.desc_group[0] = fake.desc_group[1] = 1;
	memcpy(fake.desc_group_after_live, fake.desc_group, sizeof(fake.desc_group));
	assert_int_equal(open_device(0), 0);
	groups_are(1, 0, 0);

	shape_of_mlx5(); /* the CVQ's rings in a group of their own, and a queue in each other */
	fake.queues = fake.groups = 4;
	fake.desc_group[0] = 0;
	fake.desc_group[1] = 3;
	fake.desc_group[2] = 2;
	memcpy(fake.desc_group_after_live, fake.desc_group, sizeof(fake.desc_group));
	assert_int_equal(open_device(0), 0);
	groups_are(0, 1, 1);
	assert_int_equal(fake.group_asid[3], 0);
}

static void cvq_shares_a_group_with_rings(void **state)
{
	(void)state;
	shape_of_mlx5();
	fake.desc_group[1] = 1;
	refused("shares group 1 with queue 1");
	shape_of_mlx5(); /* its own rings lie where a data queue's do, */
	fake.desc_group[2] = 2;
	refused("shares group 2 with queue 0");
	shape_of_mlx5(); /* ... and where a data queue's buffers do */
	fake.desc_group[2] = 0;
	refused("shares group 0 with queue 0");
}

static void a_group_that_is_not_there(void **state)
{
	(void)state;
	fake.group[2] = 2;
	refused("queue 2 is in groups 2 and 2 of 2");
	shape_of_mlx5();
	fake.desc_group[0] = 3;
	refused("queue 0 is in groups 0 and 3 of 3");
	shape_of_mlx5();
	fake.group[1] = 7;
	refused("queue 1 is in groups 7 and 2 of 3");
}

/* Finding K19: the kernel cannot put a group into an ASID whose number is no queue's. */
static void a_group_past_the_queues(void **state)
{
	(void)state;
	fake.groups = 8;
	assert_int_equal(open_device(0), 0);
	groups_are(0, 1, 0);
	fake_reset();
	e = (struct err){0};
	fake.groups = 8;
	fake.group[2] = fake.group_after_live[2] = 3;
	assert_int_equal(open_device(0), 0);
	assert_true(start_device() < 0);
	assert_non_null(strstr(e.text, "set_group_asid"));
	assert_int_equal(fake.status, 0);
}

static void rings_that_move_are_noticed(void **state)
{
	(void)state;
	shape_of_mlx5();
	assert_int_equal(open_device(0), 0);
	fake.group_after_live[1] = 2;
	assert_true(start_device() < 0);
	assert_non_null(strstr(e.text, "queue 1 moved from group 0 to 2"));
	fake.group_after_live[1] = 0;
	e = (struct err){0};
	fake.desc_group_after_live[0] = 0;
	assert_true(start_device() < 0);
	assert_non_null(strstr(e.text, "queue 0 moved from group 2 to 0"));
}

static void neither_network_nor_disk(void **state)
{
	(void)state;
	fake.device_id = 4;
	refused("it is 4: only network (1) and block devices (2)");
}

#define FLUSH (1ull << 9)

/* One queue in one group of one address space, and all of that is the guest's. */
static void block_device(void)
{
	fake_reset();
	e = (struct err){0};
	fake.device_id = 2;
	fake.queues = fake.groups = fake.spaces = 1;
	fake.config = 0; /* no sectors, and no feature's field makes sense */
}

static void a_block_device_has_no_cvq(void **state)
{
	(void)state;
	block_device();
	assert_int_equal(open_device(0), 0);
	assert_false(at.has_cvq);
	assert_int_equal(at.features, 1ull << 34 | 1ull << 32 | 3ull << 28 | 1ull << 5 | FLUSH);
	assert_int_equal(attach_queue_count(&at, ~0ull), 1);
	assert_int_equal(attach_start(&at, 1ull << 32 | FLUSH, queues, &e), 0);
	assert_true(fake.queue[0].enabled);
	assert_false(fake.queue[1].enabled);
	for (unsigned m = 0; m < fake.maps; m++)
		assert_int_equal(fake.map[m].asid, 0);
	assert_null(strstr(fake.calls, "set_group_asid"));
	attach_close(&at);
}

static void a_block_device_needs_a_capacity(void **state)
{
	(void)state;
	block_device();
	fake.config = 0xff;
	refused("config space");
}

/* What it says of itself later is passed on as long as it bears out what was offered. */
static void a_block_device_may_grow_but_not_lie(void **state)
{
	(void)state;
	block_device();
	fake.pairs = 1;
	assert_int_equal(open_device(0), 0);
	fake.pairs = 0x1111; /* bytes behind the capacity */
	assert_true(attach_config_changed(&at));
	assert_int_equal(at.config[8], 0x11);
	fake.config = 0xff; /* a capacity that cannot be */
	assert_false(attach_config_changed(&at));
	assert_int_equal(at.config[0], 0);
	attach_close(&at);
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
	fake.features = 1ull << 32 | 1ull << 28;
	fake.queues = 2;
	fake.groups = fake.spaces = 1;
	fake.backend_offered = VHOST_F_IOTLB_MSG_V2;
	assert_int_equal(open_device(0), 0);
	assert_false(at.has_cvq);
	assert_int_equal(at.features, fake.features);
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
		/* First the reset; then the same calls, and the old mappings dropped before the
		 * new ones. */
		assert_memory_equal(fake.calls, "set_status ", strlen("set_status "));
		const char *unmap = strstr(fake.calls, "iotlb_unmap iotlb_unmap ");
		assert_non_null(unmap);
		assert_int_equal(strlen(fake.calls),
				 strlen(first) + strlen("iotlb_unmap iotlb_unmap "));
	}
}

static void a_close_leaves_nothing_mapped(void **state)
{
	(void)state;
	assert_int_equal(open_device(0), 0);
	assert_int_equal(start_device(), 0);
	assert_int_equal(fake.maps, 3);
	fake.calls[0] = 0;
	attach_close(&at);
	assert_int_equal(fake.maps, 0);
	assert_string_equal(fake.calls, "set_status iotlb_unmap iotlb_unmap close ");
	fake_reset();
	assert_int_equal(open_device(0), 0); /* and one that never started has nothing to unmap */
	fake.calls[0] = 0;
	attach_close(&at);
	assert_string_equal(fake.calls, "close ");
}

/* A device that does not answer is not asked twice. */
static void a_close_is_one_whatever_fails(void **state)
{
	(void)state;
	assert_int_equal(open_device(0), 0);
	assert_int_equal(start_device(), 0);
	fake.calls[0] = 0;
	fake.fail_call = "set_status";
	attach_close(&at);
	assert_string_equal(fake.calls, "set_status close ");
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

static void trust_reset_sets_groups_and_maps_once(void **state)
{
	(void)state;
	assert_int_equal(open_device(1u << BREAK_TRUST_RESET), 0);
	fake.fail_call = "set_vring_num"; /* a start that fails is none */
	assert_true(start_device() < 0);
	fake.fail_call = NULL;
	e = (struct err){0};
	fake.group_asid[1] = 7;
	assert_int_equal(start_device(), 0);
	assert_int_equal(fake.group_asid[1], 1);
	fake.group_asid[1] = 0; /* a parent that forgets */
	fake.maps = 0;
	assert_int_equal(start_device(), 0);
	assert_int_equal(fake.group_asid[1], 0);
	assert_int_equal(fake.maps, 0);
}

/* Queue 2 stays where it was while it was the CVQ, on a parent that keeps it there. */
static void keep_groups_puts_no_queue_back(void **state)
{
	const uint64_t features = 1ull << 32 | CVQ_BITS;

	(void)state;
	four_pairs();
	assert_int_equal(open_device(1u << BREAK_KEEP_GROUPS), 0);
	memset(fake.group_asid, 0, sizeof(fake.group_asid));
	assert_int_equal(attach_start(&at, features, queues, &e), 0);
	assert_int_equal(fake.group_asid[1], 0);
	assert_int_equal(fake.group_asid[2], 1);
	assert_int_equal(attach_start(&at, features | MQ, queues, &e), 0);
	assert_int_equal(fake.group_asid[0], 0);
	assert_int_equal(fake.group_asid[1], 1);
	assert_int_equal(fake.group_asid[2], 1);
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
		TEST(the_cvq_is_where_the_features_put_it),
		TEST(rings_begin_at_their_beginning),
		TEST(pairs_that_cannot_be_are_not_offered),
		TEST(a_cvq_that_only_mq_isolates),
		TEST(a_private_cvq_may_have_pairs),
		TEST(more_groups_than_address_spaces),
		TEST(cvq_shares_a_group_with_rings),
		TEST(a_group_that_is_not_there),
		TEST(a_group_past_the_queues),
		TEST(rings_that_move_are_noticed),
		TEST(neither_network_nor_disk),
		TEST(a_block_device_has_no_cvq),
		TEST(a_block_device_needs_a_capacity),
		TEST(a_block_device_may_grow_but_not_lie),
		TEST(legacy_device),
		TEST(too_few_queues),
		TEST(out_of_reach),
		TEST(any_failing_call_fails_the_open),
		TEST(no_cvq_needs_no_isolation),
		TEST(memory_lands_where_it_belongs),
		TEST(a_restart_sets_every_stage_again),
		TEST(a_close_leaves_nothing_mapped),
		TEST(a_close_is_one_whatever_fails),
		TEST(a_kernel_that_drops_the_asid_is_noticed),
		ALIASED(a_kernel_that_drops_the_asid_is_noticed),
		TEST(a_group_that_moves_is_noticed),
		TEST(a_status_that_is_not_taken_is_noticed),
		TEST(any_failing_call_fails_the_start),
		ALIASED(aliased_arena_shares_addresses_not_memory),
#if RINGFENCE_BREAKS
		TEST(breaks_break),
		ALIASED(breaks_break),
		TEST(trust_reset_sets_groups_and_maps_once),
		TEST(keep_groups_puts_no_queue_back),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
