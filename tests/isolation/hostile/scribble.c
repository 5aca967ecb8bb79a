/* SPDX-License-Identifier: MIT */
/*
 * Row 34: noise and holes in the memory that a device may write, while commands run. It must never
 * write what it could not map as the device may, so that a refusal is no fault of its own.
 */
#include "daemon.h"

#include "../../../vdpa/vduse/wait.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUND 256u
#define FIRST 16
#define WORD sizeof(uint64_t)

/* What is worked on; set under the device's lock, then the thread's alone. */
static struct {
	int fd;
	uint8_t *at; /* NULL: holes */
	uint64_t size, from, to;
	unsigned ms;
} place;

/* Enough of a random generator for noise (xorshift64). */
static uint64_t next_noise(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static bool make_noise(unsigned words)
{
	for (unsigned i = 0; i < words; i++) {
		uint64_t at = place.from + next_noise() % ((place.to - place.from) / WORD) * WORD;
		/* Small numbers now and then: they are what indices and flags are made of. */
		uint64_t word = next_noise(), small = word % 64;
		memcpy(place.at + at, word % 3 ? &word : &small, WORD);
	}
	return true;
}

static bool make_holes(void)
{
	const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	wait_ms(1);
	return !fallocate(place.fd, mode, 0, (off_t)place.size);
}

static void work(const struct fault *f)
{
	uint64_t end = hostile_ms() + place.ms;

	(void)f;
	/* A few words are noise: a guest may be dead of them, and its VMM gone, before a round. */
	if (place.at ? make_noise(FIRST) : make_holes())
		hostile_done();
	while (hostile_ms() < end)
		if (!(place.at ? make_noise(ROUND) : make_holes()))
			break;
	if (place.at)
		munmap(place.at, place.size);
	close(place.fd);
}

static bool take_place(enum file file, bool holes, unsigned ms)
{
	place.fd = tamper_open(file, &place.size);
	place.at = NULL;
	place.from = 0;
	place.to = place.size;
	place.ms = ms;
	if (place.fd < 0 || holes)
		return place.fd >= 0;
	void *p = mmap(NULL, place.size, PROT_READ | PROT_WRITE, MAP_SHARED, place.fd, 0);
	if (p == MAP_FAILED)
		close(place.fd);
	else
		place.at = p;
	return p != MAP_FAILED;
}

/* The guest's driver has its queues' rings one behind the other (guest/net.c). */
static void narrow_to_rings(bool control)
{
	uint64_t rx = hostile.dev->queue[NET_RX].ring.desc.v;
	uint64_t each = hostile.dev->queue[NET_TX].ring.desc.v - rx;

	place.from = control ? rx + 2 * each : rx;
	place.to = place.from + (control ? each : 2 * each);
}

void scribble(const struct fault *f)
{
	enum scribble what = f->scribble;
	bool arena = what == SCRIBBLE_ARENA || what == PUNCH_ARENA;
	bool holes = what == PUNCH_ARENA || what == PUNCH_RAM;

	if (!take_place(arena ? FILE_WRITABLE : FILE_RAM, holes, f->alone ? 300 : 40))
		return;
	if (what == SCRIBBLE_RINGS || what == SCRIBBLE_CVQ_RING)
		narrow_to_rings(what == SCRIBBLE_CVQ_RING);
	if (place.to > place.size || place.from + WORD > place.to)
		return; /* the judge sees what was not carried out */
	hostile_aside(work, f, true);
}
