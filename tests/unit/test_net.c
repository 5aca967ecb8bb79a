/* SPDX-License-Identifier: MIT */
/*
 * The guest's network device in front of a device that is played here: which queues there are,
 * what the config space shows and when, and what a reset leaves. Built with vmm/net.c and
 * virtio/mmio.c.
 */
#include "../../vmm/net.h"
#include "test.h"

#include <linux/virtio_ids.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STATUS 0x070
#define CTRL_VQ (1ull << 17)
#define VERSION_1 (1ull << 32)
#define MQ (1ull << 22)
#define OFFERED (TAKEN | MQ)
#define TAKEN (VERSION_1 | CTRL_VQ | 1ull << 5)

/* The device's side. */
static struct {
	unsigned starts, resets;
	uint64_t features;
	struct device_queue queue[DEVICE_QUEUES_MAX];
	unsigned count;
	bool slow, idle; /* resets take longer than one waits; they are done */
	uint8_t config[8];
	bool forgets; /* a reset brings the config space back that was there first */
	int kick[DEVICE_QUEUES_MAX];
} dev;

static const uint8_t config[8] = {2, 0, 0, 0, 0, 1, 1, 0};
static struct net n;

uint32_t device_class(const struct device *d)
{
	(void)d;
	return VIRTIO_ID_NET;
}

uint64_t device_features(const struct device *d)
{
	(void)d;
	return OFFERED;
}

unsigned device_queue_count(const struct device *d, uint64_t features)
{
	(void)d;
	return (features & MQ ? 8u : 2u) + !!(features & CTRL_VQ);
}

uint16_t device_queue_max(const struct device *d)
{
	(void)d;
	return 256;
}

size_t device_read_config(const struct device *d, void *buf, size_t len)
{
	(void)d;
	memcpy(buf, config, len < sizeof(config) ? len : sizeof(config));
	return sizeof(config);
}

int device_kick_fd(const struct device *d, unsigned q)
{
	(void)d;
	assert_in_range(q, 0, 8);
	return dev.kick[q];
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
	dev.starts++;
	dev.features = features;
	dev.count = count;
	memcpy(dev.queue, queues, count * sizeof(*queues));
}

/* The device's thread: it tells what it has after each reset (device_config.config). */
static void reset_is_done(void)
{
	if (dev.forgets)
		memcpy(dev.config, config, sizeof(config));
	net_config(&n, dev.config, sizeof(dev.config), false);
	dev.idle = true;
	net_idle(&n);
}

bool device_reset(struct device *d, unsigned wait_ms)
{
	(void)d;
	assert_int_equal(wait_ms, NET_RESET_MS);
	dev.resets++;
	dev.idle = false;
	if (!dev.slow)
		reset_is_done();
	return dev.idle;
}

bool device_idle(struct device *d)
{
	(void)d;
	return dev.idle;
}

static unsigned ioeventfds, irqfds, acks;

int vm_ioeventfd(struct vm *vm, gpa_t at, uint32_t value, int fd, struct err *e)
{
	(void)vm;
	(void)e;
	if (at.v == 0xd0000f64) { /* InterruptACK of a used buffer: told to nobody */
		assert_int_equal(value, 1);
		assert_true(fd >= 0);
		acks++;
		return 0;
	}
	assert_int_equal(at.v, 0xd0000f50);
	assert_int_equal(fd, dev.kick[value]);
	ioeventfds++;
	return 0;
}

static const void *readable;

int vm_add_readable(struct vm *vm, gpa_t at, uint64_t size, const void *host, struct err *e)
{
	(void)vm;
	(void)e;
	assert_int_equal(at.v, 0xd0000000);
	assert_int_equal(size, 4096);
	readable = host;
	return 0;
}

int vm_irqfd(struct vm *vm, uint32_t gsi, int fd, struct err *e)
{
	(void)vm;
	(void)fd;
	(void)e;
	assert_int_equal(gsi, 5);
	irqfds++;
	return 0;
}

