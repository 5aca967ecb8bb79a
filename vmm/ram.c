/* SPDX-License-Identifier: MIT */
/* Guest RAM; see ram.h. It must be shared memory: vhost-vDPA skips private pages without a word. */
#include "ram.h"

#include "../vdpa/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static int fill(struct ram *r, uint64_t behind, uint32_t breaks, struct err *e)
{
	r->fd = memfd_create("ringfence-guest-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (r->fd < 0)
		return err_set(e, ERR_HOST, errno, "memfd_create", "guest RAM",
			       "needs CONFIG_MEMFD_CREATE");
	if (ftruncate(r->fd, (off_t)(r->size + behind)))
		return err_set(e, ERR_INTERNAL, errno, "ftruncate", "guest RAM",
			       "try a smaller --memory");
	/*
	 * The daemon gets this very file (GET_FD2): sealed, it cannot shrink it and have us die of
	 * SIGBUS.
	 */
	int ret = seal_file(r->fd, false, "guest RAM", breaks, e);
	if (ret)
		return ret;
	void *host = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (host == MAP_FAILED)
		return err_set(e, ERR_INTERNAL, errno, "mmap", "guest RAM",
			       "try a smaller --memory");
	r->host = host;
	ret = gmem_add(&r->mem, gpa(0), r->size, r->host);
	return ret ? err_set(e, ERR_INTERNAL, -ret, "gmem_add", "guest RAM",
			     "a bug of ours: please report it")
		   : 0;
}

int ram_create(struct ram *r, uint64_t size, uint64_t behind, uint32_t breaks, struct err *e)
{
	*r = (struct ram){.fd = -1, .size = size};
	int ret = fill(r, behind, breaks, e);
	if (ret)
		ram_destroy(r);
	return ret;
}

void ram_destroy(struct ram *r)
{
	if (!r->size)
		return;
	if (r->host)
		munmap(r->host, r->size);
	if (r->fd >= 0)
		close(r->fd);
	*r = (struct ram){.fd = -1};
}
