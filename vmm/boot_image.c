/* SPDX-License-Identifier: MIT */
/* Telling what a file is that shall be booted; see boot_image.h. UNTRUSTED: guest, all of it. */
#include "boot_image.h"

#include "arch.h"
#include "guest_image.h"
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BZ_MAGIC_AT 0x202
#define DEFAULT_CMDLINE "console=ttyS0 panic=-1"

/* An ELF is one whatever else its bytes say; a file too short for a magic is left to the ELF
 * loader to refuse. */
static bool is_bzimage(int fd)
{
	char head[BZ_MAGIC_AT + 4];

	return pread(fd, head, sizeof(head), 0) == sizeof(head) && memcmp(head, ELFMAG, SELFMAG) &&
	       !memcmp(head + BZ_MAGIC_AT, "HdrS", 4);
}

static int open_elf(struct boot_image *b, struct err *e)
{
	size_t len = 0;

	b->elf = load_file(b->name, &len, e);
	if (!b->elf)
		return -EINVAL;
	b->len = len;
	/* Whatever is wrong with a file, load_elf() will say it; here only a good note counts. */
	int ret = load_pvh_entry(b->name, b->elf, len, ARCH_ELF_MACHINE, &b->entry, e);
	b->kind = ret > 0 ? BOOT_PVH : BOOT_TINY;
	return ret < 0 ? ret : 0;
}

static int open_kernel(struct boot_image *b, struct err *e)
{
	uint64_t len;
	int fd = load_open(b->name, &len, e);

	if (fd < 0)
		return fd;
	if (!is_bzimage(fd)) {
		close(fd);
		return open_elf(b, e);
	}
	b->kind = BOOT_BZIMAGE;
	b->fd = fd;
	b->len = len;
	return 0;
}

static int open_initrd(struct boot_image *b, const char *path, struct err *e)
{
	int fd = load_open(path, &b->initrd_len, e);

	if (fd < 0)
		return fd;
	b->initrd = path;
	b->initrd_fd = fd;
	return 0;
}

int boot_image_open(struct boot_image *b, const struct boot_files *files, struct err *e)
{
	int ret = 0;

	*b = (struct boot_image){.fd = -1, .initrd_fd = -1};
	if (files->kernel) {
		b->name = files->kernel;
		ret = open_kernel(b, e);
	} else {
		b->name = "the built-in guest";
		b->elf = guest_image;
		b->len = (size_t)(guest_image_end - guest_image);
	}
	if (ret)
		return ret;
	if (!boot_is_linux(b) && (files->initrd || files->cmdline))
		return err_set(e, ERR_USAGE, 0, files->initrd ? "--initrd" : "--cmdline", b->name,
			       "only Linux takes one: a bzImage, or an ELF with a PVH entry");
	b->cmdline = files->cmdline ? files->cmdline : DEFAULT_CMDLINE;
	return files->initrd ? open_initrd(b, files->initrd, e) : 0;
}
