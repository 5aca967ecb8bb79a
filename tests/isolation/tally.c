/* SPDX-License-Identifier: MIT */
/* A tally as a line of JSON; see tally.h. It must never accept a line in which something is
 * missing. */
#include "tally.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>

/* Text of a guest's or a device's making may be no UTF-8. */
static json_t *text(const char *s)
{
	json_t *j = json_string(s);

	return j ? j : json_string("(not UTF-8)");
}

void tally_print(FILE *f, const struct tally *t)
{
	json_t *j =
	    json_pack("{s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:o}", "legal", (json_int_t)t->legal,
		      "attempts", (json_int_t)t->attempts, "violations", (json_int_t)t->violations,
		      "failed", (json_int_t)t->failed, "unit", text(t->unit), "first",
		      text(t->first), "note", text(t->note), "skip", text(t->skip));

	json_dumpf(j, f, JSON_COMPACT);
	fputc('\n', f);
	fflush(f);
	json_decref(j);
}

const char *tally_grouped(uint64_t v, char buf[32])
{
	char plain[24];
	int len = snprintf(plain, sizeof(plain), "%" PRIu64, v), n = 0;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf[n++] = ',';
		buf[n++] = plain[i];
	}
	buf[n] = 0;
	return buf;
}

static int read_object(struct tally *t, json_t *j)
{
	json_int_t legal, attempts, violations, failed;
	const char *unit, *first, *note, *skip;

	if (json_unpack(j, "{s:I,s:I,s:I,s:I,s:s,s:s,s:s,s:s}", "legal", &legal, "attempts",
			&attempts, "violations", &violations, "failed", &failed, "unit", &unit,
			"first", &first, "note", &note, "skip", &skip) ||
	    legal < 0 || attempts < 0 || violations < 0 || failed < 0)
		return -EINVAL;
	*t = (struct tally){.legal = (uint64_t)legal,
			    .attempts = (uint64_t)attempts,
			    .violations = (uint64_t)violations,
			    .failed = (uint64_t)failed};
	snprintf(t->unit, sizeof(t->unit), "%s", unit);
	snprintf(t->first, sizeof(t->first), "%s", first);
	snprintf(t->note, sizeof(t->note), "%s", note);
	snprintf(t->skip, sizeof(t->skip), "%s", skip);
	return 0;
}

int tally_read(struct tally *t, const char *line)
{
	json_t *j = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	int ret = j ? read_object(t, j) : -EINVAL;

	json_decref(j);
	return ret;
}
