/* SPDX-License-Identifier: MIT */
/*
 * The device's answers to control commands, at every class, command and length; and that the VMM,
 * which judges the same commands by code of its own, has the same idea of them, and of the state
 * that any sequence of them leaves.
 */
#include "../../vdpa/vduse/netctl.h"
#include "../../virtio/ctrl.h"
#include "test.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <stdlib.h>

#define F(name) (1ull << VIRTIO_NET_F_##name)
#define LEN_MAX 64
/* Statistics are the one thing that the VMM passes on and this device does not have. */
#define ALL (~F(DEVICE_STATS))

static struct netctl_ability can = {
    .mac = {2, 0, 0, 0, 0, 1}, .pairs = 2, .table = 4, .key = 8, .hash_types = 0x3f};
static struct ctrl_rules rules = {
    .mac = {2, 0, 0, 0, 0, 1}, .max_pairs = 2, .max_table = 4, .max_key = 8, .hash_types = 0x3f};

static struct netctl c, next;
static struct netctl_result result;

/* The command in memory that ends where it does, so that a read behind it is seen. */
static uint8_t run(uint64_t features, const void *bytes, size_t len)
{
	uint8_t *cmd = malloc(len ? len : 1);

	memcpy(cmd, bytes, len);
	result.room = sizeof(result.bytes);
	uint8_t ack = netctl_run(&c, &next, &can, features, cmd, len, &result);
	free(cmd);
	if (ack == VIRTIO_NET_OK)
		c = next;
	return ack;
}

static int setup(void **state)
{
	(void)state;
	can.disabled = rules.disabled = 0;
	netctl_reset(&c, &can, ALL);
	return 0;
}

#define RUN(...) run(ALL, ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__}))
#define OK(...) assert_int_equal(RUN(__VA_ARGS__), VIRTIO_NET_OK)
#define REFUSED(...) assert_int_equal(RUN(__VA_ARGS__), VIRTIO_NET_ERR)

/* The rule again for data of zeroes, from the specification's text: section 5.1.6.5. */
static bool good(uint64_t f, unsigned class, unsigned code, size_t len)
{
	if (class == 0 && code <= 5)
		return (f & (code < 2 ? F(CTRL_RX) : F(CTRL_RX_EXTRA))) && len == 3;
	if (class == 1)
		return code == 0   ? (f & F(CTRL_RX)) && len == 10
		       : code == 1 ? (f & F(CTRL_MAC_ADDR)) && len == 8
				   : false;
	if (class == 2)
		return code < 2 && (f & F(CTRL_VLAN)) && len == 4;
	if (class == 3)
		return code == 0 && (f & F(GUEST_ANNOUNCE)) && len == 2;
	if (class == 4)
		return code == 2 && (f & F(HASH_REPORT)) && len == 15;
	if (class == 5)
		return code == 0 && (f & F(CTRL_GUEST_OFFLOADS)) && len == 10;
	if (class == 6 && code < 2)
		return (f & F(NOTF_COAL)) && len == 10;
	return class == 6 && code < 4 && (f & F(VQ_NOTF_COAL)) && len == (code == 2 ? 14 : 6);
}

static void every_class_command_and_length(void **state)
{
	static const uint64_t sets[] = {0,
					ALL,
					F(CTRL_RX),
					F(CTRL_RX_EXTRA),
					F(CTRL_MAC_ADDR),
					F(CTRL_VLAN),
					F(GUEST_ANNOUNCE),
					F(HASH_REPORT),
					F(CTRL_GUEST_OFFLOADS),
					F(NOTF_COAL),
					F(VQ_NOTF_COAL)};
	uint8_t cmd[LEN_MAX] = {0};

	(void)state;
	for (unsigned f = 0; f < sizeof(sets) / sizeof(sets[0]); f++)
		for (unsigned header = 0; header < 0x1000; header++)
			for (size_t len = 0; len <= 16; len++) {
				/* Classes and commands up to 62, and the last. */
				unsigned class = header >> 6 == 63 ? 255 : header >> 6;
				unsigned code = (header & 63) == 63 ? 255 : header & 63;
				cmd[0] = (uint8_t) class;
				cmd[1] = (uint8_t)code;
				bool want = len >= 2 && good(sets[f], class, code, len);
				if ((run(sets[f], cmd, len) == VIRTIO_NET_OK) != want)
					fail_msg("class %u command %u length %zu", class, code,
						 len);
			}
}

