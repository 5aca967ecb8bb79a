/* SPDX-License-Identifier: MIT */
/* The device tree, read back with libfdt: guest/abi.h's nodes, and nothing that is a secret. */
#include "../../guest/abi.h"
#include "../../vmm/fdt.h"
#include "test.h"

#include <endian.h>
#include <libfdt.h>
#include <stdlib.h>

#define ROOM 0x4000u
#define MAGIC 0x0123456789abcdefull

static const struct fdt_config config = {
    .ram_size = 0x1234567000,
    .cpus = 3,
    .mmio = {0xd0000000},
    .report = {0xfedcba9876543000},
    .gsi = 0x89abcdef,
    .attack = 0x80000007,
    .arena = {0x1122334455667000},
    .arena_size = 0x6000,
    .arena_readable = 0x4000,
    .canary_magic = MAGIC,
    .scan_stride = 0xfedcba9800001000,
    .ctrl_classes = 0x80000003,
};

static uint8_t *fdt;
static struct err e;

/* A heap block of just that size, so that a write past its end is seen. */
static int build(const struct fdt_config *cfg, size_t len)
{
	free(fdt);
	fdt = malloc(len ? len : 1);
	assert_non_null(fdt);
	memset(fdt, 0xa5, len);
	e = (struct err){0};
	return fdt_build(cfg, fdt, len, &e);
}

static int setup(void **state)
{
	(void)state;
	return build(&config, ROOM);
}

static int teardown(void **state)
{
	(void)state;
	free(fdt);
	fdt = NULL;
	return 0;
}

/* The property's value, which must be exactly @cells 32-bit cells long. */
static const fdt32_t *cells(const char *path, const char *name, int count)
{
	int len, node = fdt_path_offset(fdt, path);

	if (node < 0)
		fail_msg("no node %s", path);
	const fdt32_t *p = fdt_getprop(fdt, node, name, &len);
	if (!p || len != 4 * count)
		fail_msg("%s %s: %d bytes, not %d", path, name, len, 4 * count);
	return p;
}

static void is_u32(const char *path, const char *name, uint32_t want)
{
	assert_int_equal(fdt32_ld(cells(path, name, 1)), want);
}

static uint64_t wide(const fdt32_t *p)
{
	return (uint64_t)fdt32_ld(p) << 32 | fdt32_ld(p + 1);
}

static void is_u64(const char *path, const char *name, uint64_t want)
{
	assert_int_equal(wide(cells(path, name, 2)), want);
}

static void is_pair(const char *path, const char *name, uint64_t first, uint64_t second)
{
	const fdt32_t *p = cells(path, name, 4);

	assert_int_equal(wide(p), first);
	assert_int_equal(wide(p + 2), second);
}

static void is_string(const char *path, const char *name, const char *want)
{
	int len;
	const char *v = fdt_getprop(fdt, fdt_path_offset(fdt, path), name, &len);

	assert_non_null(v);
	assert_int_equal(len, strlen(want) + 1);
	assert_string_equal(v, want);
}

static void it_is_a_whole_tree(void **state)
{
	(void)state;
	assert_int_equal(fdt_check_header(fdt), 0);
	assert_int_equal(fdt_check_full(fdt, ROOM), 0);
	assert_int_equal(fdt_num_mem_rsv(fdt), 0);
	is_u32("/", "#address-cells", 2);
	is_u32("/", "#size-cells", 2);
	is_string("/", "compatible", "ringfence,machine");
	is_string("/", "model", "ringfence");
	is_string("/chosen", "bootargs", "");
}

static void memory_begins_at_0(void **state)
{
	(void)state;
	is_string("/memory@0", "device_type", "memory");
	is_pair("/memory@0", "reg", 0, config.ram_size);
}

static void every_cpu_has_a_node(void **state)
{
	static const unsigned counts[] = {1, 2, 11, 64};
	struct fdt_config cfg = config;
	char path[32];

	(void)state;
	for (unsigned n = 0; n < 4; n++) {
		cfg.cpus = counts[n];
		assert_int_equal(build(&cfg, ROOM), 0);
		is_u32("/cpus", "#address-cells", 1);
		is_u32("/cpus", "#size-cells", 0);
		unsigned found = 0;
		int node;
		fdt_for_each_subnode(node, fdt, fdt_path_offset(fdt, "/cpus")) found++;
		assert_int_equal(found, counts[n]);
		for (unsigned i = 0; i < counts[n]; i++) {
			snprintf(path, sizeof(path), "/cpus/cpu@%x", i);
			is_string(path, "device_type", "cpu");
			is_u32(path, "reg", i);
		}
	}
}

static void devices_are_where_the_machine_has_them(void **state)
{
	(void)state;
	is_string("/virtio_mmio@d0000000", "compatible", "virtio,mmio");
	is_pair("/virtio_mmio@d0000000", "reg", config.mmio.v, 0x1000);
	is_u32("/virtio_mmio@d0000000", "interrupts", config.gsi);
	is_string("/ringfence-report@fedcba9876543000", "compatible", "ringfence,report");
	is_pair("/ringfence-report@fedcba9876543000", "reg", config.report.v, 0x1000);
	int node = fdt_node_offset_by_compatible(fdt, -1, "virtio,mmio");
	assert_true(node > 0);
	assert_int_equal(fdt_node_offset_by_compatible(fdt, node, "virtio,mmio"),
			 -FDT_ERR_NOTFOUND);
}

