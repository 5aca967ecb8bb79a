/* SPDX-License-Identifier: MIT */
/* Control commands: which are well formed, at every class, command and length, and at every count
 * and index in them. What they leave behind is in test_ctrl_state.c. */
#include "../../virtio/ctrl.h"
#include "test.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <stdlib.h>

#define F(name) (1ull << VIRTIO_NET_F_##name)

static const struct ctrl_rules all = {
    .features = ~0ull, .max_pairs = 4, .max_table = 8, .max_key = 40, .hash_types = 0x3f};

/* The rule again for commands of zeroes, from the spec's text rather than from the table. */
static bool well_formed(uint64_t f, unsigned class, unsigned code, size_t len)
{
	switch (class << 8 | code) {
	case 0x000: /* RX: PROMISC, ALLMULTI */
	case 0x001:
		return (f & F(CTRL_RX)) && len == 3;
	case 0x002: /* ALLUNI, NOMULTI, NOUNI, NOBCAST */
	case 0x003:
	case 0x004:
	case 0x005:
		return (f & F(CTRL_RX_EXTRA)) && len == 3;
	case 0x100: /* MAC_TABLE_SET, two empty tables */
		return (f & F(CTRL_RX)) && len == 10;
	case 0x101: /* MAC_ADDR_SET */
		return (f & F(CTRL_MAC_ADDR)) && len == 8;
	case 0x200: /* VLAN: ADD, DEL of id 0 */
	case 0x201:
		return (f & F(CTRL_VLAN)) && len == 4;
	case 0x300: /* ANNOUNCE_ACK */
		return (f & F(GUEST_ANNOUNCE)) && len == 2;
	case 0x402: /* HASH_CONFIG without types or key; no pairs and no RSS are no good */
		return (f & F(HASH_REPORT)) && len == 15;
	case 0x500: /* GUEST_OFFLOADS_SET of none */
		return (f & F(CTRL_GUEST_OFFLOADS)) && len == 10;
	case 0x600: /* NOTF_COAL: TX_SET, RX_SET, VQ_SET and VQ_GET of queue 0 */
	case 0x601:
		return (f & F(NOTF_COAL)) && len == 10;
	case 0x602:
		return (f & F(VQ_NOTF_COAL)) && len == 14;
	case 0x603:
		return (f & F(VQ_NOTF_COAL)) && len == 6;
	case 0x800: /* STATS: QUERY, GET of one */
		return (f & F(DEVICE_STATS)) && len == 2;
	case 0x801:
		return (f & F(DEVICE_STATS)) && len > 2 && (len - 2) % 16 == 0;
	default:
		return false;
	}
}

static void every_class_command_and_length(void **state)
{
	static uint8_t cmd[CTRL_COMMAND_MAX + 1];
	static const size_t more[] = {34, 36, 64, 4095, CTRL_COMMAND_MAX};
	static const uint64_t sets[] = {0,
					F(CTRL_RX),
					F(CTRL_RX_EXTRA),
					F(CTRL_MAC_ADDR),
					F(CTRL_VLAN),
					F(HASH_REPORT),
					F(NOTF_COAL),
					F(GUEST_ANNOUNCE),
					F(DEVICE_STATS),
					F(VQ_NOTF_COAL),
					~0ull,
					F(CTRL_GUEST_OFFLOADS)};

	(void)state;
	for (unsigned f = 0; f < sizeof(sets) / sizeof(sets[0]); f++)
		for (unsigned header = 0; header < 0x10000; header++)
			for (unsigned i = 0; i < 20 + 5; i++) {
				struct ctrl_rules r = all;
				size_t len = i < 20 ? i : more[i - 20];
				r.features = sets[f];
				cmd[0] = (uint8_t)header;
				cmd[1] = (uint8_t)(header >> 8);
				bool want = len >= 2 && well_formed(sets[f], cmd[0], cmd[1], len);
				if ((ctrl_validate(&r, cmd, len) == 0) != want)
					fail_msg("features %llx class %u command %u length %zu",
						 (unsigned long long)sets[f], cmd[0], cmd[1], len);
			}
	assert_int_equal(ctrl_validate(&all, cmd, CTRL_COMMAND_MAX + 1), -E2BIG);
}

/* Whether it is good; the bytes are at the end of a block of their own, so that a read behind them
 * is seen. */
static bool good(const struct ctrl_rules *r, const void *bytes, size_t len)
{
	uint8_t *cmd = malloc(len);

	memcpy(cmd, bytes, len);
	int ret = ctrl_validate(r, cmd, len);
	free(cmd);
	return ret == 0;
}

#define GOOD(...)                                                                                  \
	assert_true(                                                                               \
	    good(&all, ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})))
