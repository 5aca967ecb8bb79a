/* SPDX-License-Identifier: MIT */
/*
 * Address spaces; see as.h.
 *
 * Theory of operation. A translation walks its range region by region: cached regions first, and
 * for what is missing VDUSE_IOTLB_GET_FD2 is asked for the one address that is wanted, in the one
 * ASID that the queue's group is in. The kernel answers with the region around it and a file;
 * exactly the region's pages of that file are mapped, with the region's permission. When every part
 * is there the pieces are traced, and only then are bytes touched.
 *
 * Everything that is asked for, and all memory behind it, is UNTRUSTED: driver.
 */
#include "as.h"

#include "../breaks.h"
#include "guard.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vduse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Above what the kernel keeps per ASID: 2048 (max_iotlb_entries). */
#define REGIONS_MAX 4096u
#define REGION_LEN_MAX (1ull << 46)

static const char no_map[] = "no map", no_perm[] = "perm", bad_range[] = "range", fault[] = "fault";

/* ---- regions: asked for, mapped, dropped ---- */

static void unmap(struct as_region *r)
{
	munmap(r->map, r->map_len);
}

void as_drop(struct as_table *t, uint32_t asid)
{
	assert(asid < t->spaces);
	struct as_space *s = &t->space[asid];

	for (unsigned i = 0; i < s->count; i++)
		unmap(&s->region[i]);
	free(s->region);
	*s = (struct as_space){0};
}

void as_drop_all(struct as_table *t)
{
	for (unsigned asid = 0; asid < t->spaces; asid++)
		as_drop(t, asid);
}

/*
 * The region around @at and its file. Asked with last = start: with a longer range the kernel may
 * answer a later region that does not hold @at (vhost_iotlb_itree_first). API 0 has neither GET_FD2
 * nor ASIDs.
 */
static int ask_kernel(const struct as_table *t, uint32_t asid, uint64_t at,
		      struct vduse_iotlb_entry_v2 *v2)
{
	int fd;

	*v2 = (struct vduse_iotlb_entry_v2){.start = at, .last = at, .asid = asid};
	if (t->api >= VDUSE_API_VERSION_1) {
		fd = ioctl(t->fd, VDUSE_IOTLB_GET_FD2, v2);
	} else {
		struct vduse_iotlb_entry v1 = {.start = at, .last = at};
		fd = ioctl(t->fd, VDUSE_IOTLB_GET_FD, &v1);
		v2->offset = v1.offset;
		v2->start = v1.start;
		v2->last = v1.last;
		v2->perm = v1.perm;
	}
	/* receive_fd() makes it without CLOEXEC. */
	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

static const char *map_region(const struct as_table *t, struct as_region *r, int fd,
			      const struct vduse_iotlb_entry_v2 *v2)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), skew = v2->offset % page;
	uint64_t size = v2->last - v2->start + 1;
	struct stat st;

	*r = (struct as_region){.start = v2->start,
				.last = v2->last,
				.readable = v2->perm & VDUSE_ACCESS_RO,
				.writable = v2->perm & VDUSE_ACCESS_WO};
	if (size == 0 || size > REGION_LEN_MAX || fstat(fd, &st))
		return bad_range;
	/* If the file ends before the region does, an access there faults, and is refused then. */
	int prot = (r->readable ? PROT_READ : 0) | (r->writable ? PROT_WRITE : 0);
	if (broken(t->breaks, BREAK_SHARED_MEMFD) && (uint64_t)st.st_size > v2->offset + size)
		r->behind = (uint64_t)st.st_size - (v2->offset + size);
	r->map_len = (size_t)(skew + size + r->behind);
	r->map = mmap(NULL, r->map_len, prot, MAP_SHARED, fd, (off_t)(v2->offset - skew));
	if (r->map == MAP_FAILED)
		return no_map;
	r->host = (uint8_t *)r->map + skew;
	r->ino = st.st_ino;
	return NULL;
}

static struct as_region *new_region(struct as_space *s)
{
	if (s->count == s->room) {
		unsigned room = s->room ? s->room * 2 : 8;
		struct as_region *more =
		    room <= REGIONS_MAX ? realloc(s->region, room * sizeof(*more)) : NULL;
		if (!more)
			return NULL;
		s->region = more;
		s->room = room;
	}
	return &s->region[s->count];
}

/* The region of @asid that holds @at, or NULL and *why. Linear: a client has a handful. */
static const struct as_region *find(struct as_table *t, uint32_t asid, uint64_t at,
				    const char **why)
{
	struct as_space *s = &t->space[asid];
	struct vduse_iotlb_entry_v2 v2;

	for (unsigned i = 0; i < s->count; i++)
		if (at >= s->region[i].start && at <= s->region[i].last)
			return &s->region[i];

	struct as_region *r = new_region(s);
	int fd = r ? ask_kernel(t, asid, at, &v2) : -1;
	*why = no_map;
	if (fd < 0)
		return NULL;
	if (at >= v2.start && at <= v2.last)
		*why = map_region(t, r, fd, &v2);
	close(fd);
	if (*why)
		return NULL;
	s->count++;
	trace_event(
	    t->trace, "map",
	    ",\"asid\":%u,\"start\":\"0x%llx\",\"last\":\"0x%llx\",\"perm\":%u,\"ino\":%llu", asid,
	    (unsigned long long)r->start, (unsigned long long)r->last, v2.perm,
	    (unsigned long long)r->ino);
	return r;
}

/* ---- translation ---- */

