/* SPDX-License-Identifier: MIT */
/* A page of registers; see regpage.h. */
#include "regpage.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Where the guest finds page @n; in the place of another, at once (mmap(2), MAP_FIXED). */
static int show(struct regpage *p, unsigned n)
{
	void *there = (void *)(uintptr_t)p->guest;
	void *at = mmap(there, REGPAGE_SIZE, PROT_READ, MAP_SHARED | (there ? MAP_FIXED : 0), p->fd,
			(off_t)n * REGPAGE_SIZE);

	if (at == MAP_FAILED)
		return -errno;
	p->guest = at;
	p->shown = n;
	return 0;
}

int regpage_open(struct regpage *p, struct err *e)
{
	*p = (struct regpage){.fd = memfd_create("ringfence-registers", MFD_CLOEXEC)};
	int ret = p->fd < 0 || ftruncate(p->fd, (off_t)2 * REGPAGE_SIZE) ? -errno : show(p, 0);
	void *both = ret ? MAP_FAILED
			 : mmap(NULL, (size_t)2 * REGPAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
				p->fd, 0);

	if (both != MAP_FAILED) {
		p->both = both;
		return 0;
	}
	ret = ret ? ret : -errno;
	regpage_close(p);
	return err_set(e, ERR_INTERNAL, -ret, "mmap", "register page",
		       "needs CONFIG_MEMFD_CREATE, and room for 8 KiB");
}

void regpage_close(struct regpage *p)
{
	if (p->guest)
		munmap((void *)(uintptr_t)p->guest, REGPAGE_SIZE);
	if (p->both)
		munmap(p->both, (size_t)2 * REGPAGE_SIZE);
	if (p->fd >= 0)
		close(p->fd);
	*p = (struct regpage){.fd = -1};
}

static uint8_t *page_of(const struct regpage *p, unsigned n)
{
	return p->both + (size_t)n * REGPAGE_SIZE;
}

const uint8_t *regpage_shown(const struct regpage *p)
{
	return page_of(p, p->shown);
}

void regpage_set(struct regpage *p, uint32_t offset, uint32_t value)
{
	uint8_t *page = page_of(p, p->shown);

	if (p->broken)
		return;
	__atomic_store_n((uint32_t *)(void *)(page + offset), htole32(value), __ATOMIC_RELEASE);
}

/* A mapping that failed can have left a gap (mmap(2), MAP_FIXED), in which something else of ours
 * would be shown once it is put there. */
static void close_gap(const struct regpage *p)
{
	void *there = (void *)(uintptr_t)p->guest;

	if (msync(there, REGPAGE_SIZE, MS_ASYNC))
		(void)mmap(there, REGPAGE_SIZE, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
}

int regpage_change(struct regpage *p, uint32_t offset, const void *bytes, size_t len)
{
	unsigned other = !p->shown;

	if (p->broken)
		return 0;
	memcpy(page_of(p, other), page_of(p, p->shown), REGPAGE_SIZE);
	memcpy(page_of(p, other) + offset, bytes, len);
	int ret = show(p, other);
	if (ret) {
		p->broken = true;
		close_gap(p);
	}
	return ret;
}
