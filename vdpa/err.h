/* SPDX-License-Identifier: MIT */
/*
 * What went wrong on the host's side, told once and carried up: the call, its object, errno and
 * what to do about it. It must never be used for what the guest or the device did wrong: that is 0
 * or -errno.
 */
#ifndef VDPA_ERR_H
#define VDPA_ERR_H

#include <stdbool.h>

/** What kind of failure it is; main turns it into the documented exit code. */
enum err_kind {
	ERR_NONE,
	ERR_HOST,     /* this host, kernel or device cannot do it: exit 4 */
	ERR_USAGE,    /* the user asked for something that makes no sense: exit 64 */
	ERR_INTERNAL, /* our own failure, or out of resources: exit 70 */
	ERR_TIMEOUT,  /* a deadline passed: exit 124 */
};

struct err {
	enum err_kind kind;
	int code; /* errno, or 0 where none applies */
	char text[512];
};

/**
 * Fill @e with "CALL(OBJECT): strerror (ERRNONAME): remedy" and return -code (or -EINVAL where
 * @code is 0, leaving the errno part out). The remedy is printf-like and may be empty. The first
 * error stays: a second err_set() on a filled @e changes nothing but returns the same value.
 */
int err_set(struct err *e, enum err_kind kind, int code, const char *call, const char *object,
	    const char *remedy, ...) __attribute__((format(printf, 6, 7)));

/** The documented exit code of @kind: 0, 4, 64, 70 or 124. */
int err_exit_code(enum err_kind kind);

#endif
