// SPDX-License-Identifier: MIT
/*
 * Rows 6 and 7 of the catalogue: a chain on a data queue has a device-readable or device-writable
 * buffer at the CVQ arena's IOVAs, in the direction that the queue works in and in the wrong one.
 * All rings and all other buffers are legal.
 */
#include "attack.h"

#include <stddef.h>

#define CHAIN_MAX 3

struct shape {
	enum net_queue queue;
	bool writable;
	bool other; /* see build_chain() */
};

/*
 *                  first shape              other shape
 * RX, writable     header, aimed            aimed alone, for header and frame
 * TX, readable     header, aimed
 * RX, readable     aimed, spare writable    aimed alone
 * TX, writable     header, aimed            header, spare readable, aimed
 */
static unsigned build_chain(const struct shape *s, uint64_t iova, uint32_t len,
			    struct virtq_desc d[CHAIN_MAX])
{
	const uint64_t header = (uintptr_t)chain_memory.header,
		       spare = (uintptr_t)chain_memory.spare;
	unsigned write = s->writable ? VIRTQ_DESC_WRITE : 0, n = 0;
	bool rx = s->queue == NET_RX, more;

	if (!rx || (s->writable && !s->other)) {
		d[n] =
		    desc(header, NET_HEADER, VIRTQ_DESC_NEXT | (rx ? VIRTQ_DESC_WRITE : 0), n + 1);
		n++;
	}
	if (!rx && s->writable && s->other) {
		d[n] = desc(spare, NET_FRAME_MIN, VIRTQ_DESC_NEXT, n + 1);
		n++;
	}
	more = rx && !s->writable && !s->other;
	d[n] = desc(iova, len, write | (more ? VIRTQ_DESC_NEXT : 0), n + 1);
	n++;
	if (more)
		d[n++] = desc(spare, sizeof(chain_memory.spare), VIRTQ_DESC_WRITE, 0);
	return n;
}

static bool attempt_buffer(struct run *r, const struct shape *s, uint64_t iova, uint32_t len)
{
	struct virtq_desc d[CHAIN_MAX];
	const struct aim aim = {
	    .queue = s->queue,
	    .iova = iova,
	    .len = len,
	    /* It fills the aimed buffer, with its header where that has no buffer of its own. */
	    .frame = s->other ? len - NET_HEADER : len,
	    .desc = d,
	    .descs = build_chain(s, iova, len, d),
	};

	if (machine_has_ram(&r->machine, iova))
		net_copy_frame((void *)(uintptr_t)iova, len);
	return attempt_chain(r, &aim);
}

void attack_buffer(struct run *r)
{
	static const uint32_t len[] = {NET_FRAME_MAX, CANARY_LINE, 1024, 256};
	const struct machine *m = &r->machine;

	for (enum net_queue queue = NET_RX; queue <= NET_TX; queue++) {
		bool ready = false;
		unsigned i = 0;

		for (uint64_t page = m->arena - PAGE; page <= m->arena + m->arena_size;
		     page += PAGE, i++) {
			const struct shape s = {
			    .queue = queue,
			    .writable = m->attack == ATTACK_WRITABLE,
			    .other = i & 1,
			};

			/* On TX there are buffers for what comes back; on RX the aimed one is to be
			 * alone. */
			if (!ready)
				attempt_start(r, NULL, queue == NET_TX);
			ready = attempt_buffer(r, &s, page + AIM_OFFSET,
					       len[i % (sizeof(len) / sizeof(*len))]);
		}
	}
}
