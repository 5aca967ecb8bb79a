/* SPDX-License-Identifier: MIT */
/*
 * What the guest boots from: this program, with the kernel behind its own ELF, is also the guest's
 * init. It must never take anything from elsewhere.
 */
#include "judge.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Behind the ELF: the kernel, then this. */
struct trailer {
	uint64_t elf_size, kernel_size, magic;
};
#define TRAILER_MAGIC 0x656c6c69766b6e69ull

static void copy(int from, off_t at, uint64_t len, FILE *to)
{
	char data[65536];

	while (len) {
		size_t want = len < sizeof(data) ? (size_t)len : sizeof(data);
		ssize_t n = pread(from, data, want, at);
		if (n <= 0 || fwrite(data, 1, (size_t)n, to) != (size_t)n)
			fail("copy", "self");
		at += n;
		len -= (uint64_t)n;
	}
}

/* An entry of a cpio archive in the "newc" format: a file of @len bytes of @from, or none. */
static void cpio(FILE *f, const char *name, unsigned mode, unsigned major, unsigned minor, int from,
		 uint64_t len)
{
	static unsigned inode;

	fprintf(f, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", ++inode, mode, 0,
		0, 1, 0, (unsigned)len, 0, 0, major, minor, (unsigned)strlen(name) + 1, 0);
	fwrite(name, 1, strlen(name) + 1, f);
	for (; ftell(f) % 4;)
		fputc(0, f);
	copy(from, 0, len, f);
	for (; ftell(f) % 4;)
		fputc(0, f);
}

void unpack(void)
{
	struct trailer t;
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	off_t end = lseek(self, 0, SEEK_END);

	if (self < 0 || pread(self, &t, sizeof(t), end - (off_t)sizeof(t)) != sizeof(t) ||
	    t.magic != TRAILER_MAGIC) {
		fprintf(stderr, "ringfence-linuxtest: carries no kernel; see test.sh\n");
		exit(70);
	}
	FILE *kernel = fopen(KERNEL, "we"), *initrd = fopen(INITRD, "we");
	if (!kernel || !initrd)
		fail("open", "/tmp");
	copy(self, (off_t)t.elf_size, t.kernel_size, kernel);
	cpio(initrd, "dev", S_IFDIR | 0755, 0, 0, self, 0);
	cpio(initrd, "dev/console", S_IFCHR | 0600, 5, 1, self, 0);
	cpio(initrd, "init", S_IFREG | 0755, 0, 0, self, t.elf_size);
	cpio(initrd, "TRAILER!!!", 0, 0, 0, self, 0);
	if (fclose(kernel) || fclose(initrd))
		fail("write", "/tmp");
	close(self);
}
