/* SPDX-License-Identifier: MIT */
/*
 * The judge: what the virtio 1.3 specification, the ELF format and our own documented limits say of
 * the bytes that a guest or a device hands over. Written from those texts. It must never include,
 * call or share a table with what it judges: its only includes are libc's.
 */
#ifndef ISOLATION_ENUM_MODEL_H
#define ISOLATION_ENUM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Our limits, as the headers and the manual give them; the specification leaves them to a device.
 */
#define MODEL_RING_MAX 256     /* entries of a ring */
#define MODEL_QUEUES 17	       /* of a device with eight pairs of them and a CVQ */
#define MODEL_CHAIN_MAX 64     /* descriptors of a chain (section 2.7.4.1 allows a limit) */
#define MODEL_COMMAND_MAX 4096 /* bytes of a control command */

/* ---- guest memory (model_ram.c) ---- */

struct model_part {
	uint64_t start, size;
	uint8_t *bytes;
};

struct model_ram {
	unsigned parts;
	struct model_part part[4];
};

/** Whether the @len bytes at @at all lie in one part; no bytes do where their address does. */
bool model_in_ram(const struct model_ram *r, uint64_t at, uint64_t len);
/** The byte at @at, which must be in RAM. */
uint8_t *model_byte(const struct model_ram *r, uint64_t at);
/** Whether a part of that size may be at @start beside the others. */
bool model_part_fits(const struct model_ram *r, uint64_t start, uint64_t size);

/* ---- a split virtqueue, section 2.7 (model_ring.c) ---- */

struct model_ring {
	uint32_t num;
	uint64_t desc, avail, used;
	uint16_t taken; /* available entries taken so far */
	uint16_t given; /* used entries written so far */
	bool indirect;	/* INDIRECT_DESC was negotiated */
};

struct model_buffer {
	uint64_t at;
	uint32_t len;
};

struct model_chain {
	unsigned readable, writable; /* how many of the buffers, in that order */
	uint64_t readable_len, writable_len;
	struct model_buffer buffer[MODEL_CHAIN_MAX];
};

/** Whether a ring of that size at these addresses may be used at all. */
bool model_ring_valid(const struct model_ram *r, uint64_t num, uint64_t desc, uint64_t avail,
		      uint64_t used);

/** The chain that begins at @head; false if it is none that a driver may make available. */
bool model_chain(const struct model_ram *r, const struct model_ring *q, uint32_t head,
		 struct model_chain *c);

enum model_next {
	MODEL_NOTHING, /* nothing is available */
	MODEL_GOOD,    /* a chain that may be acted on */
	MODEL_BAD,     /* a chain that may only be given back */
	MODEL_BROKEN,  /* the ring contradicts itself */
};

/** What is to be taken next, and its head. */
enum model_next model_next(const struct model_ram *r, const struct model_ring *q, uint32_t *head,
			   struct model_chain *c);

/** Write the used entry and index that give a chain back (section 2.7.8). */
void model_give_back(const struct model_ram *r, struct model_ring *q, uint32_t head, uint32_t len);

/** Whether the driver is to be notified (section 2.7.7.2, without EVENT_IDX). */
bool model_notify(const struct model_ram *r, const struct model_ring *q);

/* ---- a packed virtqueue, section 2.8 (model_packed.c) ---- */

struct model_packed {
	uint32_t num;
	uint64_t ring;
	uint32_t next; /* the place that is looked at next, ... */
	bool round;    /* ... and the wrap counter there */
	bool indirect; /* INDIRECT_DESC was negotiated */
};

/** Whether a ring of that size at these addresses may be used at all. */
bool model_packed_valid(const struct model_ram *r, uint64_t num, uint64_t ring, uint64_t driver,
			uint64_t device);

/** What is to be taken next: the buffer's @id and how many @places of the ring it takes. */
enum model_next model_packed_next(const struct model_ram *r, const struct model_packed *q,
				  uint32_t *id, uint32_t *places, struct model_chain *c);

