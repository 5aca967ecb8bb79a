/* SPDX-License-Identifier: MIT */
/*
 * Row 36: a first client, in a process of its own, sets a device up in some way and goes, politely
 * or killed; the next one opens the device, and must see and use nothing of it. It must never share
 * the open node with that process.
 */
#include "run.h"

#include <fcntl.h>
#include <linux/vhost.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_S 10
#define DEATH_MS 4000
#define MORE_FRAMES 1000000

/* How the first one leaves. */
enum leaves { RESETS, CLOSES, DIES_BUSY, DIES_IN_BATCH, DIES_SUSPENDED };

struct first {
	const struct layout *layout;
	enum leaves leaves;
};

/* Group and memory on the other side. */
static const struct layout swapped = {
    .data_asid = 1, .cvq_asid = 0, .data_in = 1u << 1, .arena_in = 1u << 0};

static const uint8_t *extra(const struct set *s)
{
	return s->data.at + SOURCE + 8 * PAGE;
}

/* ---- the first client's process ---- */

static bool busy_once(struct client *c)
{
	unsigned ms = c->patience_ms;

	return dma_move(c, DATA_AT + SOURCE, DATA_AT + BUFFER, ms, ms).received &&
	       dma_command(c, dma_arena_command(c), dma_arena_ack(c), ms) == DID;
}

static bool set_up(struct client *c, const struct first *f)
{
	struct err e = {0};

	if (client_open(c, &e) || client_start(c, f->layout, &e))
		return false;
	for (uint32_t asid = 0; asid < SPACES; asid++)
		if (client_map(c, asid, EXTRA_AT, extra(c->set), PAGE, VHOST_ACCESS_RW) &&
		    client_asid(c, asid) == asid && !broken(c->breaks, BREAK_NO_ASID_ACK))
			return false;
	return busy_once(c);
}

static void leave(struct client *c, const struct first *f)
{
	struct err e = {0};

	if (f->leaves == RESETS)
		(void)client_reset(c, &e);
	if (f->leaves == RESETS || f->leaves == CLOSES)
		return;
	if (f->leaves == DIES_IN_BATCH && !client_batch(c, 1, true))
		(void)client_unmap(c, 1, EXTRA_AT, PAGE);
	if (f->leaves == DIES_SUSPENDED)
		(void)ioctl(c->vhost.fd, VHOST_VDPA_SUSPEND);
	for (unsigned i = 0; f->leaves == DIES_BUSY && i < MORE_FRAMES; i++)
		(void)busy_once(c);
	pause();
}

static void become_first(struct client *c, const struct first *f, int told)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(FIRST_S);
	c->arranged = false; /* by another; even one that trusts has to begin */
	char works = set_up(c, f) ? 'y' : 'n';
	if (write(told, &works, 1) == 1 && works == 'y')
		leave(c, f);
	_exit(0);
}

/* It has lived, works, and is gone. */
static bool first_client(struct run *r, const struct first *f)
{
	char works = 'n';
	int pipe_fd[2];

	client_close(&r->client);
	if (!run_legal(r, !pipe2(pipe_fd, O_CLOEXEC), "pipe2"))
		return false;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		become_first(&r->client, f, pipe_fd[1]);
	close(pipe_fd[1]);
	ssize_t n = read(pipe_fd[0], &works, 1); /* it has an alarm */
	close(pipe_fd[0]);
	if (pid > 0 && f->leaves >= DIES_BUSY)
		kill(pid, SIGKILL);
	bool gone = pid > 0 && raw_wait(pid, DEATH_MS) >= 0;
	return run_legal(r, n == 1 && works == 'y' && gone, "the first client (%s)",
			 gone ? "its traffic" : "its end");
}

/* ---- the second one ---- */