static void modes_are_on_or_off(void **state)
{
	(void)state;
	for (uint8_t code = 0; code <= 5; code++)
		for (unsigned data = 0; data < 256; data++) {
			c.rx_mode[code] = data != 1;
			assert_int_equal(RUN(0, code, (uint8_t)data), data > 1);
			assert_int_equal(c.rx_mode[code], data != 0);
		}
}

static void tables_are_filled_and_emptied(void **state)
{
	(void)state;
	OK(1, 1, 2, 0x11, 0x22, 0x33, 0x44, 0x55);
	assert_memory_equal(c.mac, "\2\x11\x22\x33\x44\x55", 6);
	OK(1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 9, 1, 0, 0, 0, 3, 0, 0, 0, 0, 8);
	assert_int_equal(c.macs.count[0] + c.macs.count[1], 2);
	assert_int_equal(c.macs.address[1][5], 8);
	REFUSED(1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 1, 1, 0, 0, 0, 3, 0, 0, 0, 0);
	REFUSED(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	REFUSED(1, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0);
	REFUSED(1, 0, 0xab, 0xaa, 0xaa, 0xaa, 0, 0, 0, 0);
	OK(1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_int_equal(c.macs.count[0] + c.macs.count[1], 0);
	OK(2, 0, 0xff, 0xf);
	assert_true(c.vlan[4095]);
	OK(2, 1, 0xff, 0xf);
	assert_false(c.vlan[4095]);
	REFUSED(2, 0, 0, 0x10);
}

static void the_device_has_its_bounds(void **state)
{
	(void)state;
	OK(4, 0, 2, 0);
	REFUSED(4, 0, 3, 0);
	REFUSED(4, 0, 0, 0);
	OK(4, 1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 2, 0, 1, 9);
	assert_int_equal(c.rss_length, 2);
	OK(4, 1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 2, 0, 1, 9, 7); /* Linux's padding */
	assert_int_equal(c.rss_hash.key_len, 1);
	assert_int_equal(c.rss_hash.key[1], 0);
	REFUSED(4, 1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 2, 0, 1, 9, 7, 7);
	REFUSED(4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7);
	REFUSED(4, 1, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0);
	REFUSED(4, 1, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0);
	REFUSED(4, 1, 1, 0, 0, 0, 1, 0, 2, 0, 1, 0, 0, 0, 2, 0, 0);
	REFUSED(4, 1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 2, 0, 2, 0, 0);
	REFUSED(4, 1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 3, 0, 0);
	REFUSED(4, 1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 2, 0, 1);
	REFUSED(4, 1, 1, 0, 0, 0, 0xff, 0xff, 0, 0);
	REFUSED(4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	REFUSED(4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1);
	OK(4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 1, 1, 1, 1, 1, 1, 1, 1);
	REFUSED(6, 2, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0);
	REFUSED(6, 3, 4, 0, 0, 0);
	REFUSED(5, 0, 1, 0, 0, 0, 0, 0, 0, 0);
}

static void coalescing_can_be_asked_for(void **state)
{
	(void)state;
	OK(6, 1, 7, 0, 0, 0, 8, 0, 0, 0);
	OK(6, 2, 2, 0, 0, 0, 9, 1, 0, 0, 10, 0, 0, 1);
	OK(6, 3, 0, 0, 0, 0);
	assert_int_equal(result.len, 8);
	assert_memory_equal(result.bytes, "\7\0\0\0\10\0\0\0", 8);
	OK(6, 3, 2, 0, 0xff, 0xff);
	assert_memory_equal(result.bytes, "\11\1\0\0\12\0\0\1", 8);
	OK(6, 1, 1, 0, 0, 0, 1, 0, 0, 0);
	assert_int_equal(result.len, 0);
	OK(6, 3, 2, 0, 0, 0);
	assert_memory_equal(result.bytes, "\1\0\0\0\1\0\0\0", 8);
}

/* Section 5.1.6.5.9.1. What is set for all of a kind is for those as well that come to be enabled.
 */
static void a_queue_that_is_not_enabled_has_none(void **state)
{
	(void)state;
	can.disabled = rules.disabled = 1 << 2 | 1 << 3;
	OK(6, 2, 1, 0, 0, 0, 9, 0, 0, 0, 10, 0, 0, 0);
	REFUSED(6, 2, 2, 0, 0, 0, 9, 0, 0, 0, 10, 0, 0, 0);
	REFUSED(6, 3, 3, 0, 0, 0);
	OK(6, 3, 0, 0, 0, 0);
	OK(6, 1, 7, 0, 0, 0, 8, 0, 0, 0);
	const uint8_t one[] = {6, 2, 1, 0, 0, 0, 9, 0, 0, 0, 10, 0, 0, 0},
		      two[] = {6, 2, 2, 0, 0, 0, 9, 0, 0, 0, 10, 0, 0, 0},
		      ask[] = {6, 3, 3, 0, 0, 0};
	rules.features = ALL;
	assert_int_equal(ctrl_validate(&rules, one, sizeof(one)), 0);
	assert_int_equal(ctrl_validate(&rules, two, sizeof(two)), -EINVAL);
	assert_int_equal(ctrl_validate(&rules, ask, sizeof(ask)), -EINVAL);
}

/* ---- two accounts ---- */

static uint32_t seed = 7;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* Something near a good command of some kind. */
static size_t random_command(uint8_t *cmd)
{
	static const struct {
		uint8_t len, bytes[24];
	} like[] = {
	    {3, {0, 0, 1}},
	    {3, {0, 5, 1}},
	    {8, {1, 1, 2, 0, 0, 0, 0, 7}},
	    {22, {1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 1, 1, 0, 0, 0, 3, 0, 0, 0, 0, 1}},
	    {4, {2, 0, 5, 0}},
	    {4, {2, 1, 5, 0}},
	    {2, {3, 0}},
	    {4, {4, 0, 2, 0}},
	    {19, {4, 1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 2, 0, 2, 8, 9}},
	    {17, {4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 8, 9}},
	    {10, {5, 0, 2, 0, 0, 0, 0, 0, 0, 0}},
	    {10, {6, 0, 1, 0, 0, 0, 2, 0, 0, 0}},
	    {14, {6, 2, 1, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0}},
	    {6, {6, 3, 1, 0, 0, 0}},
	};
	unsigned i = draw(sizeof(like) / sizeof(like[0])), len = like[i].len;

	memcpy(cmd, like[i].bytes, sizeof(like[i].bytes));
	for (unsigned n = draw(3); n > 0; n--)
		cmd[draw(len)] = (uint8_t)(draw(4) ? draw(4) : draw(256));
	if (draw(8) == 0)
		len = draw(24);
	if (cmd[0] == 0 && len > 2)
		cmd[2] &= 1; /* what else a switch may be is the device's alone to judge */
	return len;
}

static void same_renderings(const struct ctrl_state *s)
{
	static char one[CTRL_PRINT_MAX], other[NETCTL_PRINT_MAX];

	ctrl_json(s, one, sizeof(one));
	size_t len = netctl_json(&c, &can, other, sizeof(other));
	assert_int_equal(len, strlen(one));
	assert_string_equal(one, other);
	ctrl_text(s, one, sizeof(one));
	netctl_text(&c, &can, other, sizeof(other));
	assert_string_equal(one, other);
}

static void the_vmm_and_the_device_agree(void **state)
{
	static struct ctrl_state s;
	uint8_t cmd[LEN_MAX];
	unsigned accepted = 0;

	(void)state;
	for (unsigned n = 0; n < 60000; n++) {
		if (n % 300 == 0) {
			rules.features =
			    n % 600 ? ALL : ALL & ~F(CTRL_RX) & ~F(MQ) & ~F(GUEST_CSUM);
			can.disabled = rules.disabled = draw(4) ? 0 : draw(16);
			netctl_reset(&c, &can, rules.features);
			ctrl_reset(&s, &rules);
			same_renderings(&s);
		}
		size_t len = random_command(cmd);
		bool ok = run(rules.features, cmd, len) == VIRTIO_NET_OK;
		if (ok != (ctrl_validate(&rules, cmd, len) == 0))
			fail_msg("step %u: class %u command %u length %zu: the device %s", n,
				 cmd[0], cmd[1], len, ok ? "takes it" : "refuses it");
		if (!ok)
			continue;
		accepted++;
		ctrl_commit(&s, cmd, len);
		assert_true(ctrl_result_good(cmd, result.bytes, result.len));
		if (n % 10 == 0)
			same_renderings(&s);
	}
	assert_true(accepted > 10000);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
	    TEST(every_class_command_and_length),	TEST(modes_are_on_or_off),
	    TEST(tables_are_filled_and_emptied),	TEST(the_device_has_its_bounds),
	    TEST(a_queue_that_is_not_enabled_has_none), TEST(coalescing_can_be_asked_for),
	    TEST(the_vmm_and_the_device_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