/* ---- network control commands, section 5.1.6.5 (model_ctrl.c) ---- */

/** What of the device's configuration bounds a command. */
struct model_net {
	uint16_t max_pairs;  /* max_virtqueue_pairs */
	uint16_t max_table;  /* rss_max_indirection_table_length */
	uint8_t max_key;     /* rss_max_key_size */
	uint32_t hash_types; /* supported_hash_types */
	uint32_t disabled;   /* data queues that the driver left disabled, a bit each */
};

/** Whether a driver that negotiated @features may send this command. */
bool model_command(uint64_t features, const struct model_net *net, const uint8_t *cmd, size_t len);

/** How many bytes of result such a command may have: none, or section 5.1.6.5.9 and .10. */
void model_room(const uint8_t *cmd, size_t *least, size_t *most);
/** Whether so many bytes are a result that a driver can follow. */
bool model_result(const uint8_t *cmd, const uint8_t *result, size_t len);

/** What the commands that were acknowledged have set; of tables, the data as it was sent. */
struct model_data {
	size_t len;
	uint8_t bytes[MODEL_COMMAND_MAX];
};
struct model_settings {
	bool mac_set, mode[6];
	uint8_t mac[6];
	uint8_t vlans[512]; /* a bit for each id */
	uint16_t pairs;
	uint64_t offloads;
	uint32_t every[2][2];  /* receive and transmit queues: packets, microseconds */
	uint32_t queue[16][2]; /* each queue's */
	struct model_data macs, rss, hash;
};
void model_settings_reset(struct model_settings *s, uint64_t features);
void model_settings_apply(struct model_settings *s, const uint8_t *cmd, size_t len);

/* ---- the shadow CVQ as a whole (model_cvq.c) ---- */

/* What a step asks for, as vdpa/cvq.h documents it. */
enum {
	MODEL_KICK = 1,
	MODEL_INTERRUPT = 2,
	MODEL_MORE = 4,
	MODEL_GUEST_BROKE = 8,
	MODEL_DEVICE_BROKE = 16
};

struct model_cvq {
	const struct model_ram *ram; /* written to, as a device writes: used ring and ack */
	struct model_ring ring;
	uint64_t features;
	struct model_net net;
	struct model_settings settings;
	bool in_flight, dead;
	uint32_t head;
	struct model_chain chain;
	uint8_t command[MODEL_COMMAND_MAX + 1]; /* in flight: what the device is to see */
	size_t len;
	size_t room; /* for its result */
};

unsigned model_cvq_kick(struct model_cvq *c);
/** The device completed something: @good if with our id, OK or ERR and no more of a result than
 * there is room for, once, for what is in flight. */
unsigned model_cvq_answer(struct model_cvq *c, bool good, uint8_t ack, const uint8_t *result,
			  size_t len);
unsigned model_cvq_timeout(struct model_cvq *c);

/* ---- virtio-mmio, section 4.2.2 (model_mmio.c) ---- */

struct model_mmio_queue {
	uint32_t num;
	bool ready;
	uint64_t desc, driver, device;
};

struct model_mmio {
	uint32_t device_id, max;
	uint64_t offered, accepted;
	uint32_t offered_sel, accepted_sel, queue_sel, status, generation;
	bool config_changed;
	unsigned queues;
	struct model_mmio_queue queue[MODEL_QUEUES];
	uint8_t config[64];
	unsigned config_len;
};

enum model_act { MODEL_ACT_NOTHING, MODEL_ACT_START, MODEL_ACT_RESET, MODEL_ACT_NOTIFY };

uint64_t model_mmio_read(const struct model_mmio *m, uint64_t offset, unsigned width);
/** @queue: which queue is notified. */
enum model_act model_mmio_write(struct model_mmio *m, uint64_t offset, unsigned width,
				uint64_t value, unsigned *queue);
