/* SPDX-License-Identifier: MIT */
/*
 * Writes the initramfs in cpio's "newc" format, which Documentation/driver-api/early-userspace/
 * buffer-format.rst describes. Reproducible by construction: names sorted, no time, no owner, no
 * inode of the host's. It must never take a dynamically linked program: there is no library in the
 * lab.
 */
#include "initrd.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ENTRIES_MAX 2048

/* One entry: a directory, a device node, or a file with the content of a host's file. */
struct entry {
	char name[256];
	char host[PATH_MAX];
	mode_t mode;
	dev_t device;
};

struct archive {
	struct entry *entry;
	unsigned count;
};

static int add(struct archive *a, const char *dir, const char *name, const char *host, mode_t mode,
	       struct err *e)
{
	if (a->count == ENTRIES_MAX)
		return err_set(e, ERR_INTERNAL, ENOSPC, "initramfs", name, "more than %d files",
			       ENTRIES_MAX);
	struct entry *entry = &a->entry[a->count++];
	int n = snprintf(entry->name, sizeof(entry->name), "%s%s", dir, name);
	int m = snprintf(entry->host, sizeof(entry->host), "%s", host);
	if (n >= (int)sizeof(entry->name) || m >= (int)sizeof(entry->host))
		return err_set(e, ERR_INTERNAL, ENAMETOOLONG, "initramfs", name, "%s", "");
	entry->mode = mode;
	entry->device = 0;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* A static program has no PT_INTERP. */
static int check_static(const char *path, struct err *e)
{
	Elf64_Ehdr head;
	Elf64_Phdr ph;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, ERR_USAGE, errno, "open", path, "%s", "");
	bool elf = pread(fd, &head, sizeof(head), 0) == sizeof(head) &&
		   memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 &&
		   head.e_ident[EI_CLASS] == ELFCLASS64;
	bool dynamic = false;
	for (unsigned i = 0; elf && i < head.e_phnum; i++) {
		off_t at = (off_t)(head.e_phoff + (uint64_t)i * head.e_phentsize);
		if (pread(fd, &ph, sizeof(ph), at) == sizeof(ph))
			dynamic |= ph.p_type == PT_INTERP;
	}
	close(fd);
	if (!elf || dynamic)
		return err_set(e, ERR_USAGE, ENOEXEC, "initramfs", path,
			       "needs a static 64-bit ELF program (cmake -DRINGFENCE_STATIC=ON)");
	return 0;
}

static int add_program(struct archive *a, const char *dir, const char *name, const char *host,
		       struct err *e)
{
	int ret = check_static(host, e);

	return ret < 0 ? ret : add(a, dir, name, host, S_IFREG | 0755, e);
}

/* ringfence, ringfence-prove and whatever else of the family lies beside this program. */
static int add_family(struct archive *a, struct err *e)
{
	char host[PATH_MAX];
	DIR *dir = opendir(lab_bin_dir());
	struct dirent *d;
	int ret = 0;

	if (!dir)
		return err_set(e, ERR_INTERNAL, errno, "opendir", lab_bin_dir(), "%s", "");
	while (ret == 0 && (d = readdir(dir))) {
		bool init = strcmp(d->d_name, "ringfence-init") == 0;
		bool ours = strcmp(d->d_name, "ringfence") == 0 ||
			    strncmp(d->d_name, "ringfence-", 10) == 0;
		if (!ours || strcmp(d->d_name, "ringfence-lab") == 0)
			continue;
		if (snprintf(host, sizeof(host), "%s/%s", lab_bin_dir(), d->d_name) <
		    (int)sizeof(host))
			ret = init ? add_program(a, "", "init", host, e)
				   : add_program(a, "bin/", d->d_name, host, e);
	}
	closedir(dir);
	return ret;
}

static int add_modules(struct archive *a, const char *modules, struct err *e)
{
	char host[PATH_MAX];
	DIR *dir = opendir(modules);
	struct dirent *d;
	int ret = 0;

	if (!dir)
		return err_set(e, ERR_INTERNAL, errno, "opendir", modules,
			       "ringfence lab clean, then again");
	while (ret == 0 && (d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		if (snprintf(host, sizeof(host), "%s/%s", modules, d->d_name) < (int)sizeof(host))
			ret = add(a, "modules/", d->d_name, host, S_IFREG | 0644, e);
	}
	closedir(dir);
	return ret;
}

/* A directory's content, to @prefix ("" or a path that ends in a slash), as deep as it goes. Links
 * are followed: what they lead to need not be in the tree. */
static int add_tree(struct archive *a, const char *path, const char *prefix, struct err *e)
{
	char host[PATH_MAX], below[256];
	DIR *dir = opendir(path);
	struct dirent *d;
	struct stat st;
	int ret = 0;

	if (!dir)
		return err_set(e, ERR_USAGE, errno, "opendir", path, "%s", "");
	while (ret == 0 && (d = readdir(dir))) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (snprintf(host, sizeof(host), "%s/%s", path, d->d_name) >= (int)sizeof(host) ||
		    snprintf(below, sizeof(below), "%s%s/", prefix, d->d_name) >=
			(int)sizeof(below) ||
		    stat(host, &st) < 0)
			ret = err_set(e, ERR_USAGE, errno, "stat", d->d_name, "in %s", path);
		else if (S_ISDIR(st.st_mode))
			ret = add(a, prefix, d->d_name, "", S_IFDIR | 0755, e) < 0
				  ? -EINVAL
				  : add_tree(a, host, below, e);
		else if (S_ISREG(st.st_mode))
			ret = add(a, prefix, d->d_name, host, S_IFREG | (st.st_mode & 0777), e);
	}
	closedir(dir);
	return ret;
}