#define BAD(...)                                                                                   \
	assert_false(                                                                              \
	    good(&all, ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})))

static void mac_tables_are_as_long_as_they_say(void **state)
{
	(void)state;
	GOOD(1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0);
	GOOD(1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 1);
	BAD(1, 0, 1, 0, 0, 0, 0, 0, 0, 0);
	BAD(1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0);
	BAD(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	BAD(1, 0, 0, 0, 0, 0);
	BAD(1, 0, 0, 0, 0, 0, 0, 0, 0);
	BAD(1, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0);
	BAD(1, 0, 0xab, 0xaa, 0xaa, 0xaa, 0, 0, 0, 0); /* 6 times that is 2 in 32 bits */
	BAD(1, 0, 0, 0, 0, 0, 0, 0, 0, 0x80);
}

static void numbers_have_bounds(void **state)
{
	(void)state;
	GOOD(2, 0, 0xff, 0x0f);
	BAD(2, 0, 0, 0x10);
	BAD(2, 1, 0xff, 0xff);
	BAD(4, 0, 0, 0);
	GOOD(4, 0, 4, 0);
	BAD(4, 0, 5, 0);
	BAD(4, 0, 1, 0x80);
	GOOD(6, 2, 7, 0, 0xff, 0xff, 1, 0, 0, 0, 1, 0, 0, 0); /* what is reserved is ignored */
	BAD(6, 2, 8, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0);
	GOOD(6, 3, 7, 0, 0, 0);
	BAD(6, 3, 8, 0, 0, 0);
	BAD(6, 3, 0, 1, 0, 0);
}

static void offloads_are_negotiated_ones(void **state)
{
	const struct ctrl_rules r = {.features =
					 F(CTRL_GUEST_OFFLOADS) | F(GUEST_CSUM) | F(GUEST_USO6)};

	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		uint8_t cmd[10] = {5, 0};
		cmd[2 + bit / 8] = (uint8_t)(1 << bit % 8);
		assert_int_equal(good(&r, cmd, 10), bit == 1 || bit == 55);
		bool known = bit == 1 || (bit >= 7 && bit <= 10) || bit == 54 || bit == 55;
		assert_int_equal(good(&all, cmd, 10), known);
	}
}