/* Before it has set anything. */
static void look_around(struct run *r)
{
	struct client *c = &r->client;
	static const uint8_t own[6] = {0x02, 0x52, 0x46, 0x00, 0x00, 0x01};
	uint8_t status = 0xff, mac[6] = {0};
	struct seen_ring seen;
	struct err e = {0};

	int ret = vhost_get_status(&c->vhost, &status, &e);
	run_attempt(r, !ret && status == 0, "the status is 0x%02x for a client that has just come",
		    status);
	if (!run_can_ask(r))
		return;
	for (uint32_t q = 0; q < QUEUES; q++) {
		ret = parent_ring(&r->parent, q, &seen);
		run_attempt(r,
			    !ret && !seen.desc && !seen.driver && !seen.device && !seen.num &&
				!seen.avail && !seen.ready,
			    "the device still has a ring for queue %u (desc 0x%llx)", q,
			    (unsigned long long)seen.desc);
	}
	ret = vhost_get_config(&c->vhost, mac, sizeof(mac), &e);
	run_attempt(r, !ret && !memcmp(mac, own, sizeof(own)),
		    "the MAC address is one that the last client has set");
}

static uint64_t inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

/* Once it has started: every region of its device is its own. */
static void look_at_maps(struct run *r)
{
	const struct set *s = r->client.set;
	struct seen_region seen = {0};

	if (!run_can_ask(r))
		return;
	for (uint32_t asid = 0; asid < SPACES; asid++)
		run_attempt(r, run_region(r, asid, EXTRA_AT, &seen) != 0,
			    "VDUSE_IOTLB_GET_FD2 gives in ASID %u what the last client has mapped",
			    asid);
	int ret = run_region(r, 0, DATA_AT, &seen);
	run_attempt(r, !ret && seen.ino == inode(s->data.fd),
		    "guest RAM is not the new client's for the device");
	ret = run_region(r, 1, s->arena.iova.v, &seen);
	run_attempt(r, !ret && seen.ino == inode(s->arena.readable_fd),
		    "the arena is not the new client's for the device");
}

static void second_client(struct run *r, struct set *theirs)
{
	struct client *c = &r->client;
	struct spot there = {EXTRA_AT, r->set.data.at + SOURCE + 8 * PAGE};
	uint8_t *before = malloc(DATA_LEN);
	struct err e = {0};

	if (!before)
		abort();
	set_scrub(theirs);
	memcpy(before, theirs->data.at, DATA_LEN);
	c->set = &r->other;
	bool open = run_legal_call(r, client_open(c, &e), &e);
	if (open)
		look_around(r);
	if (open && run_start(r, &isolated)) {
		run_traffic(r);
		run_no_read(r, EXTRA_AT, "memory that the last client has mapped");
		look_at_maps(r);
		run_traffic(r);
	}
	run_attempt(r, !memcmp(before, theirs->data.at, DATA_LEN),
		    "the last client's memory was written");
	if (client_live(c))
		run_attempt(r, dma_command(c, there, dma_arena_ack(c), NOTHING_MS) != DID,
			    "the CVQ took a command from memory that the last client has mapped");
	set_refill(&r->set);
	free(before);
}

static void after(struct run *r, const struct first *f)
{
	struct client *c = &r->client;

	c->set = &r->set;
	if (first_client(r, f))
		second_client(r, &r->set);
	struct err e = {0};
	if (c->vhost.fd < 0)
		run_legal_call(r, client_open(c, &e), &e);
}

static void closed(struct run *r)
{
	after(r, &(struct first){&isolated, RESETS});
	after(r, &(struct first){&isolated, CLOSES});
}

static void killed(struct run *r)
{
	after(r, &(struct first){&isolated, DIES_BUSY});
}

static void killed_in_batch(struct run *r)
{
	after(r, &(struct first){&isolated, DIES_IN_BATCH});
}

static void killed_swapped(struct run *r)
{
	after(r, &(struct first){&swapped, DIES_BUSY});
}

static void killed_suspended(struct run *r)
{
	if (r->client.backend >> VHOST_BACKEND_F_SUSPEND & 1)
		after(r, &(struct first){&isolated, DIES_SUSPENDED});
	else
		run_leave_out(r, "SUSPEND is not offered");
}

static const struct step steps[] = {
    {"closed", ON_BOTH, false, closed},
    {"killed", ON_BOTH, false, killed},
    {"killed in a batch", ON_BOTH, false, killed_in_batch},
    {"killed, swapped", ON_BOTH, false, killed_swapped},
    {"killed, suspended", ON_BOTH, false, killed_suspended},
    {0},
};

const struct steps steps_residue = {
    .step = steps,
    .note = {
	"what it maps and groups itself counts: what the last one left stays until then (K2, K3)",
	"but for the MAC address, which vdpa_sim keeps"}};
