/* SPDX-License-Identifier: MIT */
/*
 * K8: deleting a vDPA device while somebody's open() of its node is failing never ends, and keeps
 * all of generic netlink with it.
 */
#include "known.h"

#include "../../vdpa/vduse/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int open_node(void *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static enum known_verdict run(struct known_run *r)
{
	static char name[] = WORLD_NAME;
	int opened = 0, deleted = 0, asked = 0;

	if (world_open(&r->world, &r->e))
		return known_failed(r);
	/* The reset that an open is goes unanswered at first; meanwhile the deletion begins; then
	 * it is refused. */
	vduse_lock(r->world.dev);
	struct caller *opener = caller_start(open_node, r->world.path);
	wait_ms(200);
	struct caller *deleter = caller_start(world_raw_delete, name);
	bool back = caller_wait(opener, VDUSE_ANSWER_MS * 3, &opened);
	vduse_unlock(r->world.dev);
	if (!back || !opened) {
		err_set(&r->e, ERR_INTERNAL, 0, "open", r->world.path, "it was to fail, and %s",
			back ? "worked" : "did not come back");
		return known_failed(r);
	}
	if (caller_wait(deleter, 3000, &deleted))
		return known_gone(r, "the open failed with errno %d, and the deletion ended (%d)",
				  -opened, deleted);
	struct caller *asker = caller_start(world_ask_netlink, NULL);
	bool answered = caller_wait(asker, 2000, &asked);
	r->world.path[0] = '\0'; /* it cannot be deleted any more */
	return known_shows(
	    r,
	    "the open failed with errno %d; 3 s later the deletion still waits for its "
	    "close, and a question to another generic netlink family %s",
	    -opened, answered ? "is answered" : "gets no answer");
}

const struct known k8 = {
    .name = "k8",
    .title = "vdpa del beside a failing open of the node hangs for good, generic netlink with it",
    .needs = NEED_VDUSE,
    .destructive = true,
    .run = run,
};
