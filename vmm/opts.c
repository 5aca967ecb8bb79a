/* SPDX-License-Identifier: MIT */
/* The option parsers; see opts.h. Every one judges its whole text and never half of it. */
#include "opts.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * strtoull() takes signs and blanks, which none of our numbers has; so the first character is ours.
 */
static int number(const char *text, uint64_t *out, const char **rest)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	char *end;

	if (hex ? !isxdigit((unsigned char)text[2]) : !isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	unsigned long long v = strtoull(text, &end, hex ? 16 : 10);
	if (errno)
		return -ERANGE;
	*out = v;
	*rest = end;
	return 0;
}

int opts_u64(const char *text, uint64_t max, uint64_t *out)
{
	const char *rest;
	uint64_t v;
	int ret = number(text, &v, &rest);

	if (ret)
		return ret;
	if (*rest)
		return -EINVAL;
	if (v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

int opts_size(const char *text, uint64_t *out)
{
	static const char units[] = "KMG";
	const char *rest;
	unsigned shift = 0;
	uint64_t v;
	int ret = number(text, &v, &rest);

	if (ret)
		return ret;
	if (*rest) {
		const char *unit = strchr(units, toupper((unsigned char)*rest));
		if (!unit || rest[1])
			return -EINVAL;
		shift = 10 * (unsigned)(unit - units + 1);
	}
	if (v > UINT64_MAX >> shift)
		return -ERANGE;
	*out = v << shift;
	return 0;
}

static int nibble(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - digits) : -1;
}

int opts_hex(const char *text, uint8_t *out, size_t len)
{
	if (strlen(text) != 2 * len)
		return -EINVAL;
	for (size_t i = 0; i < 2 * len; i++)
		if (nibble(text[i]) < 0)
			return -EINVAL;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(nibble(text[2 * i]) * 16 + nibble(text[2 * i + 1]));
	return 0;
}

int opts_seconds(const char *text, unsigned *ms)
{
	const uint64_t day = 24ull * 60 * 60;
	const char *rest;
	uint64_t v, scale = 100;
	int ret = number(text, &v, &rest);

	if (ret || v > day)
		return -EINVAL;
	v *= 1000;
	if (*rest == '.')
		for (rest++; isdigit((unsigned char)*rest); rest++, scale /= 10)
			v += (uint64_t)(*rest - '0') * scale;
	if (*rest || v == 0 || v > day * 1000)
		return -EINVAL;
	*ms = (unsigned)v;
	return 0;
}

int opts_color_mode(const char *text, enum opts_color *out)
{
	static const char *const names[] = {[OPTS_COLOR_AUTO] = "auto",
					    [OPTS_COLOR_ALWAYS] = "always",
					    [OPTS_COLOR_NEVER] = "never"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(text, names[i])) {
			*out = (enum opts_color)i;
			return 0;
		}
	}
	return -EINVAL;
}

bool opts_color(enum opts_color mode, const char *no_color, bool is_terminal)
{
	if (mode != OPTS_COLOR_AUTO)
		return mode == OPTS_COLOR_ALWAYS;
	return is_terminal && !(no_color && *no_color);
}
