/* SPDX-License-Identifier: MIT */
/* Guest memory by address and length only; see gmem.h. Never hands a pointer out. */
#include "gmem.h"

#include "check.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

int gmem_add(struct gmem *m, gpa_t start, uint64_t size, void *host)
{
	if (CHECK(GMEM_ADD_EMPTY, size == 0) || CHECK(GMEM_ADD_WRAP, start.v + size - 1 < start.v))
		return -EINVAL;
	for (unsigned i = 0; i < m->count; i++) {
		const struct gmem_region *r = &m->region[i];
		if (CHECK(GMEM_ADD_OVERLAP,
			  start.v <= r->start.v + r->size - 1 && r->start.v <= start.v + size - 1))
			return -EINVAL;
	}
	if (CHECK(GMEM_ADD_FULL, m->count == GMEM_REGIONS))
		return -ENOSPC;
	m->region[m->count++] = (struct gmem_region){start, size, host};
	return 0;
}

/* The host address of [at, at + len), or NULL unless all of it lies in one region. */
static uint8_t *resolve(const struct gmem *m, gpa_t at, uint64_t len)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct gmem_region *r = &m->region[i];
		/* Below its start this wraps to more than its size, for no region reaches past
		 * 2^64. */
		uint64_t offset = at.v - r->start.v;
		if (CHECK(GMEM_START, offset >= r->size) || CHECK(GMEM_END, len > r->size - offset))
			continue;
		return r->host + offset;
	}
	return NULL;
}

bool gmem_contains(const struct gmem *m, gpa_t at, uint64_t len)
{
	return resolve(m, at, len) != NULL;
}

int gmem_read(const struct gmem *m, gpa_t at, void *dst, size_t len)
{
	const uint8_t *host = resolve(m, at, len);

	if (!host)
		return -EFAULT;
	memcpy(dst, host, len); /* UNTRUSTED: guest; vCPUs may write while this runs */
	return 0;
}

int gmem_write(const struct gmem *m, gpa_t at, const void *src, size_t len)
{
	uint8_t *host = resolve(m, at, len);

	if (!host)
		return -EFAULT;
	memcpy(host, src, len);
	return 0;
}

int gmem_load16(const struct gmem *m, gpa_t at, uint16_t *v)
{
	const uint8_t *host = resolve(m, at, sizeof(*v));

	if (CHECK(GMEM_ODD, at.v & 1))
		return -EINVAL;
	if (!host)
		return -EFAULT;
	*v = le16toh(__atomic_load_n((const uint16_t *)(const void *)host, __ATOMIC_ACQUIRE));
	return 0;
}

int gmem_store16(const struct gmem *m, gpa_t at, uint16_t v)
{
	uint8_t *host = resolve(m, at, sizeof(v));

	if (CHECK(GMEM_ODD, at.v & 1))
		return -EINVAL;
	if (!host)
		return -EFAULT;
	__atomic_store_n((uint16_t *)(void *)host, htole16(v), __ATOMIC_RELEASE);
	return 0;
}
