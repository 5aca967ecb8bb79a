/* SPDX-License-Identifier: MIT */
/* Control commands: which are well formed, at every class, command and length; and the state they
 * leave. */
#include "../../virtio/ctrl.h"
#include "test.h"

#include <errno.h>
#include <linux/virtio_net.h>

#define RX_FEATURE (1ull << VIRTIO_NET_F_CTRL_RX)
#define MAC_FEATURE (1ull << VIRTIO_NET_F_CTRL_MAC_ADDR)
#define BOTH (1ull << VIRTIO_NET_F_CTRL_VQ | RX_FEATURE | MAC_FEATURE)

/* The rule again, from the spec's text rather than from the table in ctrl.c. */
static bool well_formed(uint64_t features, unsigned class, unsigned code, size_t len)
{
	if (class == 0 && (code == 0 || code == 1)) /* RX: PROMISC, ALLMULTI: one byte, on or off */
		return (features & RX_FEATURE) && len == 3;
	if (class == 1 && code == 1) /* MAC: MAC_ADDR_SET: six bytes */
		return (features & MAC_FEATURE) && len == 8;
	return false;
}

static void every_class_command_and_length(void **state)
{
	static uint8_t cmd[CTRL_COMMAND_MAX + 1];
	static const size_t lengths[] = {0, 1, 2, 3, 4, 7, 8, 9, CTRL_COMMAND_MAX};
	static const uint64_t sets[] = {0, RX_FEATURE, MAC_FEATURE, BOTH};

	(void)state;
	for (unsigned f = 0; f < 4; f++)
		for (unsigned header = 0; header < 0x10000; header++)
			for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
				cmd[0] = (uint8_t)header;
				cmd[1] = (uint8_t)(header >> 8);
				bool want = well_formed(sets[f], cmd[0], cmd[1], lengths[i]);
				assert_int_equal(ctrl_validate(sets[f], cmd, lengths[i]),
						 want ? 0 : -EINVAL);
			}
	assert_int_equal(ctrl_validate(BOTH, cmd, CTRL_COMMAND_MAX + 1), -E2BIG);
}

static void state_follows_what_was_acknowledged(void **state)
{
	struct ctrl_state s;
	const uint8_t mac[] = {VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, 2, 0, 0, 1, 2, 3};
	const uint8_t promisc_off[] = {VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 0};
	const uint8_t allmulti_on[] = {VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, 1};

	(void)state;
	ctrl_reset(&s, BOTH);
	assert_true(s.promisc);
	assert_false(s.mac_set);
	ctrl_commit(&s, mac, sizeof(mac));
	ctrl_commit(&s, promisc_off, sizeof(promisc_off));
	ctrl_commit(&s, allmulti_on, sizeof(allmulti_on));
	assert_true(s.mac_set);
	assert_memory_equal(s.mac, mac + 2, 6);
	assert_false(s.promisc);
	assert_true(s.allmulti);
	ctrl_reset(&s, BOTH);
	assert_false(s.mac_set);
	assert_false(s.allmulti);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_class_command_and_length),
	    cmocka_unit_test(state_follows_what_was_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
