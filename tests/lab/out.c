/* SPDX-License-Identifier: MIT */
/*
 * The directory of results on the host: made, filled with what PID 1 sends, linked to as "latest".
 * It must never write outside of it, whatever path the lab names.
 */
#include "lab.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int make_dirs(const char *path)
{
	char part[PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *at = part + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		(void)mkdir(part, 0777);
		*at = '/';
	}
	return mkdir(part, 0777) < 0 && errno != EEXIST ? -errno : 0;
}

static void cache_dir(char *path, size_t len)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (cache && *cache)
		snprintf(path, len, "%s/ringfence/out", cache);
	else
		snprintf(path, len, "%s/.cache/ringfence/out", home ? home : "");
}

/* BASE/TIME, or BASE/TIME-2 and so on if that is taken. */
static int make_stamped(struct out *out, const char *base)
{
	time_t now = time(NULL);
	char stamp[32];
	int ret = make_dirs(base);

	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", localtime(&now));
	for (int n = 1; ret == 0 && n < 100; n++) {
		char suffix[8] = "";
		if (n > 1)
			snprintf(suffix, sizeof(suffix), "-%d", n);
		snprintf(out->path, sizeof(out->path), "%.3000s/%s%s", base, stamp, suffix);
		if (mkdir(out->path, 0777) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return ret ? ret : -EEXIST;
}

/* BASE/latest is replaced in one step, so that it always points somewhere. */
static void link_latest(const struct out *out)
{
	char link[PATH_MAX + 16], fresh[PATH_MAX + 32];
	const char *name = strrchr(out->path, '/') + 1;
	int base = (int)(name - out->path);

	snprintf(link, sizeof(link), "%.*slatest", base, out->path);
	snprintf(fresh, sizeof(fresh), "%.*s.latest.%d", base, out->path, (int)getpid());
	if (symlink(name, fresh) == 0 && rename(fresh, link) < 0)
		unlink(fresh);
}

static int make_default(struct out *out, enum lab_command command)
{
	char cache[PATH_MAX];

	bool kept = command == LAB_PROVE || command == LAB_MUTANTS;

	if (kept && make_stamped(out, "out") == 0) {
		link_latest(out);
		return 0;
	}
	cache_dir(cache, sizeof(cache));
	out->temporary = !kept;
	return make_stamped(out, cache);
}

int out_open(struct out *out, const struct lab_opts *o, struct err *e)
{
	int ret;

	*out = (struct out){.fd = -1};
	if (o->out || o->gather) {
		snprintf(out->path, sizeof(out->path), "%s", o->gather ? o->gather : o->out);
		ret = make_dirs(out->path);
	} else {
		ret = make_default(out, o->command);
	}
	if (ret == 0) {
		out->fd = open(out->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ret = out->fd < 0 ? -errno : 0;
	}
	if (ret < 0)
		return err_set(e, ERR_HOST, -ret, "mkdir", *out->path ? out->path : "out",
			       "give --out a directory that can be written");
	return 0;
}

int lab_copy(int fd, const char *path, struct err *e)
{
	int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	off_t at = 0;
	ssize_t n = 0;

	if (to < 0)
		return err_set(e, ERR_HOST, errno, "open", path, "%s", "");
	while ((n = sendfile(to, fd, &at, 1 << 20)) > 0)
		;
	if (n < 0)
		err_set(e, ERR_HOST, errno, "write", path, "is the disk full?");
	close(to);
	return n < 0 ? -EIO : 0;
}

int out_export(const struct out *out, const char *name, const char *path, struct err *e)
{
	int fd = openat(out->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, ERR_INTERNAL, errno, "open", name, "the lab did not write it");
	int ret = lab_copy(fd, path, e);
	close(fd);
	return ret;
}

static bool bad_component(const char *name)
{
	return !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Opens PATH below the directory one component at a time, so that neither ".." nor a link leads out
 * of it. */
static int open_below(int dirfd, char *path, int flags)
{
	int dir = dup(dirfd), fd = -EINVAL;

	for (char *name = path, *slash; dir >= 0; name = slash + 1) {
		slash = strchr(name, '/');
		if (slash)
			*slash = '\0';
		if (bad_component(name))
			break;
		if (!slash) {
			fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC, 0666);
			fd = fd < 0 ? -errno : fd;
			break;
		}
		(void)mkdirat(dir, name, 0777);
		int next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		fd = next < 0 ? -errno : fd;
		close(dir);
		dir = next;
	}
	if (dir >= 0)
		close(dir);
	return fd;
}

int out_store(struct out *out, const void *payload, size_t len)
{
	struct wire_file file;
	char path[PATH_MAX];

	/* UNTRUSTED: the kernel under test and what ran on it wrote this frame. */
	if (len < sizeof(file))
		return -EPROTO;
	memcpy(&file, payload, sizeof(file));
	if (file.path_len >= sizeof(path) || file.path_len > len - sizeof(file))
		return -EPROTO;
	memcpy(path, (const char *)payload + sizeof(file), file.path_len);
	path[file.path_len] = '\0';

	int fd = open_below(out->fd, path, O_WRONLY | O_CREAT | (file.anew ? O_TRUNC : O_APPEND));
	if (fd < 0)
		return fd;
	const char *bytes = (const char *)payload + sizeof(file) + file.path_len;
	size_t left = len - sizeof(file) - file.path_len;
	int ret = 0;
	while (left > 0) {
		ssize_t n = write(fd, bytes, left);
		if (n < 0) {
			ret = -errno;
			break;
		}
		bytes += n;
		left -= (size_t)n;
	}
	close(fd);
	return ret;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

void out_remove(const char *path)
{
	(void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void out_close(struct out *out, bool keep)
{
	if (out->fd >= 0)
		close(out->fd);
	if (out->temporary && !keep)
		out_remove(out->path);
}
