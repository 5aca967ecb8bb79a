/* SPDX-License-Identifier: MIT */
/*
 * Sends the files below /out home: their new ends while the job runs, so that a kernel that dies
 * leaves what was known until then, and all of each at the end. It must never follow a link out of
 * /out.
 */
#include "init.h"
#include "wire.h"

#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 4096

/* What has been sent of each file; by inode, since a path may come to mean another file. */
struct sent {
	ino_t inode;
	off_t size;
};

static struct sent sent_table[FILES_MAX];
static unsigned sent_count;

static struct sent *sent_of(ino_t inode)
{
	for (unsigned i = 0; i < sent_count; i++)
		if (sent_table[i].inode == inode)
			return &sent_table[i];
	if (sent_count == FILES_MAX)
		return NULL;
	sent_table[sent_count] = (struct sent){.inode = inode};
	return &sent_table[sent_count++];
}

static void send_from(int port, const char *path, off_t from, struct sent *sent)
{
	char head[sizeof(struct wire_file) + 1024], data[32768];
	const char *name = path + strlen(OUT_DIR) + 1;
	struct wire_file file = {.anew = from == 0, .path_len = (uint32_t)strlen(name)};
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || file.path_len > 1024 || lseek(fd, from, SEEK_SET) < 0)
		goto out;
	for (;;) {
		ssize_t n = read(fd, data, sizeof(data));
		if (n < 0 || (n == 0 && !file.anew))
			break;
		memcpy(head, &file, sizeof(file));
		memcpy(head + sizeof(file), name, file.path_len);
		if (wire_send2(port, WIRE_FILE, head, sizeof(file) + file.path_len, data,
			       (size_t)n) < 0)
			break;
		from += n;
		file.anew = 0;
	}
	if (sent)
		sent->size = from;
out:
	if (fd >= 0)
		close(fd);
}

void outfiles_send(int port, bool final)
{
	char *roots[] = {(char[]){OUT_DIR}, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	FTSENT *entry;

	while (fts && (entry = fts_read(fts))) {
		if (entry->fts_info != FTS_F)
			continue;
		struct sent *sent = sent_of(entry->fts_statp->st_ino);
		off_t had = sent ? sent->size : 0, size = entry->fts_statp->st_size;
		if (final || size < had)
			had = 0;
		if (final || (sent && size != sent->size))
			send_from(port, entry->fts_path, had, sent);
	}
	if (fts)
		fts_close(fts);
}
