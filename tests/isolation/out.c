/* SPDX-License-Identifier: MIT */
/* The directory of a run's logs and results; see out.h. */
#include "out.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int out_make(const char *path, struct err *e)
{
	char part[512];

	snprintf(part, sizeof(part), "%s", path);
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		if (mkdir(part, 0777) && errno != EEXIST)
			return err_set(e, ERR_INTERNAL, errno, "mkdir", part,
				       "give --out a directory that can be made");
		*p = '/';
	}
	if (mkdir(part, 0777) && errno != EEXIST)
		return err_set(e, ERR_INTERNAL, errno, "mkdir", part,
			       "give --out a directory that can be made");
	return 0;
}

int out_open(struct out *o, const char *dir, struct err *e)
{
	const char *tmp = getenv("TMPDIR");

	*o = (struct out){.own = !dir};
	if (dir) {
		if (strlen(dir) >= sizeof(o->dir))
			return err_set(e, ERR_USAGE, ENAMETOOLONG, "mkdir", "--out",
				       "give a shorter path");
		snprintf(o->dir, sizeof(o->dir), "%s", dir);
		return out_make(dir, e);
	}
	snprintf(o->dir, sizeof(o->dir), "%.200s/ringfence-prove-XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	if (mkdtemp(o->dir))
		return 0;
	o->own = false;
	return err_set(e, ERR_INTERNAL, errno, "mkdtemp", o->dir, "set TMPDIR or give --out");
}

int out_episode(const struct out *o, const char *row, const char *run, char *path, size_t len,
		struct err *e)
{
	int n = snprintf(path, len, "%s/", o->dir);
	char *name = path + n;

	n += snprintf(name, len - (size_t)n, "%s/%s", row, run);
	if ((size_t)n >= len)
		return err_set(e, ERR_USAGE, ENAMETOOLONG, "mkdir", "--out", "give a shorter path");
	for (size_t i = 0; i < strlen(row); i++)
		if (name[i] == '/')
			name[i] = '.';
	return 0;
}

FILE *out_file(const struct out *o, const char *name, bool keep, struct err *e)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", o->dir, name);
	f = fopen(path, keep ? "wxe" : "we");
	if (!f && !(keep && errno == EEXIST))
		err_set(e, ERR_INTERNAL, errno, "open", path,
			"give --out a directory that can be written");
	return f;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void out_close(struct out *o, bool keep)
{
	if (o->own && !keep && nftw(o->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS))
		fprintf(stderr, "remove(%s): %s\n", o->dir, strerror(errno));
}
