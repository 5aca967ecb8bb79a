/* SPDX-License-Identifier: MIT */
/* ACPI tables: found from the RSDP on, each of its length and sum, and what stands in them. */
#include "../../vmm/acpi_x86.h"
#include "test.h"

#include <stdbool.h>

#define AT 0xe0000u

static uint8_t tables[ACPI_TABLES_MAX];
static size_t len;

static uint64_t number(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = bytes; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static bool sums_up(const uint8_t *p, size_t size)
{
	uint8_t sum = 0;

	while (size--)
		sum = (uint8_t)(sum + *p++);
	return sum == 0;
}

static void build(unsigned cpus, bool virtio)
{
	const struct acpi_config cfg = {
	    .cpus = cpus, .virtio = virtio, .mmio = gpa(0xd0000000), .mmio_size = 0x1000, .gsi = 5};

	memset(tables, 0xa5, sizeof(tables));
	len = acpi_build(&cfg, gpa(AT), tables);
	assert_true(len > 0 && len <= sizeof(tables));
}

/* The table at a guest's address, which must be whole and of that signature. */
static const uint8_t *table(uint64_t at, const char *signature)
{
	assert_true(at >= AT && at - AT + 36 <= len);
	const uint8_t *t = tables + (at - AT);
	size_t size = number(t + 4, 4);

	assert_memory_equal(t, signature, 4);
	assert_true(size >= 36 && at - AT + size <= len);
	assert_true(sums_up(t, size));
	return t;
}

static const uint8_t *entry(unsigned i, const char *signature)
{
	const uint8_t *xsdt = table(number(tables + 24, 8), "XSDT");

	assert_int_equal(number(xsdt + 4, 4), 36 + 2 * 8);
	return table(number(xsdt + 36 + (size_t)8 * i, 8), signature);
}

static void the_rsdp_leads_to_them(void **state)
{
	(void)state;
	build(2, true);
	assert_memory_equal(tables, "RSD PTR ", 8);
	assert_int_equal(tables[15], 2);
	assert_int_equal(number(tables + 20, 4), 36);
	assert_true(sums_up(tables, 20) && sums_up(tables, 36));
	entry(0, "FACP");
	entry(1, "APIC");
}

static void each_cpu_has_its_apic(void **state)
{
	(void)state;
	for (unsigned cpus = 1; cpus <= 8; cpus++) {
		build(cpus, true);
		const uint8_t *madt = entry(1, "APIC"), *at = madt + 44;
		assert_int_equal(number(madt + 36, 4), 0xfee00000);
		for (unsigned i = 0; i < cpus; i++, at += 8) {
			const uint8_t want[8] = {0, 8, (uint8_t)i, (uint8_t)i, 1};
			assert_memory_equal(at, want, 8);
		}
		assert_int_equal(at[0], 1);
		assert_int_equal(number(at + 4, 4), 0xfec00000);
		assert_int_equal(number(at + 8, 4), 0);
		assert_int_equal(at + 12 - madt, number(madt + 4, 4));
	}
}

static void is_port(const uint8_t *gas, uint64_t at)
{
	assert_int_equal(gas[0], 1);
	assert_int_equal(gas[1], 8);
	assert_int_equal(number(gas + 4, 8), at);
}

static void switching_off_and_reset(void **state)
{
	(void)state;
	build(1, true);
	const uint8_t *fadt = entry(0, "FACP");
	assert_int_equal(number(fadt + 4, 4), 276);
	assert_true(number(fadt + 112, 4) & 1u << 20); /* hardware-reduced */
	assert_true(number(fadt + 112, 4) & 1u << 10); /* has a reset register */
	is_port(fadt + 116, ACPI_PORT_BASE + ACPI_RESET);
	assert_int_equal(fadt[128], ACPI_RESET_VALUE);
	is_port(fadt + 244, ACPI_PORT_BASE + ACPI_SLEEP_CONTROL);
	is_port(fadt + 256, ACPI_PORT_BASE + ACPI_SLEEP_STATUS);
	table(number(fadt + 140, 8), "DSDT");
}

/* Where a string of @size bytes stands in the DSDT; NULL: nowhere. */
static const uint8_t *in_dsdt(const void *what, size_t size)
{
	const uint8_t *fadt = entry(0, "FACP");
	const uint8_t *dsdt = table(number(fadt + 140, 8), "DSDT");

	for (size_t i = 36; i + size <= number(dsdt + 4, 4); i++)
		if (!memcmp(dsdt + i, what, size))
			return dsdt + i;
	return NULL;
}

/* The length of an AML package counts the bytes that say it: two, here. */
static size_t package(const uint8_t *p)
{
	assert_int_equal(p[0] >> 6, 1);
	return (p[0] & 0xfu) | (size_t)p[1] << 4;
}

static void packages_nest(void **state)
{
	static const uint8_t device[] = {0x5b, 0x82};

	(void)state;
	build(2, true);
	const uint8_t *fadt = entry(0, "FACP"), *dsdt = table(number(fadt + 140, 8), "DSDT");
	const uint8_t *end = dsdt + number(dsdt + 4, 4);
	const uint8_t *s5 = dsdt + 36, *scope = s5 + 6 + package(s5 + 6);
	static const uint8_t name_s5[] = {0x08, '_', 'S', '5', '_', 0x12};
	assert_memory_equal(s5, name_s5, sizeof(name_s5));
	assert_int_equal(scope[0], 0x10);
	assert_ptr_equal(scope + 1 + package(scope + 1), end);
	assert_memory_equal(scope + 3, "\\_SB_", 5);
	unsigned devices = 0;
	for (const uint8_t *at = scope + 8; at < end; at += 2 + package(at + 2), devices++)
		assert_memory_equal(at, device, 2);
	assert_int_equal(devices, 3);
}

static void the_devices_are_where_they_are(void **state)
{
	static const uint8_t memory[] = {0x86, 9, 0, 1, 0, 0, 0, 0xd0, 0, 0x10, 0, 0},
			     gsi5[] = {0x89, 6, 0, 3, 1, 5, 0, 0, 0},
			     gsi4[] = {0x89, 6, 0, 3, 1, 4, 0, 0, 0},
			     com1[] = {0x47, 1, 0xf8, 3, 0xf8, 3, 1, 8};

	(void)state;
	build(2, true);
	assert_non_null(in_dsdt("LNRO0005", 9));
	assert_non_null(in_dsdt(memory, sizeof(memory)));
	assert_non_null(in_dsdt(gsi5, sizeof(gsi5)));
	assert_non_null(in_dsdt("PNP0501", 8));
	assert_non_null(in_dsdt(com1, sizeof(com1)));
	assert_non_null(in_dsdt(gsi4, sizeof(gsi4)));
	build(2, false);
	assert_null(in_dsdt("LNRO0005", 9));
	assert_null(in_dsdt(memory, sizeof(memory)));
	assert_non_null(in_dsdt("PNP0501", 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_rsdp_leads_to_them),
	    cmocka_unit_test(each_cpu_has_its_apic),
	    cmocka_unit_test(switching_off_and_reset),
	    cmocka_unit_test(packages_nest),
	    cmocka_unit_test(the_devices_are_where_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
