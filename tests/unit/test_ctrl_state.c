/* SPDX-License-Identifier: MIT */
/* What control commands leave behind, how that is written down, and that replaying it on a device
 * that was just reset leads to the same. */
#include "../../virtio/ctrl.h"
#include "test.h"

#include <linux/virtio_net.h>
#include <stdlib.h>

static const struct ctrl_rules rules = {.features = ~0ull,
					.mac = {2, 0, 0, 0, 0, 1},
					.max_pairs = 2,
					.max_table = 128,
					.max_key = 40,
					.hash_types = 0x1ff};
static struct ctrl_state s;
static char out[CTRL_PRINT_MAX];

static int setup(void **state)
{
	(void)state;
	ctrl_reset(&s, &rules);
	return 0;
}

static void commit(const void *cmd, size_t len)
{
	assert_int_equal(ctrl_validate(&rules, cmd, len), 0);
	ctrl_commit(&s, cmd, len);
}

#define SEND(...) commit(((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__}))

static const char *text(void)
{
	size_t len = ctrl_text(&s, out, sizeof(out));

	assert_int_equal(len, strlen(out));
	return out;
}

static const char *json(void)
{
	size_t len = ctrl_json(&s, out, sizeof(out));

	assert_int_equal(len, strlen(out));
	return out;
}

static void every_command_has_its_effect(void **state)
{
	(void)state;
	assert_true(s.rx[0]);
	assert_int_equal(s.pairs, 1);
	assert_false(s.mac_set);
	SEND(1, 1, 2, 0, 0, 9, 9, 9);
	assert_true(s.mac_set);
	assert_int_equal(s.mac[5], 9);
	for (uint8_t mode = 0; mode < 6; mode++)
		SEND(0, mode, mode % 2);
	for (unsigned mode = 0; mode < 6; mode++)
		assert_int_equal(s.rx[mode], mode % 2);
	SEND(2, 0, 0xff, 0x0f);
	SEND(2, 0, 5, 0);
	SEND(2, 0, 6, 0);
	SEND(2, 1, 5, 0);
	assert_true(s.vlan[63] == 1ull << 63 && s.vlan[0] == 1ull << 6);
	SEND(3, 0);
	SEND(5, 0, 2, 0, 0, 0, 0, 0, 0x40, 0);
	assert_true(s.offloads == (1ull << 54 | 2));
}

