/* SPDX-License-Identifier: MIT */
/* Sealing files, see seal.h. It must never seal a file that is not yet as large as it has to be. */
#include "seal.h"

#include "breaks.h"

#include <errno.h>
#include <fcntl.h>

int seal_file(int fd, bool read_only, const char *name, uint32_t breaks, struct err *e)
{
	const int fixed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	if (broken(breaks, BREAK_UNSEALED))
		return 0;
	if (fcntl(fd, F_ADD_SEALS, fixed | (read_only ? F_SEAL_FUTURE_WRITE : 0)) < 0)
		return err_set(e, ERR_HOST, errno, "F_ADD_SEALS", name,
			       "the kernel must support memfd seals, F_SEAL_FUTURE_WRITE included "
			       "(5.1 or newer)");
	return 0;
}
