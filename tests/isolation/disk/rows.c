/* SPDX-License-Identifier: MIT */
/* The rows of a block parent; see rows.h. It must never judge by the status byte alone. */
#include "rows.h"

#include "../../../guest/abi.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEGAL_MS 3000
#define NOTHING_MS 40
#define PLACE_LEN 0x1000u
#define ATTACK_SECTOR 8u /* of the disk; legal requests go to the next */

enum kind { DESC, AVAIL, USED, HEADER, OUT, IN, STATUS, KINDS };

static const char *const kind_name[KINDS] = {
    "descriptor table", "available ring",     "used ring", "header",
    "data to be read",	"data to be written", "status"};

const struct disk_row disk_rows[DISK_ROWS] = {
    {3, "disk-rings", "a disk's queue takes no part of its ring from outside guest RAM", DESC,
     HEADER},
    {6, "disk-buffers", "no byte moves between a disk and what is not guest RAM", HEADER, KINDS},
};

/* Only where one access of the device's goes over the end; the others' parts fit before it. */
#define OVER_END "over the end of RAM"
static bool fits(enum kind kind, const char *place)
{
	return strcmp(place, OVER_END) || kind == USED || kind == HEADER || kind == OUT ||
	       kind == IN;
}

/* Behind RAM lies what the file holds behind it; the rest is nobody's, or the machine's own. */
static const struct place {
	const char *name;
	uint64_t at;
} places[DISK_PLACES] = {
    {"behind RAM, page 0", RAM_SIZE},
    {"behind RAM, page 1", RAM_SIZE + 0x1000},
    {"behind RAM, page 2", RAM_SIZE + 0x2000},
    {"behind RAM, page 3", RAM_SIZE + 0x3000},
    {"behind RAM, page 4", RAM_SIZE + 0x4000},
    {"behind RAM, page 5", RAM_SIZE + 0x5000},
    {OVER_END, RAM_SIZE - 8},
    {"where a CVQ's arena is", SECRET_AT},
    {"its writable part", SECRET_AT + ARENA_READABLE},
    {"the virtio-mmio registers", MACHINE_MMIO_BASE},
    {"the report device", MACHINE_REPORT_BASE},
    {"the IOAPIC", 0xfec00000},
    {"the local APIC", 0xfee00000},
    {"2^32", 1ull << 32},
    {"2^47", 1ull << 47},
    {"2^63", 1ull << 63},
    {"the last page", ~0xfffull},
};

static void violated(struct tally *t, const char *kind, const char *where, const char *what)
{
	if (t->violations++ == 0)
		snprintf(t->first, sizeof(t->first), "%s, %s: %s", kind, where, what);
}

/* ---- what has to work ---- */

static void pattern(uint8_t out[SECTOR], uint64_t n)
{
	for (unsigned i = 0; i < SECTOR; i++)
		out[i] = (uint8_t)(n * 41 + i * 7 + (n >> 8));
}

/* A sector goes out to the disk, and comes back. */
static void legal(struct bench *b)
{
	uint8_t want[SECTOR], got[SECTOR];
	struct driver *d = b->driver;
	uint64_t n = b->tally->legal + 1;

	pattern(want, n);
	memcpy(driver_ram(d, DATA_AT), want, SECTOR);
	int out = driver_ask(d, &own_places, VIRTIO_BLK_T_OUT, ATTACK_SECTOR + 1, LEGAL_MS);
	memset(driver_ram(d, DATA_AT), 0, SECTOR);
	int in = driver_ask(d, &own_places, VIRTIO_BLK_T_IN, ATTACK_SECTOR + 1, LEGAL_MS);
	if (out == VIRTIO_BLK_S_OK && in == VIRTIO_BLK_S_OK &&
	    !memcmp(driver_ram(d, DATA_AT), want, SECTOR) &&
	    pread(b->file, got, SECTOR, (ATTACK_SECTOR + 1) * SECTOR) == SECTOR &&
	    !memcmp(got, want, SECTOR))
		b->tally->legal++;
	else
		violated(b->tally, "a legal request", "in RAM", "it did not work");
}

/* ---- attempts ---- */

static struct places aim(enum kind kind, uint64_t at)
{
	struct places p = own_places;
	uint64_t *const part[KINDS] = {&p.desc, &p.avail, &p.used,  &p.header,
				       &p.data, &p.data,  &p.status};

	*part[kind] = at;
	return p;
}

/* Whether the sector that is read into or out of still has what it had. */
static bool disk_kept(struct bench *b, const uint8_t want[SECTOR])
{
	uint8_t got[SECTOR];

	return pread(b->file, got, SECTOR, ATTACK_SECTOR * SECTOR) == SECTOR &&
	       !memcmp(got, want, SECTOR);
}

