/* SPDX-License-Identifier: MIT */
/*
 * The loader of bzImages; see bzimage_x86.h. The header is copied out of the file once and the copy
 * judged; what follows it is opaque, so it goes straight to guest RAM. UNTRUSTED: guest, all of it.
 */
#include "bzimage_x86.h"

#include "../guest/abi.h"
#include "../virtio/check.h"
#include "load.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define BOOT_FLAG 0xaa55u
#define HDRS 0x53726448u      /* "HdrS" */
#define VERSION_MIN 0x020cu   /* 2.12: xloadflags, which tells of the 64-bit entry */
#define HEADER_MIN_END 0x268u /* where the header of 2.12 ends */
#define JUMP_TARGET 0x202u    /* "jump" is 2 bytes at 0x200: a short jump over the header */
#define ENTRY_64 0x200u	      /* from the start of the protected-mode kernel */
#define SECTOR 512u
#define ALIGN_MAX (1u << 30)
#define PAGE 0x1000u

_Static_assert(offsetof(struct boot_params, hdr) == BZ_HEADER_AT, "the header's place");
_Static_assert(sizeof(struct setup_header) <= BZ_HEADER_END - BZ_HEADER_AT, "the header's room");

static int bad(const char *name, struct err *e, const char *field, uint64_t value, const char *rule)
{
	return err_set(e, ERR_USAGE, 0, "load", name, "bad bzImage: %s is 0x%llx: %s", field,
		       (unsigned long long)value, rule);
}

