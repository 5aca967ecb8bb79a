/* SPDX-License-Identifier: MIT */
/*
 * The lab's initramfs: an archive of PID 1, our programs and a packaged kernel's modules, the same
 * bytes for the same content. It must never hold anything of the user's but the one program that
 * was named.
 */
#ifndef LAB_INITRD_H
#define LAB_INITRD_H

#include "lab.h"

/** A file of the host's, and its path in there. */
struct initrd_file {
	const char *host;
	char path[256];
};

/** What it holds beside ringfence-init as /init, and ringfence and its family in /bin. */
struct initrd_content {
	const char *modules; /* a directory, to /modules; or NULL */
	const char *program; /* of the user's, to /bin under its own name; or NULL */
	const struct initrd_file *file;
	unsigned files;
	const char *tree;  /* a directory whose content goes to the root; or NULL */
	const char *ahead; /* what `ringfence-prove --enumerate` wrote, to INITRD_AHEAD; or NULL */
};

#define INITRD_AHEAD "/bin/enumerated"

/** Make it in memory. Returns a memfd, CLOEXEC, for the caller to close. */
int initrd_make(const struct initrd_content *content, struct err *e)
    __attribute__((warn_unused_result));

#endif