/* A checked range, and how far along it a walk is. */
struct walk {
	uint32_t asid;
	uint64_t at, left;
};

struct piece {
	const struct as_region *region;
	uint64_t at, len;
	uint8_t *host;
};

/* The next run of the range within one region. False: the end, or an error if *why is set. */
static bool next_piece(struct as_table *t, struct walk *w, struct piece *p, const char **why)
{
	*why = NULL;
	if (w->left == 0)
		return false;
	const struct as_region *r = find(t, w->asid, w->at, why);
	if (!r)
		return false;
	/* A region is shorter than 2^64, see map_region(). C3: what lies behind it is taken for
	 * more of it. */
	uint64_t room = r->last - w->at + 1 + r->behind;
	*p =
	    (struct piece){r, w->at, w->left < room ? w->left : room, r->host + (w->at - r->start)};
	w->at += p->len;
	w->left -= p->len;
	return true;
}

/* Whether all of the range is in this ASID and may be accessed so; NULL or the reason why not. */
static const char *check(struct as_table *t, struct walk w, bool write)
{
	struct piece p;
	const char *why;

	if (w.left == 0 || w.at + (w.left - 1) < w.at)
		return bad_range;
	while (next_piece(t, &w, &p, &why))
		if (write ? !p.region->writable : !p.region->readable)
			return no_perm;
	return why;
}

static void trace_pieces(struct as_table *t, unsigned q, uint32_t group, struct walk w, bool write)
{
	struct piece p;
	const char *why;

	while (t->trace && next_piece(t, &w, &p, &why))
		trace_translate(t->trace, &(struct trace_translation){.queue = q,
								      .group = group,
								      .asid = w.asid,
								      .iova = p.at,
								      .len = p.len,
								      .write = write,
								      .ino = p.region->ino});
}

/*
 * Queue -> group -> ASID -> memory. All isolation of queues from one another on this device is
 * here: no other function chooses an ASID. @w is the checked range on return.
 */
static int translate(struct as_table *t, unsigned q, iova_t at, uint64_t len, bool write,
		     struct walk *w)
{
	assert(q < t->queues);
	uint32_t group = t->queue_group[q];
	uint32_t asid = t->group_asid[group];

	*w = (struct walk){asid, at.v, len};
	const char *why = check(t, *w, write);

	/* C5: any ASID that has the address will do, the last one first, whatever group asks. */
	if (broken(t->breaks, BREAK_IGNORE_GROUP)) {
		for (w->asid = t->spaces; w->asid-- > 0;) {
			why = check(t, *w, write);
			if (!why || w->asid == 0)
				break;
		}
	}
	if (!why) {
		trace_pieces(t, q, group, *w, write);
		return 0;
	}
	trace_translate(t->trace, &(struct trace_translation){.queue = q,
							      .group = group,
							      .asid = w->asid,
							      .iova = at.v,
							      .len = len,
							      .write = write,
							      .why = why});
	return -EFAULT;
}

/* ---- access ---- */

/* The client's memory was gone when it was touched: forget the mapping, and leave word of it. */
static int faulted(struct as_table *t, uint32_t asid, unsigned q, uint64_t at)
{
	trace_event(t->trace, fault, ",\"q\":%u,\"asid\":%u,\"iova\":\"0x%llx\"", q, asid,
		    (unsigned long long)at);
	as_drop(t, asid);
	return -EFAULT;
}

static int copy(struct as_table *t, unsigned q, iova_t at, void *bytes, size_t len, bool write)
{
	struct walk w;
	struct piece p;
	const char *why;
	uint8_t *mine = bytes;
	int ret = translate(t, q, at, len, write, &w);

	if (ret)
		return ret;
	while (next_piece(t, &w, &p, &why)) {
		guard_enter(p.region->map, p.region->map_len);
		if (write)
			memcpy(p.host, mine, p.len);
		else
			memcpy(mine, p.host, p.len);
		if (!guard_leave())
			return faulted(t, w.asid, q, p.at);
		mine += p.len;
	}
	return why ? -EFAULT : 0;
}

int as_read(struct as_table *t, unsigned q, iova_t at, void *dst, size_t len)
{
	return copy(t, q, at, dst, len, false);
}

int as_write(struct as_table *t, unsigned q, iova_t at, const void *src, size_t len)
{
	/* copy() writes to @bytes only when reading. */
	return copy(t, q, at, (void *)(uintptr_t)src, len, true);
}

static int access16(struct as_table *t, unsigned q, iova_t at, uint16_t *v, bool write)
{
	struct walk w;
	struct piece p;
	const char *why;
	int ret = translate(t, q, at, sizeof(*v), write, &w);

	if (ret)
		return ret;
	if (!next_piece(t, &w, &p, &why) || p.len != sizeof(*v) || (uintptr_t)p.host % sizeof(*v))
		return -EINVAL;
	uint16_t *there = (uint16_t *)(void *)p.host;
	guard_enter(p.region->map, p.region->map_len);
	if (write)
		__atomic_store_n(there, htole16(*v), __ATOMIC_RELEASE);
	else
		*v = le16toh(__atomic_load_n(there, __ATOMIC_ACQUIRE));
	return guard_leave() ? 0 : faulted(t, w.asid, q, at.v);
}

int as_load16(struct as_table *t, unsigned q, iova_t at, uint16_t *v)
{
	return access16(t, q, at, v, false);
}

int as_store16(struct as_table *t, unsigned q, iova_t at, uint16_t v)
{
	return access16(t, q, at, &v, true);
}