/* As much of the header as there is; the rest stays 0. Returns the bytes of the file seen. */
static int read_header(const char *name, int fd, struct bzimage *out, struct err *e)
{
	ssize_t n;

	memset(out, 0, sizeof(*out));
	do
		n = pread(fd, out->header, sizeof(out->header), BZ_HEADER_AT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? err_set(e, ERR_INTERNAL, errno, "read", name,
			       "the file could not be read whole")
		     : 0;
}

static int check_header(const char *name, const struct setup_header *h, uint64_t len, struct err *e)
{
	uint32_t end = JUMP_TARGET + (h->jump >> 8);

	if (CHECK(BZ_HEADER, len < HEADER_MIN_END))
		return bad(name, e, "file size", len, "too short for a setup header");
	if (CHECK(BZ_BOOT_FLAG, h->boot_flag != BOOT_FLAG))
		return bad(name, e, "boot_flag", h->boot_flag, "needs 0xaa55");
	if (CHECK(BZ_MAGIC, h->header != HDRS))
		return bad(name, e, "header", h->header, "needs \"HdrS\"");
	if (CHECK(BZ_VERSION, h->version < VERSION_MIN))
		return bad(name, e, "version", h->version,
			   "needs boot protocol 2.12 or newer (Linux 3.8)");
	if (CHECK(BZ_END_LOW, end < HEADER_MIN_END) || CHECK(BZ_END_HIGH, end > BZ_HEADER_END))
		return bad(name, e, "jump", h->jump, "no setup header ends there");
	if (CHECK(BZ_HIGH, !(h->loadflags & LOADED_HIGH)))
		return bad(name, e, "loadflags", h->loadflags, "needs LOADED_HIGH");
	if (CHECK(BZ_ENTRY_64, !(h->xloadflags & XLF_KERNEL_64)))
		return bad(name, e, "xloadflags", h->xloadflags, "needs a 64-bit kernel");
	return 0;
}

/* Sums are of 32 bits in 64, or of what was compared before: none can wrap. */
static int check_sizes(const char *name, const struct setup_header *h, uint64_t len,
		       struct bzimage *out, struct err *e)
{
	out->offset = ((h->setup_sects ? h->setup_sects : 4u) + 1u) * SECTOR;
	out->size = (uint64_t)h->syssize * 16;
	if (CHECK(BZ_SETUP, out->offset > len))
		return bad(name, e, "setup_sects", h->setup_sects,
			   "the setup code ends past the end of the file");
	if (CHECK(BZ_CODE, out->size > len - out->offset))
		return bad(name, e, "syssize", h->syssize, "the kernel is cut short");
	if (CHECK(BZ_ENTRY, out->size <= ENTRY_64))
		return bad(name, e, "syssize", h->syssize, "too short for a 64-bit entry");
	if (CHECK(BZ_INIT, out->size > h->init_size))
		return bad(name, e, "init_size", h->init_size, "smaller than the kernel itself");
	if (CHECK(BZ_ALIGN, !h->kernel_alignment || h->kernel_alignment > ALIGN_MAX ||
				(h->kernel_alignment & (h->kernel_alignment - 1))))
		return bad(name, e, "kernel_alignment", h->kernel_alignment,
			   "needs a power of two up to 1 GiB");
	return 0;
}

static int place(const char *name, const struct setup_header *h, const struct gmem *mem,
		 struct bzimage *out, struct err *e)
{
	uint64_t align = h->kernel_alignment, low = GUEST_LOAD_MIN;

	out->load = gpa(h->pref_address);
	if (h->relocatable_kernel && !gmem_contains(mem, out->load, h->init_size))
		out->load = gpa((low + align - 1) & ~(align - 1));
	if (CHECK(BZ_LOW, out->load.v < low))
		return bad(name, e, "pref_address", out->load.v,
			   "guests are loaded at 1 MiB or above");
	if (CHECK(BZ_RAM, !gmem_contains(mem, out->load, h->init_size)))
		return bad(name, e, "init_size", h->init_size,
			   "the kernel does not fit into guest RAM: see --memory");
	out->entry = gpa(out->load.v + ENTRY_64);
	out->end = out->load.v + h->init_size;
	return 0;
}

int bzimage_read(const char *name, int fd, uint64_t len, const struct gmem *mem,
		 struct bzimage *out, struct err *e)
{
	struct setup_header h;
	int ret = read_header(name, fd, out, e);

	if (ret)
		return ret;
	memcpy(&h, out->header, sizeof(h));
	ret = check_header(name, &h, len, e);
	if (!ret)
		ret = check_sizes(name, &h, len, out, e);
	if (!ret)
		ret = place(name, &h, mem, out, e);
	if (ret)
		return ret;
	/* What the file has after its header is not for boot_params. */
	uint32_t end = JUMP_TARGET + (h.jump >> 8);
	if (end < BZ_HEADER_END)
		memset(out->header + (end - BZ_HEADER_AT), 0, BZ_HEADER_END - end);
	out->initrd_max = h.initrd_addr_max;
	out->cmdline_max = h.cmdline_size;
	return 0;
}

int bzimage_load(const char *name, int fd, const struct bzimage *bz, const struct gmem *mem,
		 struct err *e)
{
	return load_stream(name, fd, bz->offset, bz->size, mem, bz->load, e);
}

int initrd_place(const char *name, uint64_t len, uint64_t lowest, uint64_t max, uint64_t ram_end,
		 gpa_t *at, struct err *e)
{
	uint64_t end = max < ram_end ? max + 1 : ram_end; /* max + 1 <= ram_end: does not wrap */
	uint64_t start = len <= end ? (end - len) & ~(uint64_t)(PAGE - 1) : 0;

	if (CHECK(INITRD_FIT, start < lowest))
		return err_set(e, ERR_USAGE, 0, "load", name,
			       "bad initrd: its size is 0x%llx: does not fit between 0x%llx and "
			       "0x%llx: see --memory",
			       (unsigned long long)len, (unsigned long long)lowest,
			       (unsigned long long)end);
	*at = gpa(start);
	return 0;
}

int cmdline_fit(const char *name, size_t len, size_t max, struct err *e)
{
	if (CHECK(CMDLINE_FIT, len > max))
		return err_set(e, ERR_USAGE, 0, "--cmdline", name,
			       "%zu characters with what announces devices; this kernel takes %zu",
			       len, max);
	return 0;
}
