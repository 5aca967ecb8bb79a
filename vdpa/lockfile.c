/* SPDX-License-Identifier: MIT */
/* Locks by file; see lockfile.h. */
#include "lockfile.h"

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

int lockfile_take(const char *path, unsigned ms)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (int64_t until = clock_ms() + ms; flock(fd, LOCK_EX | LOCK_NB);) {
		int error = errno;

		if (error != EWOULDBLOCK || clock_ms() >= until) {
			close(fd);
			return -error;
		}
		clock_pause(5);
	}
	return fd;
}
