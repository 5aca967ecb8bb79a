/* SPDX-License-Identifier: MIT */
/*
 * K11: an IOTLB update of memory that cannot be mapped succeeds. Private memory is passed over; a
 * hole is filled with pages of the file behind the hole, from before what the client has mapped of
 * it.
 */
#include "known.h"

#include <errno.h>
#include <linux/vhost.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096ull
#define FIRST 4 /* the file's page that the client maps; it maps none before it */

static const char hidden[] = "a page that is mapped nowhere";

static bool anonymous_is_passed_over(const struct world *w)
{
	void *private =
	    mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (world_message(w, VHOST_IOTLB_UPDATE, 0, WORLD_IOVA, PAGE, private, VHOST_ACCESS_RW))
		return false;
	return !world_has(w, 0, WORLD_IOVA);
}

/* [at, at + PAGE) is a hole and [at + PAGE, at + 2 PAGE) the file's page FIRST. */
static uint8_t *make_hole(const struct memory *m)
{
	uint8_t *at = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED ||
	    mmap(at + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, m->fd,
		 (off_t)(FIRST * PAGE)) == MAP_FAILED)
		return NULL;
	memcpy(m->at + (FIRST - 1) * PAGE, hidden, sizeof(hidden));
	munmap(m->at, m->len);
	munmap(at, PAGE);
	return at;
}

static enum known_verdict run(struct known_run *r)
{
	struct memory m;
	struct region region = {0};
	char found[sizeof(hidden)] = "";

	if (world_open(&r->world, &r->e) || world_client(&r->world, &r->e) ||
	    memory_make(&m, 8 * PAGE, &r->e))
		return known_failed(r);
	bool skipped = anonymous_is_passed_over(&r->world);
	uint8_t *at = make_hole(&m);
	int ret = at ? world_message(&r->world, VHOST_IOTLB_UPDATE, 1, WORLD_IOVA, 2 * PAGE, at,
				     VHOST_ACCESS_RW)
		     : -ENOMEM;
	int fd = ret ? -1 : world_get_fd(&r->world, 1, WORLD_IOVA, &region);
	if (fd >= 0 && pread(fd, found, sizeof(found), (off_t)region.offset) < 0)
		found[0] = '\0';
	bool outside = !strcmp(found, hidden);
	if (skipped || outside)
		return known_shows(
		    r, "success for%s%s%s",
		    skipped ? " private memory, of which nothing is mapped" : "",
		    skipped && outside ? ", and for" : "",
		    outside ? " a hole, where the device gets the file's page before the "
			      "first one mapped"
			    : "");
	return known_gone(r, "private memory is refused, and so is a hole (%d)", ret);
}

const struct known k11 = {
    .name = "k11",
    .title =
	"an IOTLB update of private memory, or across a hole, succeeds and maps what it should not",
    .needs = NEED_VDUSE,
    .run = run,
};
