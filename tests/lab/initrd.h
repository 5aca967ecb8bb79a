/* SPDX-License-Identifier: MIT */
/*
 * The lab's initramfs: an archive of PID 1, our programs and a packaged kernel's modules, the same
 * bytes for the same content. It must never hold anything of the user's but the one program that
 * was named.
 */
#ifndef LAB_INITRD_H
#define LAB_INITRD_H

#include "lab.h"

/**
 * Make it in memory: ringfence-init as /init, ringfence and its family in /bin, @extra (or NULL) in
 * /bin under its own name, @modules (a directory, or "") in /modules. Returns a memfd, CLOEXEC, for
 * the caller to close.
 */
int initrd_make(const char *modules, const char *extra, struct err *e)
    __attribute__((warn_unused_result));

#endif
