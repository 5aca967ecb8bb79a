/* SPDX-License-Identifier: MIT */
/*
 * A device with its thread, against a fake kernel: commands move, deadlines hold, a parent that is
 * silent delays nobody, and what fails is told.
 */
#include "../../vdpa/breaks.h"
#include "../../vdpa/canary.h"
#include "../../vdpa/device.h"
#include "fake_vhost.h"
#include "guest_ring.h"

#include <dirent.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define CVQ_BITS (1ull << 5 | 1ull << 17 | 1ull << 18 | 1ull << 23)

static struct guest_ring *r;
static struct device *d;
static struct trace *trace;
static atomic_int failures;
static const uint8_t set_mac[] = {1, 1, 2, 0, 0, 1, 2, 3};

static void on_failed(void *ctx, const char *why)
{
	(void)ctx;
	(void)why;
	atomic_fetch_add(&failures, 1);
}

static atomic_int lines;
static char last_line[200]; /* to be read once @lines has risen */

static void on_log(void *ctx, const char *line)
{
	(void)ctx;
	snprintf(last_line, sizeof(last_line), "%s", line);
	atomic_fetch_add(&lines, 1);
}

/* What the device's thread has told last, and how often. */
static atomic_int states, configs, config_byte, config_interrupt;
static struct ctrl_state last_state;

static void on_state(void *ctx, const struct ctrl_state *state)
{
	assert_ptr_equal(ctx, &states);
	last_state = *state;
	atomic_fetch_add(&states, 1);
}

static void on_config(void *ctx, const void *config, size_t len, bool interrupt)
{
	(void)ctx;
	atomic_store(&config_byte, ((const uint8_t *)config)[len - 1]);
	atomic_store(&config_interrupt, interrupt);
	atomic_fetch_add(&configs, 1);
}

/* That a start or a reset is over, which whoever was not made to wait for it has to hear of. */
static atomic_int idles;

