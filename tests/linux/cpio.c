/* SPDX-License-Identifier: MIT */
/* See cpio.h. */
#include "cpio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

static int put_file(FILE *to, unsigned inode, int dir, const char *name, const char *file)
{
	char path[256];
	struct stat st = {0};
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	int ret = fd < 0 || fstat(fd, &st) ? errno : 0;

	if (!ret && S_ISREG(st.st_mode)) {
		int n = snprintf(path, sizeof(path), "%s/%s", name, file);
		ret =
		    n < (int)sizeof(path)
			? put(to, inode,
			      &(struct entry){path, S_IFREG | 0755, 0, 0, (uint64_t)st.st_size}, fd)
			: ENAMETOOLONG;
	}
	if (fd >= 0)
		close(fd);
	return ret;
}

int cpio_add_directory(FILE *to, const char *dir, const char *name)
{
	DIR *d = opendir(dir);
	struct dirent *file;
	unsigned inode = 1;

	if (!d)
		return errno;
	/* At its end: what is written is padded by its place. */
	int ret = fseek(to, 0, SEEK_END) ? errno : 0;
	if (!ret)
		ret = put(to, inode++, &(struct entry){name, S_IFDIR | 0755, 0, 0, 0}, -1);
	while (!ret && (file = readdir(d)))
		ret = put_file(to, inode++, dirfd(d), name, file->d_name);
	closedir(d);
	if (!ret)
		ret = put(to, inode, &(struct entry){"TRAILER!!!", 0, 0, 0, 0}, -1);
	return ret ? ret : fflush(to) ? errno : 0;
}
