/* SPDX-License-Identifier: MIT */
/* Mappings of a process, see maps.h. It must never keep half of what it read. */
#include "maps.h"

#include <errno.h>
#include <inttypes.h>

int maps_parse(struct maps *m, FILE *f)
{
	char line[4400]; /* a path may be as long as 4096 */

	m->count = 0;
	while (fgets(line, sizeof(line), f)) {
		struct map *x = &m->map[m->count];

		if (m->count == MAPS_MAX)
			return -E2BIG;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*4s %*x %*x:%*x %" SCNu64, &x->start,
			   &x->end, &x->ino) != 3 ||
		    x->start >= x->end)
			return -EBADMSG;
		m->count++;
	}
	return ferror(f) ? -EIO : 0;
}

int maps_read(struct maps *m, int tid)
{
	char path[40];
	struct maps now;
	int ret = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", tid);
	FILE *f = fopen(path, "re");
	if (!f)
		return -errno;
	ret = maps_parse(&now, f);
	fclose(f);
	if (!ret && !now.count)
		ret = -ENOENT;
	if (!ret)
		*m = now;
	return ret;
}

uint64_t maps_inode(const struct maps *m, uint64_t at, uint64_t len)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct map *x = &m->map[i];

		if (at >= x->start && at < x->end)
			return len <= x->end - at ? x->ino : 0;
	}
	return 0;
}