static void on_idle(void *ctx)
{
	(void)ctx;
	atomic_fetch_add(&idles, 1);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool readable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

static unsigned wish_ms = 2000;

static int open_broken(uint32_t breaks, unsigned deadline_ms, struct err *e)
{
	struct device_config cfg = {.path = "/dev/fake",
				    .mem = &r->mem,
				    .placement = PLACE_HOLE,
				    .breaks = breaks,
				    .canary_key = "a key of 16 byte",
				    .canary_magic = 0x1122334455667788,
				    .deadline_ms = deadline_ms,
				    .wish_ms = wish_ms,
				    .log = on_log,
				    .trace = trace,
				    .failed = on_failed,
				    .state = on_state,
				    .config = on_config,
				    .idle = on_idle,
				    .ctx = &states};

	return device_open(&d, &cfg, e);
}

static int open_it(struct err *e)
{
	return open_broken(0, 60, e);
}

static void wait_for_failure(void)
{
	for (int i = 0; i < 400 && failures == 0; i++)
		poll(NULL, 0, 5);
	assert_int_equal(failures, 1);
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	failures = 0;
	states = configs = idles = lines = 0;
	wish_ms = 2000;
	trace = NULL;
	r = aligned_alloc(4096, (sizeof(*r) + 4095) / 4096 * 4096);
	ring_init(r);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(r);
	return 0;
}

static void start_as(uint64_t features, const struct device_queue *q, unsigned count)
{
	device_start(d, 1ull << 32 | CVQ_BITS | features, q, count);
	for (int i = 0; i < 200 && !device_idle(d); i++)
		poll(NULL, 0, 5);
	assert_true(device_idle(d));
	(void)readable(fake.queue[count - 1].kick_fd, 0);
}

static void start_it(void)
{
	struct device_queue q[3] = {{true, RING_NUM, 0x6000, 0x7000, 0x8000},
				    {true, RING_NUM, 0x9000, 0xa000, 0xb000},
				    {true, RING_NUM, RING_DESC, RING_AVAIL, RING_USED}};

	start_as(0, q, 3);
}

static void open_and_start(void)
{
	struct err e = {0};

	assert_int_equal(open_it(&e), 0);
	start_it();
	assert_int_equal(fake.status, 15);
}

static void a_command_moves(void **state)
{
	uint8_t cmd[16];

	(void)state;
	open_and_start();
	assert_int_equal(fake.queue[0].desc, 0x6000);
	assert_int_equal(fake.queue[0].kick_fd, device_kick_fd(d, 0));
	assert_int_equal(fake.queue[1].call_fd, device_call_fd(d, 1));
	assert_int_not_equal(fake.queue[2].kick_fd, device_kick_fd(d, 2)); /* never the guest's */
	assert_int_not_equal(fake.queue[2].desc, RING_DESC);

	ring_command(r, 0, set_mac, sizeof(set_mac));
	eventfd_write(device_kick_fd(d, 2), 1);
	assert_true(readable(fake.queue[2].kick_fd, 1000));
	assert_int_equal(fake_device_take(cmd, sizeof(cmd)), 8);
	assert_memory_equal(cmd, set_mac, 8);
	fake_device_answer(0, 0, 1, 1);
	assert_true(readable(device_call_fd(d, 2), 1000));
	assert_int_equal(r->ram[0x5000], 0);
	assert_int_equal(states, 2); /* at the start, and before the guest was told */
	assert_memory_equal(last_state.mac, set_mac + 2, 6);
	assert_int_equal(failures, 0);
	assert_true(device_close(d));
	assert_int_equal(fake.status, 0);
}

/*
 * A start that comes in the place of a reset, as when the thread was held up: what the device does
 * to the last session's rings until it is reset must be nothing to the next.
 */
static void a_late_answer_is_no_later_commands(void **state)
{
	static const uint8_t promisc[] = {0, 0, 1};
	uint8_t cmd[16];

	(void)state;
	open_and_start();
	ring_command(r, 0, set_mac, sizeof(set_mac));
	eventfd_write(device_kick_fd(d, 2), 1);
	assert_true(readable(fake.queue[2].kick_fd, 1000));
	assert_int_equal(fake_device_take(cmd, sizeof(cmd)), 8);
	fake.answers_late = true;
	memset(r->ram + RING_AVAIL, 0, 64);
	memset(r->ram + RING_USED, 0, 128);
	r->avail_idx = 0;
	start_it();
	fake.answers_late = false;
	ring_command(r, 0, promisc, sizeof(promisc));
	eventfd_write(device_kick_fd(d, 2), 1);
	for (int i = 0; i < 200 && fake_device_take(cmd, sizeof(cmd)) < 0; i++)
		poll(NULL, 0, 5);
	assert_int_equal(fake_device_take(cmd, sizeof(cmd)), 3);
	poll(NULL, 0, 20);
	assert_int_equal(ring_used(r)->idx, 0);
	assert_int_equal(failures, 0);
	fake_device_answer(1, 0, 1, 1);
	for (int i = 0; i < 200 && ring_used(r)->idx == 0; i++)
		poll(NULL, 0, 5);
	assert_int_equal(r->ram[0x5000], 1);
	assert_int_equal(failures, 0);
	device_close(d);
}

static void after_a_reset_the_old_control_ring_is_left_alone(void **state)
{
	(void)state;
	open_and_start();
	assert_true(device_reset(d, 1000));
	ring_command(r, 0, set_mac, sizeof(set_mac));
	eventfd_write(device_kick_fd(d, 2), 1);
	assert_false(readable(device_call_fd(d, 2), 150)); /* the deadline of a command is 60 */
	assert_int_equal(ring_used(r)->idx, 0);
	assert_int_equal(failures, 0);
	device_close(d);
}

static void without_ctrl_vq_there_is_no_control_queue(void **state)
{
	struct device_queue q[3] = {[2] = {true, RING_NUM, 0xfffff000, RING_AVAIL, RING_USED}};
	struct err e = {0};

	(void)state;
	assert_int_equal(open_it(&e), 0);
	device_start(d, 1ull << 32, q, 3); /* not even a bad ring matters */
	for (int i = 0; i < 200 && !device_idle(d); i++)
		poll(NULL, 0, 5);
	assert_int_equal(fake.status, 15);
	assert_int_equal(fake.queue[2].num, 0);
	assert_false(fake.queue[2].enabled);
	assert_int_equal(fake.group_asid[1], 1); /* its group is where it always is */
	ring_command(r, 0, set_mac, sizeof(set_mac));
	eventfd_write(device_kick_fd(d, 2), 1);
	poll(NULL, 0, 30);
	assert_int_equal(ring_used(r)->idx, 0);
	assert_int_equal(failures, 0);
	device_close(d);
}

/* Let the device answer set_mac with @ack, its config space having changed to @config. */
static void set_the_address(uint8_t ack, uint8_t config)
{
	uint8_t cmd[16];

	ring_command(r, 0, set_mac, sizeof(set_mac));
	eventfd_write(device_kick_fd(d, 2), 1);
	assert_true(readable(fake.queue[2].kick_fd, 1000));
	eventfd_t n;
	eventfd_read(fake.queue[2].kick_fd, &n);
	assert_int_equal(fake_device_take(cmd, sizeof(cmd)), 8);
	fake.config = config;
	fake_device_answer(ack, 0, 1, 1);
	assert_true(readable(device_call_fd(d, 2), 1000));
	eventfd_read(device_call_fd(d, 2), &n);
}

static void what_a_command_leaves_is_told(void **state)
{
	(void)state;
	open_and_start();
	assert_int_equal(states, 1); /* the one to begin with */
	assert_int_equal(last_state.mac_set, false);
	configs = 0;
	set_the_address(1, 0x5a);
	assert_int_equal(states, 1);
	set_the_address(0, 0x5b);
	assert_int_equal(states, 2); /* before the call that has been seen */
	assert_int_equal(last_state.mac[5], 3);
	assert_int_equal(configs, 1);
	assert_int_equal(config_byte, 0x5b);
	assert_false(config_interrupt); /* the driver knows, it asked for it */
	start_it();
	assert_int_equal(states, 3);
	assert_int_equal(last_state.mac_set, false);
	device_close(d);
}

static void a_config_interrupt_is_passed_on(void **state)
{
	(void)state;
	open_and_start();
	configs = 0;
	eventfd_write(fake.config_fd,
		      1); /* what has changed may have been read, and told, before */
	for (int i = 0; i < 200 && configs == 0; i++)
		poll(NULL, 0, 5);
	assert_int_equal(configs, 1);
	assert_true(config_interrupt);
	configs = 0;
	fake.config = 0x77;
	eventfd_write(fake.config_fd, 1);
	for (int i = 0; i < 200 && configs == 0; i++)
		poll(NULL, 0, 5);
	assert_int_equal(configs, 1);
	assert_int_equal(config_byte, 0x77);
	assert_true(config_interrupt);
	fake.config = 0x5a; /* as a reset leaves it */
	assert_true(device_reset(d, 1000));
	assert_int_equal(configs, 2);
	assert_int_equal(config_byte, 0x5a);
	assert_false(config_interrupt);
	device_close(d);
}

/* A parent may keep its config space over a reset, as vdpa_sim does: what it has is told all the
 * same, for the registers know only what they were told. */
static void what_is_kept_over_a_reset_is_told_again(void **state)
{
	(void)state;
	open_and_start();
	set_the_address(0, 0x5b);
	configs = 0;
	assert_true(device_reset(d, 1000));
	assert_int_equal(configs, 1);
	assert_int_equal(config_byte, 0x5b);
	assert_false(config_interrupt);
	configs = 0;
	start_it();
	assert_true(configs > 0);
	assert_int_equal(config_byte, 0x5b);
	assert_memory_equal(last_state.mac, "\x5b\x5b\x5b\x5b\x5b\x5b", 6);
	configs = 0;
	fake.fail_call = "get_config"; /* then it is as it was */
	assert_true(device_reset(d, 1000));
	assert_int_equal(configs, 1);
	assert_int_equal(config_byte, 0x5b);
	device_close(d);
}

/* The same of a start that comes in the place of a reset: the state begins with what that reset has
 * left, not with what the last session had. */
static void a_start_begins_with_what_the_reset_left(void **state)
{
	(void)state;
	open_and_start();
	set_the_address(0, 0x5b);
	fake.config = 0x5a;
	configs = 0;
	start_it();
	assert_memory_equal(last_state.mac, "\x5a\x5a\x5a\x5a\x5a\x5a", 6);
	assert_true(configs > 0);
	assert_int_equal(config_byte, 0x5a);
	device_close(d);
}

static void no_answer_is_an_error_in_time(void **state)
{
	(void)state;
	open_and_start();
	ring_command(r, 0, set_mac, sizeof(set_mac));
	int64_t before = now_ms();
	eventfd_write(device_kick_fd(d, 2), 1);
	assert_true(readable(device_call_fd(d, 2), 2000));
	assert_true(now_ms() - before >= 55);
	assert_int_equal(r->ram[0x5000], 1);
	wait_for_failure();
	device_close(d);
}

static void a_deadline_is_not_early(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(open_broken(0, 1300, &e), 0);
	start_it();
	ring_command(r, 0, set_mac, sizeof(set_mac));
	int64_t before = now_ms();
	eventfd_write(device_kick_fd(d, 2), 1);
	assert_true(readable(device_call_fd(d, 2), 4000));
	assert_in_range(now_ms() - before, 1295, 2500);
	device_close(d);
}

static void what_was_notified_before_the_start_is_found(void **state)
{
	uint8_t cmd[16];
	struct err e = {0};

	(void)state;
	assert_int_equal(open_it(&e), 0);
	ring_command(r, 0, set_mac, sizeof(set_mac));
	start_it();
	assert_true(
	    readable(device_kick_fd(d, 0), 1000)); /* the kernel reads these; here nobody does */
	assert_true(readable(fake.queue[2].kick_fd, 1000));
	assert_int_equal(fake_device_take(cmd, sizeof(cmd)), 8);
	device_close(d);
}

static void a_flood_is_served_in_turns(void **state)
{
	static const uint8_t unknown[] = {0x7f, 0, 1};

	(void)state;
	open_and_start();
	ring_command(r, 0, unknown, sizeof(unknown));
	for (unsigned n = 1; n < RING_NUM; n++)
		ring_offer(r, 0);
	eventfd_write(device_kick_fd(d, 2), 1);
	for (int i = 0; i < 200 && ring_used(r)->idx != RING_NUM; i++)
		poll(NULL, 0, 5);
	ring_offer(
	    r,
	    0); /* no notification: the last turn asked for another by itself, or had not ended */
	eventfd_write(device_kick_fd(d, 2), 1);
	for (int i = 0; i < 200 && ring_used(r)->idx != RING_NUM + 1; i++)
		poll(NULL, 0, 5);
	assert_int_equal(ring_used(r)->idx, RING_NUM + 1);
	device_close(d);
}

/* Kick, and wait for the answer, which is the @nth in all. */
static void kick_and_wait(uint16_t nth)
{
	eventfd_t n;

	eventfd_write(device_kick_fd(d, 2), 1);
	assert_true(readable(device_call_fd(d, 2), 2000));
	eventfd_read(device_call_fd(d, 2), &n);
	assert_int_equal(ring_used(r)->idx, nth);
}

static void a_refused_command_is_logged_with_its_reason(void **state)
{
	static const uint8_t unknown[] = {0x7f, 5, 1};

	(void)state;
	open_and_start();
	ring_command(r, 0, unknown, sizeof(unknown));
	kick_and_wait(1);
	assert_int_equal(lines, 1);
	assert_string_equal(last_line, "control command refused: class 127 command 5, 3 bytes: "
				       "ctrl-unknown: a command that is not known");
	ring_command(r, 0, unknown, 1);
	kick_and_wait(2);
	assert_int_equal(lines, 2);
	assert_string_equal(last_line, "control command refused: no header, 1 bytes: "
				       "ctrl-short: a command shorter than its header");
	set_the_address(1, 0x5a);
	assert_int_equal(lines, 3);
	assert_string_equal(last_line, "control command refused: class 1 command 1, 8 bytes: "
				       "device-err: the device says ERR");
	set_the_address(0, 0x5b);
	assert_int_equal(lines, 3);
	assert_int_equal(failures, 0);
	device_close(d);
}

/* By the queues that the driver enabled; the device is not asked. */
static void a_queue_that_is_not_enabled_has_no_coalescing(void **state)
{
	static const uint8_t set[2][14] = {{6, 2, 0, 0, 0, 0, 9}, {6, 2, 1, 0, 0, 0, 9}};
	const struct device_queue q[3] = {{true, RING_NUM, 0x6000, 0x7000, 0x8000},
					  {false, RING_NUM, 0x6000, 0x7000, 0x8000},
					  {true, RING_NUM, RING_DESC, RING_AVAIL, RING_USED}};
	uint8_t cmd[16];
	struct err e = {0};

	(void)state;
	assert_int_equal(open_it(&e), 0);
	start_as(1ull << VIRTIO_NET_F_VQ_NOTF_COAL, q, 3);
	ring_command(r, 0, set[1], sizeof(set[1]));
	kick_and_wait(1);
	assert_int_equal(r->ram[0x5000], 1);
	assert_non_null(strstr(last_line, "ctrl-coal-enabled"));
	ring_command(r, 0, set[0], sizeof(set[0]));
	eventfd_write(device_kick_fd(d, 2), 1);
	assert_true(readable(fake.queue[2].kick_fd, 1000));
	assert_int_equal(fake_device_take(cmd, sizeof(cmd)), 14); /* the first that it gets */
	assert_memory_equal(cmd, set[0], 14);
	fake_device_answer(0, 0, 1, 1);
	assert_true(readable(device_call_fd(d, 2), 1000));
	device_close(d);
}

static void a_flood_of_refusals_does_not_fill_the_log(void **state)
{
	static const uint8_t unknown[] = {0x7f, 0, 1};

	(void)state;
	open_and_start();
	for (uint16_t n = 1; n <= 300; n++) {
		ring_command(r, 0, unknown, sizeof(unknown));
		kick_and_wait(n);
	}
	assert_int_equal(lines, 101);
	assert_non_null(strstr(last_line, "not told any more"));
	ring_avail(r)->idx = 0x8000; /* what is no refusal finds room */
	eventfd_write(device_kick_fd(d, 2), 1);
	wait_for_failure();
	assert_int_equal(lines, 102);
	assert_string_equal(last_line, "the guest's control ring cannot be followed: queue-ahead: "
				       "an available index further ahead than the ring is long");
	device_close(d);
}

/* ---- the trace ---- */

#define TRACE "/tmp/test_device.XXXXXX"

static char *read_trace(const char *path)
{
	static char text[0x10000];
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

/* Whether @text has these, in this order. */
static void has(const char *text, const char *const *parts)
{
	for (; *parts; parts++) {
		const char *at = strstr(text, *parts);
		if (!at) {
			fail_msg("no %s in: %s", *parts, text);
			return;
		}
		text = at + strlen(*parts);
	}
}

static void a_trace_has_the_commands_and_what_they_left(void **state)
{
	static const char *const want[] = {
	    "\"ev\":\"open\",\"class\":1,",
	    "\"ev\":\"start\",\"features\":\"0x100860020\",\"queues\":3,\"cvq\":2}",
	    "\"ev\":\"state\",\"state\":{\"mac\":\"5a:5a:5a:5a:5a:5a\"",
	    "\"ev\":\"live\"}",
	    "\"ev\":\"cvq\",\"class\":127,\"cmd\":0,\"len\":3,\"ack\":1,\"why\":\"ctrl-unknown\"}",
	    "\"ev\":\"cvq\",\"class\":1,\"cmd\":1,\"len\":8,\"ack\":1,\"why\":\"device-err\"}",
	    "\"ev\":\"cvq\",\"class\":1,\"cmd\":1,\"len\":8,\"ack\":0}",
	    "\"ev\":\"config\",\"config\":\"5b5b5b5b5b5b5b5b\",\"interrupt\":false}",
	    "\"ev\":\"state\",\"state\":{\"mac\":\"02:00:00:01:02:03\"",
	    "\"ev\":\"config\",\"config\":\"7777777777777777\",\"interrupt\":true}",
	    "\"ev\":\"reset\"}",
	    "\"ev\":\"start\"",
	    "\"ev\":\"failed\",\"why\":\"set_group_asid(fake)",
	    "\"ev\":\"close\"}",
	    "\"ev\":\"reset\"}",
	    "\"ev\":\"end\"}",
	    NULL};
	static const uint8_t unknown[] = {0x7f, 0, 1};
	char path[] = TRACE;
	struct err e = {0};

	(void)state;
	close(mkstemp(path));
	assert_int_equal(trace_open(&trace, path, &e), 0);
	open_and_start();
	ring_command(r, 0, unknown, sizeof(unknown));
	kick_and_wait(1);
	set_the_address(1, 0x5a);
	set_the_address(0, 0x5b);
	configs = 0;
	fake.config = 0x77;
	eventfd_write(fake.config_fd, 1);
	for (int i = 0; i < 200 && configs == 0; i++)
		poll(NULL, 0, 5);
	poll(NULL, 0, 30);
	has(read_trace(path), (const char *const[]){"7777", NULL}); /* of a VMM that is killed */
	assert_true(device_reset(d, 1000));
	fake.fail_call = "set_group_asid";
	start_it();
	fake.fail_call = NULL;
	assert_true(device_close(d));
	assert_int_equal(trace_close(trace, &e), 0);
	has(read_trace(path), want);
	unlink(path);
}

static void a_ring_that_breaks_is_told(void **state)
{
	(void)state;
	open_and_start();
	ring_avail(r)->idx = 0x8000;
	eventfd_write(device_kick_fd(d, 2), 1);
	wait_for_failure();
	ring_avail(r)->idx = 0;
	ring_command(r, 0, set_mac, sizeof(set_mac)); /* and not followed any more */
	eventfd_write(device_kick_fd(d, 2), 1);
	assert_false(readable(fake.queue[2].kick_fd, 50));
	device_close(d);
}

static void a_reset_that_fails_is_told(void **state)
{
	(void)state;
	open_and_start();
	fake.fail_call = "set_status";
	assert_true(device_reset(d, 1000));
	wait_for_failure();
	fake.fail_call = NULL;
	device_close(d);
}

static void a_stopped_parent_delays_nobody(void **state)
{
	(void)state;
	open_and_start();
	fake.stall_ms = 400;
	int64_t before = now_ms();
	assert_false(device_reset(d, 5));
	assert_true(now_ms() - before < 200);
	struct device_queue q[3] = {{true, RING_NUM, 0, 0, 0}};
	device_start(d, 1ull << 32, q, 1);
	assert_true(now_ms() - before < 250);
	assert_false(device_idle(d));
	fake.stall_ms = 0;
	device_close(d);
}

static void pass(int ms)
{
	poll(NULL, 0, ms);
}

static void a_reset_that_nobody_waits_for_is_told_when_it_is_over(void **state)
{
	(void)state;
	open_and_start();
	for (int i = 0; i < 400 && idles == 0; i++)
		pass(5); /* the start's own */
	int before = idles;
	fake.stall_ms = 100;
	assert_false(device_reset(d, 5));
	assert_int_equal(idles, before);
	for (int i = 0; i < 200 && idles == before; i++)
		pass(5);
	assert_int_equal(idles, before + 1);
	assert_true(device_idle(d));
	fake.stall_ms = 0;
	device_close(d);
}

static void a_start_that_hangs_is_told_in_time(void **state)
{
	struct device_queue q[3] = {{true, RING_NUM, 0, 0, 0}};
	struct err e = {0};

	(void)state;
	wish_ms = 100;
	assert_int_equal(open_it(&e), 0);
	fake.stall_ms = 500; /* each of a start's writes of the status takes so long */
	int64_t before = now_ms();
	device_start(d, 1ull << 32, q, 1);
	wait_for_failure();
	assert_in_range(now_ms() - before, 98, 900);
	pass(150);
	assert_int_equal(failures, 1); /* once */
	fake.stall_ms = 0;
	assert_true(device_close(d));
}

static void a_reset_that_hangs_is_told_in_time(void **state)
{
	(void)state;
	wish_ms = 100;
	open_and_start();
	fake.stall_ms = 1200;
	int64_t before = now_ms();
	assert_false(device_reset(d, 5));
	wait_for_failure();
	/* What is wished for after that has a time of its own, though the thread is still there. */
	failures = 0;
	struct device_queue q[3] = {{true, RING_NUM, 0, 0, 0}};
	device_start(d, 1ull << 32, q, 1);
	wait_for_failure();
	assert_in_range(now_ms() - before, 198, 1100);
	fake.stall_ms = 0;
	for (int i = 0; i < 200 && !device_idle(d); i++)
		pass(5);
	assert_true(device_close(d));
}

static void what_makes_progress_is_not_told(void **state)
{
	(void)state;
	wish_ms = 500;
	open_and_start();
	fake.stall_ms = 60;
	/* Never idle for longer than it takes to ask again, and that for longer than any may take.
	 */
	for (int64_t end = now_ms() + 1200; now_ms() < end; pass(10))
		(void)device_reset(d, 0);
	assert_int_equal(failures, 0);
	fake.stall_ms = 0;
	assert_true(device_close(d));
}

static void asking_again_gains_no_time(void **state)
{
	(void)state;
	wish_ms = 150;
	open_and_start();
	fake.stall_ms = 900;
	int64_t before = now_ms();
	for (; failures == 0 && now_ms() < before + 800; pass(10))
		(void)device_reset(d, 0);
	assert_int_equal(failures, 1);
	assert_in_range(now_ms() - before, 148, 700);
	fake.stall_ms = 0;
	assert_true(device_close(d));
}

#if RINGFENCE_BREAKS
static void without_a_deadline_a_command_waits(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(open_broken(1u << BREAK_NO_DEADLINE, 60, &e), 0);
	start_it();
	ring_command(r, 0, set_mac, sizeof(set_mac));
	eventfd_write(device_kick_fd(d, 2), 1);
	assert_true(readable(fake.queue[2].kick_fd, 1000));
	assert_false(readable(device_call_fd(d, 2), 300));
	assert_int_equal(failures, 0);
	device_close(d);
}

static void without_a_deadline_a_reset_waits(void **state)
{
	struct err e = {0};

	(void)state;
	wish_ms = 50;
	assert_int_equal(open_broken(1u << BREAK_NO_RESET_DEADLINE, 60, &e), 0);
	fake.stall_ms = 300;
	assert_false(device_reset(d, 5));
	pass(200);
	assert_int_equal(failures, 0);
	fake.stall_ms = 0;
	device_close(d);
}

static void without_a_deadline_a_close_waits(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(open_broken(1u << BREAK_NO_CLOSE_DEADLINE, 60, &e), 0);
	fake.stall_ms = 1800;
	assert_true(device_close(d));
	fake.stall_ms = 0;
}

static void who_stalls_waits_for_a_reset(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(open_broken(1u << BREAK_STALL_VCPU, 60, &e), 0);
	fake.stall_ms = 200;
	int64_t before = now_ms();
	assert_true(device_reset(d, 5));
	assert_in_range(now_ms() - before, 198, 900);
	fake.stall_ms = 0;
	device_close(d);
}

static unsigned open_files(void)
{
	unsigned n = 0;
	DIR *dir = opendir("/proc/self/fd");

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static void who_leaks_has_a_file_more_for_each_start(void **state)
{
	struct device_queue q[3] = {{true, RING_NUM, 0, 0, 0}};
	struct err e = {0};

	(void)state;
	for (int leaks = 0; leaks < 2; leaks++) {
		assert_int_equal(open_broken(leaks ? 1u << BREAK_LEAK_FDS : 0, 60, &e), 0);
		unsigned before = open_files();
		for (int i = 0; i < 3; i++) {
			device_start(d, 1ull << 32, q, 1);
			for (int n = 0; n < 400 && !device_idle(d); n++)
				pass(5);
		}
		assert_int_equal(open_files() - before, 3 * leaks);
		device_close(d);
	}
}
#endif

static void closing_has_a_deadline(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(open_it(&e), 0);
	fake.stall_ms = 1800;
	int64_t before = now_ms();
	assert_false(device_close(d)); /* leaves the thread behind, as documented */
	assert_true(now_ms() - before < 1700);
	poll(NULL, 0, 2000);
}

static void opening_has_a_deadline(void **state)
{
	struct err e = {0};

	(void)state;
	fake.stall_ms = 6500;
	int64_t before = now_ms();
	assert_int_not_equal(open_it(&e), 0); /* leaves the thread behind, as documented */
	assert_true(now_ms() - before < 6400);
	assert_int_equal(e.kind, ERR_TIMEOUT);
	fake.stall_ms = 0;
	poll(NULL, 0, 2000);
}

static void a_failed_start_is_told(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(open_it(&e), 0);
	fake.fail_call = "set_group_asid";
	start_it();
	assert_int_equal(failures, 1);
	assert_int_equal(fake.status, 0);
	fake.fail_call = NULL;
	start_it(); /* and the next one works */
	assert_int_equal(fake.status, 15);
	device_close(d);
}

static void a_bad_control_ring_is_told(void **state)
{
	struct err e = {0};
	struct device_queue q[3] = {[2] = {true, RING_NUM, 0xfffff000, RING_AVAIL, RING_USED}};

	(void)state;
	assert_int_equal(open_it(&e), 0);
	device_start(d, 1ull << 32 | CVQ_BITS, q, 3);
	for (int i = 0; i < 200 && failures == 0; i++)
		poll(NULL, 0, 5);
	assert_int_equal(failures, 1);
	assert_int_not_equal(fake.status, 15);
	assert_non_null(strstr(last_line, "queue-desc-ram"));
	device_close(d);
}

static void a_refused_open_says_why(void **state)
{
	struct err e = {0};

	(void)state;
	fake.spaces = 1;
	assert_true(open_it(&e) < 0);
	assert_int_equal(e.kind, ERR_HOST);
	assert_non_null(strstr(e.text, "address space"));
}

static void placement_and_memory_must_agree(void **state)
{
	struct err e = {0};
	struct device_config cfg = {
	    .path = "/dev/fake", .mem = &r->mem, .placement = PLACE_ALIASED};

	(void)state;
	assert_true(device_open(&d, &cfg, &e) < 0);
	assert_int_equal(e.kind, ERR_USAGE);
}

/* A parent whose config space later says that it has more pairs has no more for it. */
static void pairs_are_those_of_the_open(void **state)
{
	static const uint8_t two[] = {4, 0, 2, 0}, three[] = {4, 0, 3, 0};
	struct err e = {0};
	struct device_queue q[5] = {{true, RING_NUM, 0x6000, 0x7000, 0x8000},
				    {true, RING_NUM, 0x9000, 0xa000, 0xb000},
				    {false, 0, 0, 0, 0},
				    {false, 0, 0, 0, 0},
				    {true, RING_NUM, RING_DESC, RING_AVAIL, RING_USED}};

	(void)state;
	fake.pairs = 2;
	fake.queues = 5;
	fake.group[2] = fake.group_after_live[2] = 0;
	fake.group[4] = fake.group_after_live[4] = 1;
	assert_int_equal(open_broken(0, 2000, &e), 0);
	fake.pairs = 4;
	start_as(1ull << 22, q, 5);
	assert_int_equal(fake.status, 15);
	ring_command(r, 0, three, sizeof(three));
	eventfd_write(device_kick_fd(d, 4), 1);
	assert_true(readable(device_call_fd(d, 4), 1000));
	assert_int_equal(r->ram[0x5000], 1);
	assert_false(readable(fake.queue[4].kick_fd, 0));
	ring_command(r, 2, two, sizeof(two));
	eventfd_write(device_kick_fd(d, 4), 1);
	assert_true(readable(fake.queue[4].kick_fd, 1000));
	assert_true(device_close(d));
}

#if RINGFENCE_BREAKS
static void passthrough_hands_the_guests_ring_on(void **state)
{
	struct err e = {0};
	struct canary_line first, last;

	(void)state;
	assert_int_equal(open_broken(1u << BREAK_PASSTHROUGH, 60, &e), 0);
	start_it();
	assert_int_equal(fake.queue[2].desc, RING_DESC);
	assert_int_equal(fake.queue[2].driver, RING_AVAIL);
	assert_int_equal(fake.queue[2].device, RING_USED);
	assert_int_equal(fake.queue[2].kick_fd, device_kick_fd(d, 2));
	assert_int_equal(fake.group_asid[1], 0);
	assert_int_equal(fake.maps, 1);
	/* Descriptors 4..7 of 8 are canaries: one line; what follows the table is not touched. */
	memcpy(&first, ring_desc(r, 4), sizeof(first));
	memcpy(&last, ring_desc(r, 8), sizeof(last));
	assert_int_equal(
	    canary_find((const uint8_t *)"a key of 16 byte", 0x1122334455667788, 8, &first), 0);
	assert_int_equal(last.magic, 0);
	assert_int_equal(ring_desc(r, 3)->addr, 0);
	device_close(d);
}
#endif

#if RINGFENCE_BREAKS
/* The arena in guest RAM's file, where RAM ends. */
static void shared_memfd_puts_the_arena_behind_ram(void **state)
{
	struct err e = {0};
	int fd = memfd_create("ram", MFD_CLOEXEC);
	struct device_config cfg = {.path = "/dev/fake",
				    .mem = &r->mem,
				    .breaks = 1u << BREAK_SHARED_MEMFD,
				    .ram_fd = fd,
				    .ram_end = RING_RAM,
				    .canary_key = "a key of 16 byte",
				    .canary_magic = 7,
				    .deadline_ms = 60,
				    .failed = on_failed};
	struct canary_line line;

	(void)state;
	assert_int_equal(ftruncate(fd, RING_RAM + 6 * 4096), 0);
	assert_int_equal(device_open(&d, &cfg, &e), 0);
	struct device_arena arena = device_arena(d);
	assert_int_equal(arena.offset[0], RING_RAM);
	assert_int_equal(arena.offset[1], RING_RAM + arena.readable);
	for (uint64_t n = 2; n < 6 * 64; n += 6 * 64 - 3) { /* the second, and the last but one */
		assert_int_equal(pread(fd, &line, sizeof(line), (off_t)(RING_RAM + 64 * n)), 64);
		assert_int_equal(canary_find(cfg.canary_key, 7, 6 * 64, &line), n);
	}
	device_close(d);
	assert_int_equal(pread(fd, &line, sizeof(line), RING_RAM), 64); /* it is still ours */
	close(fd);
}
#endif

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_command_moves),
		TEST(a_late_answer_is_no_later_commands),
		TEST(after_a_reset_the_old_control_ring_is_left_alone),
		TEST(without_ctrl_vq_there_is_no_control_queue),
		TEST(what_a_command_leaves_is_told),
		TEST(a_config_interrupt_is_passed_on),
		TEST(what_is_kept_over_a_reset_is_told_again),
		TEST(a_start_begins_with_what_the_reset_left),
		TEST(no_answer_is_an_error_in_time),
		TEST(a_deadline_is_not_early),
		TEST(what_was_notified_before_the_start_is_found),
		TEST(a_flood_is_served_in_turns),
		TEST(a_refused_command_is_logged_with_its_reason),
		TEST(a_queue_that_is_not_enabled_has_no_coalescing),
		TEST(pairs_are_those_of_the_open),
		TEST(a_flood_of_refusals_does_not_fill_the_log),
		TEST(a_trace_has_the_commands_and_what_they_left),
		TEST(a_ring_that_breaks_is_told),
		TEST(a_reset_that_fails_is_told),
#if RINGFENCE_BREAKS
		TEST(passthrough_hands_the_guests_ring_on),
		TEST(shared_memfd_puts_the_arena_behind_ram),
#endif
		TEST(a_stopped_parent_delays_nobody),
		TEST(a_reset_that_nobody_waits_for_is_told_when_it_is_over),
		TEST(a_start_that_hangs_is_told_in_time),
		TEST(a_reset_that_hangs_is_told_in_time),
		TEST(what_makes_progress_is_not_told),
		TEST(asking_again_gains_no_time),
#if RINGFENCE_BREAKS
		TEST(without_a_deadline_a_command_waits),
		TEST(without_a_deadline_a_reset_waits),
		TEST(without_a_deadline_a_close_waits),
		TEST(who_stalls_waits_for_a_reset),
		TEST(who_leaks_has_a_file_more_for_each_start),
#endif
		TEST(a_failed_start_is_told),
		TEST(a_bad_control_ring_is_told),
		TEST(a_refused_open_says_why),
		TEST(placement_and_memory_must_agree),
		TEST(closing_has_a_deadline),
		TEST(opening_has_a_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