static int setup(void **state)
{
	struct err e = {0};

	(void)state;
	memset(&dev, 0, sizeof(dev));
	dev.idle = dev.forgets = true;
	memcpy(dev.config, config, sizeof(config));
	for (unsigned q = 0; q < DEVICE_QUEUES_MAX; q++)
		dev.kick[q] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return net_init(&n, (struct device *)(void *)&dev, &e);
}

static int teardown(void **state)
{
	(void)state;
	net_destroy(&n);
	for (unsigned q = 0; q < DEVICE_QUEUES_MAX; q++)
		close(dev.kick[q]);
	return 0;
}

static uint64_t rd(uint64_t offset, unsigned len)
{
	struct bus_access a = {.offset = offset, .len = len};
	uint64_t value = 0;

	if (offset < NET_REGISTERS) { /* no exit */
		memcpy(&value, n.page + NET_PAGE - NET_REGISTERS + offset, len);
		return value;
	}
	net_access(&n, &a);
	return a.value;
}

static void wr(uint64_t offset, uint32_t value)
{
	struct bus_access a = {.offset = offset, .len = 4, .write = true, .value = value};

	net_access(&n, &a);
	/* What is shown is what mmio.c has to say, but for the status of a reset that goes on. */
	for (uint64_t at = 0; at < 0x100 + sizeof(config); at += 4)
		if (at != STATUS || dev.idle)
			assert_int_equal(rd(at, 4), mmio_read(&n.mmio, at, 4));
}

static void negotiate(uint64_t features)
{
	wr(STATUS, 1);
	wr(STATUS, 3);
	for (uint32_t half = 0; half < 2; half++) {
		wr(0x024, half);
		wr(0x020, (uint32_t)(features >> 32 * half));
	}
	wr(STATUS, 11);
	assert_int_equal(rd(STATUS, 4), 11);
}

static void set_up_queue(uint32_t q)
{
	wr(0x030, q);
	wr(0x038, 64);
	wr(0x080, 0x1000 * (q + 1));
	wr(0x044, 1);
}

static void start(uint64_t features)
{
	negotiate(features);
	for (uint32_t q = 0; q < 3; q++)
		set_up_queue(q);
	wr(STATUS, 15);
}

static void queues_are_handed_on(void **state)
{
	(void)state;
	start(TAKEN);
	assert_int_equal(dev.starts, 1);
	assert_int_equal(dev.features, TAKEN);
	assert_int_equal(dev.count, 3);
	for (unsigned q = 0; q < 3; q++) {
		assert_true(dev.queue[q].ready);
		assert_int_equal(dev.queue[q].num, 64);
		assert_int_equal(dev.queue[q].desc, 0x1000 * (q + 1));
	}
}

static void every_queue_is_wired(void **state)
{
	struct vm vm;
	struct err e = {0};

	(void)state;
	ioeventfds = irqfds = acks = 0;
	n.mmio.queues = 2; /* whatever a driver has negotiated */
	assert_int_equal(net_wire(&n, &vm, gpa(0xd0000f00), 5, &e), 0);
	assert_int_equal(ioeventfds, 9);
	assert_int_equal(acks, 1);
	assert_int_equal(irqfds, 10);
	assert_ptr_equal(readable, n.page);
}

/* Section 5.1.2: there is a control queue only with CTRL_VQ. */
static void without_ctrl_vq_queue_2_does_not_exist(void **state)
{
	eventfd_t kicks;

	(void)state;
	wr(0x030, 2);
	assert_int_equal(rd(0x034, 4), 256); /* nothing is negotiated yet */
	start(TAKEN & ~CTRL_VQ);
	assert_int_equal(rd(0x034, 4), 0);
	assert_int_equal(rd(0x044, 4), 0);
	assert_int_equal(dev.starts, 1);
	assert_int_equal(dev.count, 2);
	wr(0x050, 2);
	assert_int_equal(eventfd_read(dev.kick[2], &kicks), -1);
	wr(0x050, 1);
	assert_int_equal(eventfd_read(dev.kick[1], &kicks), 0);

	wr(STATUS, 0);
	wr(0x030, 2);
	assert_int_equal(rd(0x034, 4), 256);
	start(TAKEN);
	assert_int_equal(dev.count, 3);
	assert_true(dev.queue[2].ready);
	wr(0x050, 2);
	assert_int_equal(eventfd_read(dev.kick[2], &kicks), 0);
}

