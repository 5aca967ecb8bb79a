/* SPDX-License-Identifier: MIT */
/* See cpio.h. */
#include "cpio.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int cpio_copy(int from, off_t at, uint64_t len, FILE *to)
{
	char data[65536];

	while (len) {
		size_t want = len < sizeof(data) ? (size_t)len : sizeof(data);
		ssize_t n = pread(from, data, want, at);
		if (n <= 0 || fwrite(data, 1, (size_t)n, to) != (size_t)n)
			return errno ? errno : EIO;
		at += n;
		len -= (uint64_t)n;
	}
	return 0;
}

static void pad(FILE *f)
{
	while (ftell(f) % 4)
		fputc(0, f);
}

struct entry {
	const char *name;
	unsigned mode, major, minor;
	uint64_t len; /* of the program */
};

static int put(FILE *f, unsigned inode, const struct entry *e, int program)
{
	fprintf(f, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode, e->mode, 0,
		0, 1, 0, (unsigned)e->len, 0, 0, e->major, e->minor, (unsigned)strlen(e->name) + 1,
		0);
	fwrite(e->name, 1, strlen(e->name) + 1, f);
	pad(f);
	int ret = cpio_copy(program, 0, e->len, f);
	pad(f);
	return ret;
}

int cpio_init_only(FILE *to, int program, uint64_t len)
{
	const struct entry entries[] = {
	    {"dev", S_IFDIR | 0755, 0, 0, 0},
	    {"dev/console", S_IFCHR | 0600, 5, 1, 0}, /* for PID 1's streams */
	    {"init", S_IFREG | 0755, 0, 0, len},
	    {"TRAILER!!!", 0, 0, 0, 0},
	};
	int ret = 0;

	for (unsigned i = 0; !ret && i < sizeof(entries) / sizeof(entries[0]); i++)
		ret = put(to, i + 1, &entries[i], program);
	return ret ? ret : fflush(to) ? errno : 0;
}
