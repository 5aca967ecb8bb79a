/* SPDX-License-Identifier: MIT */
/*
 * The device's answers to control commands, at every class, command and length; and that the VMM,
 * which judges the same commands by code of its own, has the same idea of them.
 */
#include "../../vdpa/vduse/netctl.h"
#include "../../virtio/ctrl.h"
#include "test.h"

#include <linux/virtio_net.h>
#include <stdlib.h>

#define RX (1ull << VIRTIO_NET_F_CTRL_RX)
#define EXTRA (1ull << VIRTIO_NET_F_CTRL_RX_EXTRA)
#define MAC (1ull << VIRTIO_NET_F_CTRL_MAC_ADDR)
#define LEN_MAX 16

static uint8_t *room; /* LEN_MAX bytes on the heap: reading past a command's end is seen */

static int setup(void **state)
{
	(void)state;
	room = malloc(LEN_MAX);
	return room ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(room);
	return 0;
}

/* A command of @len bytes at the end of the room, its data all @data. */
static uint8_t *command(unsigned class, unsigned code, size_t len, uint8_t data)
{
	uint8_t *cmd = room + LEN_MAX - len;

	memset(cmd, data, len);
	if (len > 0)
		cmd[0] = (uint8_t) class;
	if (len > 1)
		cmd[1] = (uint8_t)code;
	return cmd;
}

/* The rule again, from the specification's text: section 5.1.6.5. */
static bool good(uint64_t features, unsigned class, unsigned code, size_t len, uint8_t data)
{
	if (class == 0 && code <= 1) /* RX: PROMISC, ALLMULTI: 0 or 1 */
		return (features & RX) && len == 3 && data <= 1;
	if (class == 0 && code <= 5) /* ALLUNI, NOMULTI, NOUNI, NOBCAST */
		return (features & EXTRA) && len == 3 && data <= 1;
	if (class == 1 && code == 1) /* MAC: MAC_ADDR_SET */
		return (features & MAC) && len == 8;
	return false;
}

static void every_class_command_and_length(void **state)
{
	static const uint64_t sets[] = {0, RX, EXTRA, MAC, RX | EXTRA | MAC, ~(RX | EXTRA | MAC)};
	const struct netctl before = {.mac = {9, 9, 9, 9, 9, 9},
				      .rx_mode = {false, true, false, true}};

	(void)state;
	for (unsigned f = 0; f < sizeof(sets) / sizeof(sets[0]); f++)
		for (unsigned header = 0; header < 0x10000; header++)
			for (size_t len = 0; len <= 9; len++) {
				unsigned class = header & 0xff, code = header >> 8;
				const uint8_t *cmd = command(class, code, len, 1);
				struct netctl c = before;
				bool want = len >= 2 && good(sets[f], class, code, len, 1);
				assert_int_equal(netctl_run(&c, sets[f], cmd, len),
						 want ? VIRTIO_NET_OK : VIRTIO_NET_ERR);
				if (!want)
					assert_memory_equal(&c, &before, sizeof(c));
			}
}

static void modes_are_on_or_off(void **state)
{
	(void)state;
	for (unsigned code = 0; code <= 5; code++)
		for (unsigned data = 0; data < 256; data++) {
			struct netctl c = {0}, want = {0};
			memset(c.rx_mode, data != 1, sizeof(c.rx_mode));
			memset(want.rx_mode, data != 1, sizeof(want.rx_mode));
			uint8_t ack = netctl_run(&c, ~0ull, command(0, code, 3, (uint8_t)data), 3);
			assert_int_equal(ack, data <= 1 ? VIRTIO_NET_OK : VIRTIO_NET_ERR);
			if (data <= 1)
				want.rx_mode[code] = data;
			assert_memory_equal(&c, &want, sizeof(c)); /* this one, and no other */
		}
}

static void the_address_is_taken_as_it_is(void **state)
{
	struct netctl c = {.rx_mode = {true, false, true}}, want = c;
	uint8_t *cmd = command(1, 1, 8, 0);

	(void)state;
	memcpy(cmd + 2, "\x02\x11\x22\x33\x44\x55", 6);
	memcpy(want.mac, cmd + 2, 6);
	assert_int_equal(netctl_run(&c, MAC, cmd, 8), VIRTIO_NET_OK);
	assert_memory_equal(&c, &want, sizeof(c));
}

/* With the features that this device offers. RX modes' data is for the device alone to judge. */
static void the_vmm_and_the_device_agree(void **state)
{
	(void)state;
	for (unsigned f = 0; f < 4; f++)
		for (unsigned header = 0; header < 0x10000; header++)
			for (size_t len = 0; len <= 9; len++) {
				uint64_t features = (f & 1 ? RX : 0) | (f & 2 ? MAC : 0);
				const struct ctrl_rules rules = {features, .max_pairs = 1};
				const uint8_t *cmd = command(header & 0xff, header >> 8, len, 1);
				struct netctl c = {0};
				assert_int_equal(netctl_run(&c, features, cmd, len) ==
						     VIRTIO_NET_OK,
						 ctrl_validate(&rules, cmd, len) == 0);
			}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(every_class_command_and_length),
	    TEST(modes_are_on_or_off),
	    TEST(the_address_is_taken_as_it_is),
	    TEST(the_vmm_and_the_device_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
