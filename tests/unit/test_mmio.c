/* SPDX-License-Identifier: MIT */
/* The virtio-mmio registers: the driver's steps in order, and everything out of order. */
#include "../../virtio/check.h"
#include "../../virtio/mmio.h"
#include "test.h"

#define VERSION_1 (1ull << 32)
#define OFFERED (VERSION_1 | 1u << 5 | 1u << 17)

static struct mmio m;
static const uint8_t config[8] = {1, 2, 3, 4, 5, 6, 7, 8};

static int setup(void **state)
{
	(void)state;
	mmio_init(&m, 1, OFFERED, 3, 256, config, sizeof(config));
	return 0;
}

static uint32_t rd(uint64_t offset)
{
	return (uint32_t)mmio_read(&m, offset, 4);
}

static enum mmio_action wr(uint64_t offset, uint32_t v)
{
	return mmio_write(&m, offset, 4, v).action;
}

static void accept_features(uint64_t features)
{
	wr(0x070, 1);
	wr(0x070, 3);
	wr(0x024, 0);
	wr(0x020, (uint32_t)features);
	wr(0x024, 1);
	wr(0x020, (uint32_t)(features >> 32));
	wr(0x070, 11);
}

static void set_up_queue(unsigned q)
{
	wr(0x030, q);
	wr(0x038, 64);
	wr(0x080, 0x1000 + q);
	wr(0x084, 0x1);
	wr(0x090, 0x2000 + q);
	wr(0x0a0, 0x3000 + q);
	wr(0x044, 1);
}

static void identity(void **state)
{
	(void)state;
	assert_int_equal(rd(0x000), 0x74726976);
	assert_int_equal(rd(0x004), 2);
	assert_int_equal(rd(0x008), 1);
	assert_int_equal(rd(0x010), OFFERED & 0xffffffff);
	wr(0x014, 1);
	assert_int_equal(rd(0x010), 1);
	wr(0x014, 2);
	assert_int_equal(rd(0x010), 0);
	assert_int_equal(rd(0x034), 256);
	wr(0x030, 3);
	assert_int_equal(rd(0x034), 0);
}

static void a_driver_reaches_driver_ok(void **state)
{
	(void)state;
	accept_features(VERSION_1 | 1u << 5);
	assert_int_equal(rd(0x070), 11);
	for (unsigned q = 0; q < 3; q++)
		set_up_queue(q);
	assert_int_equal(wr(0x070, 15), MMIO_START);
	assert_int_equal(m.driver, VERSION_1 | 1u << 5);
	assert_int_equal(m.queue[1].desc, 0x100001001);
	assert_int_equal(m.queue[2].driver, 0x2002);
	assert_int_equal(m.queue[0].device, 0x3000);
	assert_int_equal(m.queue[0].num, 64);
	assert_int_equal(wr(0x070, 15), MMIO_NOTHING); /* once is enough */
	struct mmio_result n = mmio_write(&m, 0x050, 4, 2);
	assert_int_equal(n.action, MMIO_NOTIFY);
	assert_int_equal(n.notify, 2);
	assert_int_equal(wr(0x050, 3), MMIO_NOTHING);
	assert_int_equal(wr(0x070, 0), MMIO_RESET);
	assert_int_equal(rd(0x070), 0);
	assert_int_equal(m.queue[0].ready, 0);
	assert_int_equal(m.driver, 0);
	assert_int_equal(m.queue_sel, 0);
	assert_false(m.config_changed);
	assert_int_equal(wr(0x050, 0), MMIO_NOTHING); /* not before DRIVER_OK */
}

static void features_must_have_been_offered(void **state)
{
	(void)state;
	accept_features(VERSION_1 | 1u << 6);
	assert_int_equal(rd(0x070), 3); /* FEATURES_OK did not stick */
	assert_int_equal(wr(0x070, 15), MMIO_NOTHING);
	assert_int_equal(rd(0x070), 3);
	wr(0x070, 0);
	accept_features(1u << 5); /* no VERSION_1 */
	assert_int_equal(rd(0x070), 3);
}

static void nothing_changes_under_a_live_device(void **state)
{
	(void)state;
	accept_features(VERSION_1);
	set_up_queue(0);
	wr(0x038, 128); /* ready already */
	assert_int_equal(m.queue[0].num, 64);
	wr(0x070, 15);
	struct mmio before = m;
	for (uint64_t offset = 0; offset < 0x200; offset++)
		for (unsigned len = 1; len <= 8; len *= 2)
			if (offset != 0x070 || len != 4)
				(void)mmio_write(&m, offset, len, 0);
	assert_memory_equal(before.queue, m.queue, sizeof(m.queue));
	assert_int_equal(before.driver, m.driver);
	assert_int_equal(before.status, m.status);
	assert_memory_equal(before.config, m.config, sizeof(m.config));
}

static void every_queue_size(void **state)
{
	(void)state;
	accept_features(VERSION_1);
	wr(0x030, 1);
	for (uint32_t num = 0; num <= 0x20000; num++) {
		bool good = num && num <= 256 && !(num & (num - 1));
		wr(0x038, num);
		wr(0x044, 1);
		assert_int_equal(m.queue[1].ready, good);
		wr(0x044, 0);
	}
	wr(0x030, 0xffffffff); /* no such queue: no register to write */
	wr(0x038, 4);
	wr(0x044, 1);
	assert_int_equal(rd(0x044), 0);
}

