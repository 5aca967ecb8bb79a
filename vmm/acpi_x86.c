/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables, written front to back; see acpi_x86.h.
 *
 * The machine is "hardware-reduced" (section 4.1): no SCI, no PM timer, no 8259s, no PIT. Linux
 * then leaves out what it would only probe, and switching off is one write to one port.
 */
#include "acpi_x86.h"

#include "serial.h"
#include "x86.h"

#include <string.h>

struct writer {
	uint8_t *buf;
	size_t at;
	bool full;
};

static void bytes(struct writer *w, const void *from, size_t len)
{
	w->full |= len > ACPI_TABLES_MAX - w->at;
	if (w->full)
		return;
	memcpy(w->buf + w->at, from, len);
	w->at += len;
}

static void number(struct writer *w, uint64_t v, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		bytes(w, &(uint8_t){(uint8_t)(v >> 8 * i)}, 1);
}

static void text(struct writer *w, const char *s)
{
	bytes(w, s, strlen(s));
}

static void zeros(struct writer *w, size_t len)
{
	while (len--)
		number(w, 0, 1);
}

/* Make the bytes of [from, from + len) sum up to 0 by the one at @where. */
static void seal(struct writer *w, size_t from, size_t len, size_t where)
{
	uint8_t sum = 0;

	if (w->full)
		return;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + w->buf[from + i]);
	w->buf[where] = (uint8_t)(w->buf[where] - sum);
}

/* A system description table's header (section 5.2.6); end_table() fills in length and checksum. */
static size_t begin_table(struct writer *w, const char *signature, uint8_t revision)
{
	while (w->at % 16 && !w->full)
		zeros(w, 1);
	size_t start = w->at;
	text(w, signature);
	number(w, 0, 4);
	number(w, revision, 1);
	number(w, 0, 1);
	text(w, "RFENCE"
		"RINGFENC");
	number(w, 1, 4);
	text(w, "RFNC");
	number(w, 1, 4);
	return start;
}

static void end_table(struct writer *w, size_t start)
{
	struct writer length = {w->buf, start + 4, w->full};

	number(&length, w->at - start, 4);
	seal(w, start, w->at - start, start + 9);
}

/* Generic Address Structure (section 5.2.3.2) of a byte on the port bus. */
static void port(struct writer *w, unsigned at)
{
	static const uint8_t io_byte[] = {1, 8, 0, 1};

	bytes(w, io_byte, sizeof(io_byte));
	number(w, at, 8);
}

/* Section 5.2.12: local APICs 0 .. N-1 and one I/O APIC, with no 8259s beside. */
static size_t madt(struct writer *w, unsigned cpus)
{
	size_t start = begin_table(w, "APIC", 5);

	number(w, X86_LAPIC, 4);
	number(w, 0, 4);
	for (unsigned i = 0; i < cpus; i++) {
		bytes(w, (uint8_t[]){0, 8, (uint8_t)i, (uint8_t)i}, 4);
		number(w, 1, 4); /* enabled */
	}
	bytes(w, (uint8_t[]){1, 12, 0, 0}, 4);
	number(w, X86_IOAPIC, 4);
	number(w, 0, 4);
	end_table(w, start);
	return start;
}

/* Section 5.2.9. What hardware-reduced machines have not is 0. */
static size_t fadt(struct writer *w, uint64_t dsdt)
{
	const uint16_t boot_flags = 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5; /* no VGA, MSI, ASPM, CMOS */
	const uint32_t flags = 1u << 20 | 1 << 10 | 1 << 4 | 1 << 5 | 1;
	/* HW_REDUCED_ACPI, RESET_REG_SUP, no power and no sleep button of its own, WBINVD */
	size_t start = begin_table(w, "FACP", 6);

	zeros(w, 109 - 36);
	number(w, boot_flags, 2);
	zeros(w, 1);
	number(w, flags, 4);
	port(w, ACPI_PORT_BASE + ACPI_RESET);
	number(w, ACPI_RESET_VALUE, 1);
	zeros(w, 140 - 129);
	number(w, dsdt, 8);
	zeros(w, 244 - 148);
	port(w, ACPI_PORT_BASE + ACPI_SLEEP_CONTROL);
	port(w, ACPI_PORT_BASE + ACPI_SLEEP_STATUS);
	number(w, 0, 8);
	end_table(w, start);
	return start;
}

/* ---- AML (section 20). A package's length counts itself; two bytes of it are enough here. ---- */

static size_t begin_package(struct writer *w)
{
	zeros(w, 2);
	return w->at - 2;
}

static void end_package(struct writer *w, size_t start)
{
	size_t len = w->at - start;

	w->full |= len > 0xfff;
	if (w->full)
		return;
	w->buf[start] = (uint8_t)(1 << 6 | (len & 0xf));
	w->buf[start + 1] = (uint8_t)(len >> 4);
}

static size_t begin_device(struct writer *w, const char *name)
{
	bytes(w, (uint8_t[]){0x5b, 0x82}, 2);
	size_t start = begin_package(w);
	text(w, name);
	return start;
}

static void name_string(struct writer *w, const char *name, const char *value)
{
	number(w, 0x08, 1);
	text(w, name);
	number(w, 0x0d, 1);
	bytes(w, value, strlen(value) + 1);
}

