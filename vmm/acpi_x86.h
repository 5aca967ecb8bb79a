/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables: as little as tells a Linux guest of its CPUs, interrupt controllers, devices and how
 * to switch off; see docs/linux-guest.md for why there are any. "Section" is the ACPI specification
 * 6.5's. It must never describe what is not there.
 */
#ifndef VMM_ACPI_X86_H
#define VMM_ACPI_X86_H

#include "../virtio/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The sleep and reset registers (section 4.8.3.7), bytes on the port bus; see power_x86.c. */
#define ACPI_PORT_BASE 0x600u
#define ACPI_SLEEP_CONTROL 0u
#define ACPI_SLEEP_STATUS 1u
#define ACPI_RESET 2u
#define ACPI_PORTS 3u
#define ACPI_RESET_VALUE 1u
#define ACPI_S5 5u /* what SLP_TYP is to be to switch off */

struct acpi_config {
	unsigned cpus;
	bool virtio; /* whether the virtio-mmio device stands in the tables */
	gpa_t mmio;
	uint32_t mmio_size, gsi;
};

#define ACPI_TABLES_MAX 0x1000u

/**
 * Write the tables of @cfg to @buf, of ACPI_TABLES_MAX bytes, for a guest that has them at @at, the
 * RSDP first. Returns the bytes used, 0 if they don't fit.
 */
size_t acpi_build(const struct acpi_config *cfg, gpa_t at, uint8_t *buf);

#endif
