/* SPDX-License-Identifier: MIT */
/* The file that a control state is kept in; see statefile.h. It must never leave its helper file
 * behind. */
#include "statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool statefile_is_json(const char *path)
{
	size_t len = strlen(path);

	return len > 5 && !strcmp(path + len - 5, ".json");
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? errno : EIO;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

int statefile_write(const char *path, const char *text, struct err *e)
{
	char beside[PATH_MAX];
	int len = snprintf(beside, sizeof(beside), "%s.%d", path, (int)getpid());

	if (len < 0 || (size_t)len >= sizeof(beside))
		return err_set(e, ERR_USAGE, ENAMETOOLONG, "open", path, "a shorter name, please");
	int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	int code = fd < 0 ? errno : write_all(fd, text, strlen(text));
	if (fd >= 0 && close(fd) && !code)
		code = errno;
	if (!code && rename(beside, path))
		code = errno;
	if (code && fd >= 0)
		unlink(beside);
	return code ? err_set(e, ERR_INTERNAL, code, "write", path,
			      "the control state cannot be kept there")
		    : 0;
}
