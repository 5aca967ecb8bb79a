// SPDX-License-Identifier: MIT
/*
 * Owns the one record that is sent at a time. It must never leave a canary's magic behind in the
 * guest's own memory, where a later scan would take it for a leak: a record is wiped once taken.
 */
#include "report.h"

#include "arch.h"

#include <string.h>

static union {
	struct report head;
	uint8_t bytes[sizeof(struct report) + REPORT_PAYLOAD_MAX];
	uint64_t align;
} record;

static uint64_t device;
static uint32_t refused;

bool report_init(uint64_t base)
{
	if (mmio_read32(base + REPORT_MAGIC) != REPORT_MAGIC_VALUE ||
	    mmio_read32(base + REPORT_VERSION) != REPORT_VERSION_VALUE)
		return false;
	device = base;
	return true;
}

static void record_send(enum report_type type, uint32_t len)
{
	record.head.type = type;
	record.head.len = len;
	if (device) {
		mmio_write32(device + REPORT_DOORBELL, (uint32_t)(uintptr_t)&record);
		if (mmio_read32(device + REPORT_STATUS))
			refused++;
	}
	memset(&record, 0, sizeof(record.head) + len);
}

static void send(enum report_type type, const void *payload, uint32_t len)
{
	memcpy(record.head.payload, payload, len);
	record_send(type, len);
}

static uint32_t append_text(uint32_t len, const char *text)
{
	while (*text && len < REPORT_PAYLOAD_MAX)
		record.head.payload[len++] = (uint8_t)*text++;
	return len;
}

static uint32_t append_hex(uint32_t len, uint64_t value)
{
	unsigned shift = 60;

	len = append_text(len, " 0x");
	while (shift > 0 && value >> shift == 0)
		shift -= 4;
	for (;; shift -= 4) {
		len = append_text(len, (const char[]){"0123456789abcdef"[value >> shift & 15], 0});
		if (shift == 0)
			return len;
	}
}

void report_line(const struct line *line)
{
	uint32_t len = append_text(0, line->text);

	for (unsigned i = 0; i < line->values; i++)
		len = append_hex(len, line->value[i]);
	record_send(REPORT_TEXT, len);
}

void report_step(uint32_t phase, const char *name, bool ok)
{
	struct report_step step = {.phase = phase, .ok = ok};

	memcpy(step.name, name, strnlen(name, sizeof(step.name) - 1));
	send(REPORT_STEP, &step, sizeof(step));
}

void report_mark(enum report_type type, const struct report_mark *mark)
{
	send(type, mark, sizeof(*mark));
}

void report_leak(uint64_t address, uint64_t gpa)
{
	struct report_leak *leak = (struct report_leak *)record.head.payload;
	uint64_t *line = (uint64_t *)leak->line;

	leak->address = address;
	for (unsigned i = 0; i < CANARY_LINE / sizeof(*line); i++) {
		if (probe_read(gpa + i * sizeof(*line), &line[i]))
			line[i] = ~line[i];
	}
	record_send(REPORT_LEAK, sizeof(*leak));
}

void report_done(uint32_t failed, uint32_t attempts)
{
	struct report_done done = {.failed = failed, .attempts = attempts};

	send(REPORT_DONE, &done, sizeof(done));
}

uint32_t report_refused(void)
{
	return refused;
}
