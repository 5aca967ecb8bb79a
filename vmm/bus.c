/* SPDX-License-Identifier: MIT */
/* The MMIO bus; see bus.h. It must never hand a device an access that leaves the device's range. */
#include "bus.h"

#include <errno.h>
#include <stddef.h>

int bus_add(struct bus *b, const struct bus_device *d)
{
	if (!d->size || d->size - 1 > UINT64_MAX - d->start.v)
		return -EINVAL;
	for (unsigned i = 0; i < b->count; i++) {
		const struct bus_device *o = &b->device[i];
		if (d->start.v <= o->start.v + (o->size - 1) &&
		    o->start.v <= d->start.v + (d->size - 1))
			return -EINVAL;
	}
	if (b->count == BUS_DEVICES)
		return -ENOSPC;
	b->device[b->count++] = *d;
	return 0;
}

static const struct bus_device *find(const struct bus *b, gpa_t at, unsigned len)
{
	for (unsigned i = 0; i < b->count; i++) {
		const struct bus_device *d = &b->device[i];
		uint64_t offset = at.v - d->start.v;
		if (at.v >= d->start.v && offset < d->size && len <= d->size - offset)
			return d;
	}
	return NULL;
}

/* UNTRUSTED: guest */
void bus_access(const struct bus *b, gpa_t at, unsigned len, bool write, uint64_t *value)
{
	const struct bus_device *d = len >= 1 && len <= 8 ? find(b, at, len) : NULL;

	if (!d) {
		if (!write)
			*value = UINT64_MAX;
		return;
	}
	struct bus_access a = {at.v - d->start.v, len, write, write ? *value : 0};
	d->access(d->ctx, &a);
	if (!write)
		*value = a.value;
}
