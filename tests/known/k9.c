/* SPDX-License-Identifier: MIT */
/* K9: deleting a vDPA device waits for its client to close, cannot be killed, and keeps generic
 * netlink locked. */
#include "known.h"

#include <errno.h>
#include <signal.h>

/* The forked process must not keep the client's file open: it would wait for itself. */
static int delete (struct world *w, void *name)
{
	vhost_close(&w->client);
	return world_raw_delete(name) < 0;
}

static enum known_verdict run(struct known_run *r)
{
	static char name[] = WORLD_NAME;
	int asked = 0;

	if (world_open(&r->world, &r->e) || world_client(&r->world, &r->e))
		return known_failed(r);
	pid_t deleter = world_fork(delete, &r->world, name);
	bool waits = raw_wait(deleter, 500) == -ETIMEDOUT;
	struct caller *asker = caller_start(world_ask_netlink, NULL);
	bool answered = caller_wait(asker, 1000, &asked);
	kill(deleter, SIGKILL);
	bool unkillable = waits && raw_wait(deleter, 1000) == -ETIMEDOUT;

	vhost_close(&r->world.client);
	bool ended = !waits || !unkillable || raw_wait(deleter, 3000) != -ETIMEDOUT;
	bool freed = answered || caller_wait(asker, 3000, &asked);
	if (waits && (unkillable || !answered))
		return known_shows(
		    r,
		    "with the node open, the deletion %s, and another generic netlink "
		    "family %s; %s once the client closed",
		    unkillable ? "waits and cannot be killed" : "waits",
		    answered ? "answers" : "does not answer",
		    ended && freed ? "both ended" : "they did not end");
	return known_gone(r, "with the node open, the deletion %s",
			  waits ? "waits, but can be killed and holds up nobody" : "ends at once");
}

const struct known k9 = {
    .name = "k9",
    .title = "vdpa del waits unkillably for a client, with generic netlink locked",
    .needs = NEED_VDUSE,
    .run = run,
};
