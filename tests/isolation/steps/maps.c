/* SPDX-License-Identifier: MIT */
/*
 * What the client has mapped, where, and the breaks that put it elsewhere; see client.h. It must
 * never map the arena where a data queue reaches it but by one of them.
 */
#include "client.h"

#include <linux/vhost.h>

uint32_t client_asid(const struct client *c, uint32_t asid)
{
	return broken(c->breaks, BREAK_MERGE_ASID) ? 0 : asid;
}

/* C6: what was set before a reset is believed to be there after it. */
bool client_trusts(const struct client *c)
{
	return broken(c->breaks, BREAK_TRUST_RESET) && c->arranged;
}

bool client_merged(const struct client *c)
{
	return broken(c->breaks, BREAK_MERGE_ASID) || broken(c->breaks, BREAK_NO_ASID_ACK) ||
	       (c->layout.data_in & c->layout.arena_in);
}

static int map(struct client *c, uint32_t asid, uint64_t at, const void *host, uint64_t size,
	       int perm)
{
	if (asid < SPACES)
		c->mapped[asid] = true;
	return raw_message(c->vhost.fd, VHOST_IOTLB_UPDATE, asid, at, size, host, perm);
}

int client_map(struct client *c, uint32_t asid, uint64_t at, const void *host, uint64_t size,
	       int perm)
{
	uint32_t meant = client_asid(c, asid);

	for (uint32_t other = 0; c->lax && other < SPACES; other++)
		if (other != meant)
			(void)map(c, other, at, host, size, perm);
	return map(c, meant, at, host, size, perm);
}

static int unmap(struct client *c, uint32_t asid, uint64_t at, uint64_t size)
{
	return raw_message(c->vhost.fd, VHOST_IOTLB_INVALIDATE, client_asid(c, asid), at, size,
			   NULL, 0);
}

int client_unmap(struct client *c, uint32_t asid, uint64_t at, uint64_t size)
{
	return c->lax ? 0 : unmap(c, asid, at, size);
}

int client_answer(const struct client *c, int ret)
{
	return c->lax ? 0 : ret;
}

int client_batch(struct client *c, uint32_t asid, bool begin)
{
	if (c->lax)
		return 0;
	uint32_t meant = client_asid(c, asid);

	if (begin && meant < SPACES)
		c->mapped[meant] = true;
	return raw_message(c->vhost.fd, begin ? VHOST_IOTLB_BATCH_BEGIN : VHOST_IOTLB_BATCH_END,
			   meant, 0, 0, NULL, 0);
}

/* With an aliased arena in the same ASID the data leaves room for it. */
static int map_data(struct client *c, uint32_t asid)
{
	uint8_t *host = c->set->data.at;
	uint64_t hole = c->place == ALIASED && client_merged(c) ? ALIAS_AT - DATA_AT : DATA_LEN;
	uint64_t past = hole + ARENA_SIZE;
	int ret = client_map(c, asid, DATA_AT, host, hole, VHOST_ACCESS_RW);

	if (!ret && past < DATA_LEN)
		ret = client_map(c, asid, DATA_AT + past, host + past, DATA_LEN - past,
				 VHOST_ACCESS_RW);
	return ret;
}

static int map_arena(struct client *c, uint32_t asid)
{
	const struct arena *a = &c->set->arena;
	int ret = client_map(c, asid, a->iova.v, a->readable, ARENA_READABLE, VHOST_ACCESS_RO);

	return ret ? ret
		   : client_map(c, asid, a->iova.v + ARENA_READABLE, a->writable, ARENA_WRITABLE,
				VHOST_ACCESS_RW);
}

int client_maps(struct client *c, const struct layout *l, struct err *e)
{
	int ret = 0;

	c->layout = *l;
	if (client_trusts(c))
		return 0;
	for (uint32_t asid = 0; asid < SPACES; asid++)
		if (!ret && c->mapped[asid])
			ret = unmap(c, asid, 0, ALL_BUT_LAST_PAGE);
	for (uint32_t asid = 0; asid < SPACES; asid++) {
		if (!ret && (l->data_in >> asid & 1))
			ret = map_data(c, asid);
		if (!ret && (l->arena_in >> asid & 1))
			ret = map_arena(c, asid);
	}
	c->arranged = true;
	return ret ? err_set(e, ERR_HOST, -ret, "VHOST_IOTLB_UPDATE", c->path,
			     "a client's own memory")
		   : 0;
}