/** The device changes its config space (section 4.2.2, ConfigGeneration). */
void model_mmio_set_config(struct model_mmio *m, unsigned offset, const void *bytes, unsigned len);
/** It interrupts for that (section 4.2.2, InterruptStatus). */
void model_mmio_interrupt(struct model_mmio *m);
/** The device has failed (section 2.1.2). */
void model_mmio_failed(struct model_mmio *m);

/* ---- ELF images (model_elf.c) ---- */

/* What is wrong with an image, by the field that an error may name. */
enum {
	MODEL_ELF_SIZE = 1 << 0,
	MODEL_ELF_IDENT = 1 << 1,
	MODEL_ELF_CLASS = 1 << 2,
	MODEL_ELF_DATA = 1 << 3,
	MODEL_ELF_VERSION = 1 << 4,
	MODEL_ELF_TYPE = 1 << 5,
	MODEL_ELF_MACHINE = 1 << 6,
	MODEL_ELF_PHENTSIZE = 1 << 7,
	MODEL_ELF_PHNUM = 1 << 8,
	MODEL_ELF_PHOFF = 1 << 9,
	MODEL_ELF_FILESZ = 1 << 10,
	MODEL_ELF_OFFSET = 1 << 11,
	MODEL_ELF_PADDR = 1 << 12,
	MODEL_ELF_MEMSZ = 1 << 13,
	MODEL_ELF_ENTRY = 1 << 14,
	MODEL_ELF_NOTE = 1 << 15,
	MODEL_ELF_PVH = 1 << 16,
};

#define MODEL_SEGMENTS 64
struct model_elf {
	uint32_t faults; /* 0: it is to be loaded */
	uint64_t entry;
	unsigned segments;
	struct {
		uint64_t at, offset, bytes, size;
	} segment[MODEL_SEGMENTS];
};

/** What an image of @len bytes is, for guests of @machine that may be loaded to RAM from @low on.
 */
void model_elf(const uint8_t *file, size_t len, uint16_t machine, uint64_t low,
	       const struct model_ram *ram, struct model_elf *out);

/** Whether such an image, of good headers, has a PVH entry: its first, in @entry; or the one fault
 * that is met before it: MODEL_ELF_OFFSET (notes outside the file), MODEL_ELF_NOTE, MODEL_ELF_PVH.
 */
struct model_note {
	uint32_t fault;
	bool found;
	uint32_t entry;
};
void model_note(const uint8_t *file, size_t len, struct model_note *out);

/* ---- bzImages (model_bzimage.c) ---- */

enum {
	MODEL_BZ_SIZE = 1 << 0,
	MODEL_BZ_FLAG = 1 << 1,
	MODEL_BZ_MAGIC = 1 << 2,
	MODEL_BZ_VERSION = 1 << 3,
	MODEL_BZ_JUMP = 1 << 4,
	MODEL_BZ_LOADFLAGS = 1 << 5,
	MODEL_BZ_XLOADFLAGS = 1 << 6,
	MODEL_BZ_SETUP = 1 << 7,
	MODEL_BZ_SYSSIZE = 1 << 8,
	MODEL_BZ_INIT = 1 << 9,
	MODEL_BZ_ALIGN = 1 << 10,
	MODEL_BZ_PREF = 1 << 11,
};

struct model_bzimage {
	uint32_t faults; /* 0: it is to be loaded */
	uint64_t load, offset, size, end;
};

/** What a bzImage of @len bytes is, for guests that may be loaded to RAM from @low on. */
void model_bzimage(const uint8_t *file, size_t len, uint64_t low, const struct model_ram *ram,
		   struct model_bzimage *out);

/** Whether @len bytes fit page-aligned into [lowest, ram_end), none above @max; @at: the highest
 * such place. */
bool model_initrd(uint64_t len, uint64_t lowest, uint64_t max, uint64_t ram_end, uint64_t *at);

#endif
