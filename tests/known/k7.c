/* SPDX-License-Identifier: MIT */
/*
 * K7: an ASID of vdpa_sim that was never mapped, or was mapped before a reset, is an identity map
 * of the VMM's whole address space. A descriptor with a VMM's address in it sends the VMM's memory,
 * which it has mapped nowhere.
 */
#include "known.h"
#include "sim.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <string.h>
#include <unistd.h>

#define HEADERS (12 + 14) /* virtio_net_hdr_v1 and Ethernet */

static const char secret[] = "private memory of the VMM";

/* Everything of a start but the mapping. */
static int start_unmapped(struct known_run *r, struct sim_queue *rx, struct sim_queue *tx)
{
	int ret = world_negotiate(&r->world, SIM_FEATURES, &r->e);

	if (!ret)
		ret = sim_queue_open(&r->world, 0, rx, &r->e);
	if (!ret)
		ret = sim_queue_open(&r->world, 1, tx, &r->e);
	return ret ? ret : world_driver_ok(&r->world, &r->e);
}

/* A broadcast frame whose payload is at an address the "guest" made up; the simulator loops it
 * back. */
static bool leaks(struct sim_queue *rx, struct sim_queue *tx, const char *at)
{
	static uint8_t head[HEADERS], frame[HEADERS + sizeof(secret)];

	memset(head + 12, 0xff, 6);
	memset(frame, 0, sizeof(frame));
	sim_describe(rx, 0, frame, sizeof(frame), true, -1);
	sim_offer(rx, 0);
	sim_describe(tx, 0, head, sizeof(head), false, 1);
	sim_describe(tx, 1, at, sizeof(secret), false, -1);
	sim_offer(tx, 0);
	sim_kick(tx);
	return sim_wait(rx, 1, 2000) && !memcmp(frame + HEADERS, secret, sizeof(secret));
}

/* Then the same addresses would be physical ones, and this would touch memory of the kernel's. */
static bool without_va(void)
{
	char use_va = 'Y';
	int fd = open("/sys/module/vdpa_sim/parameters/use_va", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, &use_va, 1) < 0)
		use_va = 'Y';
	if (fd >= 0)
		close(fd);
	return use_va == 'N';
}

static enum known_verdict run(struct known_run *r)
{
	static struct sim_queue q[4];
	static char private[sizeof(secret)]; /* anonymous memory, never offered to anybody */
	struct memory m;

	if (without_va())
		return known_skip(r,
				  "vdpa_sim.use_va is off: the simulator takes physical addresses");
	memcpy(private, secret, sizeof(secret));
	if (world_open_sim(&r->world, &r->e)) {
		if (r->e.code == ENODEV)
			return known_skip(r, "needs CONFIG_VDPA_SIM_NET (modprobe vdpa_sim_net)");
		return known_failed(r);
	}
	if (world_client(&r->world, &r->e) || start_unmapped(r, &q[0], &q[1]))
		return known_failed(r);
	bool never = leaks(&q[0], &q[1], private);

	/* And with a mapping in place before a reset. */
	if (vhost_set_status(&r->world.client, 0, &r->e) || memory_make(&m, 4096, &r->e) ||
	    world_map(&r->world, 0, WORLD_IOVA, &m, VHOST_ACCESS_RW, &r->e) ||
	    vhost_set_status(&r->world.client, 0, &r->e) || start_unmapped(r, &q[2], &q[3]))
		return known_failed(r);
	bool again = leaks(&q[2], &q[3], private);
	if (never || again)
		return known_shows(
		    r, "private memory of the VMM came back in a frame%s%s",
		    never ? " with the ASID never mapped" : "",
		    again ? (never ? ", and after a reset of a mapped one" : " after a reset")
			  : "");
	return known_gone(r, "a frame from an address that is not mapped brought nothing");
}

const struct known k7 = {
    .name = "k7",
    .title = "vdpa_sim gives a device all of the VMM's memory in an ASID never mapped",
    .run = run,
};
