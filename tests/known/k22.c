/* SPDX-License-Identifier: MIT */
/* K22: a client that was killed stays, and cannot be killed any more, for as long as the daemon is
 * silent. */
#include "known.h"

#include "../../vdpa/vduse/wait.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define STALL_MS                                                                                   \
	900 /* less than VDUSE_ANSWER_MS; a stopped daemon would make it msg_timeout, or for ever  \
	       if that is 0 */

static int open_and_wait(struct world *w, void *unused)
{
	struct err e = {0};

	(void)unused;
	if (world_client(w, &e))
		return 1;
	for (;;)
		pause();
}

static enum known_verdict run(struct known_run *r)
{
	if (world_open(&r->world, &r->e))
		return known_failed(r);
	/* The control: with a daemon that answers, it goes at once. */
	pid_t pid = world_fork(open_and_wait, &r->world, NULL);
	wait_ms(300);
	kill(pid, SIGKILL);
	if (raw_wait(pid, STALL_MS) == -ETIMEDOUT) {
		err_set(&r->e, ERR_INTERNAL, 0, "client", r->world.path,
			"it does not end by itself");
		return known_failed(r);
	}
	pid = world_fork(open_and_wait, &r->world, NULL);
	wait_ms(300);
	vduse_lock(r->world.dev);
	int64_t begin = world_ms();
	kill(pid, SIGKILL);
	bool there = raw_wait(pid, STALL_MS) == -ETIMEDOUT;
	vduse_unlock(r->world.dev);
	int ret = raw_wait(pid, 3000);
	if (there && ret != -ETIMEDOUT)
		return known_shows(
		    r,
		    "a client killed with SIGKILL was there %d ms later, until the daemon "
		    "answered (%lld ms)",
		    STALL_MS, (long long)(world_ms() - begin));
	if (there) {
		err_set(&r->e, ERR_INTERNAL, 0, "client", r->world.path, "it does not end");
		return known_failed(r);
	}
	return known_gone(r, "a killed client is gone at once");
}

const struct known k22 = {
    .name = "k22",
    .title = "a killed client cannot end until the daemon answers its reset",
    .needs = NEED_VDUSE,
    .run = run,
};
