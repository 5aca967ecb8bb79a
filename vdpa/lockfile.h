/* SPDX-License-Identifier: MIT */
/*
 * What processes of ours change in the kernel by turns: a lock on the file that it is changed by.
 * It must never be waited for without a limit.
 */
#ifndef VDPA_LOCKFILE_H
#define VDPA_LOCKFILE_H

/**
 * Take the exclusive lock of @path (flock(2)), waiting at most @ms. A file descriptor, open for
 * reading, that holds it until it is closed; or -errno, -EWOULDBLOCK when the time is over.
 */
int lockfile_take(const char *path, unsigned ms);

#endif