static void the_attacker_is_told_what_abi_h_says(void **state)
{
	static const char node[] = "/ringfence-attack";

	(void)state;
	is_string(node, "compatible", "ringfence,attack");
	is_u32(node, "attack", config.attack);
	is_pair(node, "arena", config.arena.v, config.arena_size);
	is_u64(node, "arena-readable", config.arena_readable);
	is_u64(node, "canary-magic-inverted", ~MAGIC);
	is_u64(node, "scan-stride", config.scan_stride);
	is_u32(node, "ctrl-classes", config.ctrl_classes);
	assert_string_equal(ATTACK_PROP_ID, "attack");
	assert_string_equal(ATTACK_PROP_ARENA, "arena");
	assert_string_equal(ATTACK_PROP_READABLE, "arena-readable");
	assert_string_equal(ATTACK_PROP_MAGIC, "canary-magic-inverted");
	assert_string_equal(ATTACK_PROP_SCAN, "scan-stride");
	assert_string_equal(ATTACK_PROP_CTRL, "ctrl-classes");
}

/* Else the canary scan of RAM would find the tree, and report it. */
static void the_magic_itself_is_nowhere(void **state)
{
	const uint64_t little = htole64(MAGIC), big = htobe64(MAGIC);

	(void)state;
	assert_null(memmem(fdt, ROOM, &little, sizeof(little)));
	assert_null(memmem(fdt, ROOM, &big, sizeof(big)));
}

/* The guest gets all of the room: what the host had there before must not go with it. */
static void no_byte_is_left_as_it_was(void **state)
{
	static uint8_t other[ROOM];

	(void)state;
	memset(other, 0x5a, sizeof(other)); /* build() has 0xa5 there */
	assert_int_equal(fdt_build(&config, other, sizeof(other), &e), 0);
	assert_memory_equal(fdt, other, ROOM);
}

static void every_room_that_is_too_small_is_an_error(void **state)
{
	size_t len = 0;

	(void)state;
	for (; build(&config, len); len++) {
		assert_int_equal(e.kind, ERR_INTERNAL);
		assert_non_null(strstr(e.text, "libfdt"));
		assert_true(len < ROOM);
	}
	assert_int_equal(fdt_check_full(fdt, len), 0);
	assert_true(len > 500);
	is_u64("/ringfence-attack", "scan-stride", config.scan_stride); /* the last of all */
}

/* Linux is told of its machine, and of nothing to aim at. */
static void linux_has_a_tree_of_its_own(void **state)
{
	struct fdt_config cfg = config;

	(void)state;
	cfg.for_linux = true;
	assert_int_equal(build(&cfg, ROOM), 0);
	assert_int_equal(fdt_check_full(fdt, ROOM), 0);
	assert_true(fdt_path_offset(fdt, "/ringfence-attack") < 0);
	int net = fdt_node_offset_by_compatible(fdt, -1, "virtio,mmio");
	int ioapic = fdt_node_offset_by_compatible(fdt, -1, "intel,ce4100-ioapic");
	int lapic = fdt_node_offset_by_compatible(fdt, -1, "intel,ce4100-lapic"), len;
	assert_true(net > 0 && ioapic > 0 && lapic > 0);
	assert_true(fdt_node_offset_by_compatible(fdt, -1, "ringfence,report") < 0);
	const fdt32_t *p = fdt_getprop(fdt, net, "interrupt-parent", &len);
	assert_non_null(p);
	assert_int_equal(fdt32_ld(p), fdt_get_phandle(fdt, ioapic));
	p = fdt_getprop(fdt, net, "interrupts", &len);
	assert_int_equal(len, 8); /* as many cells as the I/O APIC says: pin, and 3: rising edge */
	assert_int_equal(fdt32_ld(p), config.gsi);
	assert_int_equal(fdt32_ld(p + 1), 3);
	assert_int_equal(fdt32_ld(fdt_getprop(fdt, ioapic, "#interrupt-cells", &len)), 2);
	assert_non_null(fdt_getprop(fdt, ioapic, "interrupt-controller", &len));
	int serial = fdt_node_offset_by_compatible(fdt, -1, "ns16550a");
	assert_int_equal(fdt_parent_offset(fdt, serial), fdt_path_offset(fdt, "/isa"));
	p = fdt_getprop(fdt, serial, "reg", &len);
	assert_int_equal(len, 12); /* a port, its number, how many */
	assert_int_equal(fdt32_ld(p), 1);
	assert_int_equal(fdt32_ld(p + 1), 0x3f8);
	assert_int_equal(fdt32_ld(fdt_getprop(fdt, serial, "interrupts", &len)), 4);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(it_is_a_whole_tree),
	    TEST(memory_begins_at_0),
	    TEST(every_cpu_has_a_node),
	    TEST(devices_are_where_the_machine_has_them),
	    TEST(the_attacker_is_told_what_abi_h_says),
	    TEST(the_magic_itself_is_nowhere),
	    TEST(no_byte_is_left_as_it_was),
	    TEST(every_room_that_is_too_small_is_an_error),
	    TEST(linux_has_a_tree_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