static void attempt(struct bench *b, enum kind kind, const struct place *place)
{
	const uint32_t type = kind == OUT ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN;
	const struct places p = aim(kind, place->at);
	uint8_t before[SECTOR];

	pattern(before, 1000 + b->tally->attempts);
	if (pwrite(b->file, before, SECTOR, ATTACK_SECTOR * SECTOR) != SECTOR)
		violated(b->tally, "the disk", "from outside", "it cannot be written");
	int status = driver_ask(b->driver, &p, type, ATTACK_SECTOR,
				kind < USED || kind == STATUS ? NOTHING_MS : LEGAL_MS);
	b->tally->attempts++;
	b->aimed[place - places]++;
	if (!driver_secret_kept(b->driver))
		violated(b->tally, kind_name[kind], place->name, "the secrets were overwritten");
	else if (!disk_kept(b, before))
		violated(b->tally, kind_name[kind], place->name, "the disk holds what lies there");
	/* A used ring elsewhere hinders no request: only the word that it is done is lost. */
	else if (kind != USED && status != NO_ANSWER && status != VIRTIO_BLK_S_IOERR)
		violated(b->tally, kind_name[kind], place->name, "the request was carried out");
}

/* A ring that the device cannot follow is its end until a reset: each has a start of its own. */
static int attempt_ring(struct bench *b, enum kind kind, const struct place *place, struct err *e)
{
	const struct places p = aim(kind, place->at);
	int ret = driver_start(b->driver, &p, e);

	if (!ret)
		attempt(b, kind, place);
	return ret ? ret : driver_start(b->driver, &own_places, e);
}

int disk_row_run(const struct disk_row *row, struct bench *b, struct err *e)
{
	int ret = driver_start(b->driver, &own_places, e);

	if (!ret)
		legal(b);
	for (unsigned k = row->from; !ret && k < row->to; k++)
		for (unsigned i = 0; !ret && i < sizeof(places) / sizeof(places[0]); i++) {
			if (!fits((enum kind)k, places[i].name))
				continue;
			if (k < HEADER)
				ret = attempt_ring(b, (enum kind)k, &places[i], e);
			else
				attempt(b, (enum kind)k, &places[i]);
			if (!ret)
				legal(b);
		}
	return ret;
}

/* ---- the device's own account ---- */

/* An attempt may be refused at more than one address of its place, one after the other. */
struct account {
	unsigned seen, refused[DISK_PLACES];
	bool at_it[DISK_PLACES];
};

static void note_refused(struct account *c, uint64_t from)
{
	for (unsigned i = 0; i < DISK_PLACES; i++) {
		if (from < places[i].at || from - places[i].at >= PLACE_LEN)
			continue;
		c->refused[i] += !c->at_it[i];
		c->at_it[i] = true;
	}
}

static void judge_line(const char *line, struct tally *t, struct account *c)
{
	const char *at = strstr(line, "\"iova\":\"0x"), *len = strstr(line, "\"len\":");
	char where[48];

	if (!strstr(line, "\"ev\":\"translate\"") || !at || !len)
		return;
	uint64_t from = strtoull(at + 8, NULL, 16), n = strtoull(len + 6, NULL, 10);
	if (strstr(line, "\"ok\":false")) {
		note_refused(c, from);
		return;
	}
	c->seen++;
	memset(c->at_it, 0, sizeof(c->at_it));
	if (from < RAM_SIZE && n <= RAM_SIZE - from)
		return;
	snprintf(where, sizeof(where), "0x%" PRIx64, from);
	violated(t, "the trace", where, "the device was translated to there");
}

/* What a device has not looked at has not been tried. */
static void judge_account(struct tally *t, const struct account *c, const unsigned *aimed)
{
	for (unsigned i = 0; i < DISK_PLACES; i++) {
		if (c->refused[i] >= aimed[i] || t->violations)
			continue;
		if (t->failed++ == 0)
			snprintf(t->first, sizeof(t->first),
				 "%s: the device was sent there %u times, and refused %u times",
				 places[i].name, aimed[i], c->refused[i]);
	}
}

int disk_judge_trace(const char *path, struct bench *b)
{
	struct account account = {0};
	struct tally *t = b->tally;
	char line[1024];
	bool ended = false;
	FILE *f = fopen(path, "re");

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		judge_line(line, t, &account);
		ended = strstr(line, "\"ev\":\"end\"") != NULL;
	}
	fclose(f);
	judge_account(t, &account, b->aimed);
	/* Of each legal request its parts are in it. */
	return ended && account.seen >= t->legal ? 0 : -EIO;
}