static int add_all(struct archive *a, const struct initrd_content *content, struct err *e)
{
	static const char *const dirs[] = {"bin",  "dev",  "modules", "out",
					   "proc", "root", "sys",     "tmp"};
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < sizeof(dirs) / sizeof(*dirs); i++)
		ret = add(a, "", dirs[i], "", S_IFDIR | 0755, e);
	/* PID 1's first words go here, before it has mounted anything. */
	if (ret == 0 && (ret = add(a, "", "dev/console", "", S_IFCHR | 0600, e)) == 0)
		a->entry[a->count - 1].device = makedev(5, 1);
	if (ret == 0)
		ret = add_family(a, e);
	if (ret == 0 && content->program) {
		const char *slash = strrchr(content->program, '/');
		ret = add_program(a, "bin/", slash ? slash + 1 : content->program, content->program,
				  e);
	}
	for (unsigned i = 0; ret == 0 && i < content->files; i++)
		ret =
		    add(a, "", &content->file[i].path[1], content->file[i].host, S_IFREG | 0644, e);
	if (ret == 0 && content->tree)
		ret = add_tree(a, content->tree, "", e);
	if (ret == 0 && content->ahead)
		ret = add(a, "", &INITRD_AHEAD[1], content->ahead, S_IFREG | 0644, e);
	if (ret == 0 && content->modules)
		ret = add_modules(a, content->modules, e);
	qsort(a->entry, a->count, sizeof(*a->entry), by_name);
	return ret;
}

static void pad(FILE *f)
{
	while (ftello(f) % 4)
		fputc(0, f);
}

static void put_head(FILE *f, const char *name, unsigned inode, mode_t mode, dev_t device,
		     off_t size)
{
	fprintf(f, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode, mode, 0U,
		0U, S_ISDIR(mode) ? 2U : 1U, 0U, (unsigned)size, 0U, 0U, major(device),
		minor(device), (unsigned)strlen(name) + 1, 0U);
	fwrite(name, 1, strlen(name) + 1, f);
	pad(f);
}

static int put_content(FILE *f, const char *host, off_t size, struct err *e)
{
	char data[65536];
	FILE *from = fopen(host, "re");
	off_t done = 0;

	if (!from)
		return err_set(e, ERR_INTERNAL, errno, "open", host, "%s", "");
	for (size_t n; (n = fread(data, 1, sizeof(data), from)) > 0; done += (off_t)n)
		fwrite(data, 1, n, f);
	fclose(from);
	pad(f);
	return done == size ? 0
			    : err_set(e, ERR_INTERNAL, 0, "read", host,
				      "it changed meanwhile: again, please");
}

static int put_entry(FILE *f, const struct entry *entry, unsigned inode, struct err *e)
{
	struct stat st = {0};

	if (*entry->host && stat(entry->host, &st) < 0)
		return err_set(e, ERR_INTERNAL, errno, "stat", entry->host, "%s", "");
	put_head(f, entry->name, inode, entry->mode, entry->device, st.st_size);
	return *entry->host ? put_content(f, entry->host, st.st_size, e) : 0;
}

static int put_all(const struct archive *a, int fd, struct err *e)
{
	FILE *f = fdopen(dup(fd), "w");
	int ret = f ? 0 : err_set(e, ERR_INTERNAL, errno, "fdopen", "initramfs", "%s", "");

	for (unsigned i = 0; ret == 0 && i < a->count; i++)
		ret = put_entry(f, &a->entry[i], i + 1, e);
	if (ret == 0)
		put_head(f, "TRAILER!!!", 0, 0, 0, 0);
	if (f && (ferror(f) | fclose(f)) && ret == 0)
		ret = err_set(e, ERR_INTERNAL, errno, "write", "initramfs", "out of memory?");
	return ret;
}

int initrd_make(const struct initrd_content *content, struct err *e)
{
	struct archive a = {.entry = calloc(ENTRIES_MAX, sizeof(struct entry))};
	int fd = memfd_create("initramfs", MFD_CLOEXEC);

	if (!a.entry || fd < 0) {
		free(a.entry);
		return err_set(e, ERR_INTERNAL, errno, "memfd_create", "initramfs", "%s", "");
	}
	int ret = add_all(&a, content, e);
	if (ret == 0)
		ret = put_all(&a, fd, e);
	free(a.entry);
	if (ret < 0)
		close(fd);
	return ret < 0 ? ret : fd;
}