static void a_new_mac_table_replaces_the_old_one(void **state)
{
	(void)state;
	SEND(1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 3, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 2);
	assert_int_equal(s.unicast, 1);
	assert_int_equal(s.multicast, 2);
	assert_int_equal(s.macs[2][5], 2);
	SEND(1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 7);
	assert_int_equal(s.unicast, 0);
	assert_int_equal(s.multicast, 1);
	assert_int_equal(s.macs[0][5], 7);
	SEND(1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_int_equal(s.multicast, 0);
}

static void of_the_ways_to_steer_the_last_is_in_use(void **state)
{
	(void)state;
	SEND(4, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xaa);
	SEND(4, 1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 2, 0, 2, 0xbb, 0xcc);
	assert_true(s.rss);
	assert_int_equal(s.pairs, 2);
	assert_int_equal(s.entries, 2);
	assert_int_equal(s.table[0], 1);
	assert_int_equal(s.unclassified, 1);
	assert_int_equal(s.rss_hash.key[1], 0xcc);
	SEND(4, 0, 1, 0);
	assert_false(s.rss);
	assert_int_equal(s.pairs, 1);
	assert_int_equal(s.table[0] | s.entries | s.rss_hash.key_len, 0);
	assert_int_equal(s.hash.types, 3);
	assert_int_equal(s.hash.key[0], 0xaa);
}

/* The example of section 5.1.6.5.9, with two pairs. */
static void the_last_coalescing_of_a_queue_holds(void **state)
{
	(void)state;
	SEND(6, 1, 1, 0, 0, 0, 11, 0, 0, 0);
	SEND(6, 2, 0, 0, 0, 0, 2, 0, 0, 0, 12, 0, 0, 0);
	SEND(6, 2, 1, 0, 0, 0, 3, 0, 0, 0, 13, 0, 0, 0);
	assert_int_equal(s.coal[0].packets, 2);
	assert_int_equal(s.coal[2].packets, 1);
	assert_int_equal(s.coal[1].usecs, 13);
	assert_int_equal(s.coal[3].usecs, 0);
	SEND(6, 0, 4, 0, 0, 0, 14, 0, 0, 0);
	assert_int_equal(s.coal[1].usecs, 14);
	assert_int_equal(s.coal[3].usecs, 14);
	assert_int_equal(s.coal[0].usecs, 12);
	SEND(6, 3, 0, 0, 0, 0); /* asking changes nothing */
	assert_int_equal(s.coal[0].usecs, 12);
}

static void a_state_is_written_down(void **state)
{
	(void)state;
	assert_string_equal(text(), "mac 02:00:00:00:00:01\nrx promisc\npairs 1\noffload 1\n"
				    "offload 7\noffload 8\noffload 9\noffload 10\noffload 54\n"
				    "offload 55\n");
	SEND(0, 0, 0);
	SEND(0, 5, 1);
	SEND(1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 1, 1, 0, 0, 0, 3, 0, 0, 0, 0, 1);
	SEND(2, 0, 0xff, 0x0f);
	SEND(2, 0, 5, 0);
	SEND(4, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xaa);
	SEND(4, 1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 2, 0, 2, 0x0b, 0xcc);
	SEND(5, 0, 2, 0, 0, 0, 0, 0, 0x40, 0);
	SEND(6, 1, 1, 0, 0, 0, 11, 0, 0, 0);
	assert_string_equal(text(),
			    "mac 02:00:00:00:00:01\nrx nobcast\nunicast 02:00:00:00:00:01\n"
			    "multicast 03:00:00:00:00:01\nvlan 5\nvlan 4095\npairs 2\n"
			    "rss types 0x1 unclassified 1 table 1 0\nrss key 0bcc\n"
			    "hash types 0x3 key aa\noffload 1\noffload 54\n"
			    "coalesce rx packets 1 usecs 11\ncoalesce 0 packets 1 usecs 11\n"
			    "coalesce 2 packets 1 usecs 11\n");
	assert_string_equal(
	    json(),
	    "{\"mac\":\"02:00:00:00:00:01\",\"rx\":{\"promisc\":false,\"allmulti\":false,"
	    "\"alluni\":false,\"nomulti\":false,\"nouni\":false,\"nobcast\":true},"
	    "\"unicast\":[\"02:00:00:00:00:01\"],\"multicast\":[\"03:00:00:00:00:01\"],"
	    "\"vlans\":[5,4095],\"pairs\":2,"
	    "\"rss\":{\"types\":1,\"unclassified\":1,\"table\":[1,0],\"key\":\"0bcc\"},"
	    "\"hash\":{\"types\":3,\"key\":\"aa\"},\"offloads\":[1,54],"
	    "\"coalesce\":{\"rx\":{\"packets\":1,\"usecs\":11},\"tx\":{\"packets\":0,\"usecs\":0},"
	    "\"queues\":[{\"packets\":1,\"usecs\":11},{\"packets\":0,\"usecs\":0},"
	    "{\"packets\":1,\"usecs\":11},{\"packets\":0,\"usecs\":0}]}}");
}

/* Everything there can be, at its longest. */
static void the_longest_is_not_cut(void **state)
{
	struct ctrl_state *f = &s;

	(void)state;
	memset(f, 0xff, sizeof(*f));
	memset(f->rx, 1, sizeof(f->rx));
	f->rss = f->mac_set = true;
	f->unicast = CTRL_MACS_MAX;
	f->multicast = 0;
	f->entries = CTRL_TABLE_MAX;
	f->max_pairs = CTRL_PAIRS_MAX;
	assert_true(ctrl_json(f, out, sizeof(out)) < CTRL_PRINT_MAX - 1);
	assert_string_equal(out + strlen(out) - 4, "}]}}");
	assert_true(ctrl_text(f, out, sizeof(out)) < CTRL_PRINT_MAX - 1);
	assert_string_equal(out + strlen(out) - 17, "usecs 4294967295\n");
	for (size_t size = 1; size < 100; size++) {
		char *small = malloc(size);
		assert_int_equal(ctrl_json(f, small, size), size - 1);
		free(small);
	}
}

/* ---- replay ---- */

static uint32_t seed = 1;

static uint32_t draw(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

/* A command at random, most often a good one. */
static size_t random_command(uint8_t *cmd)
{
	static const struct {
		uint8_t class, code, len;
	} shape[] = {{0, 0, 3},	 {0, 1, 3},  {0, 2, 3},	 {0, 3, 3},  {0, 4, 3},	 {0, 5, 3},
		     {1, 1, 8},	 {1, 0, 34}, {2, 0, 4},	 {2, 0, 4},  {2, 1, 4},	 {4, 0, 4},
		     {4, 1, 19}, {4, 2, 17}, {5, 0, 10}, {6, 0, 10}, {6, 1, 10}, {6, 2, 14}};
	unsigned i = draw() % (sizeof(shape) / sizeof(shape[0]));

	for (unsigned n = 0; n < shape[i].len; n++)
		cmd[n] = draw() % 3 ? 0 : draw() & 1;
	cmd[0] = shape[i].class;
	cmd[1] = shape[i].code;
	if (cmd[0] == 4)
		memset(cmd + 4, 0, 2); /* types that there are */
	if (cmd[0] == 6 && cmd[1] == 2) {
		cmd[2] = (uint8_t)(draw() % 4);
		cmd[3] = 0;
	} else if (cmd[0] == 1 && !cmd[1]) { /* four addresses in two tables */
		uint8_t first = (uint8_t)(draw() % 5);
		memset(cmd + 2, 0, 4);
		cmd[2] = first;
		memset(cmd + 6 + 6 * first, 0, 4);
		cmd[6 + 6 * first] = (uint8_t)(4 - first);
	} else if (cmd[0] == 4 && cmd[1] == 1) { /* two entries and a key of two */
		memcpy(cmd + 6, "\1\0\0\0\1\0\0\0\2\0\2", 11);
		cmd[14] = (uint8_t)(1 + draw() % 2);
	} else if (cmd[0] == 4 && cmd[1] == 2) {
		memset(cmd + 6, 0, 8);
		cmd[14] = 2;
	} else if (cmd[0] == 4) {
		cmd[2] = (uint8_t)(1 + draw() % 2);
		cmd[3] = 0;
	} else if (cmd[0] == 5) {
		memset(cmd + 2, 0, 8);
		cmd[2] = draw() % 2 ? 2 : 0x80;
	}
	return shape[i].len;
}

static void a_replay_leads_to_the_same_state(void **state)
{
	uint8_t cmd[CTRL_COMMAND_MAX];

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		struct ctrl_state fresh;
		unsigned next = 0, sent = 0;
		ctrl_reset(&s, &rules);
		for (unsigned n = draw() % 40; n > 0; n--) {
			size_t len = random_command(cmd);
			commit(cmd, len);
		}
		ctrl_reset(&fresh, &rules);
		for (size_t len; (len = ctrl_replay(&s, &rules, &next, cmd)); sent++) {
			assert_int_equal(ctrl_validate(&rules, cmd, len), 0);
			ctrl_commit(&fresh, cmd, len);
		}
		assert_true(sent < 60);
		assert_memory_equal(&fresh, &s, sizeof(s));
	}
}

static void a_fresh_state_needs_no_commands(void **state)
{
	const struct ctrl_rules none = {.max_pairs = 1};
	uint8_t cmd[CTRL_COMMAND_MAX];
	unsigned next = 0;

	(void)state;
	assert_int_equal(ctrl_replay(&s, &rules, &next, cmd), 0);
	assert_int_equal(ctrl_replay(&s, &rules, &next, cmd), 0);
	ctrl_reset(&s, &none);
	assert_false(s.rx[0]);
	next = 0;
	assert_int_equal(ctrl_replay(&s, &none, &next, cmd), 0);
}

static void the_longest_table_is_replayed(void **state)
{
	static uint8_t cmd[CTRL_COMMAND_MAX], again[CTRL_COMMAND_MAX];
	unsigned next = 0;

	(void)state;
	memset(cmd, 0x5a, sizeof(cmd));
	memcpy(cmd, "\1\0\0\0\0\0\xa9\2\0\0", 10); /* 681 multicast addresses */
	commit(cmd, CTRL_COMMAND_MAX);
	assert_int_equal(s.multicast, CTRL_MACS_MAX);
	assert_int_equal(ctrl_replay(&s, &rules, &next, again), CTRL_COMMAND_MAX);
	assert_memory_equal(cmd, again, CTRL_COMMAND_MAX);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
	    TEST(every_command_has_its_effect),
	    TEST(a_new_mac_table_replaces_the_old_one),
	    TEST(of_the_ways_to_steer_the_last_is_in_use),
	    TEST(the_last_coalescing_of_a_queue_holds),
	    TEST(a_state_is_written_down),
	    TEST(the_longest_is_not_cut),
	    TEST(a_replay_leads_to_the_same_state),
	    TEST(a_fresh_state_needs_no_commands),
	    TEST(the_longest_table_is_replayed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