static void every_status_value_in_every_state(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 256; first++)
		for (unsigned then = 0; then < 256; then++) {
			mmio_init(&m, 1, OFFERED, 3, 256, config, sizeof(config));
			m.driver = VERSION_1;
			wr(0x070, first);
			uint32_t before = m.status;
			enum mmio_action a = wr(0x070, then);
			assert_int_equal(m.status & ~0x8fu, 0); /* only bits a driver may set */
			if (then == 0) {
				assert_int_equal(a, MMIO_RESET);
				assert_int_equal(m.status, 0);
				continue;
			}
			assert_int_equal(before & ~m.status, 0); /* none goes away */
			assert_int_equal(a == MMIO_START, (m.status & 4) && !(before & 4));
			if (m.status & 4)
				assert_true(m.status & 8);
		}
}

static void odd_accesses_do_nothing(void **state)
{
	(void)state;
	assert_int_equal(mmio_read(&m, 0x000, 1), 0);
	assert_int_equal(mmio_read(&m, 0x000, 8), 0);
	assert_int_equal(mmio_read(&m, 0x001, 4), 0);
	assert_int_equal(mmio_read(&m, 0x0b0, 4), 0xffffffff); /* no shared memory */
	assert_int_equal(mmio_read(&m, 0x100, 1), 1);
	assert_int_equal(mmio_read(&m, 0x104, 4), 0x08070605);
	assert_int_equal(mmio_read(&m, 0x105, 4), 0);
	assert_int_equal(mmio_read(&m, 0x100, 8), 0x0807060504030201);
	assert_int_equal(mmio_read(&m, 0x100, 3), 0);
	assert_int_equal(mmio_read(&m, ~0ull, 8), 0);
}

static void failure_is_told_until_reset(void **state)
{
	(void)state;
	accept_features(VERSION_1);
	wr(0x070, 15);
	assert_int_equal(rd(0x060), 1);
	uint32_t generation = rd(0x0fc);
	mmio_needs_reset(&m);
	assert_int_equal(rd(0x070), 15 | 64);
	assert_int_equal(rd(0x060), 3);
	assert_int_not_equal(rd(0x0fc), generation);
	wr(0x064, 2);
	assert_int_equal(rd(0x060), 1);
	wr(0x070, 15);
	assert_int_equal(rd(0x070), 15 | 64);
	mmio_needs_reset(&m);
	wr(0x070, 0);
	assert_int_equal(rd(0x060), 1);
	assert_int_equal(rd(0x070), 0);
}

/* A driver that reads around a change can tell (section 4.2.2). */
static void a_change_of_the_config_space_shows(void **state)
{
	static const uint8_t bytes[] = {3, 9, 9};
	uint32_t generation = rd(0x0fc);

	(void)state;
	mmio_set_config(&m, 2, bytes, 3);
	assert_int_equal(mmio_read(&m, 0x100, 8), 0x0807060909030201);
	assert_int_not_equal(rd(0x0fc), generation);
	generation = rd(0x0fc);
	mmio_set_config(&m, 2, bytes, 3); /* no change */
	mmio_set_config(&m, 0, bytes, 0);
	assert_int_equal(rd(0x0fc), generation);
	assert_int_equal(rd(0x060), 1); /* and no interrupt: it was the driver's own wish */
}

static void refused(uint64_t offset, uint32_t v, const char *why)
{
	struct mmio_result got = mmio_write(&m, offset, 4, v);

	assert_int_equal(got.action, MMIO_NOTHING);
	assert_non_null(got.why);
	assert_string_equal(got.why->name, why);
}

static void taken(uint64_t offset, uint32_t v)
{
	assert_null(mmio_write(&m, offset, 4, v).why);
}

static void a_refusal_has_its_reason(void **state)
{
	(void)state;
	assert_string_equal(mmio_write(&m, 0x038, 2, 4).why->name, "mmio-write-width");
	refused(0x020, 1, "mmio-features-early");
	refused(0x038, 64, "mmio-queue-early");
	taken(0x044, 0); /* as it is: a driver takes its queues back after a reset */
	refused(0x050, 0, "mmio-notify-early");
	refused(0x050, 3, "mmio-notify-queue");
	taken(0x070, 1);
	taken(0x070, 3);
	refused(0x070, 11, "mmio-ok-version");
	refused(0x070, 7, "mmio-ok-first");
	refused(0x070, 0x43, "mmio-status-bits");
	taken(0x024, 1);
	taken(0x020, 1);
	taken(0x070, 11);
	refused(0x020, 1, "mmio-features-late");
	taken(0x030, 1);
	refused(0x038, 512, "mmio-num-max");
	refused(0x038, 100, "mmio-num-power");
	refused(0x044, 1, "mmio-ready-num");
	taken(0x038, 64);
	taken(0x044, 1);
	refused(0x038, 32, "mmio-queue-ready");
	taken(0x030, 3);
	refused(0x038, 32, "mmio-queue-sel");
	(void)rd(0x034); /* to look is no mistake, and its reason none of the next write's */
	taken(0x030, 0);
	assert_null(mmio_write(&m, 0x070, 4, 15).why);
	refused(0x038, 32, "mmio-queue-live");
	assert_null(mmio_write(&m, 0x050, 4, 1).why);
	assert_null(mmio_write(&m, 0x070, 4, 0).why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(identity, setup),
	    cmocka_unit_test_setup(a_driver_reaches_driver_ok, setup),
	    cmocka_unit_test_setup(features_must_have_been_offered, setup),
	    cmocka_unit_test_setup(nothing_changes_under_a_live_device, setup),
	    cmocka_unit_test_setup(every_queue_size, setup),
	    cmocka_unit_test_setup(every_status_value_in_every_state, setup),
	    cmocka_unit_test_setup(odd_accesses_do_nothing, setup),
	    cmocka_unit_test_setup(failure_is_told_until_reset, setup),
	    cmocka_unit_test_setup(a_change_of_the_config_space_shows, setup),
	    cmocka_unit_test_setup(a_refusal_has_its_reason, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
