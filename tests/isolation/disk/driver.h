/* SPDX-License-Identifier: MIT */
/*
 * A driver of a vhost-vDPA block device, in a process that has a machine's memories and no CPUs of
 * it: guest RAM, and beside it secrets (an arena) that are not the guest's. The device is taken
 * into use by the VMM's own code (vdpa/attach.c); where rings and buffers lie is the attacker's
 * choice. It must never wait without an end.
 */
#ifndef ISOLATION_DISK_DRIVER_H
#define ISOLATION_DISK_DRIVER_H

#include "../../../vdpa/arena.h"
#include "../../../vdpa/attach.h"
#include "../../../vmm/ram.h"

#include <linux/virtio_blk.h>

#define RAM_SIZE (4ull << 20)
#define SECRET_AT 0x40000000ull /* where a CVQ's arena would be mapped */
#define SECTOR 512u

/* Where things of the driver's lie in RAM, unless an attack has them elsewhere. */
#define DESC_AT 0x10000u
#define AVAIL_AT 0x11000u
#define USED_AT 0x12000u
#define HEADER_AT 0x13000u
#define STATUS_AT 0x13800u
#define DATA_AT 0x20000u

struct driver {
	uint32_t breaks;
	struct ram ram;
	struct arena arena;
	uint8_t secret[ARENA_SIZE]; /* what the arena holds */
	struct attach attach;
	bool attached;
	int kick_fd, call_fd, config_fd;
	uint16_t avail_idx;
};

/** The parts of a ring, and of a request, by address. */
struct places {
	uint64_t desc, avail, used;
	uint64_t header, data, status;
};
extern const struct places own_places;

/** Make the memories, with the secrets behind guest RAM in its file if @breaks says so. */
int driver_make(struct driver *d, uint32_t breaks, struct err *e);
int driver_attach(struct driver *d, const char *node, struct err *e);
void driver_drop(struct driver *d);

/** A fresh start, with an empty ring that the device is told lies at @p. What the driver writes
 * of it is in RAM, at own_places, in any case. */
int driver_start(struct driver *d, const struct places *p, struct err *e);

#define NO_ANSWER (-1)
/** One request for SECTOR bytes of @sector: its status byte, or NO_ANSWER within @ms. */
int driver_ask(struct driver *d, const struct places *p, uint32_t type, uint64_t sector,
	       unsigned ms);

/** A place in RAM. */
uint8_t *driver_ram(const struct driver *d, uint64_t at);
/** Whether the secrets are what they were; they are after this. */
bool driver_secret_kept(struct driver *d);

#endif
