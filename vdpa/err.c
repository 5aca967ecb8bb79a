/* SPDX-License-Identifier: MIT */
/* Errors of the host's side as one line each; see err.h. Never prints and never exits. */
#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, enum err_kind kind, int code, const char *call, const char *object,
	    const char *remedy, ...)
{
	int ret = code ? -code : -EINVAL;

	if (e->kind != ERR_NONE)
		return ret;
	e->kind = kind;
	e->code = code;

	char why[128] = "";
	if (code) {
		const char *name = strerrorname_np(code);
		snprintf(why, sizeof(why), ": %s (%s)", strerrordesc_np(code), name ? name : "?");
	}
	int n = snprintf(e->text, sizeof(e->text), "%s(%s)%s", call, object, why);
	if (*remedy && n > 0 && (size_t)n + 2 < sizeof(e->text)) {
		va_list args;
		memcpy(e->text + n, ": ", 3);
		va_start(args, remedy);
		vsnprintf(e->text + n + 2, sizeof(e->text) - (size_t)n - 2, remedy, args);
		va_end(args);
	}
	return ret;
}

int err_exit_code(enum err_kind kind)
{
	switch (kind) {
	case ERR_NONE:
		return 0;
	case ERR_HOST:
		return 4;
	case ERR_USAGE:
		return 64;
	case ERR_TIMEOUT:
		return 124;
	case ERR_INTERNAL:
		break;
	}
	return 70;
}
