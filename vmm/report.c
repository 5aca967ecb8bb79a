/* SPDX-License-Identifier: MIT */
/* The report device; see report.h. */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The length a type's payload must have, or -1 for types that don't exist. */
static int64_t payload_len(uint32_t type, uint32_t len)
{
	switch (type) {
	case REPORT_TEXT:
		return len;
	case REPORT_STEP:
		return sizeof(struct report_step);
	case REPORT_BEGIN:
	case REPORT_END:
		return sizeof(struct report_mark);
	case REPORT_LEAK:
		return sizeof(struct report_leak);
	case REPORT_DONE:
		return sizeof(struct report_done);
	default:
		return -1;
	}
}

/* UNTRUSTED: guest. Head and payload are read once each, so what was checked is what is used. */
int report_take(const struct gmem *mem, gpa_t at, struct report_record *out)
{
	struct report head;

	if (at.v % 8)
		return -EINVAL;
	int ret = gmem_read(mem, at, &head, sizeof(head));
	if (ret)
		return ret;
	if (head.len > REPORT_PAYLOAD_MAX)
		return -E2BIG;
	if (payload_len(head.type, head.len) != head.len)
		return -EINVAL;
	out->type = head.type;
	out->len = head.len;
	memset(out->bytes, 0, sizeof(out->bytes));
	if (head.len == 0)
		return 0; /* its payload may begin where RAM ends */
	return gmem_read(mem, gpa(at.v + sizeof(head)), out->bytes, head.len);
}

/* Append @len bytes of @text; what a terminal might act on becomes a dot. Stops at a NUL. */
static void printable(char *buf, size_t size, const uint8_t *text, size_t len)
{
	size_t at = strlen(buf);

	while (len && text[len - 1] == '\n')
		len--;
	for (size_t i = 0; i < len && text[i] && at + 1 < size; i++)
		buf[at++] = text[i] >= 0x20 && text[i] < 0x7f ? (char)text[i] : '.';
	buf[at] = '\0';
}

static void format_mark(const struct report_record *r, char *buf, size_t len)
{
	const struct report_mark *m = &r->mark;
	int n = snprintf(buf, len,
			 "%s attack %" PRIu32 " attempt %" PRIu32 ": 0x%" PRIx64 "+0x%" PRIx64,
			 r->type == REPORT_BEGIN ? "begin" : "end", m->attack, m->attempt,
			 m->address, m->length);

	if (n < 0 || (size_t)n >= len)
		return;
	if (!REPORT_BY_CPU(m->queue))
		n += snprintf(buf + n, len - (size_t)n, " queue %" PRIu32, m->queue);
	if (m->shape && (size_t)n < len)
		n += snprintf(buf + n, len - (size_t)n, " shape %" PRIu32, m->shape);
	if (r->type == REPORT_END && (size_t)n < len)
		n += snprintf(buf + n, len - (size_t)n, " outcome %" PRIu32 " touched %" PRIu64,
			      m->outcome, m->touched);
	if (m->hits && (size_t)n < len)
		snprintf(buf + n, len - (size_t)n, " hits %" PRIu32, m->hits);
}

void report_format(const struct report_record *r, char *buf, size_t len)
{
	switch (r->type) {
	case REPORT_TEXT:
		snprintf(buf, len, "guest: ");
		printable(buf, len, r->bytes, r->len);
		break;
	case REPORT_STEP:
		snprintf(buf, len, "step %s the attack: %s: ", r->step.phase ? "after" : "before",
			 r->step.ok ? "ok" : "FAILED");
		printable(buf, len, (const uint8_t *)r->step.name, sizeof(r->step.name));
		break;
	case REPORT_BEGIN:
	case REPORT_END:
		format_mark(r, buf, len);
		break;
	case REPORT_LEAK:
		snprintf(buf, len, "leak: the guest says it saw a canary at 0x%" PRIx64,
			 r->leak.address);
		break;
	case REPORT_DONE:
		snprintf(buf, len,
			 "done: %" PRIu32 " attempts, %" PRIu32 " legal operations failed",
			 r->done.attempts, r->done.failed);
		break;
	default:
		snprintf(buf, len, "record of type %" PRIu32, r->type);
		break;
	}
}

void report_init(struct report_device *d, const struct gmem *mem,
		 void (*record)(void *ctx, const struct report_record *r), void *ctx)
{
	*d = (struct report_device){.mem = mem, .record = record, .ctx = ctx};
	pthread_mutex_init(&d->lock, NULL);
}

void report_destroy(struct report_device *d)
{
	pthread_mutex_destroy(&d->lock);
}

static void doorbell(struct report_device *d, gpa_t at)
{
	struct report_record r;
	int ret = report_take(d->mem, at, &r);

	if (!ret)
		d->record(d->ctx, &r);
	d->status = (uint32_t)-ret;
}

static uint64_t read_register(const struct report_device *d, uint64_t offset)
{
	switch (offset) {
	case REPORT_MAGIC:
		return REPORT_MAGIC_VALUE;
	case REPORT_VERSION:
		return REPORT_VERSION_VALUE;
	case REPORT_STATUS:
		return d->status;
	default:
		return 0;
	}
}

/* UNTRUSTED: guest */
void report_access(void *ctx, struct bus_access *a)
{
	struct report_device *d = ctx;

	if (a->len != 4) {
		a->value = 0;
		return;
	}
	pthread_mutex_lock(&d->lock);
	if (!a->write)
		a->value = read_register(d, a->offset);
	else if (a->offset == REPORT_DOORBELL)
		doorbell(d, gpa(a->value & 0xffffffffu));
	pthread_mutex_unlock(&d->lock);
}