/* Nor, without MQ, any queue behind it; with MQ it comes after all pairs. */
static void queues_are_those_of_the_features(void **state)
{
	(void)state;
	wr(0x030, 8);
	assert_int_equal(rd(0x034, 4), 256);
	wr(0x030, 9);
	assert_int_equal(rd(0x034, 4), 0);
	start(TAKEN);
	for (uint32_t q = 3; q < 9; q++) {
		set_up_queue(q);
		assert_int_equal(rd(0x034, 4), 0);
	}
	wr(STATUS, 0);
	negotiate(TAKEN | MQ);
	for (uint32_t q = 0; q < 9; q++)
		set_up_queue(q);
	wr(STATUS, 15);
	assert_int_equal(dev.count, 9);
	for (unsigned q = 0; q < 9; q++)
		assert_true(dev.queue[q].ready);
}

static const struct ctrl_state with_mac = {.mac_set = true, .mac = {2, 9, 8, 7, 6, 5}};
static const struct ctrl_state without_mac = {.mac = {1, 1, 1, 1, 1, 1}, .rx = {true}};

/* Section 5.1.6.5.2.1 */
static void a_new_address_shows_in_the_config_space(void **state)
{
	(void)state;
	start(TAKEN);
	uint64_t generation = rd(0x0fc, 4);
	net_state(&n, &without_mac);
	assert_int_equal(rd(0x100, 4), 2);
	assert_int_equal(rd(0x0fc, 4), generation);
	net_state(&n, &with_mac);
	assert_int_equal(rd(0x100, 4), 0x07080902);
	assert_int_equal(rd(0x104, 2), 0x0506);
	assert_int_equal(rd(0x106, 2), 1); /* the link's status is left alone */
	assert_int_not_equal(rd(0x0fc, 4), generation);
	generation = rd(0x0fc, 4);
	net_state(&n, &with_mac);
	assert_int_equal(rd(0x0fc, 4), generation);
}

/* MAC_ADDR_SET, at a device that shows it in its config space. */
static void set_address(void)
{
	memcpy(dev.config, with_mac.mac, sizeof(with_mac.mac));
	net_config(&n, dev.config, sizeof(dev.config), false);
	net_state(&n, &with_mac);
	assert_int_equal(rd(0x100, 4), 0x07080902);
}

static void a_reset_brings_the_old_address_back(void **state)
{
	(void)state;
	start(TAKEN);
	set_address();
	uint64_t generation = rd(0x0fc, 4);
	wr(STATUS, 0);
	assert_int_equal(dev.resets, 1);
	assert_int_equal(rd(0x100, 4), 2);
	assert_int_not_equal(rd(0x0fc, 4), generation);
}

/* As vdpa_sim, which filters on that address from then on. */
static void a_device_may_keep_its_address_over_a_reset(void **state)
{
	(void)state;
	dev.forgets = false;
	start(TAKEN);
	set_address();
	uint64_t generation = rd(0x0fc, 4);
	for (unsigned i = 0; i < 3; i++) {
		wr(STATUS, 0);
		assert_int_equal(rd(STATUS, 4), 0);
		assert_int_equal(rd(0x100, 4), 0x07080902);
		assert_int_equal(rd(0x104, 2), 0x0506);
		assert_int_equal(rd(0x0fc, 4), generation); /* nothing has changed */
		start(TAKEN);
	}
}