static void a_hash_is_what_the_device_can_do(void **state)
{
	(void)state;
	GOOD(4, 2, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 7, 7);
	BAD(4, 2, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	BAD(4, 2, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	BAD(4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	BAD(4, 2, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
	BAD(4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 7);
	BAD(4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 7, 7, 7);
	uint8_t cmd[15 + 41] = {4, 2};
	cmd[14] = 40;
	assert_true(good(&all, cmd, 15 + 40));
	cmd[14] = 41;
	assert_false(good(&all, cmd, 15 + 41));
}

static void an_rss_table_is_what_the_device_can_do(void **state)
{
	(void)state;
	/* types, mask, the queue for the rest, two entries, transmit queues, a key of one */
	GOOD(4, 1, 1, 0, 0, 0, 1, 0, 3, 0, 3, 0, 0, 0, 4, 0, 1, 9);
	GOOD(4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0);
	BAD(4, 1, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0);
	BAD(4, 1, 1, 0, 0, 0, 1, 0, 4, 0, 3, 0, 0, 0, 4, 0, 0);
	BAD(4, 1, 1, 0, 0, 0, 1, 0, 3, 0, 4, 0, 0, 0, 4, 0, 0);
	BAD(4, 1, 1, 0, 0, 0, 1, 0, 3, 0, 3, 0, 0, 0x80, 4, 0, 0); /* the bit that is reserved */
	BAD(4, 1, 1, 0, 0, 0, 1, 0, 3, 0, 3, 0, 0, 0, 5, 0, 0);
	BAD(4, 1, 1, 0, 0, 0, 1, 0, 3, 0, 3, 0, 0, 0, 0, 0, 0);
	BAD(4, 1, 1, 0, 0, 0, 1, 0, 3, 0, 3, 0, 0, 0, 4, 0, 1);
	GOOD(4, 1, 1, 0, 0, 0, 1, 0, 3, 0, 3, 0, 0, 0, 4, 0, 0, 0); /* Linux's padding */
	BAD(4, 1, 1, 0, 0, 0, 1, 0, 3, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0);
	BAD(4, 1, 1, 0, 0, 0, 1, 0, 3, 0, 3, 0, 0, 0, 4, 0, 1, 9, 0, 0);
	BAD(4, 1, 1, 0, 0, 0, 1, 0, 3, 0, 3, 0, 0, 0, 4, 0);
	BAD(4, 1, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0); /* three entries */
	BAD(4, 1, 1, 0, 0, 0, 0xff, 0xff, 0, 0);
	BAD(4, 1, 1, 0, 0, 0, 0, 0, 0);
	uint8_t cmd[13 + 2 * 16] = {4, 1, 0, 0, 0, 0, 7};
	cmd[10 + 2 * 8] = 1;
	assert_true(good(&all, cmd, 13 + 2 * 8));
	cmd[6] = 15; /* twice as much as the device takes */
	cmd[10 + 2 * 8] = 0;
	cmd[10 + 2 * 16] = 1;
	assert_false(good(&all, cmd, 13 + 2 * 16));
}

static void results_are_as_long_as_they_must_be(void **state)
{
	static const uint8_t vq_get[] = {6, 3, 0, 0, 0, 0}, query[] = {8, 0}, get[] = {8, 1};
	static const uint8_t mac[] = {1, 1, 0, 0, 0, 0, 0, 1};
	/* Headers of 8 bytes with the size in the last two, then what they say. */
	static const uint8_t stats[] = {0, 0, 0, 0, 0, 0, 16, 0, 1, 1, 1, 1, 1, 1, 1, 1,
					0, 0, 0, 0, 0, 0, 8,  0, 0, 0, 0, 0, 0, 0, 7, 0};

	(void)state;
	assert_int_equal(ctrl_result_room(mac).max, 0);
	assert_int_equal(ctrl_result_room(vq_get).min, 8);
	assert_int_equal(ctrl_result_room(vq_get).max, 8);
	assert_int_equal(ctrl_result_room(query).max, 8);
	assert_int_equal(ctrl_result_room(get).min, 0);
	assert_int_equal(ctrl_result_room(get).max, CTRL_RESULT_MAX);
	for (size_t len = 0; len <= sizeof(stats); len++) {
		uint8_t *r = malloc(len + 1);
		memcpy(r + 1, stats, len);
		assert_int_equal(ctrl_result_good(mac, r + 1, len), len == 0);
		assert_int_equal(ctrl_result_good(vq_get, r + 1, len), len == 8);
		assert_int_equal(ctrl_result_good(query, r + 1, len), len == 8);
		assert_int_equal(ctrl_result_good(get, r + 1, len),
				 len == 0 || len == 16 || len == 24);
		free(r);
	}
}

static void the_rules_are_the_config_spaces(void **state)
{
	struct virtio_net_config c = {.mac = {2, 0, 0, 0, 0, 9},
				      .max_virtqueue_pairs = 4,
				      .rss_max_key_size = 40,
				      .rss_max_indirection_table_length = 128,
				      .supported_hash_types = 0x1ff};
	struct ctrl_rules r;

	(void)state;
	ctrl_rules_read(&r, F(CTRL_VQ), &c, sizeof(c));
	assert_int_equal(r.features, F(CTRL_VQ));
	assert_int_equal(r.max_pairs, 1);
	assert_int_equal(r.max_table | r.max_key | (int)r.disabled, 0);
	assert_memory_equal(r.mac, c.mac, 6); /* a device filters by it, MAC taken or not */
	ctrl_rules_read(&r, F(MQ) | F(MAC), &c, sizeof(c));
	assert_int_equal(r.max_pairs, 4);
	assert_memory_equal(r.mac, c.mac, 6);
	assert_int_equal(r.max_table | r.max_key | (int)r.hash_types, 0);
	ctrl_rules_read(&r, F(HASH_REPORT), &c, sizeof(c));
	assert_int_equal(r.max_pairs, 1);
	assert_int_equal(r.max_table, 0);
	assert_int_equal(r.max_key, 40);
	assert_int_equal(r.hash_types, 0x1ff);
	ctrl_rules_read(&r, F(RSS), &c, sizeof(c));
	assert_int_equal(r.max_pairs, 4);
	assert_int_equal(r.max_table, 128);
	assert_int_equal(r.max_key, 40);
	c.max_virtqueue_pairs = 0x8000;
	ctrl_rules_read(&r, F(MQ), &c, sizeof(c));
	assert_int_equal(r.max_pairs, CTRL_PAIRS_MAX);
	ctrl_rules_read(&r, F(RSS) | F(MQ), &c, 8); /* it ends before what would tell */
	assert_int_equal(r.max_pairs, 0);
	assert_int_equal(r.max_table, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_class_command_and_length),
	    cmocka_unit_test(mac_tables_are_as_long_as_they_say),
	    cmocka_unit_test(numbers_have_bounds),
	    cmocka_unit_test(offloads_are_negotiated_ones),
	    cmocka_unit_test(a_hash_is_what_the_device_can_do),
	    cmocka_unit_test(an_rss_table_is_what_the_device_can_do),
	    cmocka_unit_test(results_are_as_long_as_they_must_be),
	    cmocka_unit_test(the_rules_are_the_config_spaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
