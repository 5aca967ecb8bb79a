/* SPDX-License-Identifier: MIT */
/* The doors by which a Linux guest ends: each value that opens one, and that no other does. */
#include "../../vmm/acpi_x86.h"
#include "../../vmm/power.h"
#include "test.h"

static struct power p;
static struct bus ports;
static unsigned events;
static enum power_event what;
static const char *door;

static void on_event(void *ctx, enum power_event w, const char *by)
{
	assert_ptr_equal(ctx, &events);
	events++;
	what = w;
	door = by;
}

static int setup(void **state)
{
	(void)state;
	ports = (struct bus){0};
	p = (struct power){on_event, &events};
	events = 0;
	return power_wire(&p, &ports);
}

static void out(unsigned port, unsigned len, uint64_t v)
{
	bus_access(&ports, gpa(port), len, true, &v);
}

static uint64_t in(unsigned port)
{
	uint64_t v = 0x1234;

	bus_access(&ports, gpa(port), 1, false, &v);
	return v;
}

/* Every byte to every port of a PC's first 64 Ki: what happens, and how often. */
static void nothing_else_opens_them(void **state)
{
	unsigned off = 0, reset = 0, panic = 0;

	(void)state;
	for (unsigned port = 0; port < 0x10000; port++)
		for (unsigned v = 0; v < 256; v++) {
			unsigned before = events;
			out(port, 1, v);
			if (events == before)
				continue;
			off += what == POWER_OFF;
			reset += what == POWER_RESET;
			panic += what == POWER_PANIC;
		}
	assert_int_equal(off, 16);  /* SLP_EN and SLP_TYP are four bits, the others are nobody's */
	assert_int_equal(reset, 2); /* 0xfe to 0x64, 1 to the reset register */
	assert_int_equal(panic, 128); /* any odd value */
}

static void each_door(void **state)
{
	(void)state;
	out(0x64, 1, 0xfe);
	assert_int_equal(what, POWER_RESET);
	assert_string_equal(door, "keyboard controller");
	out(ACPI_PORT_BASE + ACPI_RESET, 1, ACPI_RESET_VALUE);
	assert_int_equal(what, POWER_RESET);
	assert_string_equal(door, "ACPI reset register");
	out(ACPI_PORT_BASE + ACPI_SLEEP_CONTROL, 1, 0x20 | ACPI_S5 << 2);
	assert_int_equal(what, POWER_OFF);
	assert_string_equal(door, "ACPI S5");
	out(0x505, 1, 1);
	assert_int_equal(what, POWER_PANIC);
	assert_int_equal(events, 4);
}

/* A driver that waits for the keyboard controller, or asks what the panic event can tell. */
static void what_they_read(void **state)
{
	(void)state;
	assert_int_equal(in(0x64), 0);
	assert_int_equal(in(ACPI_PORT_BASE + ACPI_SLEEP_STATUS), 0);
	assert_int_equal(in(0x505), 1);
	assert_int_equal(in(0x70), UINT64_MAX);
	assert_int_equal(events, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(nothing_else_opens_them, setup),
	    cmocka_unit_test_setup(each_door, setup),
	    cmocka_unit_test_setup(what_they_read, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