/* While a reset is going on nobody knows what it will leave; status says so. */
static void a_slow_reset_shows_nothing_older(void **state)
{
	(void)state;
	dev.forgets = false;
	dev.slow = true;
	start(TAKEN);
	set_address();
	wr(STATUS, 0);
	assert_int_equal(rd(STATUS, 4), 15);
	assert_int_equal(rd(0x100, 4), 0x07080902);
	reset_is_done();
	assert_int_equal(rd(STATUS, 4), 0);
	assert_int_equal(rd(0x100, 4), 0x07080902);
	dev.forgets = true;
	start(TAKEN);
	wr(STATUS, 0);
	reset_is_done();
	assert_int_equal(rd(STATUS, 4), 0);
	assert_int_equal(rd(0x100, 4), 2);
}

/* Until the device's thread has carried a reset out, what it says is of the session before. */
static void what_was_reset_is_not_shown(void **state)
{
	(void)state;
	start(TAKEN);
	dev.slow = true;
	wr(STATUS, 0);
	assert_int_equal(rd(STATUS, 4), 15); /* still going on */
	net_state(&n, &with_mac);
	assert_int_equal(rd(0x100, 4), 2);
	start(TAKEN);
	net_state(&n, &with_mac);
	assert_int_equal(rd(0x100, 4), 2);
	dev.idle = true; /* nobody has been told, and still it is a new session */
	net_state(&n, &with_mac);
	assert_int_equal(rd(0x100, 4), 0x07080902);
}

static unsigned logged;
static char last_line[200];

static void on_log(void *ctx, const char *line)
{
	assert_ptr_equal(ctx, &logged);
	assert_int_equal(pthread_mutex_trylock(&n.order),
			 0); /* nobody waits for whoever reads it */
	assert_int_equal(pthread_mutex_trylock(&n.regs), 0);
	pthread_mutex_unlock(&n.regs);
	pthread_mutex_unlock(&n.order);
	logged++;
	snprintf(last_line, sizeof(last_line), "%s", line);
}

static void a_refused_write_is_told_with_its_reason(void **state)
{
	(void)state;
	n.log = on_log;
	n.ctx = &logged;
	logged = 0;
	negotiate(TAKEN);
	wr(0x030, 1);
	assert_int_equal(logged, 0);
	wr(0x038, 512);
	assert_int_equal(logged, 1);
	assert_string_equal(last_line,
			    "register write refused: offset 0x038, 4 bytes, value 0x200: "
			    "mmio-num-max: a QueueNum above QueueNumMax");
	for (unsigned i = 0; i < 1000; i++)
		wr(0x038, 512);
	assert_int_equal(logged, 101);
	assert_non_null(strstr(last_line, "not told any more"));
	set_up_queue(1); /* and a good one works */
	assert_int_equal(rd(0x044, 4), 1);
}

static void failure_needs_a_live_driver(void **state)
{
	eventfd_t told;

	(void)state;
	net_failed(&n);
	assert_int_equal(rd(STATUS, 4), 0);
	assert_int_equal(eventfd_read(n.config_fd, &told), -1);
	start(TAKEN);
	net_failed(&n);
	assert_int_equal(rd(STATUS, 4), 15 | 64);
	assert_int_equal(eventfd_read(n.config_fd, &told), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(queues_are_handed_on),
	    TEST(every_queue_is_wired),
	    TEST(without_ctrl_vq_queue_2_does_not_exist),
	    TEST(queues_are_those_of_the_features),
	    TEST(a_new_address_shows_in_the_config_space),
	    TEST(a_reset_brings_the_old_address_back),
	    TEST(a_device_may_keep_its_address_over_a_reset),
	    TEST(a_slow_reset_shows_nothing_older),
	    TEST(what_was_reset_is_not_shown),
	    TEST(a_refused_write_is_told_with_its_reason),
	    TEST(failure_needs_a_live_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
