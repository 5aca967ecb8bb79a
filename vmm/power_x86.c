/* SPDX-License-Identifier: MIT */
/*
 * The doors of power.h on x86: the keyboard controller's reset line, ACPI's sleep and reset
 * registers, and the panic event that Linux's pvpanic driver knows. UNTRUSTED: guest, in each.
 */
#include "power.h"

#include "acpi_x86.h"
#include "x86.h"

#define KBD_COMMAND 4u	     /* port 0x64 */
#define KBD_PULSE_RESET 0xfe /* pulse the output line that the CPU's reset hangs on */
#define SLP_EN 0x20u	     /* ACPI section 4.8.3.7.1; SLP_TYP is the three bits below it */
#define SLP_TYP(v) ((v) >> 2 & 7)
#define PANICKED 1u /* a bit each way: which events there are, and that one has come */

/*
 * A keyboard controller without a keyboard: its status is always 0, so that whoever wants to send a
 * command does not wait.
 */
static void kbd_access(void *ctx, struct bus_access *a)
{
	struct power *p = ctx;

	if (!a->write)
		a->value = 0;
	else if (a->offset == KBD_COMMAND && (uint8_t)a->value == KBD_PULSE_RESET)
		p->event(p->ctx, POWER_RESET, "keyboard controller");
}

static void acpi_access(void *ctx, struct bus_access *a)
{
	struct power *p = ctx;
	uint8_t v = (uint8_t)a->value;

	if (!a->write)
		a->value = 0;
	else if (a->offset == ACPI_RESET && v == ACPI_RESET_VALUE)
		p->event(p->ctx, POWER_RESET, "ACPI reset register");
	else if (a->offset == ACPI_SLEEP_CONTROL && (v & SLP_EN) && SLP_TYP(v) == ACPI_S5)
		p->event(p->ctx, POWER_OFF, "ACPI S5");
}

static void panic_access(void *ctx, struct bus_access *a)
{
	struct power *p = ctx;

	if (!a->write)
		a->value = PANICKED;
	else if (a->value & PANICKED)
		p->event(p->ctx, POWER_PANIC, "panic event");
}

int power_wire(struct power *p, struct bus *ports)
{
	const struct bus_device devices[] = {
	    {gpa(X86_PORT_KBD), KBD_COMMAND + 1, kbd_access, p},
	    {gpa(ACPI_PORT_BASE), ACPI_PORTS, acpi_access, p},
	    {gpa(X86_PORT_PANIC), 1, panic_access, p},
	};
	int ret = 0;

	for (unsigned i = 0; !ret && i < sizeof(devices) / sizeof(devices[0]); i++)
		ret = bus_add(ports, &devices[i]);
	return ret;
}
