/* SPDX-License-Identifier: MIT */
/*
 * The guest's registers in front of a device that does not come back: how long a CPU waits for a
 * reset, and what the driver is told. Device and VM are fakes.
 */
#include "../../vmm/net.h"
#include "test.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>

#define LIVE                                                                                       \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |      \
	 VIRTIO_CONFIG_S_DRIVER_OK)

static struct {
	bool stuck;
	unsigned starts, resets, waits; /* ms that somebody was made to wait */
} fake;

static struct net n;

uint32_t device_class(const struct device *d)
{
	(void)d;
	return VIRTIO_ID_NET;
}

uint64_t device_features(const struct device *d)
{
	(void)d;
	return 1ull << VIRTIO_F_VERSION_1;
}

unsigned device_queue_count(const struct device *d, uint64_t features)
{
	(void)d;
	(void)features;
	return 2;
}

uint16_t device_queue_max(const struct device *d)
{
	(void)d;
	return 64;
}

size_t device_read_config(const struct device *d, void *buf, size_t len)
{
	(void)d;
	memset(buf, 0, len);
	return 6;
}

int device_kick_fd(const struct device *d, unsigned q)
{
	(void)d;
	(void)q;
	return -1;
}

int device_call_fd(const struct device *d, unsigned q)
{
	(void)d;
	(void)q;
	return -1;
}

void device_start(struct device *d, uint64_t features, const struct device_queue *queues,
		  unsigned count)
{
	(void)d;
	(void)features;
	(void)queues;
	(void)count;
	fake.starts++;
}

bool device_reset(struct device *d, unsigned wait_ms)
{
	(void)d;
	fake.resets++;
	if (fake.stuck)
		fake.waits += wait_ms;
	return !fake.stuck;
}

bool device_idle(struct device *d)
{
	(void)d;
	return !fake.stuck;
}

int vm_ioeventfd(struct vm *vm, gpa_t at, uint32_t match, int fd, struct err *e)
{
	(void)vm;
	(void)at;
	(void)match;
	(void)fd;
	(void)e;
	return 0;
}

int vm_add_readable(struct vm *vm, gpa_t at, uint64_t size, const void *host, struct err *e)
{
	(void)vm;
	(void)at;
	(void)size;
	(void)host;
	(void)e;
	return 0;
}

int vm_irqfd(struct vm *vm, uint32_t gsi, int fd, struct err *e)
{
	(void)vm;
	(void)gsi;
	(void)fd;
	(void)e;
	return 0;
}

static uint32_t get_status(void)
{
	uint32_t status;

	memcpy(&status, n.page + NET_PAGE - NET_REGISTERS + VIRTIO_MMIO_STATUS, sizeof(status));
	return status;
}

static void put(uint64_t offset, uint32_t value)
{
	struct bus_access a = {offset, 4, true, value};

	net_access(&n, &a);
}

static void go_live(void)
{
	put(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	put(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	put(VIRTIO_MMIO_DRIVER_FEATURES, 1);
	put(VIRTIO_MMIO_STATUS, LIVE & ~VIRTIO_CONFIG_S_DRIVER_OK);
	put(VIRTIO_MMIO_STATUS, LIVE);
	assert_int_equal(get_status(), LIVE);
}

static void come_back(void)
{
	fake.stuck = false;
	net_idle(&n);
}

static bool interrupted(void)
{
	eventfd_t count;

	return eventfd_read(n.config_fd, &count) == 0;
}

static int setup(void **state)
{
	struct err e = {0};

	(void)state;
	memset(&fake, 0, sizeof(fake));
	return net_init(&n, (struct device *)(void *)&fake, &e);
}

static int teardown(void **state)
{
	(void)state;
	net_destroy(&n);
	return 0;
}

static void a_reset_that_is_done_reads_as_0(void **state)
{
	(void)state;
	go_live();
	put(VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(get_status(), 0);
	assert_int_equal(fake.resets, 1);
}

static void a_reset_that_goes_on_reads_as_before(void **state)
{
	(void)state;
	go_live();
	fake.stuck = true;
	put(VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(get_status(), LIVE);
	come_back();
	assert_int_equal(get_status(), 0);
}

static void cpus_that_reset_in_turn_wait_once(void **state)
{
	(void)state;
	go_live();
	fake.stuck = true;
	for (unsigned i = 0; i < 8; i++)
		put(VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(fake.resets, 8);
	assert_int_equal(fake.waits, NET_RESET_MS);
	/* And as before, once it has come back. */
	come_back();
	assert_int_equal(get_status(), 0);
	fake.stuck = true;
	put(VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(fake.waits, 2 * NET_RESET_MS);
}

static void a_failure_is_told_to_a_driver_that_is_live(void **state)
{
	(void)state;
	net_failed(&n);
	assert_int_equal(get_status(), 0);
	assert_false(interrupted());
	go_live();
	net_failed(&n);
	assert_int_equal(get_status(), LIVE | VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_true(interrupted());
}

static void a_reset_that_does_not_end_is_told(void **state)
{
	(void)state;
	go_live();
	fake.stuck = true;
	put(VIRTIO_MMIO_STATUS, 0);
	net_failed(&n);
	assert_int_equal(get_status(), LIVE | VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_false(interrupted()); /* it is looking */
	come_back();
	assert_int_equal(get_status(), 0);
	go_live(); /* and nothing of it is left */
}

static void a_failure_before_the_reset_is_none_after_it(void **state)
{
	(void)state;
	go_live();
	put(VIRTIO_MMIO_STATUS, 0);
	net_failed(&n);
	assert_int_equal(get_status(), 0);
	go_live();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_reset_that_is_done_reads_as_0),
	    TEST(a_reset_that_goes_on_reads_as_before),
	    TEST(cpus_that_reset_in_turn_wait_once),
	    TEST(a_failure_is_told_to_a_driver_that_is_live),
	    TEST(a_reset_that_does_not_end_is_told),
	    TEST(a_failure_before_the_reset_is_none_after_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