static void name_byte(struct writer *w, const char *name, uint8_t value)
{
	number(w, 0x08, 1);
	text(w, name);
	bytes(w, (uint8_t[]){0x0a, value}, 2);
}

/* Name(_CRS, Buffer(n) { resources }), n a byte. Returns where n is. */
static size_t begin_resources(struct writer *w, size_t *package)
{
	number(w, 0x08, 1);
	text(w, "_CRS");
	number(w, 0x11, 1);
	*package = begin_package(w);
	bytes(w, (uint8_t[]){0x0a, 0}, 2);
	return w->at - 1;
}

static void end_resources(struct writer *w, size_t size, size_t package)
{
	bytes(w, (uint8_t[]){0x79, 0}, 2); /* End Tag; a checksum of 0 counts as right */
	w->full |= w->at - size - 1 > 0xff;
	if (!w->full)
		w->buf[size] = (uint8_t)(w->at - size - 1);
	end_package(w, package);
}

/* I/O port descriptor (section 6.4.2.5): 16 bits decoded, at one place. */
static void io(struct writer *w, unsigned base, unsigned count)
{
	bytes(w, (uint8_t[]){0x47, 1}, 2);
	number(w, base, 2);
	number(w, base, 2);
	bytes(w, (uint8_t[]){1, (uint8_t)count}, 2);
}

/* Extended interrupt descriptor (section 6.4.3.6): consumer, edge, active high, exclusive. */
static void interrupt(struct writer *w, uint32_t gsi)
{
	bytes(w, (uint8_t[]){0x89, 6, 0, 0x03, 1}, 5);
	number(w, gsi, 4);
}

static void serial_device(struct writer *w)
{
	size_t package, size, device = begin_device(w, "COM1");

	name_string(w, "_HID", "PNP0501");
	name_byte(w, "_UID", 1);
	size = begin_resources(w, &package);
	io(w, X86_PORT_SERIAL, SERIAL_REGISTERS);
	interrupt(w, X86_GSI_SERIAL);
	end_resources(w, size, package);
	end_package(w, device);
}

/* The name by which Linux's virtio_mmio driver knows such a device in ACPI. */
static void virtio_device(struct writer *w, const struct acpi_config *cfg)
{
	size_t package, size, device = begin_device(w, "VIO0");

	name_string(w, "_HID", "LNRO0005");
	name_byte(w, "_UID", 0);
	name_byte(w, "_CCA", 1);
	size = begin_resources(w, &package);
	bytes(w, (uint8_t[]){0x86, 9, 0, 1}, 4); /* 32-bit fixed memory (section 6.4.3.4), R/W */
	number(w, cfg->mmio.v, 4);
	number(w, cfg->mmio_size, 4);
	interrupt(w, cfg->gsi);
	end_resources(w, size, package);
	end_package(w, device);
}

static void panic_device(struct writer *w)
{
	size_t package, size, device = begin_device(w, "PEVT");

	name_string(w, "_HID", "QEMU0001");
	size = begin_resources(w, &package);
	io(w, X86_PORT_PANIC, 1);
	end_resources(w, size, package);
	end_package(w, device);
}

static size_t dsdt(struct writer *w, const struct acpi_config *cfg)
{
	size_t start = begin_table(w, "DSDT", 2);

	/* Name(_S5_, Package() { 5, 0, 0, 0 }) */
	number(w, 0x08, 1);
	text(w, "_S5_");
	number(w, 0x12, 1);
	size_t package = begin_package(w);
	bytes(w, (uint8_t[]){4, 0x0a, ACPI_S5, 0, 0, 0}, 6);
	end_package(w, package);

	number(w, 0x10, 1);
	size_t scope = begin_package(w);
	text(w, "\\_SB_");
	serial_device(w);
	panic_device(w);
	if (cfg->virtio)
		virtio_device(w, cfg);
	end_package(w, scope);
	end_table(w, start);
	return start;
}

static size_t xsdt(struct writer *w, uint64_t first, uint64_t second)
{
	size_t start = begin_table(w, "XSDT", 1);

	number(w, first, 8);
	number(w, second, 8);
	end_table(w, start);
	return start;
}

/* Section 5.2.5.3; its first 20 bytes have a checksum of their own. */
static void rsdp(struct writer *w, uint64_t tables)
{
	text(w, "RSD PTR ");
	number(w, 0, 1);
	text(w, "RFENCE");
	number(w, 2, 1);
	number(w, 0, 4);
	number(w, 36, 4);
	number(w, tables, 8);
	zeros(w, 4);
	seal(w, 0, 20, 8);
	seal(w, 0, 36, 32);
}

size_t acpi_build(const struct acpi_config *cfg, gpa_t at, uint8_t *buf)
{
	struct writer head = {.buf = buf}, w = {.buf = buf, .at = 48};

	memset(buf, 0, ACPI_TABLES_MAX);
	uint64_t d = at.v + dsdt(&w, cfg);
	uint64_t f = at.v + fadt(&w, d);
	uint64_t m = at.v + madt(&w, cfg->cpus);
	uint64_t x = at.v + xsdt(&w, f, m);
	rsdp(&head, x);
	return w.full || head.full ? 0 : w.at;
}
