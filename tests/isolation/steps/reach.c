/* SPDX-License-Identifier: MIT */
/*
 * The data queues try to reach what they may not; see run.h. In a hole nothing may come or go;
 * where the arena lies over guest RAM, guest RAM must. It must never be content with one direction.
 */
#include "run.h"

#include <string.h>

/* The frame's bytes are what @host has; a buffer of ours is where it lands. */
static bool came(struct run *r, uint64_t from, const void *host, struct moved *m)
{
	struct client *c = &r->client;
	uint8_t *buffer = c->set->data.at + BUFFER;

	memset(buffer, 0, PAGE);
	*m = dma_move(c, from, DATA_AT + BUFFER, c->patience_ms, c->patience_ms);
	return m->received && !memcmp(dma_payload(buffer), host, DMA_LEN);
}

void run_no_read(struct run *r, uint64_t from, const char *what)
{
	struct client *c = &r->client;
	struct moved m = dma_move(c, from, DATA_AT + BUFFER, c->patience_ms, c->after_ms);

	/* Both parents complete a chain whose buffer they could not read. */
	run_legal(r, m.sent, "TX, with a buffer at %s", what);
	run_attempt(r, !m.received, "TX read %s (IOVA 0x%llx)", what, (unsigned long long)from);
}

void run_absent(struct run *r, uint64_t at, const char *what)
{
	struct seen_region seen;

	run_no_read(r, at, what);
	for (uint32_t asid = 0; asid < SPACES && run_can_ask(r); asid++)
		run_attempt(r, run_region(r, asid, at, &seen) != 0,
			    "VDUSE_IOTLB_GET_FD2 gives %s in ASID %u", what, asid);
}

int run_message(struct run *r, int type, uint32_t asid, uint64_t at, uint64_t size,
		const void *host)
{
	return client_answer(&r->client,
			     raw_message(r->client.vhost.fd, type, client_asid(&r->client, asid),
					 at, size, host, VHOST_PERM_RW));
}

void run_reads(struct run *r, uint64_t from, const void *host, const char *what)
{
	struct moved m;

	run_legal(r, came(r, from, host, &m), "TX with a buffer at %s (IOVA 0x%llx)", what,
		  (unsigned long long)from);
}

static bool start_again(struct run *r)
{
	const struct layout l = r->client.layout;

	return client_live(&r->client) || run_start(r, &l);
}

/* vdpa_sim leaves both chains uncompleted then, so that the device has to be started again. */
void run_no_write(struct run *r, uint64_t to, const void *host, size_t len, const char *what)
{
	unsigned ms = r->how->parent != PARENT_SIM ? r->client.patience_ms : NOTHING_MS;
	uint8_t before[ARENA_SIZE];

	memcpy(before, host, len);
	struct moved m = dma_move(&r->client, DATA_AT + SOURCE, to, ms, r->client.after_ms);
	run_attempt(r, !m.received, "RX says that it wrote %s (IOVA 0x%llx)", what,
		    (unsigned long long)to);
	run_attempt(r, !memcmp(before, host, len), "RX wrote %s (IOVA 0x%llx)", what,
		    (unsigned long long)to);
}

/* ---- the arena ---- */

static void snapshot(const struct arena *a, uint8_t out[ARENA_SIZE])
{
	memcpy(out, a->readable, ARENA_READABLE);
	memcpy(out + ARENA_READABLE, a->writable, ARENA_WRITABLE);
}

static void read_page(struct run *r, unsigned page)
{
	const struct set *s = r->client.set;
	uint64_t at = s->arena.iova.v + page * ARENA_PAGE;
	struct moved m;

	if (r->place == IN_HOLE) {
		run_no_read(r, at, "the arena");
		return;
	}
	bool ours = came(r, at, s->data.at + (at - DATA_AT), &m);
	/* That nothing comes at all is no breach, and no control shows by it. */
	if (run_legal(r, m.received, "TX with a buffer over the arena (IOVA 0x%llx)",
		      (unsigned long long)at))
		run_attempt(r, ours,
			    "TX read something else than the guest RAM under the arena "
			    "(IOVA 0x%llx)",
			    (unsigned long long)at);
}

/* In the arena's place in guest RAM, which gets its pattern back. */
static void write_alias(struct run *r, uint64_t at)
{
	struct set *s = r->client.set;
	uint8_t *there = s->data.at + (at - DATA_AT);
	unsigned ms = r->client.patience_ms;
	struct moved m = dma_move(&r->client, DATA_AT + SOURCE, at, ms, ms);

	if (run_legal(r, m.received, "RX with a buffer over the arena (IOVA 0x%llx)",
		      (unsigned long long)at))
		run_attempt(r, !memcmp(dma_payload(there), s->data.at + SOURCE, DMA_LEN),
			    "RX wrote something else than the guest RAM under the arena "
			    "(IOVA 0x%llx)",
			    (unsigned long long)at);
	set_refill(s);
}

static void write_page(struct run *r, unsigned page)
{
	const struct arena *a = &r->client.set->arena;
	uint64_t at = a->iova.v + page * ARENA_PAGE;
	uint8_t before[ARENA_SIZE], after[ARENA_SIZE];

	snapshot(a, before);
	if (r->place == IN_HOLE)
		run_no_write(r, at, arena_page(a, page), ARENA_PAGE, "the arena");
	else
		write_alias(r, at);
	snapshot(a, after);
	run_attempt(r, !memcmp(before, after, sizeof(before)), "the arena has changed");
}

/* What the device's process gets for the arena's IOVAs, and in which ASID. */
static void look(struct run *r, unsigned page)
{
	struct client *c = &r->client;
	uint64_t at = c->set->arena.iova.v + page * ARENA_PAGE;
	struct seen_region in_data, in_cvq;
	int data = run_region(r, c->layout.data_asid, at, &in_data);
	int cvq = run_region(r, c->layout.cvq_asid, at, &in_cvq);

	run_legal(r, cvq == 0, "VDUSE_IOTLB_GET_FD2 of the arena in ASID %u", c->layout.cvq_asid);
	if (r->place == IN_HOLE)
		run_attempt(r, data != 0,
			    "VDUSE_IOTLB_GET_FD2 gives a region at the arena in ASID %u",
			    c->layout.data_asid);
	else if (run_legal(r, data == 0, "VDUSE_IOTLB_GET_FD2 at the arena in ASID %u",
			   c->layout.data_asid))
		run_attempt(r, in_data.ino != in_cvq.ino,
			    "VDUSE_IOTLB_GET_FD2 gives the arena's file in ASID %u",
			    c->layout.data_asid);
}

/*
 * Not full: the last page, and one of the arena's other file. One attempt is for the arena at its
 * address in this process, which is where a parent without maps would look for it (K7).
 */
void run_reach(struct run *r)
{
	unsigned step = r->how->full ? 1 : ARENA_READABLE / ARENA_PAGE;

	for (unsigned page = ARENA_PAGES - 1; page < ARENA_PAGES && start_again(r); page -= step)
		read_page(r, page);
	if (start_again(r))
		run_no_read(r, (uintptr_t)r->client.set->arena.readable, "our own memory");
	for (unsigned page = ARENA_PAGES - 1; page < ARENA_PAGES && start_again(r);
	     page -= r->how->full ? 1 : ARENA_PAGES)
		write_page(r, page);
	for (unsigned page = ARENA_PAGES - 1; page < ARENA_PAGES && run_can_ask(r); page -= step)
		look(r, page);
	start_again(r);
}
