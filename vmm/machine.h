/* SPDX-License-Identifier: MIT */
/*
 * One virtual machine from its memory to its end: guest RAM, the vhost-vDPA device, KVM, the image,
 * the vCPUs. It prints nothing, exits nowhere and keeps no globals; command lines are run.c's.
 */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include "../vdpa/device.h"
#include "../vdpa/err.h"
#include "boot_image.h"
#include "report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MACHINE_RAM_MIN (4ull << 20)
#define MACHINE_RAM_MAX (1ull << 30) /* IOVA 0x40000000 is the HOLE */

struct machine_config {
	const char *vdpa; /* /dev/vhost-vdpa-N */
	const struct boot_image *image;
	/* Of a Linux guest only: where its virtio-mmio device is announced, and its console. */
	bool by_acpi, by_cmdline, by_fdt;
	int console_in, console_out; /* in: -1 for none */
	bool console_raw;	     /* in is a terminal in raw mode, see tty.h */
	unsigned cpus;
	uint64_t ram_size; /* multiple of 4 KiB */
	enum placement placement;
	bool private_cvq;
	uint32_t breaks; /* set of enum break_id */
	uint32_t attack;
	uint32_t driver; /* set of DRIVER_* (guest/abi.h) */
	uint64_t scan_stride;
	bool expect_offered; /* of the control commands, the guest's legal operations expect those
				to work that the device offers; else all that this VMM knows */
	uint8_t canary_key[16];
	uint64_t canary_magic;
	int monitor_fd;	     /* -1: none; see monitor.h */
	struct trace *trace; /* the device's (vdpa/device.h); may be NULL */
	/* All from any thread. @line has no newline and may quote the guest or the device. */
	void (*stage)(void *ctx, const char *name); /* what is being done now; @name is static */
	void (*log)(void *ctx, const char *line);
	/* What control commands have left, before the guest sees an answer; may be NULL. */
	void (*state)(void *ctx, const struct ctrl_state *state);
	void (*record)(void *ctx, const struct report_record *r); /* one at a time */
	void *ctx;
};

enum machine_how {
	MACHINE_FAILED = 0, /* @e tells why */
	MACHINE_DONE,	    /* the guest sent its last record: @report */
	MACHINE_OFF,	    /* a Linux guest switched off, by the door that @by names */
	MACHINE_RESET,	    /* it asked for a reset */
	MACHINE_PANICKED,   /* it panicked, and has asked for a reset or was given time to */
	MACHINE_QUIT,	    /* whoever sits at its console has ended it */
};

/** How a machine ended. */
struct machine_end {
	enum machine_how how;
	const char *by;		   /* static */
	struct report_done report; /* UNTRUSTED: guest */
	struct err e;
};

struct machine;

/** Put the machine together up to vCPUs that are ready to run. Everything in @cfg is borrowed. */
int machine_create(struct machine **out, const struct machine_config *cfg, struct err *e);

/** Let the guest run. */
int machine_start(struct machine *m, struct err *e);

/**
 * Wait until the machine ends by itself or @stop_fd becomes readable, whose deadline this is; true
 * if it ended, with @end filled.
 */
bool machine_wait(struct machine *m, int stop_fd, struct machine_end *end);

/**
 * One line to the log for each vCPU, of where its guest has brought it; after machine_wait() gave
 * up on it.
 */
void machine_where(struct machine *m);

/**
 * Stop everything and free it: at once, or within 6 s when device or judge don't answer. False if a
 * thread is stuck in the kernel: then what it may touch is left alone, @cfg must live on, and only
 * the end of the process cleans up.
 */
bool machine_destroy(struct machine *m) __attribute__((warn_unused_result));

#endif
